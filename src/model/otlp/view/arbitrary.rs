//! Random OTLP requests, for tests.

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

/// Which doubles come up in values.
pub(crate) type Doubles = fn() -> BoxedStrategy<f64>;

/// Every double, the special ones among them.
pub(crate) fn any_double() -> BoxedStrategy<f64> {
    prop_oneof![prop::num::f64::ANY, Just(f64::INFINITY), Just(-0.0)].boxed()
}

/// Doubles that every reader of decimals reads back exactly.
#[cfg(feature = "proto")]
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
