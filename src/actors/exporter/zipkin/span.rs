//! Spans in Zipkin's words (Zipkin v2 JSON; OpenTelemetry "OpenTelemetry to Zipkin
//! Transformation" and "Mapping to non-OTLP Formats").
//!
//! The transformation says nothing of a resource beyond its service name; its other attributes
//! become tags, as other exporters do, behind those of the span itself. Trace state and links have
//! no place in Zipkin and are left out.

use std::collections::BTreeMap;

use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use crate::model::kind::{SpanKind, StatusCode};
use crate::model::otlp::view::{
    AttributesView, EventView, RequestView, ResourceView, ScopeView, SpanView, ValueView,
};

/// What a service without a name is called ("Semantic Attributes with SDK-provided Default Value").
const UNKNOWN_SERVICE: &str = "unknown_service";

/// Where the name of a peer may be, by rank: an attribute, and one that holds a port to go with it.
const PEERS: [(&str, Option<&str>); 11] = [
    ("peer.service", None),
    ("server.address", None),
    ("net.peer.name", None),
    ("network.peer.address", Some("network.peer.port")),
    ("server.socket.domain", None),
    ("server.socket.address", Some("server.socket.port")),
    ("net.sock.peer.name", None),
    ("net.sock.peer.addr", Some("net.sock.peer.port")),
    ("peer.hostname", None),
    ("peer.address", None),
    ("db.name", None),
];

/// The spans of a request as a Zipkin list of spans, and how many of them have no valid ids, which
/// Zipkin does not take.
pub(super) fn to_zipkin(request: RequestView<'_>) -> (Vec<u8>, u64) {
    let mut spans = Vec::new();
    let mut invalid = 0;
    for group in request.resources() {
        let resource = group.resource();
        for group in group.scopes() {
            let scope = group.scope();
            for view in group.spans() {
                match span(resource, scope, view) {
                    Some(span) => spans.push(span),
                    None => invalid += 1,
                }
            }
        }
    }
    if spans.is_empty() {
        return (Vec::new(), invalid);
    }
    let text = serde_json::to_vec(&spans).expect("keys are text and a Vec takes any length");
    (text, invalid)
}

fn span(resource: ResourceView<'_>, scope: ScopeView<'_>, view: SpanView<'_>) -> Option<Value> {
    let mut span = Map::new();
    span.insert("traceId".to_owned(), view.trace_id()?.to_string().into());
    span.insert("id".to_owned(), view.span_id()?.to_string().into());
    if let Some(parent) = view.parent_span_id() {
        span.insert("parentId".to_owned(), parent.to_string().into());
    }
    span.insert("name".to_owned(), view.name().into());
    let kind = match view.kind() {
        SpanKind::Client => Some("CLIENT"),
        SpanKind::Server => Some("SERVER"),
        SpanKind::Producer => Some("PRODUCER"),
        SpanKind::Consumer => Some("CONSUMER"),
        SpanKind::Internal | SpanKind::Unspecified => None,
    };
    if let Some(kind) = kind {
        span.insert("kind".to_owned(), kind.into());
    }
    let (start, end) = (view.start_unix_nanos(), view.end_unix_nanos());
    if start >= 1_000 {
        span.insert("timestamp".to_owned(), micros(start).into());
    }
    let duration = micros(end.saturating_sub(start)).max(1);
    span.insert("duration".to_owned(), duration.into());

    let service = resource.attributes().get("service.name").map(text);
    let service = service
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| UNKNOWN_SERVICE.to_owned());
    span.insert(
        "localEndpoint".to_owned(),
        json!({ "serviceName": service }),
    );
    if matches!(view.kind(), SpanKind::Client | SpanKind::Producer)
        && let Some(endpoint) = remote_endpoint(view.attributes())
    {
        span.insert("remoteEndpoint".to_owned(), endpoint);
    }
    let annotations: Vec<Value> = view.events().map(annotation).collect();
    if !annotations.is_empty() {
        span.insert("annotations".to_owned(), annotations.into());
    }
    let tags = tags(resource, scope, view);
    if !tags.is_empty() {
        span.insert("tags".to_owned(), tags.into());
    }
    Some(span.into())
}

