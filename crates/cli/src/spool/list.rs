//! What is in a spool: a table for people, an object for programs.

use std::fmt::Write as _;
use std::time::SystemTime;

use serde::Serialize;
use spanreel::spool::{Inspection, Quarantined, SpoolFile, Waiting, inspect};

use super::args::LookArgs;
use super::{one_line, say, spool_in};
use crate::outcome::Outcome;
use crate::term::{Palette, Terminal};
use crate::units::{bytes, duration, grouped};

/// How much of an answer is shown.
const ANSWER_WIDTH: usize = 400;
const INFALLIBLE: &str = "a string takes everything";

/// Shows what waits and what was refused.
pub(super) fn run(args: &LookArgs, stdout: &Terminal) -> anyhow::Result<Outcome> {
    let found = inspect(spool_in(&args.directory))?;
    if args.json {
        say(&json(&found))?;
    } else {
        let mut text = String::new();
        table(&mut text, &found, stdout.palette);
        say(&text)?;
    }
    Ok(Outcome::Fine)
}

/// Shows whether all of it can be read.
pub(super) fn verify(args: &LookArgs, stdout: &Terminal) -> anyhow::Result<Outcome> {
    let found = inspect(spool_in(&args.directory))?;
    let outcome = match found.is_whole() {
        true => Outcome::Fine,
        false => Outcome::Lost,
    };
    if args.json {
        say(&json(&found))?;
        return Ok(outcome);
    }
    let mut text = String::new();
    files(&mut text, &found, stdout.palette);
    say(&text)?;
    Ok(outcome)
}

/// A spool for programs. Keys are stable: keys may be added, none is renamed or changes its unit without a
/// new major version. Times are in RFC 3339.
#[derive(Debug, Serialize)]
struct Shown {
    path: String,
    in_use: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    process: Option<u32>,
    whole: bool,
    requests: u64,
    bytes: u64,
    exporters: Vec<ShownWaiting>,
    quarantine: Vec<ShownRefused>,
    files: Vec<ShownFile>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    undecided: Vec<ShownFile>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    others: Vec<Shown>,
}

#[derive(Debug, Serialize)]
struct ShownWaiting {
    exporter: String,
    requests: u64,
    spans: u64,
    log_records: u64,
    data_points: u64,
    bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    first: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<String>,
}

#[derive(Debug, Serialize)]
struct ShownRefused {
    id: String,
    exporter: String,
    signal: &'static str,
    items: u64,
    bytes: u64,
    time: String,
    answer: String,
}

#[derive(Debug, Serialize)]
struct ShownFile {
    name: String,
    requests: u64,
    bytes: u64,
    unreadable: u64,
}

impl Shown {
    fn of(found: &Inspection) -> Self {
        Self {
            path: found.path.display().to_string(),
            in_use: found.in_use,
            process: found.process.filter(|_| found.in_use),
            whole: found.is_whole(),
            requests: found.requests,
            bytes: found.bytes,
            exporters: found.exporters.iter().map(ShownWaiting::of).collect(),
            quarantine: found.quarantine.iter().map(ShownRefused::of).collect(),
            files: found.files.iter().map(ShownFile::of).collect(),
            undecided: found.undecided.iter().map(ShownFile::of).collect(),
            others: found.others.iter().map(Self::of).collect(),
        }
    }
}

impl ShownWaiting {
    fn of(waiting: &Waiting) -> Self {
        Self {
            exporter: waiting.exporter.clone(),
            requests: waiting.requests,
            spans: waiting.spans,
            log_records: waiting.log_records,
            data_points: waiting.data_points,
            bytes: waiting.bytes,
            first: waiting.first,
            since: waiting.since.map(rfc3339),
        }
    }
}

impl ShownRefused {
    fn of(refused: &Quarantined) -> Self {
        Self {
            id: refused.id.clone(),
            exporter: refused.exporter.clone(),
            signal: refused.signal.name(),
            items: refused.items,
            bytes: refused.bytes,
            time: rfc3339(refused.time),
            answer: refused.answer.clone(),
        }
    }
}

impl ShownFile {
    fn of(file: &SpoolFile) -> Self {
        Self {
            name: file.name.clone(),
            requests: file.requests,
            bytes: file.bytes,
            unreadable: file.unreadable,
        }
    }
}

fn json(found: &Inspection) -> String {
    let shown = Shown::of(found);
    let text = serde_json::to_string_pretty(&shown).expect("plain data becomes JSON");
    text + "\n"
}

