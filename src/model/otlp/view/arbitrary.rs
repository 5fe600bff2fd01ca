//! Random OTLP requests, and the way back from a view to the reference's types.

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
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::{
    AttributesView, LogView, RequestView, ResourceGroupView, ResourceView, ScopeGroupView,
    ScopeView, SpanView, ValueView,
};

/// Which doubles come up in values.
pub(crate) type Doubles = fn() -> BoxedStrategy<f64>;

/// Every double, the special ones among them.
pub(crate) fn any_double() -> BoxedStrategy<f64> {
    prop_oneof![prop::num::f64::ANY, Just(f64::INFINITY), Just(-0.0)].boxed()
}

/// Doubles that every reader of decimals reads back exactly.
pub(crate) fn plain_double() -> BoxedStrategy<f64> {
    any::<i32>().prop_map(|it| f64::from(it) / 8.0).boxed()
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), "[a-z.]{1,12}", "\\PC{0,8}", ".{0,4}"]
}

fn id(len: usize) -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        8 => vec(any::<u8>(), len),
        1 => Just(vec![0; len]),
        1 => Just(Vec::new()),
        1 => vec(any::<u8>(), 0..20),
    ]
}

fn value(doubles: Doubles) -> impl Strategy<Value = AnyValue> {
    let leaf = prop_oneof![
        Just(None),
        text().prop_map(|it| Some(Value::StringValue(it))),
        any::<bool>().prop_map(|it| Some(Value::BoolValue(it))),
        any::<i64>().prop_map(|it| Some(Value::IntValue(it))),
        doubles().prop_map(|it| Some(Value::DoubleValue(it))),
        vec(any::<u8>(), 0..9).prop_map(|it| Some(Value::BytesValue(it))),
    ]
    .prop_map(|value| AnyValue { value });
    leaf.prop_recursive(4, 24, 4, |inner| {
        let list = vec(inner.clone(), 0..4).prop_map(|values| {
            let value = Value::ArrayValue(ArrayValue { values });
            AnyValue { value: Some(value) }
        });
        let map = vec(key_value(inner), 0..4).prop_map(|values| {
            let value = Value::KvlistValue(KeyValueList { values });
            AnyValue { value: Some(value) }
        });
        prop_oneof![list, map]
    })
}

fn key_value(value: impl Strategy<Value = AnyValue>) -> impl Strategy<Value = KeyValue> {
    (text(), value).prop_map(|(key, value)| KeyValue {
        key,
        value: Some(value),
        key_strindex: 0,
    })
}

fn attributes(doubles: Doubles) -> impl Strategy<Value = Vec<KeyValue>> {
    vec(key_value(value(doubles)), 0..4)
}

fn event(doubles: Doubles) -> impl Strategy<Value = Event> {
    (any::<u64>(), text(), attributes(doubles), any::<u32>()).prop_map(
        |(time_unix_nano, name, attributes, dropped_attributes_count)| Event {
            time_unix_nano,
            name,
            attributes,
            dropped_attributes_count,
        },
    )
}

fn link(doubles: Doubles) -> impl Strategy<Value = Link> {
    (
        id(16),
        id(8),
        text(),
        attributes(doubles),
        any::<u32>(),
        any::<u32>(),
    )
        .prop_map(
            |(trace_id, span_id, trace_state, attributes, dropped_attributes_count, flags)| Link {
                trace_id,
                span_id,
                trace_state,
                attributes,
                dropped_attributes_count,
                flags,
            },
        )
}

