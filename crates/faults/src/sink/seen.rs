//! What a sink has accepted, and the verdict on it.

use std::collections::hash_map::{DefaultHasher, HashMap};
use std::collections::{BTreeSet, HashSet};
use std::fmt;
use std::hash::{Hash, Hasher};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;

use crate::producer::{self, NUMBER, TEXT};

/// What has come and what was accepted.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    spans: HashMap<u64, Accepted>,
    attempts: u64,
    requests: HashSet<u64>,
    under_way: u64,
    most_at_once: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Accepted {
    times: u64,
    is_changed: bool,
}

/// What became of what was acknowledged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Acknowledged, and never accepted.
    pub missing: Vec<u64>,
    /// Accepted with other bytes than were sent.
    pub changed: Vec<u64>,
    /// Accepted more than once.
    pub twice: u64,
    /// Accepted though it was not acknowledged: sent, and killed before anybody heard of it.
    pub unasked: u64,
}

impl Verdict {
    /// Panics unless everything that was acknowledged has arrived unchanged.
    ///
    /// # Panics
    /// Something is missing or was changed.
    #[track_caller]
    pub fn assert_whole(&self) {
        assert!(self.missing.is_empty() && self.changed.is_empty(), "{self}");
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let some = |numbers: &[u64]| numbers[..numbers.len().min(10)].to_vec();
        write!(
            f,
            "{} missing {:?}, {} changed {:?}, {} twice, {} unasked",
            self.missing.len(),
            some(&self.missing),
            self.changed.len(),
            some(&self.changed),
            self.twice,
            self.unasked
        )
    }
}

impl Seen {
    pub(crate) fn spans(&self) -> u64 {
        self.spans.len() as u64
    }

    pub(crate) fn attempts(&self) -> u64 {
        self.attempts
    }

    pub(crate) fn different_requests(&self) -> u64 {
        self.requests.len() as u64
    }

    pub(crate) fn most_at_once(&self) -> u64 {
        self.most_at_once
    }

    /// A request has come.
    pub(crate) fn came(&mut self, body: &[u8]) {
        let mut hasher = DefaultHasher::new();
        body.hash(&mut hasher);
        self.requests.insert(hasher.finish());
        self.attempts += 1;
        self.under_way += 1;
        self.most_at_once = self.most_at_once.max(self.under_way);
    }

    /// A request is over, answered or not.
    pub(crate) fn is_over(&mut self) {
        self.under_way -= 1;
    }

    /// A request is accepted. Spans without a number, as root spans are, do not count.
    pub(crate) fn accept(&mut self, request: &ExportTraceServiceRequest) {
        for span in spans(request) {
            if let Some(number) = number(span) {
                let accepted = self.spans.entry(number).or_default();
                accepted.times += 1;
                accepted.is_changed |= !is_right(span, number);
            }
        }
    }

    pub(crate) fn judge(&self, acknowledged: &BTreeSet<u64>) -> Verdict {
        let accepted = self.spans.iter();
        let mut changed: Vec<_> = accepted
            .clone()
            .filter(|(_, accepted)| accepted.is_changed)
            .map(|(number, _)| *number)
            .collect();
        changed.sort_unstable();
        let is_missing = |number: &&u64| !self.spans.contains_key(number);
        Verdict {
            missing: acknowledged.iter().filter(is_missing).copied().collect(),
            changed,
            twice: accepted.filter(|(_, accepted)| accepted.times > 1).count() as u64,
            unasked: self
                .spans
                .keys()
                .filter(|number| !acknowledged.contains(number))
                .count() as u64,
        }
    }
}

/// The spans of a request.
pub(crate) fn spans(request: &ExportTraceServiceRequest) -> impl Iterator<Item = &Span> {
    let groups = request.resource_spans.iter();
    let scopes = groups.flat_map(|group| &group.scope_spans);
    scopes.flat_map(|scope| &scope.spans)
}

/// The number of a span, where it has one.
pub(crate) fn number(span: &Span) -> Option<u64> {
    match attribute(span, NUMBER)? {
        Value::IntValue(number) => u64::try_from(*number).ok(),
        _ => None,
    }
}

fn attribute<'a>(span: &'a Span, key: &str) -> Option<&'a Value> {
    let found = span.attributes.iter().find(|known| known.key == key)?;
    found.value.as_ref()?.value.as_ref()
}

/// Whether a span is what was sent: one that was received to the byte, one that was recorded in all that
/// its producer said.
fn is_right(span: &Span, number: u64) -> bool {
    if span.name == "received" {
        return *span == producer::span(number);
    }
    let text = producer::text(number);
    span.name == "recorded"
        && matches!(attribute(span, TEXT), Some(Value::StringValue(said)) if *said == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The verdict tells what is missing, changed, doubled and unasked for.
    #[test]
    fn the_verdict_is_just() {
        let mut seen = Seen::default();
        seen.accept(&producer::request([1, 2, 3]));
        seen.accept(&producer::request([2]));
        let mut changed = producer::request([4]);
        changed.resource_spans[0].scope_spans[0].spans[0].end_time_unix_nano += 1;
        seen.accept(&changed);
        let verdict = seen.judge(&BTreeSet::from([1, 2, 4, 5]));
        let expected = Verdict {
            missing: vec![5],
            changed: vec![4],
            twice: 1,
            unasked: 1,
        };
        assert_eq!(verdict, expected);
    }
}
