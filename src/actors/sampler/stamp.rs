//! Writes the threshold of a decision into spans that are held in wire form.
//!
//! Each span gets one more `trace_state`, behind the one that it may have: of a field that is no list
//! the last value counts (protobuf, "Last One Wins"). Nothing else of it is touched.
//!
//! Allocates: the new bytes, once for each chunk.

use crate::model::otlp::fields as f;
use crate::model::otlp::scan::{fields, item_ends, message_of};
use crate::model::otlp::writer::{Writer, len_field};
use crate::model::propagation::trace_state::TraceState;
use crate::model::sampling::threshold::{Threshold, with_threshold};

/// What a threshold adds to a span, at the most, where its `tracestate` says nothing else.
const USUAL: usize = 24;

/// The chunk with this threshold in all of its spans.
pub(super) fn stamp(chunk: &[u8], threshold: Threshold) -> Vec<u8> {
    let mut out = Writer::with_capacity(chunk.len() + chunk.len() / 8 + USUAL);
    // Mostly all spans say the same.
    let mut last: (&[u8], TraceState) = (b"", with_threshold(&TraceState::EMPTY, threshold));
    let mut start = 0;
    for end in item_ends(chunk) {
        let entry = &chunk[start..end];
        start = end;
        let message = message_of(entry);
        let state = fields(message)
            .filter(|field| field.is(f::span::TRACE_STATE))
            .last()
            .map(|field| &message[field.body])
            .unwrap_or_default();
        if last.0 != state {
            last = (
                state,
                with_threshold(&TraceState::of_wire(state), threshold),
            );
        }
        let stamped = last.1.as_str().as_bytes();
        if stamped == state {
            out.raw(entry);
            continue;
        }
        let added = len_field(stamped.len());
        out.open(f::scope_items::ITEMS, message.len() + added);
        out.raw(message);
        out.bytes(f::span::TRACE_STATE, stamped);
    }
    out.raw(&chunk[start..]);
    out.to_vec()
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::trace::v1::{ScopeSpans, Span};
    use prost::Message;

    use super::*;

    /// Every span carries the threshold, beside what its state said before; all else stays.
    #[test]
    fn every_span_carries_the_threshold() {
        let spans = ["", "a=1,ot=th:8;rv:ffffffffffffff", "ot=th:c", ""].map(|state| Span {
            name: "x".repeat(120),
            trace_state: state.to_owned(),
            span_id: vec![7; 8],
            ..Span::default()
        });
        let scope = ScopeSpans {
            spans: spans.to_vec(),
            ..ScopeSpans::default()
        };
        let stamped = stamp(&scope.encode_to_vec(), Threshold::of_share(0.25));
        let found = ScopeSpans::decode(&*stamped).expect("wire form");
        let states: Vec<_> = found.spans.iter().map(|span| &*span.trace_state).collect();
        assert_eq!(
            states,
            [
                "ot=th:c",
                "ot=th:c;rv:ffffffffffffff,a=1",
                "ot=th:c",
                "ot=th:c"
            ]
        );
        for (before, after) in spans.iter().zip(found.spans) {
            let trace_state = before.trace_state.clone();
            assert_eq!(
                Span {
                    trace_state,
                    ..after
                },
                *before
            );
        }
    }

    proptest::proptest! {
        /// Bytes that are no chunk come out whole.
        #[test]
        fn what_is_no_chunk_stays(bytes in proptest::collection::vec(0..12_u8, 0..60)) {
            let ends = item_ends(&bytes).last().unwrap_or(0);
            let stamped = stamp(&bytes, Threshold::of_share(0.5));
            proptest::prop_assert!(stamped.ends_with(&bytes[ends..]));
        }
    }
}
