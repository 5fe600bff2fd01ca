//! What a trial came to: a table for people, an object for programs.

use std::fmt::Write as _;

use serde::Serialize;

use super::trial::{Judged, Size};
use crate::convert::SessionTrace;
use crate::term::Palette;
use crate::units::{bytes, grouped};

const INFALLIBLE: &str = "a string takes everything";

/// What policies kept and dropped. In JSON, keys are stable: keys may be added, none is renamed or changes
/// its unit without a new major version.
#[derive(Debug, Default, Serialize)]
pub(super) struct Table {
    policies: Vec<Row>,
    total: Share,
    kept: Share,
    /// How much of the bytes is kept, in percent.
    kept_percent: f64,
    sessions: Vec<Line>,
}

/// A policy.
#[derive(Debug, Default, Serialize)]
struct Row {
    name: String,
    kept: Share,
    dropped: Share,
}

/// A part of the sessions.
#[derive(Clone, Copy, Debug, Default, Serialize)]
struct Share {
    sessions: u64,
    spans: u64,
    logs: u64,
    bytes: u64,
}

/// A session.
#[derive(Debug, Serialize)]
struct Line {
    file: String,
    session_id: String,
    policy: String,
    kept: bool,
    spans: u64,
    logs: u64,
    bytes: u64,
}

impl Share {
    fn add(&mut self, size: &Size) {
        self.sessions += 1;
        self.spans += size.spans;
        self.logs += size.logs;
        self.bytes += size.bytes;
    }
}

impl Table {
    pub(super) fn new(policies: Vec<String>) -> Self {
        let rows = policies.into_iter().map(|name| Row {
            name,
            ..Row::default()
        });
        Self {
            policies: rows.collect(),
            ..Self::default()
        }
    }

    pub(super) fn add(&mut self, file: &str, session: &SessionTrace, judged: &Judged) {
        let size = &judged.size;
        self.total.add(size);
        let Some(row) = self.policies.get_mut(judged.policy) else {
            return;
        };
        if judged.is_kept {
            row.kept.add(size);
            self.kept.add(size);
        } else {
            row.dropped.add(size);
        }
        self.sessions.push(Line {
            file: file.to_owned(),
            session_id: session.session_id.clone(),
            policy: row.name.clone(),
            kept: judged.is_kept,
            spans: size.spans,
            logs: size.logs,
            bytes: size.bytes,
        });
        self.kept_percent = percent(self.kept.bytes, self.total.bytes);
    }

    pub(super) fn json(&self) -> String {
        serde_json::to_string_pretty(self).expect("plain data becomes JSON")
    }

    /// A line for each policy with what it kept and dropped, and what is saved in all.
    pub(super) fn text(&self, palette: Palette) -> String {
        let names = self.policies.iter().map(|row| row.name.chars().count());
        let width = names.max().unwrap_or(0).max("policy".len());
        let mut text = String::new();
        let head = format!(
            "{:width$}  {:>9} {:>9} {:>10}  {:>9} {:>9} {:>10}",
            "policy", "kept", "spans", "bytes", "dropped", "spans", "bytes"
        );
        writeln!(text, "{}", palette.heading(&head)).expect(INFALLIBLE);
        for row in &self.policies {
            let line = format!("{:width$}  {}  {}", row.name, row.kept, row.dropped);
            let is_idle = row.kept.sessions + row.dropped.sessions == 0;
            let line = if is_idle { palette.faint(&line) } else { line };
            writeln!(text, "{line}").expect(INFALLIBLE);
        }
        let (kept, total) = (&self.kept, &self.total);
        let of = |name: &str, kept: u64, total: u64| {
            let percent = percent(kept, total);
            format!(
                "{} of {} {name} ({percent:.1} %)",
                grouped(kept),
                grouped(total)
            )
        };
        let sessions = of("sessions", kept.sessions, total.sessions);
        let spans = of("spans", kept.spans, total.spans);
        let (is, was) = (bytes(kept.bytes as f64), bytes(total.bytes as f64));
        writeln!(
            text,
            "\nkept: {sessions}, {spans}, {is} of {was} ({:.1} %); saved: {:.1} %",
            percent(kept.bytes, total.bytes),
            percent(total.bytes - kept.bytes, total.bytes),
        )
        .expect(INFALLIBLE);
        text
    }
}

impl std::fmt::Display for Share {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (sessions, spans) = (grouped(self.sessions), grouped(self.spans));
        write!(
            f,
            "{sessions:>9} {spans:>9} {:>10}",
            bytes(self.bytes as f64)
        )
    }
}

fn percent(part: u64, of: u64) -> f64 {
    match of {
        0 => 0.0,
        of => 100.0 * part as f64 / of as f64,
    }
}
