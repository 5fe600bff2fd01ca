//! W3C Trace Context level 2: `traceparent` and `tracestate`.

use super::carrier::{Carrier, CarrierMut};
use super::propagators::Found;
use super::trace_state::{TraceState, trimmed};
use crate::model::context::{SpanContext, TRACEPARENT_LEN};

pub(super) const TRACEPARENT: &str = "traceparent";
pub(super) const TRACESTATE: &str = "tracestate";

/// White space around a value means nothing (RFC 9110, section 5.5). Two `traceparent` are invalid;
/// several `tracestate` are one list. A bad `tracestate` is left out, a bad `traceparent` takes it
/// along.
pub(super) fn extract<C: Carrier + ?Sized>(carrier: &C) -> Found {
    let mut values = carrier.get_all(TRACEPARENT);
    let Some(value) = values.next() else {
        return Found::Nothing;
    };
    if values.next().is_some() {
        return Found::Invalid;
    }
    let Ok(context) = SpanContext::from_traceparent(trimmed(value)) else {
        return Found::Invalid;
    };
    let state = TraceState::combine(carrier.get_all(TRACESTATE));
    Found::Context {
        has_flaw: state.is_err(),
        context: context.with_trace_state(state.unwrap_or_default()),
    }
}

#[inline]
pub(super) fn inject<C: CarrierMut + ?Sized>(context: &SpanContext, carrier: &mut C) {
    carrier.set(
        TRACEPARENT,
        context.write_traceparent(&mut [0; TRACEPARENT_LEN]),
    );
    match context.trace_state() {
        state if state.is_empty() => carrier.remove(TRACESTATE),
        state => carrier.set(TRACESTATE, state.as_str()),
    }
}
