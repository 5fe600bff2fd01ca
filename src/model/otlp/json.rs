//! OTLP as JSON, written from the wire form (OTLP 1.11, "JSON Protobuf Encoding").
//!
//! Trace and span ids are hexadecimal, 64-bit integers decimal strings, enums numbers, bytes
//! base64, keys lowerCamelCase; fields with their default value are left out. The serializer of
//! opentelemetry-proto is not used, because it turns NaN and the infinities into null.
//!
//! Holds: the text being written. Never waits. Loses: fields that OTLP does not know.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::view::{
    AttributesView, LogView, RequestView, ResourceGroupView, ResourceView, ScopeGroupView,
    ScopeView, SpanView, ValueView,
};
use crate::model::request::Signal;

/// Writes a request as one line of JSON, without a line feed: `TracesData` or `LogsData`.
pub(crate) fn to_json(request: RequestView<'_>) -> Vec<u8> {
    let groups = match request.signal() {
        Signal::Traces => "resourceSpans",
        Signal::Logs => "resourceLogs",
        Signal::Metrics => "resourceMetrics",
    };
    let mut out = Vec::new();
    object(&mut out, |json| {
        json.array(groups, request.resources(), |group, out| {
            resource_group(request.signal(), group, out);
        });
    });
    out
}

/// An object being written.
struct Object<'a> {
    out: &'a mut Vec<u8>,
    is_empty: bool,
}

fn object(out: &mut Vec<u8>, write: impl FnOnce(&mut Object<'_>)) {
    out.push(b'{');
    write(&mut Object {
        out,
        is_empty: true,
    });
    out.push(b'}');
}

fn array<T>(
    out: &mut Vec<u8>,
    items: impl IntoIterator<Item = T>,
    mut write: impl FnMut(T, &mut Vec<u8>),
) {
    out.push(b'[');
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write(item, out);
    }
    out.push(b']');
}

fn string(out: &mut Vec<u8>, text: &str) {
    serde_json::to_writer(out, text).expect("a Vec takes any text");
}

impl Object<'_> {
    fn key(&mut self, key: &str) -> &mut Vec<u8> {
        if !self.is_empty {
            self.out.push(b',');
        }
        self.is_empty = false;
        string(self.out, key);
        self.out.push(b':');
        self.out
    }

    /// A text that may be left out when empty.
    fn text(&mut self, key: &str, text: &str) {
        if !text.is_empty() {
            string(self.key(key), text);
        }
    }

    /// A 32-bit number or enum that may be left out when 0.
    fn number(&mut self, key: &str, number: impl Into<i64>) {
        let number = number.into();
        if number != 0 {
            self.key(key)
                .extend_from_slice(number.to_string().as_bytes());
        }
    }

    /// A 64-bit number that may be left out when 0.
    fn nanos(&mut self, key: &str, nanos: u64) {
        if nanos != 0 {
            string(self.key(key), &nanos.to_string());
        }
    }

    /// An id that may be left out when absent.
    fn id(&mut self, key: &str, bytes: &[u8]) {
        if !bytes.is_empty() {
            let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            string(self.key(key), &digits);
        }
    }

    fn object(&mut self, key: &str, write: impl FnOnce(&mut Object<'_>)) {
        object(self.key(key), write);
    }

    /// An array that is written even when it is empty: readers exist that insist on it.
    fn whole_array<T>(
        &mut self,
        key: &str,
        items: impl IntoIterator<Item = T>,
        write: impl FnMut(T, &mut Vec<u8>),
    ) {
        array(self.key(key), items, write);
    }

    /// An array that may be left out when empty.
    fn array<T>(
        &mut self,
        key: &str,
        items: impl IntoIterator<Item = T>,
        write: impl FnMut(T, &mut Vec<u8>),
    ) {
        let mut items = items.into_iter().peekable();
        if items.peek().is_some() {
            array(self.key(key), items, write);
        }
    }

    fn attributes(&mut self, attributes: AttributesView<'_>) {
        self.array("attributes", attributes, key_value);
    }
}

fn resource_group(signal: Signal, group: ResourceGroupView<'_>, out: &mut Vec<u8>) {
    let scopes = match signal {
        Signal::Traces => "scopeSpans",
        Signal::Logs => "scopeLogs",
        Signal::Metrics => "scopeMetrics",
    };
    object(out, |json| {
        json.object("resource", |json| resource(group.resource(), json));
        json.array(scopes, group.scopes(), scope_group);
        json.text("schemaUrl", group.schema_url());
    });
}

fn resource(resource: ResourceView<'_>, json: &mut Object<'_>) {
    json.attributes(resource.attributes());
    json.number("droppedAttributesCount", resource.dropped_attributes());
    json.array("entityRefs", resource.entity_refs(), |entity, out| {
        object(out, |json| {
            string(json.key("schemaUrl"), entity.schema_url());
            string(json.key("type"), entity.type_name());
            let text = |text: &str, out: &mut Vec<u8>| string(out, text);
            json.whole_array("idKeys", entity.id_keys(), text);
            json.whole_array("descriptionKeys", entity.description_keys(), text);
        });
    });
}

