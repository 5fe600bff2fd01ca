//! What a view shows, as the reference's types, for tests: the way back from `arbitrary`.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, EntityRef, InstrumentationScope, KeyValue, KeyValueList,
};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};

use super::{
    AttributesView, LogView, RequestView, ResourceGroupView, ResourceView, ScopeGroupView,
    ScopeView, SpanView, ValueView,
};

fn value_seen(value: ValueView<'_>) -> AnyValue {
    let value = match value {
        ValueView::Empty => None,
        ValueView::Str(it) => Some(Value::StringValue(it.to_owned())),
        ValueView::Bool(it) => Some(Value::BoolValue(it)),
        ValueView::Int(it) => Some(Value::IntValue(it)),
        ValueView::Double(it) => Some(Value::DoubleValue(it)),
        ValueView::Bytes(it) => Some(Value::BytesValue(it.to_vec())),
        ValueView::Array(it) => Some(Value::ArrayValue(ArrayValue {
            values: it.map(value_seen).collect(),
        })),
        ValueView::Map(it) => Some(Value::KvlistValue(KeyValueList {
            values: attributes_seen(it),
        })),
    };
    AnyValue { value }
}

fn attributes_seen(attributes: AttributesView<'_>) -> Vec<KeyValue> {
    attributes
        .map(|(key, value)| KeyValue {
            key: key.to_owned(),
            value: Some(value_seen(value)),
            key_strindex: 0,
        })
        .collect()
}

pub(crate) fn span_seen(span: SpanView<'_>) -> Span {
    let [trace_id, span_id, parent_span_id] = span.raw_ids().map(<[u8]>::to_vec);
    let events = span.events().map(|event| Event {
        time_unix_nano: event.time_unix_nanos(),
        name: event.name().to_owned(),
        attributes: attributes_seen(event.attributes()),
        dropped_attributes_count: event.dropped_attributes(),
    });
    let links = span.links().map(|link| {
        let [trace_id, span_id] = link.raw_ids().map(<[u8]>::to_vec);
        Link {
            trace_id,
            span_id,
            trace_state: link.trace_state().to_owned(),
            attributes: attributes_seen(link.attributes()),
            dropped_attributes_count: link.dropped_attributes(),
            flags: link.flags(),
        }
    });
    let status = span.status();
    Span {
        trace_id,
        span_id,
        parent_span_id,
        trace_state: span.trace_state().to_owned(),
        flags: span.flags(),
        name: span.name().to_owned(),
        kind: span.kind_number(),
        start_time_unix_nano: span.start_unix_nanos(),
        end_time_unix_nano: span.end_unix_nanos(),
        attributes: attributes_seen(span.attributes()),
        dropped_attributes_count: span.dropped_attributes(),
        events: events.collect(),
        dropped_events_count: span.dropped_events(),
        links: links.collect(),
        dropped_links_count: span.dropped_links(),
        status: Some(Status {
            message: status.message.to_owned(),
            code: status.code_number,
        }),
    }
}

pub(crate) fn log_seen(log: LogView<'_>) -> LogRecord {
    let [trace_id, span_id] = log.raw_ids().map(<[u8]>::to_vec);
    LogRecord {
        time_unix_nano: log.time_unix_nanos(),
        observed_time_unix_nano: log.observed_unix_nanos(),
        severity_number: log.severity_number(),
        severity_text: log.severity_text().to_owned(),
        body: log.body().map(value_seen),
        attributes: attributes_seen(log.attributes()),
        dropped_attributes_count: log.dropped_attributes(),
        flags: log.flags(),
        trace_id,
        span_id,
        event_name: log.event_name().to_owned(),
    }
}

fn resource_seen(resource: ResourceView<'_>) -> Resource {
    let entity_refs = resource.entity_refs().map(|entity| EntityRef {
        schema_url: entity.schema_url().to_owned(),
        r#type: entity.type_name().to_owned(),
        id_keys: entity.id_keys().map(str::to_owned).collect(),
        description_keys: entity.description_keys().map(str::to_owned).collect(),
    });
    Resource {
        attributes: attributes_seen(resource.attributes()),
        dropped_attributes_count: resource.dropped_attributes(),
        entity_refs: entity_refs.collect(),
    }
}

fn scope_seen(scope: ScopeView<'_>) -> InstrumentationScope {
    InstrumentationScope {
        name: scope.name().to_owned(),
        version: scope.version().to_owned(),
        attributes: attributes_seen(scope.attributes()),
        dropped_attributes_count: scope.dropped_attributes(),
    }
}

fn resource_spans_seen(group: ResourceGroupView<'_>) -> ResourceSpans {
    let scopes = group.scopes().map(|group: ScopeGroupView<'_>| ScopeSpans {
        scope: Some(scope_seen(group.scope())),
        spans: group.spans().map(span_seen).collect(),
        schema_url: group.schema_url().to_owned(),
    });
    ResourceSpans {
        resource: Some(resource_seen(group.resource())),
        scope_spans: scopes.collect(),
        schema_url: group.schema_url().to_owned(),
    }
}

fn resource_logs_seen(group: ResourceGroupView<'_>) -> ResourceLogs {
    let scopes = group.scopes().map(|group: ScopeGroupView<'_>| ScopeLogs {
        scope: Some(scope_seen(group.scope())),
        log_records: group.logs().map(log_seen).collect(),
        schema_url: group.schema_url().to_owned(),
    });
    ResourceLogs {
        resource: Some(resource_seen(group.resource())),
        scope_logs: scopes.collect(),
        schema_url: group.schema_url().to_owned(),
    }
}

pub(crate) fn traces_seen(request: RequestView<'_>) -> ExportTraceServiceRequest {
    ExportTraceServiceRequest {
        resource_spans: request.resources().map(resource_spans_seen).collect(),
    }
}

pub(crate) fn logs_seen(request: RequestView<'_>) -> ExportLogsServiceRequest {
    ExportLogsServiceRequest {
        resource_logs: request.resources().map(resource_logs_seen).collect(),
    }
}
