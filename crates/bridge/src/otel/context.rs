//! The context of a span, in spanreel's words and in OpenTelemetry's.

use std::str::FromStr;

use opentelemetry::trace::{
    SpanContext as OtelContext, SpanId, TraceFlags, TraceId, TraceState as OtelState,
};
use spanreel::{SpanContext, TraceState};

/// The context as OpenTelemetry has it, with its flags, its `tracestate` and whether it is remote.
///
/// ```
/// use opentelemetry::Context;
/// use opentelemetry::trace::TraceContextExt;
/// use spanreel_bridge::otel;
///
/// let header = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
/// let span = spanreel::SpanContext::from_traceparent(header)?;
/// // Spans of an OpenTelemetry tracer that are started in this context are children of that span.
/// let parent = Context::new().with_remote_span_context(otel::to_otel(&span));
/// assert_eq!(otel::from_otel(parent.span().span_context()), Some(span));
/// # Ok::<(), spanreel::InvalidTraceparent>(())
/// ```
#[must_use]
pub fn to_otel(context: &SpanContext) -> OtelContext {
    OtelContext::new(
        TraceId::from_bytes(context.trace_id().to_bytes()),
        SpanId::from_bytes(context.span_id().to_bytes()),
        TraceFlags::new(context.flags().bits()),
        context.is_remote(),
        trace_state(context.trace_state().as_str()),
    )
}

/// The context as spanreel has it; `None` for one that is not valid: whose trace id or span id is
/// zero. A `tracestate` that W3C forbids is left out, one that is too long is cut as W3C has it.
#[must_use]
pub fn from_otel(context: &OtelContext) -> Option<SpanContext> {
    let trace_id = spanreel::TraceId::from_bytes(context.trace_id().to_bytes())?;
    let span_id = spanreel::SpanId::from_bytes(context.span_id().to_bytes())?;
    let flags = spanreel::TraceFlags::from_bits(context.trace_flags().to_u8());
    let mut ours = SpanContext::new(trace_id, span_id, flags);
    if context.is_remote() {
        // What is read is remote, and what is written here can be read.
        ours = SpanContext::from_traceparent(&ours.traceparent()).ok()?;
    }
    let state = TraceState::parse(&context.trace_state().header());
    Some(ours.with_trace_state(state.unwrap_or_default()))
}

/// What was written as a `tracestate`; one that OpenTelemetry cannot read is left out, as W3C asks.
pub(super) fn trace_state(header: &str) -> OtelState {
    OtelState::from_str(header).unwrap_or_default()
}
