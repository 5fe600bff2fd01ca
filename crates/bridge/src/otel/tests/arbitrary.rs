//! Any span that an SDK may export.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use opentelemetry::trace::{
    Event, Link, SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState,
};
use opentelemetry::{Array, InstrumentationScope, KeyValue, StringValue, Value};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};
use proptest::collection::vec;
use proptest::prelude::*;

fn any_value() -> impl Strategy<Value = Value> {
    let texts = vec("[a-z]{0,4}".prop_map(StringValue::from), 1..3);
    prop_oneof![
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-1e9..1e9).prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
        vec(any::<bool>(), 1..3).prop_map(|items| Value::Array(Array::Bool(items))),
        vec(any::<i64>(), 1..3).prop_map(|items| Value::Array(Array::I64(items))),
        vec(-1e9..1e9, 1..3).prop_map(|items| Value::Array(Array::F64(items))),
        texts.prop_map(|items| Value::Array(Array::String(items))),
    ]
}

/// Attributes with keys that differ.
fn any_attributes() -> impl Strategy<Value = Vec<KeyValue>> {
    vec(any_value(), 0..4).prop_map(|values| {
        let named = values.into_iter().enumerate();
        named
            .map(|(at, value)| KeyValue::new(format!("key.{at}"), value))
            .collect()
    })
}

fn any_time() -> impl Strategy<Value = SystemTime> {
    (0..u64::MAX / 2).prop_map(|nanos| UNIX_EPOCH + Duration::from_nanos(nanos))
}

fn any_state() -> impl Strategy<Value = TraceState> {
    vec(("[a-z][a-z0-9]{0,5}", "[a-zA-Z0-9:;]{1,8}"), 0..3).prop_map(|members| {
        let members = members.into_iter().enumerate();
        let members = members.map(|(at, (key, value))| (format!("{key}-{at}"), value));
        TraceState::from_key_value(members).expect("keys and values are valid")
    })
}

pub(super) fn any_context(
    is_remote: impl Strategy<Value = bool>,
) -> impl Strategy<Value = SpanContext> {
    let (trace_id, span_id) = (1..u128::MAX, 1..u64::MAX);
    let parts = (trace_id, span_id, any::<bool>(), is_remote, any_state());
    parts.prop_map(|(trace_id, span_id, sampled, is_remote, state)| {
        SpanContext::new(
            TraceId::from(trace_id),
            SpanId::from(span_id),
            TraceFlags::default().with_sampled(sampled),
            is_remote,
            // What holds nothing is written as nothing.
            if state.header().is_empty() {
                TraceState::NONE
            } else {
                state
            },
        )
    })
}

fn any_event() -> impl Strategy<Value = Event> {
    (".{0,8}", any_time(), any_attributes(), 0..3u32)
        .prop_map(|(name, time, attributes, dropped)| Event::new(name, time, attributes, dropped))
}

fn any_link() -> impl Strategy<Value = Link> {
    (any_context(any::<bool>()), any_attributes(), 0..3u32)
        .prop_map(|(context, attributes, dropped)| Link::new(context, attributes, dropped))
}

fn any_status() -> impl Strategy<Value = Status> {
    prop_oneof![
        Just(Status::Unset),
        Just(Status::Ok),
        ".{0,8}".prop_map(Status::error),
    ]
}

fn any_scope() -> impl Strategy<Value = InstrumentationScope> {
    let schema = prop_oneof![Just(None), Just(Some("https://example.org/schema"))];
    ("[a-c]", any::<bool>(), schema, any_attributes()).prop_map(
        |(name, is_versioned, schema, attributes)| {
            let mut scope = InstrumentationScope::builder(name).with_attributes(attributes);
            if is_versioned {
                scope = scope.with_version("1.2.3");
            }
            match schema {
                Some(url) => scope.with_schema_url(url).build(),
                None => scope.build(),
            }
        },
    )
}

pub(super) fn any_resource() -> impl Strategy<Value = Resource> {
    (any_attributes(), any::<bool>()).prop_map(|(attributes, has_schema)| {
        let builder = Resource::builder_empty();
        match has_schema {
            true => builder
                .with_schema_url(attributes, "https://example.org/schema")
                .build(),
            false => builder.with_attributes(attributes).build(),
        }
    })
}

pub(super) fn any_span() -> impl Strategy<Value = SpanData> {
    let kind = prop_oneof![
        Just(SpanKind::Internal),
        Just(SpanKind::Server),
        Just(SpanKind::Client),
        Just(SpanKind::Producer),
        Just(SpanKind::Consumer),
    ];
    let identity = (
        any_context(Just(false)),
        any::<u64>(),
        any::<bool>(),
        any_scope(),
    );
    let about = (kind, ".{0,8}", any_time(), any_time(), any_status());
    let content = (
        any_attributes(),
        vec(any_event(), 0..3),
        vec(any_link(), 0..3),
    );
    let dropped = (0..3u32, 0..3u32, 0..3u32);
    (identity, about, content, dropped).prop_map(|(identity, about, content, dropped)| {
        let (span_context, parent, parent_span_is_remote, instrumentation_scope) = identity;
        let (span_kind, name, start_time, end_time, status) = about;
        let mut events = SpanEvents::default();
        (events.events, events.dropped_count) = (content.1, dropped.1);
        let mut links = SpanLinks::default();
        (links.links, links.dropped_count) = (content.2, dropped.2);
        SpanData {
            span_context,
            parent_span_id: SpanId::from(parent),
            parent_span_is_remote,
            span_kind,
            name: name.into(),
            start_time,
            end_time,
            attributes: content.0,
            dropped_attributes_count: dropped.0,
            events,
            links,
            status,
            instrumentation_scope,
        }
    })
}
