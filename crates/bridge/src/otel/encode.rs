//! Spans, log records and metrics of OpenTelemetry's SDK as requests for the pipeline.

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use opentelemetry_proto::transform::logs::tonic::group_logs_by_resource_and_scope;
use opentelemetry_proto::transform::trace::tonic::group_spans_by_resource_and_scope;
use opentelemetry_sdk::logs::LogBatch;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::trace::SpanData;
use prost::Message;

/// One request with these spans, with the ids that they have.
pub(super) fn spans(spans: Vec<SpanData>, resource: &ResourceAttributesWithSchema) -> Bytes {
    let resource_spans = group_spans_by_resource_and_scope(spans, resource);
    ExportTraceServiceRequest { resource_spans }
        .encode_to_vec()
        .into()
}

/// One request with these log records. Their target is the name of their scope, as the SDK's own OTLP
/// exporter has it.
pub(super) fn logs(batch: &LogBatch<'_>, resource: &ResourceAttributesWithSchema) -> Bytes {
    let resource_logs = group_logs_by_resource_and_scope(batch, resource);
    ExportLogsServiceRequest { resource_logs }
        .encode_to_vec()
        .into()
}

/// One request with these metrics, which have their resource with them.
pub(super) fn metrics(metrics: &ResourceMetrics) -> Bytes {
    ExportMetricsServiceRequest::from(metrics)
        .encode_to_vec()
        .into()
}
