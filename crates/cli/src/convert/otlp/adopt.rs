//! Hangs recorded traces under a span of another trace.

use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::trace::v1::Span;
use spanreel::{SpanId, TraceId};

/// OTLP's flags of a span: it is known whether the parent is remote, and it is.
const REMOTE_PARENT: u32 = 0x300;

/// Moves a span to the trace of its new parent; one that had no parent hangs under that one. Links within
/// its own trace move along.
pub(super) fn span(span: &mut Span, (trace_id, parent): (TraceId, SpanId)) {
    let trace_id = trace_id.to_bytes().to_vec();
    let own = std::mem::replace(&mut span.trace_id, trace_id.clone());
    if span.parent_span_id.iter().all(|byte| *byte == 0) {
        span.parent_span_id = parent.to_bytes().to_vec();
        span.flags |= REMOTE_PARENT;
    }
    for link in &mut span.links {
        if link.trace_id == own {
            link.trace_id.clone_from(&trace_id);
        }
    }
}

/// Moves a log record that belongs to a trace.
pub(super) fn log(log: &mut LogRecord, (trace_id, _): (TraceId, SpanId)) {
    if log.trace_id.iter().any(|byte| *byte != 0) {
        log.trace_id = trace_id.to_bytes().to_vec();
    }
}
