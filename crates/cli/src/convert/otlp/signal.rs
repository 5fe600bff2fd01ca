//! What a request in protobuf carries, told by its contents: nothing in it says so.

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use prost::Message;
use spanreel::Signal;
use spanreel::view::{RequestView, WireError};

/// What a request carries. Spans have ids of 16 and 8 bytes where log records have times and metrics have
/// names, so that none can be read as another.
///
/// # Errors
/// It is no request: says what is wrong with it as one of spans.
pub(super) fn of(request: &[u8]) -> Result<Signal, String> {
    let traces = spans(request);
    if let Ok(true) = traces {
        return Ok(Signal::Traces);
    }
    if RequestView::new(Signal::Logs, request).is_ok() {
        return Ok(Signal::Logs);
    }
    if ExportMetricsServiceRequest::decode(request).is_ok() {
        return Ok(Signal::Metrics);
    }
    match traces {
        // Spans without valid ids: their receiver judges them.
        Ok(_) => Ok(Signal::Traces),
        Err(error) => Err(format!("no OTLP request: {error}")),
    }
}

/// Whether a request of spans has valid ids in each of them.
fn spans(request: &[u8]) -> Result<bool, WireError> {
    let view = RequestView::new(Signal::Traces, request)?;
    let mut spans = view.spans();
    Ok(spans.all(|item| item.span.trace_id().is_some() && item.span.span_id().is_some()))
}
