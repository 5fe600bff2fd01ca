//! W3C Trace Context level 2: `traceparent` and `tracestate`.

use super::carrier::{Carrier, CarrierMut, Held};
use super::propagators::Found;
use super::trace_state::TraceState;
use crate::model::context::{Room, SpanContext};

pub(super) const TRACEPARENT: &str = "traceparent";
pub(super) const TRACESTATE: &str = "tracestate";

/// White space around a value means nothing (RFC 9110, section 5.5). Two `traceparent` are invalid;
/// several `tracestate` are one list. A bad `tracestate` is left out, a bad `traceparent` takes it
/// along.
pub(super) fn extract<C: Carrier + ?Sized>(carrier: &C) -> Found {
    let [parent, state] = carrier.get_each([TRACEPARENT, TRACESTATE]);
    let parent = match parent {
        Held::Nothing => return Found::Nothing,
        Held::One(value) => SpanContext::parse(trimmed(value)),
        Held::Several => None,
    };
    let Some(context) = parent else {
        return Found::Invalid;
    };
    let state = match state {
        Held::Nothing => Ok(TraceState::EMPTY),
        Held::One(value) => TraceState::of_bytes(value),
        Held::Several => TraceState::combine(carrier.get_all(TRACESTATE)),
    };
    Found::Context {
        has_flaw: state.is_err(),
        context: context.with_trace_state(state.unwrap_or_default()),
    }
}

#[inline]
pub(super) fn inject<C: CarrierMut + ?Sized>(context: &SpanContext, carrier: &mut C) {
    let state = context.trace_state();
    carrier.set_trace_context(
        context.write_traceparent(&mut Room::new()),
        (!state.is_empty()).then(|| state.as_str()),
    );
}

/// Without white space around it, of which there mostly is none.
#[inline]
const fn trimmed(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}