fn scope_group(group: ScopeGroupView<'_>, out: &mut Vec<u8>) {
    object(out, |json| {
        json.object("scope", |json| scope(group.scope(), json));
        json.array("spans", group.spans(), span);
        json.array("logRecords", group.logs(), log_record);
        json.text("schemaUrl", group.schema_url());
    });
}

fn scope(scope: ScopeView<'_>, json: &mut Object<'_>) {
    json.text("name", scope.name());
    json.text("version", scope.version());
    json.attributes(scope.attributes());
    json.number("droppedAttributesCount", scope.dropped_attributes());
}

fn span(span: SpanView<'_>, out: &mut Vec<u8>) {
    let [trace_id, span_id, parent_span_id] = span.raw_ids();
    let status = span.status();
    object(out, |json| {
        json.id("traceId", trace_id);
        json.id("spanId", span_id);
        json.text("traceState", span.trace_state());
        json.id("parentSpanId", parent_span_id);
        json.number("flags", span.flags());
        json.text("name", span.name());
        json.number("kind", span.kind_number());
        json.nanos("startTimeUnixNano", span.start_unix_nanos());
        json.nanos("endTimeUnixNano", span.end_unix_nanos());
        json.attributes(span.attributes());
        json.number("droppedAttributesCount", span.dropped_attributes());
        json.array("events", span.events(), |event, out| {
            object(out, |json| {
                json.nanos("timeUnixNano", event.time_unix_nanos());
                json.text("name", event.name());
                json.attributes(event.attributes());
                json.number("droppedAttributesCount", event.dropped_attributes());
            });
        });
        json.number("droppedEventsCount", span.dropped_events());
        json.array("links", span.links(), |link, out| {
            let [trace_id, span_id] = link.raw_ids();
            object(out, |json| {
                json.id("traceId", trace_id);
                json.id("spanId", span_id);
                json.text("traceState", link.trace_state());
                json.attributes(link.attributes());
                json.number("droppedAttributesCount", link.dropped_attributes());
                json.number("flags", link.flags());
            });
        });
        json.number("droppedLinksCount", span.dropped_links());
        json.object("status", |json| {
            json.text("message", status.message);
            json.number("code", status.code_number);
        });
    });
}

fn log_record(log: LogView<'_>, out: &mut Vec<u8>) {
    let [trace_id, span_id] = log.raw_ids();
    object(out, |json| {
        json.nanos("timeUnixNano", log.time_unix_nanos());
        json.nanos("observedTimeUnixNano", log.observed_unix_nanos());
        json.number("severityNumber", log.severity_number());
        json.text("severityText", log.severity_text());
        json.text("eventName", log.event_name());
        if let Some(body) = log.body() {
            any_value(body, json.key("body"));
        }
        json.attributes(log.attributes());
        json.number("droppedAttributesCount", log.dropped_attributes());
        json.number("flags", log.flags());
        json.id("traceId", trace_id);
        json.id("spanId", span_id);
    });
}

fn key_value((key, value): (&str, ValueView<'_>), out: &mut Vec<u8>) {
    object(out, |json| {
        string(json.key("key"), key);
        any_value(value, json.key("value"));
    });
}

fn any_value(value: ValueView<'_>, out: &mut Vec<u8>) {
    object(out, |json| match value {
        ValueView::Empty => {}
        ValueView::Str(text) => string(json.key("stringValue"), text),
        ValueView::Bool(truth) => {
            let text = if truth { "true" } else { "false" };
            json.key("boolValue").extend_from_slice(text.as_bytes());
        }
        ValueView::Int(number) => string(json.key("intValue"), &number.to_string()),
        ValueView::Double(number) => double(number, json.key("doubleValue")),
        ValueView::Bytes(bytes) => string(json.key("bytesValue"), &STANDARD.encode(bytes)),
        ValueView::Array(values) => {
            json.object("arrayValue", |json| {
                json.whole_array("values", values, any_value)
            });
        }
        ValueView::Map(entries) => {
            json.object("kvlistValue", |json| {
                json.whole_array("values", entries, key_value)
            });
        }
    });
}

/// JSON has no NaN and no infinities; protobuf's JSON writes their names (ProtoJSON, "Field
/// Representation").
fn double(number: f64, out: &mut Vec<u8>) {
    if number.is_finite() {
        serde_json::to_writer(out, &number).expect("a Vec takes any number");
    } else if number.is_nan() {
        string(out, "NaN");
    } else if number > 0.0 {
        string(out, "Infinity");
    } else {
        string(out, "-Infinity");
    }
}

#[cfg(test)]
mod tests;
