//! Spans as they arrived, in the words in which the clients print theirs (`seen.py`).

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link, SpanKind};
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, Span};
use serde_json::{Map, Value, json};

/// All of them by trace and span id. Asserts that each is there once.
pub(crate) fn by_id(groups: Vec<ResourceSpans>) -> BTreeMap<String, Value> {
    let mut spans = BTreeMap::new();
    for group in groups {
        let resource = group.resource.unwrap_or_default();
        assert_eq!(group.schema_url, "", "the clients set none");
        for scope in group.scope_spans {
            let described = describe_scope(&scope.scope.unwrap_or_default(), &scope.schema_url);
            for span in scope.spans {
                let span = describe(&span, &resource, described.clone());
                let id = format!("{} {}", span["trace_id"], span["span_id"]);
                let twice = spans.insert(id, span);
                assert!(twice.is_none(), "arrived twice: {twice:#?}");
            }
        }
    }
    spans
}

fn describe(span: &Span, resource: &Resource, scope: Value) -> Value {
    let status = span.status.clone().unwrap_or_default();
    let kind = SpanKind::try_from(span.kind).expect("a kind").as_str_name();
    let code = StatusCode::try_from(status.code).expect("a code");
    json!({
        "trace_id": hex(&span.trace_id),
        "span_id": hex(&span.span_id),
        "parent_span_id": hex(&span.parent_span_id),
        "flags": span.flags,
        "trace_state": span.trace_state,
        "name": span.name,
        "kind": kind.trim_start_matches("SPAN_KIND_"),
        "start": span.start_time_unix_nano.to_string(),
        "end": span.end_time_unix_nano.to_string(),
        "attributes": values(&span.attributes),
        "dropped_attributes": span.dropped_attributes_count,
        "events": span.events.iter().map(describe_event).collect::<Vec<_>>(),
        "dropped_events": span.dropped_events_count,
        "links": span.links.iter().map(describe_link).collect::<Vec<_>>(),
        "dropped_links": span.dropped_links_count,
        "status": code.as_str_name().trim_start_matches("STATUS_CODE_"),
        "status_message": status.message,
        "resource": values(&resource.attributes),
        "scope": scope,
    })
}

fn describe_event(event: &Event) -> Value {
    json!({
        "name": event.name,
        "time": event.time_unix_nano.to_string(),
        "attributes": values(&event.attributes),
    })
}

fn describe_link(link: &Link) -> Value {
    json!({
        "trace_id": hex(&link.trace_id),
        "span_id": hex(&link.span_id),
        "trace_state": link.trace_state,
        "flags": link.flags,
        "attributes": values(&link.attributes),
    })
}

fn describe_scope(scope: &InstrumentationScope, schema_url: &str) -> Value {
    json!({
        "name": scope.name,
        "version": scope.version,
        "schema_url": schema_url,
        "attributes": values(&scope.attributes),
    })
}

/// Asserts that each key is there once.
fn values(attributes: &[KeyValue]) -> Value {
    let mut values = Map::new();
    for attribute in attributes {
        let value = attribute.value.as_ref();
        let twice = values.insert(attribute.key.clone(), value_of(value));
        assert!(twice.is_none(), "twice: {}", attribute.key);
    }
    Value::Object(values)
}

/// A value with its type: numbers as texts, as JSON has not all of them.
fn value_of(value: Option<&AnyValue>) -> Value {
    let Some(value) = value.and_then(|it| it.value.as_ref()) else {
        return json!({ "empty": true });
    };
    match value {
        Any::StringValue(text) => json!({ "string": text }),
        Any::BoolValue(is) => json!({ "bool": is }),
        Any::IntValue(number) => json!({ "int": number.to_string() }),
        Any::DoubleValue(number) => json!({ "double": format!("{:016x}", number.to_bits()) }),
        Any::BytesValue(bytes) => json!({ "bytes": hex(bytes) }),
        Any::ArrayValue(list) => {
            let parts = list.values.iter().map(|it| value_of(Some(it)));
            json!({ "array": parts.collect::<Vec<_>>() })
        }
        Any::KvlistValue(map) => json!({ "map": values(&map.values) }),
        Any::StringValueStrindex(_) => panic!("only profiles have these: {value:?}"),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
