//! What a conversion did with its input: what was read, what was skipped and why.
//!
//! Holds at most [`Report::MAX_SKIPPED`] reasons and [`Report::MAX_TYPES`] type names, whatever the
//! input; the counts beside them are exact.

use std::collections::BTreeMap;

use super::format::Format;

/// A line that could not be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// Its number, from 1; of OTLP in protobuf, the number of the message.
    pub line: u64,
    /// What is wrong with it. Never quotes the line, which may hold anything.
    pub reason: String,
}

/// What a conversion read and what it left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// What was read.
    pub format: Format,
    /// Lines of the input, blank ones included; of OTLP in protobuf, messages.
    pub lines: u64,
    /// Events that were understood and are part of a session; of OTLP, requests.
    pub events: u64,
    /// The first lines that could not be used, at most [`Report::MAX_SKIPPED`].
    pub skipped: Vec<Skipped>,
    /// All lines (in a JSON document: events) that could not be used.
    pub skipped_total: u64,
    /// How often each unknown event type came, for the first [`Report::MAX_TYPES`] types; the rest
    /// is counted as `(others)`.
    pub unknown_types: BTreeMap<String, u64>,
    /// Events that came twice, equal in every respect, and were used once.
    pub duplicates: u64,
    /// Events without a readable timestamp, placed beside their neighbours in sequence.
    pub untimed_events: u64,
    /// Spans that ended before they began by the recorded times, and were given no length.
    pub clamped_spans: u64,
}

impl Report {
    /// How many reasons for skipping are kept.
    pub const MAX_SKIPPED: usize = 100;
    /// How many unknown event types are told apart.
    pub const MAX_TYPES: usize = 1000;
    /// How many characters of an unknown event type are kept.
    const MAX_TYPE_CHARS: usize = 200;

    pub(crate) fn skip(&mut self, skipped: Skipped) {
        self.skipped_total += 1;
        if self.skipped.len() < Self::MAX_SKIPPED {
            self.skipped.push(skipped);
        }
    }

    pub(crate) fn unknown(&mut self, type_name: &str) {
        let name: String = type_name.chars().take(Self::MAX_TYPE_CHARS).collect();
        let full = self.unknown_types.len() >= Self::MAX_TYPES;
        let name = if full && !self.unknown_types.contains_key(&name) {
            "(others)".to_owned()
        } else {
            name
        };
        *self.unknown_types.entry(name).or_default() += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// However bad the input is, the report stays small and its counts stay exact.
    #[test]
    fn the_report_is_bounded() {
        let mut report = Report::default();
        for line in 1..=5000 {
            report.skip(Skipped {
                line,
                reason: "bad".to_owned(),
            });
            report.unknown(&format!("type.{line}"));
        }
        assert_eq!(report.skipped.len(), Report::MAX_SKIPPED);
        assert_eq!(report.skipped_total, 5000);
        assert_eq!(report.unknown_types.len(), Report::MAX_TYPES + 1);
        assert_eq!(report.unknown_types["(others)"], 4000);
    }
}
