//! Looks at the first item of a chunk for the trace that it is of. Pure; stops where the bytes are not
//! what they should be.

use super::fields as f;
use super::scan::{fields, item_ends, message_of};
use crate::model::id::TraceId;
use crate::model::propagation::trace_state::TraceState;
use crate::model::request::Signal;

/// The trace id and, of a span, the `tracestate` of the first item; one that W3C does not allow says
/// nothing.
pub(crate) fn first_trace(signal: Signal, chunk: &[u8]) -> (Option<TraceId>, TraceState) {
    let end = item_ends(chunk).next().unwrap_or(0);
    let message = message_of(&chunk[..end]);
    let last = |number: u32| {
        let found = fields(message).filter(|field| field.is(number)).last();
        found.map(|field| &message[field.body])
    };
    let trace_id = |number: u32| TraceId::from_bytes(last(number)?.try_into().ok()?);
    match signal {
        Signal::Traces => {
            let state = last(f::span::TRACE_STATE).map(TraceState::of_wire);
            (trace_id(f::span::TRACE_ID), state.unwrap_or_default())
        }
        Signal::Logs => (trace_id(f::log::TRACE_ID), TraceState::EMPTY),
        Signal::Metrics => (None, TraceState::EMPTY),
    }
}
