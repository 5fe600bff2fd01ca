//! What a conversion did, for people on standard error and for programs as one JSON object.

mod session;

use std::fmt::Write;

use serde::Serialize;
use spanreel::{Redactor, ShutdownReport};

use crate::convert::{Format, Report, SessionTrace};
use crate::ledger::{self, BySignal, Fate};
use crate::term::Palette;
use crate::units::grouped;
pub use session::SessionSummary;

/// How many skipped lines are told one by one.
const SKIPPED_SHOWN: usize = 10;

/// How many unknown event types are named.
const TYPES_SHOWN: usize = 10;

const INFALLIBLE: &str = "a string takes everything";

/// What was done. In JSON, keys are stable: keys may be added, none is renamed or changes its unit
/// without a new major version. What is not known is `null`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Summary {
    /// The recordings, in order.
    pub files: Vec<FileSummary>,
    /// The sessions of all of them.
    pub sessions: Vec<SessionSummary>,
    /// What `--out` wrote.
    pub out: Option<Delivery>,
    /// What `--export` sent.
    pub export: Option<Delivery>,
}

/// One recording.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[expect(missing_docs, reason = "named like the fields of `convert::Report`")]
pub struct FileSummary {
    pub name: String,
    /// The name of its format.
    pub format: Format,
    pub lines: u64,
    pub events: u64,
    pub sessions: u64,
    pub spans: u64,
    pub logs: u64,
    pub skipped_total: u64,
    /// The first of them.
    pub skipped: Vec<SkippedLine>,
    pub unknown_types: std::collections::BTreeMap<String, u64>,
    pub duplicates: u64,
    pub untimed_events: u64,
    pub clamped_spans: u64,
    /// Why it could not be converted.
    pub error: Option<String>,
    /// Why it is no recording, where a directory was searched for some.
    pub passed_over: Option<String>,
}

/// How much is in a recording.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Contents {
    pub sessions: u64,
    pub spans: u64,
    pub logs: u64,
}

impl Contents {
    /// Of converted sessions.
    #[must_use]
    pub fn of(sessions: &[SessionTrace]) -> Self {
        Self {
            sessions: sessions.len() as u64,
            spans: sessions.iter().map(|it| it.totals.spans + 1).sum(),
            logs: sessions.iter().map(|it| it.logs.len() as u64).sum(),
        }
    }
}

/// A line that could not be used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct SkippedLine {
    pub line: u64,
    pub reason: String,
}

/// What became of all spans and log records on their way to one place.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Delivery {
    /// Where to, without secrets.
    pub to: String,
    /// How many were sent.
    pub ended: BySignal,
    /// How many arrived.
    pub exported: BySignal,
    /// How many did not.
    pub lost: BySignal,
    /// All of them by what became of them.
    pub ledger: Vec<Fate>,
    /// The report of the pipeline, for people.
    #[serde(skip)]
    report: String,
}

impl Delivery {
    /// What the pipelines told at their end that sent to one place.
    #[must_use]
    pub fn new(to: String, reports: &[ShutdownReport]) -> Self {
        let ledger = ledger::of_all(reports);
        let mut ended = BySignal::default();
        for report in reports {
            ended.traces += report.traces.ended + report.traces.received;
            ended.logs += report.logs.ended + report.logs.received;
        }
        let texts: Vec<String> = reports.iter().map(ToString::to_string).collect();
        Self {
            to,
            ended,
            exported: ledger::exported(&ledger),
            lost: ledger::lost(&ledger),
            ledger,
            report: texts.join("\n"),
        }
    }

    /// Whether all of it arrived.
    #[must_use]
    pub fn is_lossless(&self) -> bool {
        self.lost == BySignal::default()
    }

    /// `wrote 13 spans and 4 log records to traces.jsonl`, or what was lost.
    #[must_use]
    pub fn written(&self, palette: Palette) -> String {
        let done = format!("wrote {} to {}\n", items(self.exported), self.to);
        if self.is_lossless() {
            return done;
        }
        let lost = format!("lost: {}", items(self.lost));
        format!("{done}{}\n", palette.bad(&lost))
    }

    /// The report of the pipeline, under where it sent to.
    #[must_use]
    pub fn sent(&self, palette: Palette) -> String {
        let heading = palette.heading(&format!("export to {}", self.to));
        let mut lines: Vec<String> = self.report.lines().map(str::to_owned).collect();
        if let Some(verdict) = lines.last_mut() {
            *verdict = if self.is_lossless() {
                palette.good(verdict)
            } else {
                palette.bad(verdict)
            };
        }
        format!("{heading}\n  {}\n", lines.join("\n  "))
    }
}

impl FileSummary {
    /// Of a recording that was converted.
    #[must_use]
    pub fn new(name: &str, report: Report, contents: Contents) -> Self {
        let skipped = report.skipped.into_iter().map(|it| SkippedLine {
            line: it.line,
            reason: it.reason,
        });
        Self {
            name: name.to_owned(),
            format: report.format,
            lines: report.lines,
            events: report.events,
            sessions: contents.sessions,
            spans: contents.spans,
            logs: contents.logs,
            skipped_total: report.skipped_total,
            skipped: skipped.collect(),
            unknown_types: report.unknown_types,
            duplicates: report.duplicates,
            untimed_events: report.untimed_events,
            clamped_spans: report.clamped_spans,
            error: None,
            passed_over: None,
        }
    }

    /// Of a recording that could not be converted.
    #[must_use]
    pub fn failed(name: &str, error: String) -> Self {
        Self {
            error: Some(error),
            ..Self::new(name, Report::default(), Contents::default())
        }
    }

    /// Of a file in a directory that is no recording.
    #[must_use]
    pub fn passed_over(name: &str, reason: String) -> Self {
        Self {
            passed_over: Some(reason),
            ..Self::new(name, Report::default(), Contents::default())
        }
    }