fn rfc3339(time: SystemTime) -> String {
    jiff::Timestamp::try_from(time).map_or_else(|_| "unknown".to_owned(), |time| time.to_string())
}

/// How long ago that was; what lies in the future is now.
fn age(time: SystemTime) -> String {
    duration(time.elapsed().unwrap_or_default())
}

fn table(text: &mut String, found: &Inspection, palette: Palette) {
    let used = match (found.in_use, found.process) {
        (true, Some(process)) => format!(", in use by process {process}"),
        (true, None) => ", in use".to_owned(),
        (false, _) => String::new(),
    };
    let head = format!(
        "{}: {} on disk{used}",
        found.path.display(),
        bytes(found.bytes as f64)
    );
    writeln!(text, "{}", palette.heading(&head)).expect(INFALLIBLE);
    let waiting = found.exporters.iter().filter(|it| it.requests > 0);
    if waiting.clone().count() == 0 {
        writeln!(text, "nothing waits").expect(INFALLIBLE);
    } else {
        let head = format!(
            "{:24} {:>10} {:>10} {:>10} {:>10} {:>10}  {:12} first",
            "waits for", "requests", "spans", "logs", "points", "bytes", "oldest"
        );
        writeln!(text, "{}", palette.heading(&head)).expect(INFALLIBLE);
    }
    for it in waiting {
        let since = it.since.map(age).unwrap_or_default();
        let first = it
            .first
            .map(|first| format!("@{first}"))
            .unwrap_or_default();
        writeln!(
            text,
            "{:24} {:>10} {:>10} {:>10} {:>10} {:>10}  {since:12} {first}",
            one_line(&it.exporter, 24),
            grouped(it.requests),
            grouped(it.spans),
            grouped(it.log_records),
            grouped(it.data_points),
            bytes(it.bytes as f64),
        )
        .expect(INFALLIBLE);
    }
    let undecided: u64 = found.undecided.iter().map(|file| file.bytes).sum();
    if undecided > 0 {
        let held = bytes(undecided as f64);
        writeln!(
            text,
            "{held} more hold sessions that sampling has not decided, and what it decided of late"
        )
        .expect(INFALLIBLE);
    }
    if !found.quarantine.is_empty() {
        let head = format!(
            "\n{:33} {:16} {:>8} {:>8} {:>10}  ago",
            "refused", "by", "signal", "items", "bytes"
        );
        writeln!(text, "{}", palette.heading(&head)).expect(INFALLIBLE);
    }
    for it in &found.quarantine {
        writeln!(
            text,
            "{:33} {:16} {:>8} {:>8} {:>10}  {}",
            it.id,
            one_line(&it.exporter, 16),
            it.signal.name(),
            grouped(it.items),
            bytes(it.bytes as f64),
            age(it.time),
        )
        .expect(INFALLIBLE);
        writeln!(text, "    {}", one_line(&it.answer, ANSWER_WIDTH)).expect(INFALLIBLE);
    }
    let all = found.files.iter().chain(&found.undecided);
    let unreadable: u64 = all.map(|file| file.unreadable).sum();
    if unreadable > 0 {
        let words = format!("{unreadable} bytes cannot be read; see 'spanreel spool verify'");
        writeln!(text, "{}", palette.bad(&words)).expect(INFALLIBLE);
    }
    for other in &found.others {
        text.push('\n');
        table(text, other, palette);
    }
}

/// A line for each file, and what that means.
fn files(text: &mut String, found: &Inspection, palette: Palette) {
    let files_of_log = found.files.iter().map(|file| ("", file));
    let of_journal = found.undecided.iter().map(|file| ("undecided/", file));
    for (below, file) in files_of_log.chain(of_journal) {
        let line = format!(
            "{}/{below}{}: {} requests, {}",
            found.path.display(),
            file.name,
            grouped(file.requests),
            bytes(file.bytes as f64),
        );
        let state = match file.unreadable {
            0 => palette.good("whole"),
            unreadable => palette.bad(&format!(
                "{unreadable} bytes cannot be read: damage, or what was being written when the process was killed"
            )),
        };
        writeln!(text, "{line}, {state}").expect(INFALLIBLE);
    }
    for other in &found.others {
        files(text, other, palette);
    }
    if found.files.is_empty() && found.undecided.is_empty() && found.others.is_empty() {
        writeln!(text, "{}: nothing is on disk", found.path.display()).expect(INFALLIBLE);
    }
}
