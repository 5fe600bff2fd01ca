//! Looks into what arrives: that every contestant delivers the same is checked, not believed.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::{DecodeError, Message};
use serde::{Deserialize, Serialize};

/// What the spans of a run contain.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Contents {
    /// By the name of the span and its kind: how many, and what each of them has.
    pub(crate) spans: BTreeMap<String, Kindred>,
    /// The parent of each span, by trace and id; empty for a root.
    #[serde(skip)]
    parents: HashMap<(Vec<u8>, Vec<u8>), Vec<u8>>,
    pub(crate) traces: u64,
    pub(crate) roots: u64,
    /// Spans whose parent is not a root of their trace.
    pub(crate) strays: u64,
}

/// Spans of one name and kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Kindred {
    pub(crate) count: u64,
    /// Each set of attribute and event keys that was seen; one, if all spans are alike.
    pub(crate) keys: BTreeSet<Vec<String>>,
    /// Spans that end before they start, or at no time.
    pub(crate) untimely: u64,
}

impl Contents {
    /// Takes in a gRPC message, frame included.
    pub(super) fn take(&mut self, framed: &[u8]) -> Result<(), DecodeError> {
        let message = framed.get(5..).unwrap_or_default();
        let request = ExportTraceServiceRequest::decode(message)?;
        let scopes = request.resource_spans.into_iter();
        let scopes = scopes.flat_map(|resource| resource.scope_spans);
        for span in scopes.flat_map(|scope| scope.spans) {
            self.take_span(span);
        }
        Ok(())
    }

    /// How many spans there are.
    pub(crate) fn count(&self) -> u64 {
        self.spans.values().map(|kindred| kindred.count).sum()
    }

    fn take_span(&mut self, span: Span) {
        let named = format!("{} ({})", span.name, span.kind);
        let kindred = self.spans.entry(named).or_default();
        kindred.count += 1;
        if span.start_time_unix_nano == 0 || span.end_time_unix_nano < span.start_time_unix_nano {
            kindred.untimely += 1;
        }
        let mut keys: Vec<String> = span.attributes.into_iter().map(|it| it.key).collect();
        for event in span.events {
            let of_event = event.attributes.into_iter();
            keys.extend(of_event.map(|it| format!("{}: {}", event.name, it.key)));
        }
        keys.sort();
        kindred.keys.insert(keys);
        let mut parent = span.parent_span_id;
        if parent.iter().all(|&byte| byte == 0) {
            parent.clear();
        }
        self.parents.insert((span.trace_id, span.span_id), parent);
    }

    /// Counts traces, roots and strays among all that has come.
    pub(super) fn relate(&mut self) {
        let traces: BTreeSet<&[u8]> = self.parents.keys().map(|(trace, _)| &trace[..]).collect();
        self.traces = traces.len() as u64;
        self.roots = self.parents.values().filter(|it| it.is_empty()).count() as u64;
        let below_a_root = |(trace, _): &(Vec<u8>, Vec<u8>), parent: &Vec<u8>| {
            let above = self.parents.get(&(trace.clone(), parent.clone()));
            above.is_some_and(|grandparent| grandparent.is_empty())
        };
        let children = self.parents.iter().filter(|(_, it)| !it.is_empty());
        self.strays = children
            .filter(|(child, parent)| !below_a_root(child, parent))
            .count() as u64;
    }
}