    /// The same without what must not be told: names that recordings give to types of events.
    #[must_use]
    pub fn redacted(self, redactor: &Redactor) -> Self {
        let types = self.unknown_types.into_iter();
        let mut unknown_types = std::collections::BTreeMap::new();
        for (name, events) in types {
            let name = redactor.redact("event.name", &name).into_owned();
            *unknown_types.entry(name).or_default() += events;
        }
        Self {
            unknown_types,
            ..self
        }
    }

    /// What was read and what it became, with what was wrong with it line by line.
    #[must_use]
    pub fn text(&self, palette: Palette) -> String {
        let (place, event) = (self.format.place(), self.format.event());
        let mut out = format!(
            "{}: {}, {}, {}: {}\n",
            palette.heading(&self.name),
            count(self.lines, place),
            count(self.events, event),
            count(self.sessions, "session"),
            items(BySignal {
                traces: self.spans,
                logs: self.logs,
            }),
        );
        self.write_skipped(&mut out, palette);
        self.write_unknown(&mut out);
        let notes = [
            (self.duplicates, "event", "recorded twice, used once"),
            (
                self.untimed_events,
                "event",
                "without a time, placed beside their neighbours",
            ),
            (
                self.clamped_spans,
                "span",
                "recorded to end before the start, shown without length",
            ),
        ];
        for (number, noun, note) in notes.into_iter().filter(|(number, ..)| *number > 0) {
            writeln!(out, "  {} {note}", count(number, noun)).expect(INFALLIBLE);
        }
        out
    }

    /// Whether there is more to say than numbers.
    #[must_use]
    pub fn has_notes(&self) -> bool {
        self.text(Palette::PLAIN).lines().count() > 1
    }

    fn write_skipped(&self, out: &mut String, palette: Palette) {
        if self.skipped_total == 0 {
            return;
        }
        let place = self.format.place();
        let heading = format!("{} skipped", count(self.skipped_total, place));
        writeln!(out, "  {}", palette.bad(&heading)).expect(INFALLIBLE);
        let shown = self.skipped.iter().take(SKIPPED_SHOWN);
        for SkippedLine { line, reason } in shown.clone() {
            writeln!(out, "    {place} {line}: {reason}").expect(INFALLIBLE);
        }
        let more = self.skipped_total - shown.count() as u64;
        if more > 0 {
            writeln!(out, "    and {} more", grouped(more)).expect(INFALLIBLE);
        }
    }

    fn write_unknown(&self, out: &mut String) {
        let total: u64 = self.unknown_types.values().sum();
        if total == 0 {
            return;
        }
        let types = self.unknown_types.iter().take(TYPES_SHOWN);
        let mut named: Vec<String> = types
            .map(|(name, events)| format!("{} ({})", name.escape_debug(), grouped(*events)))
            .collect();
        let more = self.unknown_types.len() - named.len();
        if more > 0 {
            named.push(format!("and {more} more types"));
        }
        let unknown = count(total, "event");
        writeln!(out, "  {unknown} of unknown type: {}", named.join(", ")).expect(INFALLIBLE);
    }
}

impl Summary {
    /// The sum over all recordings; empty for one alone.
    #[must_use]
    pub fn totals(&self, palette: Palette) -> String {
        if self.files.len() < 2 {
            return String::new();
        }
        let sum = |each: fn(&FileSummary) -> u64| self.files.iter().map(each).sum::<u64>();
        let passed_over = sum(|it| u64::from(it.passed_over.is_some()));
        let heading = count(self.files.len() as u64 - passed_over, "recording");
        let mut text = format!(
            "{}: {}, {}, {}: {}\n",
            palette.heading(&heading),
            count(sum(|it| it.lines), "line"),
            count(sum(|it| it.events), "event"),
            count(sum(|it| it.sessions), "session"),
            items(BySignal {
                traces: sum(|it| it.spans),
                logs: sum(|it| it.logs),
            }),
        );
        let failed = sum(|it| u64::from(it.error.is_some()));
        if failed > 0 {
            let note = format!("{} could not be converted", count(failed, "file"));
            writeln!(text, "  {}", palette.bad(&note)).expect(INFALLIBLE);
        }
        self.write_passed_over(&mut text);
        text
    }

    /// Names files of directories that are no recordings.
    fn write_passed_over(&self, text: &mut String) {
        let files = self.files.iter();
        let passed_over: Vec<&str> = files.filter_map(|it| it.passed_over.as_deref()).collect();
        if passed_over.is_empty() {
            return;
        }
        let heading = count(passed_over.len() as u64, "file");
        writeln!(text, "  {heading} passed over").expect(INFALLIBLE);
        for reason in passed_over.iter().take(SKIPPED_SHOWN) {
            writeln!(text, "    {reason}").expect(INFALLIBLE);
        }
        let more = passed_over.len().saturating_sub(SKIPPED_SHOWN) as u64;
        if more > 0 {
            writeln!(text, "    and {} more", grouped(more)).expect(INFALLIBLE);
        }
    }

    /// Whether everything that was sent arrived.
    #[must_use]
    pub fn is_lossless(&self) -> bool {
        [&self.out, &self.export]
            .into_iter()
            .flatten()
            .all(Delivery::is_lossless)
    }

    /// One JSON object on one line.
    #[must_use]
    pub fn json(&self) -> String {
        serde_json::to_string(self).expect("numbers and strings have a JSON form")
    }
}

/// `1 line`, `12,345 lines`.
fn count(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", grouped(number))
}

fn items(items: BySignal) -> String {
    let spans = count(items.traces, "span");
    format!("{spans} and {}", count(items.logs, "log record"))
}