pub(crate) fn span(doubles: Doubles) -> impl Strategy<Value = Span> {
    let identity = (id(16), id(8), text(), id(8), any::<u32>());
    let what = (
        text(),
        prop_oneof![0..7, any::<i32>()],
        any::<u64>(),
        any::<u64>(),
    );
    let status = (text(), prop_oneof![0..4, any::<i32>()])
        .prop_map(|(message, code)| Status { message, code });
    let contents = (
        attributes(doubles),
        vec(event(doubles), 0..3),
        vec(link(doubles), 0..3),
        any::<[u32; 3]>(),
        option::of(status),
    );
    (identity, what, contents).prop_map(|(identity, what, contents)| {
        let (trace_id, span_id, trace_state, parent_span_id, flags) = identity;
        let (name, kind, start_time_unix_nano, end_time_unix_nano) = what;
        let (attributes, events, links, dropped, status) = contents;
        Span {
            trace_id,
            span_id,
            trace_state,
            parent_span_id,
            flags,
            name,
            kind,
            start_time_unix_nano,
            end_time_unix_nano,
            attributes,
            dropped_attributes_count: dropped[0],
            events,
            dropped_events_count: dropped[1],
            links,
            dropped_links_count: dropped[2],
            status,
        }
    })
}

pub(crate) fn log_record(doubles: Doubles) -> impl Strategy<Value = LogRecord> {
    let when = (any::<u64>(), any::<u64>());
    let what = (any::<i32>(), text(), text(), option::of(value(doubles)));
    let more = (
        attributes(doubles),
        any::<u32>(),
        any::<u32>(),
        id(16),
        id(8),
    );
    (when, what, more).prop_map(|(when, what, more)| {
        let (time_unix_nano, observed_time_unix_nano) = when;
        let (severity_number, severity_text, event_name, body) = what;
        let (attributes, dropped_attributes_count, flags, trace_id, span_id) = more;
        LogRecord {
            time_unix_nano,
            observed_time_unix_nano,
            severity_number,
            severity_text,
            body,
            attributes,
            dropped_attributes_count,
            flags,
            trace_id,
            span_id,
            event_name,
        }
    })
}

fn resource(doubles: Doubles) -> impl Strategy<Value = Resource> {
    let entity_ref = (text(), text(), vec(text(), 0..3), vec(text(), 0..3)).prop_map(
        |(schema_url, r#type, id_keys, description_keys)| EntityRef {
            schema_url,
            r#type,
            id_keys,
            description_keys,
        },
    );
    (attributes(doubles), any::<u32>(), vec(entity_ref, 0..2)).prop_map(
        |(attributes, dropped_attributes_count, entity_refs)| Resource {
            attributes,
            dropped_attributes_count,
            entity_refs,
        },
    )
}

fn scope(doubles: Doubles) -> impl Strategy<Value = InstrumentationScope> {
    (text(), text(), attributes(doubles), any::<u32>()).prop_map(
        |(name, version, attributes, dropped_attributes_count)| InstrumentationScope {
            name,
            version,
            attributes,
            dropped_attributes_count,
        },
    )
}

pub(crate) fn resource_spans(doubles: Doubles) -> impl Strategy<Value = ResourceSpans> {
    let scope_spans = (scope(doubles), vec(span(doubles), 0..3), text()).prop_map(
        |(scope, spans, schema_url)| ScopeSpans {
            scope: Some(scope),
            spans,
            schema_url,
        },
    );
    (resource(doubles), vec(scope_spans, 0..3), text()).prop_map(
        |(resource, scope_spans, schema_url)| ResourceSpans {
            resource: Some(resource),
            scope_spans,
            schema_url,
        },
    )
}

pub(crate) fn traces(doubles: Doubles) -> impl Strategy<Value = ExportTraceServiceRequest> {
    vec(resource_spans(doubles), 0..3)
        .prop_map(|resource_spans| ExportTraceServiceRequest { resource_spans })
}

pub(crate) fn logs(doubles: Doubles) -> impl Strategy<Value = ExportLogsServiceRequest> {
    let scope_logs = (scope(doubles), vec(log_record(doubles), 0..3), text()).prop_map(
        |(scope, log_records, schema_url)| ScopeLogs {
            scope: Some(scope),
            log_records,
            schema_url,
        },
    );
    let resource_logs = (resource(doubles), vec(scope_logs, 0..3), text()).prop_map(
        |(resource, scope_logs, url)| ResourceLogs {
            resource: Some(resource),
            scope_logs,
            schema_url: url,
        },
    );
    vec(resource_logs, 0..3).prop_map(|resource_logs| ExportLogsServiceRequest { resource_logs })
}

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