/// Whole microseconds.
fn micros(nanos: u64) -> u64 {
    nanos / 1_000
}

fn remote_endpoint(attributes: AttributesView<'_>) -> Option<Value> {
    PEERS.iter().find_map(|&(key, port_key)| {
        let name = text(attributes.get(key)?);
        if name.is_empty() {
            return None;
        }
        let port = port_key
            .and_then(|key| attributes.get(key)?.as_int())
            .and_then(|port| u16::try_from(port).ok());
        let field = match name.parse() {
            Ok(IpAddr::V4(_)) => "ipv4",
            Ok(IpAddr::V6(_)) => "ipv6",
            Err(_) => "serviceName",
        };
        let mut endpoint = Map::from_iter([(field.to_owned(), name.into())]);
        if let Some(port) = port {
            endpoint.insert("port".to_owned(), port.into());
        }
        Some(endpoint.into())
    })
}

fn annotation(event: EventView<'_>) -> Value {
    // In the order of their keys, whatever a `Map` does.
    let attributes: BTreeMap<String, Value> = event
        .attributes()
        .map(|(key, value)| (key.to_owned(), json_value(value)))
        .collect();
    let value = if attributes.is_empty() {
        event.name().to_owned()
    } else {
        format!("{}: {}", json!(event.name()), json!(attributes))
    };
    json!({ "timestamp": micros(event.time_unix_nanos()), "value": value })
}

fn tags(
    resource: ResourceView<'_>,
    scope: ScopeView<'_>,
    view: SpanView<'_>,
) -> Map<String, Value> {
    let mut tags = Map::new();
    let mut put = |key: &str, text: String| {
        tags.insert(key.to_owned(), text.into());
    };
    for (key, value) in resource.attributes().filter(|it| it.0 != "service.name") {
        put(key, text(value));
    }
    for (key, value) in view.attributes() {
        put(key, text(value));
    }
    for (key, name) in [
        ("otel.scope.name", scope.name()),
        ("otel.scope.version", scope.version()),
    ] {
        if !name.is_empty() {
            put(key, name.to_owned());
        }
    }
    for (key, count) in [
        ("otel.dropped_attributes_count", view.dropped_attributes()),
        ("otel.dropped_events_count", view.dropped_events()),
        ("otel.dropped_links_count", view.dropped_links()),
    ] {
        if count > 0 {
            put(key, count.to_string());
        }
    }
    // Zipkin takes any span with this tag as failed, whatever its value.
    tags.remove("error");
    let status = view.status();
    match status.code {
        StatusCode::Unset => {}
        StatusCode::Ok => {
            tags.insert("otel.status_code".to_owned(), "OK".into());
        }
        StatusCode::Error => {
            tags.insert("otel.status_code".to_owned(), "ERROR".into());
            tags.insert("error".to_owned(), status.message.into());
        }
    }
    tags
}

/// A value as the text of a tag: lists and maps as JSON, bytes in base64.
fn text(value: ValueView<'_>) -> String {
    match json_value(value) {
        Value::String(text) => text,
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

fn json_value(value: ValueView<'_>) -> Value {
    match value {
        ValueView::Empty => Value::Null,
        ValueView::Str(text) => text.into(),
        ValueView::Bool(truth) => truth.into(),
        ValueView::Int(number) => number.into(),
        ValueView::Double(number) if number.is_nan() => "NaN".into(),
        ValueView::Double(f64::INFINITY) => "Infinity".into(),
        ValueView::Double(f64::NEG_INFINITY) => "-Infinity".into(),
        ValueView::Double(number) => number.into(),
        ValueView::Bytes(bytes) => STANDARD.encode(bytes).into(),
        ValueView::Array(values) => values.map(json_value).collect(),
        ValueView::Map(entries) => {
            let entries = entries.map(|(key, value)| (key.to_owned(), json_value(value)));
            Value::Object(entries.collect())
        }
    }
}
