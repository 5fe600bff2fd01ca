//! Requests of the pipeline as OpenTelemetry's SDK has spans.

use std::borrow::Cow;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use opentelemetry::InstrumentationScope;
use opentelemetry::trace::{
    Event, Link, SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};
use spanreel::StatusCode;
use spanreel::view::{
    EventView, LinkView, ResourceGroupView, ScopeGroupView, SpanView, StatusView,
};

use super::context::trace_state;
use super::value::key_values;

/// OTLP `SpanFlags`: whether it is known that a context is remote, and whether it is.
const IS_REMOTE: u32 = 0x100 | 0x200;

/// The resource of a group.
pub(super) fn resource(group: &ResourceGroupView<'_>) -> Resource {
    let attributes = key_values(group.resource().attributes());
    let builder = Resource::builder_empty();
    match group.schema_url() {
        "" => builder.with_attributes(attributes).build(),
        url => builder.with_schema_url(attributes, url.to_owned()).build(),
    }
}

/// The spans of a group.
pub(super) fn spans(group: &ResourceGroupView<'_>) -> Vec<SpanData> {
    let mut spans = Vec::new();
    for group in group.scopes() {
        let scope = scope(&group);
        spans.extend(group.spans().map(|view| span(&view, scope.clone())));
    }
    spans
}

fn scope(group: &ScopeGroupView<'_>) -> InstrumentationScope {
    let view = group.scope();
    let mut builder = InstrumentationScope::builder(view.name().to_owned())
        .with_attributes(key_values(view.attributes()));
    if !view.version().is_empty() {
        builder = builder.with_version(view.version().to_owned());
    }
    if !group.schema_url().is_empty() {
        builder = builder.with_schema_url(group.schema_url().to_owned());
    }
    builder.build()
}

fn span(view: &SpanView<'_>, scope: InstrumentationScope) -> SpanData {
    let [trace_id, span_id, parent_id] = view.raw_ids();
    let mut events = SpanEvents::default();
    events.events = view.events().map(|event| event_of(&event)).collect();
    events.dropped_count = view.dropped_events();
    let mut links = SpanLinks::default();
    links.links = view.links().map(|link| link_of(&link)).collect();
    links.dropped_count = view.dropped_links();
    SpanData {
        span_context: context([trace_id, span_id], view.flags(), false, view.trace_state()),
        parent_span_id: span_id_of(parent_id),
        parent_span_is_remote: view.flags() & IS_REMOTE == IS_REMOTE,
        span_kind: kind(view.kind()),
        name: Cow::Owned(view.name().to_owned()),
        start_time: time(view.start_unix_nanos()),
        end_time: time(view.end_unix_nanos()),
        attributes: key_values(view.attributes()),
        dropped_attributes_count: view.dropped_attributes(),
        events,
        links,
        status: status(view.status()),
        instrumentation_scope: scope,
    }
}

fn event_of(view: &EventView<'_>) -> Event {
    Event::new(
        view.name().to_owned(),
        time(view.time_unix_nanos()),
        key_values(view.attributes()),
        view.dropped_attributes(),
    )
}

fn link_of(view: &LinkView<'_>) -> Link {
    let is_remote = view.flags() & IS_REMOTE == IS_REMOTE;
    Link::new(
        context(view.raw_ids(), view.flags(), is_remote, view.trace_state()),
        key_values(view.attributes()),
        view.dropped_attributes(),
    )
}

fn context(ids: [&[u8]; 2], flags: u32, is_remote: bool, state: &str) -> SpanContext {
    let [trace_id, span_id] = ids;
    let trace_id = trace_id
        .try_into()
        .map_or(TraceId::INVALID, TraceId::from_bytes);
    // The low 8 bits are W3C's.
    let flags = TraceFlags::new((flags & 0xff) as u8);
    SpanContext::new(
        trace_id,
        span_id_of(span_id),
        flags,
        is_remote,
        trace_state(state),
    )
}

/// The id; an invalid one where the wire has none.
fn span_id_of(bytes: &[u8]) -> SpanId {
    bytes.try_into().map_or(SpanId::INVALID, SpanId::from_bytes)
}

fn kind(kind: spanreel::SpanKind) -> SpanKind {
    match kind {
        spanreel::SpanKind::Server => SpanKind::Server,
        spanreel::SpanKind::Client => SpanKind::Client,
        spanreel::SpanKind::Producer => SpanKind::Producer,
        spanreel::SpanKind::Consumer => SpanKind::Consumer,
        _ => SpanKind::Internal,
    }
}

fn status(view: StatusView<'_>) -> Status {
    match view.code {
        StatusCode::Ok => Status::Ok,
        StatusCode::Error => Status::error(view.message.to_owned()),
        _ => Status::Unset,
    }
}

fn time(unix_nanos: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_nanos(unix_nanos)
}
