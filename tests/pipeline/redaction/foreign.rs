//! Requests of foreign programs, with a secret wherever there can be text.

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Known;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::{
    Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, metric,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use prost::Message;
use spanreel::Signal;

use super::planter::Planter;

/// One of each signal; `trace` says whose trace it is.
pub(super) fn requests(planter: &mut Planter, trace: u8) -> [(Signal, Bytes); 3] {
    [
        (
            Signal::Traces,
            traces(planter, trace).encode_to_vec().into(),
        ),
        (Signal::Logs, logs(planter).encode_to_vec().into()),
        (Signal::Metrics, metrics(planter).encode_to_vec().into()),
    ]
}

fn traces(planter: &mut Planter, trace: u8) -> ExportTraceServiceRequest {
    let (resource, scope) = origin(planter);
    let mut of_span = attributes(planter);
    of_span.push(KeyValue {
        key: "session.id".to_owned(),
        value: text(planter.said()),
        ..KeyValue::default()
    });
    let span = Span {
        trace_id: vec![trace; 16],
        span_id: vec![trace; 8],
        name: planter.said(),
        trace_state: format!("a={}", planter.secret().replace([',', '='], "")),
        attributes: of_span,
        events: vec![Event {
            name: planter.said(),
            attributes: attributes(planter),
            ..Event::default()
        }],
        links: vec![Link {
            trace_id: vec![1; 16],
            span_id: vec![2; 8],
            attributes: attributes(planter),
            ..Link::default()
        }],
        status: Some(Status {
            message: planter.said(),
            code: 2,
        }),
        ..Span::default()
    };
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource,
            scope_spans: vec![ScopeSpans {
                scope,
                spans: vec![span],
                schema_url: planter.said(),
            }],
            schema_url: planter.said(),
        }],
    }
}

fn logs(planter: &mut Planter) -> ExportLogsServiceRequest {
    let (resource, scope) = origin(planter);
    let record = LogRecord {
        body: text(planter.json()),
        severity_text: planter.said(),
        event_name: planter.said(),
        attributes: attributes(planter),
        ..LogRecord::default()
    };
    ExportLogsServiceRequest {
        resource_logs: vec![ResourceLogs {
            resource,
            scope_logs: vec![ScopeLogs {
                scope,
                log_records: vec![record],
                ..ScopeLogs::default()
            }],
            ..ResourceLogs::default()
        }],
    }
}

/// A request of metrics.
pub(super) fn metrics(planter: &mut Planter) -> ExportMetricsServiceRequest {
    let (resource, scope) = origin(planter);
    let metric = Metric {
        name: planter.said(),
        description: planter.said(),
        unit: planter.said(),
        metadata: attributes(planter),
        data: Some(metric::Data::Gauge(Gauge {
            data_points: vec![NumberDataPoint {
                attributes: attributes(planter),
                ..NumberDataPoint::default()
            }],
        })),
    };
    ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics {
            resource,
            scope_metrics: vec![ScopeMetrics {
                scope,
                metrics: vec![metric],
                ..ScopeMetrics::default()
            }],
            ..ResourceMetrics::default()
        }],
    }
}

/// Whom something is from.
fn origin(planter: &mut Planter) -> (Option<Resource>, Option<InstrumentationScope>) {
    let mut resource = attributes(planter);
    for key in ["service.name", "host.name"] {
        resource.push(KeyValue {
            key: key.to_owned(),
            value: text(planter.said()),
            ..KeyValue::default()
        });
    }
    let scope = InstrumentationScope {
        name: planter.said(),
        version: planter.said(),
        attributes: attributes(planter),
        ..InstrumentationScope::default()
    };
    let resource = Resource {
        attributes: resource,
        ..Resource::default()
    };
    (Some(resource), Some(scope))
}

fn text(text: String) -> Option<AnyValue> {
    Some(AnyValue {
        value: Some(Known::StringValue(text)),
    })
}

fn attributes(planter: &mut Planter) -> Vec<KeyValue> {
    let mut attribute = |key: String| KeyValue {
        key,
        value: text(planter.json()),
        ..KeyValue::default()
    };
    vec![attribute("a".to_owned()), attribute("b".to_owned())]
}
