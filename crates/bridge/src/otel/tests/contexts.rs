//! Contexts, both ways.

use opentelemetry::trace::{SpanContext as OtelContext, SpanId, TraceFlags, TraceId, TraceState};
use proptest::prelude::*;
use spanreel::SpanContext;

use super::arbitrary::any_context;
use crate::otel::{from_otel, to_otel};

proptest! {
    /// A context survives the way there and back, `tracestate` and remoteness included.
    #[test]
    fn a_context_survives_both_ways(context in any_context(any::<bool>())) {
        let ours = from_otel(&context).expect("it is valid");
        prop_assert_eq!(ours.trace_id().to_string(), context.trace_id().to_string());
        prop_assert_eq!(ours.span_id().to_string(), context.span_id().to_string());
        prop_assert_eq!(ours.is_remote(), context.is_remote());
        prop_assert_eq!(ours.trace_state().as_str(), context.trace_state().header());
        prop_assert_eq!(to_otel(&ours), context);
    }
}

/// A context without ids is none, and a flag beyond `sampled` is carried on where W3C defines it.
#[test]
fn what_is_not_valid_is_none() {
    assert_eq!(from_otel(&OtelContext::NONE), None);
    let trace_id = TraceId::from(1);
    let no_span = OtelContext::new(
        trace_id,
        SpanId::INVALID,
        TraceFlags::SAMPLED,
        false,
        TraceState::NONE,
    );
    assert_eq!(from_otel(&no_span), None);
    let random = TraceFlags::new(0xff);
    let context = OtelContext::new(trace_id, SpanId::from(2), random, false, TraceState::NONE);
    let ours = from_otel(&context).expect("it is valid");
    assert_eq!(ours.flags().bits(), 3, "sampled and random");
    assert_eq!(to_otel(&ours).trace_flags().to_u8(), 3);
}

/// A `tracestate` that the other side refuses is left out, and the ids stay.
#[test]
fn a_bad_trace_state_is_left_out() {
    let long: Vec<_> = (0..40).map(|at| format!("k{at}=v")).collect();
    let header = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let context = SpanContext::from_traceparent(header).expect("it is valid");
    assert!(
        super::super::context::trace_state("no list")
            .header()
            .is_empty()
    );
    assert!(
        super::super::context::trace_state(&long.join(","))
            .header()
            .len()
            <= 512
    );
    assert_eq!(to_otel(&context).trace_state(), &TraceState::NONE);
}
