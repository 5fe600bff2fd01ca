//! Attribute values of OTLP as OpenTelemetry's API has them.
//!
//! That API knows texts, numbers, truth values and arrays of one of those. Everything else becomes
//! text as the specification has it ("AnyValue representation for non-OTLP protocols"): bytes in
//! base64, arrays and maps as JSON, no value as an empty text.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use opentelemetry::{Array, KeyValue, StringValue, Value};
use serde_json::Value as Json;
use spanreel::view::{ArrayView, AttributesView, ValueView};

/// Attributes, in their order.
pub(super) fn key_values(attributes: AttributesView<'_>) -> Vec<KeyValue> {
    let pair = |(key, value): (&str, ValueView<'_>)| KeyValue::new(key.to_owned(), value_of(value));
    attributes.map(pair).collect()
}

fn value_of(view: ValueView<'_>) -> Value {
    match view {
        ValueView::Str(text) => text.to_owned().into(),
        ValueView::Bool(truth) => truth.into(),
        ValueView::Int(number) => number.into(),
        ValueView::Double(number) => number.into(),
        ValueView::Bytes(bytes) => STANDARD.encode(bytes).into(),
        ValueView::Array(items) => match array_of(items.clone()) {
            Some(array) => Value::Array(array),
            None => json_of(ValueView::Array(items)).to_string().into(),
        },
        map @ ValueView::Map(_) => json_of(map).to_string().into(),
        _ => "".into(),
    }
}

/// The array, where its values are of one kind. An empty one is one of texts.
fn array_of(items: ArrayView<'_>) -> Option<Array> {
    Some(match items.clone().next() {
        None => Array::String(Vec::new()),
        Some(ValueView::Str(_)) => {
            let text = |item: ValueView<'_>| Some(StringValue::from(item.as_str()?.to_owned()));
            Array::String(items.map(text).collect::<Option<_>>()?)
        }
        Some(ValueView::Bool(_)) => {
            Array::Bool(items.map(|it| it.as_bool()).collect::<Option<_>>()?)
        }
        Some(ValueView::Int(_)) => Array::I64(items.map(|it| it.as_int()).collect::<Option<_>>()?),
        Some(ValueView::Double(_)) => {
            Array::F64(items.map(|it| it.as_double()).collect::<Option<_>>()?)
        }
        Some(_) => return None,
    })
}

/// The value as JSON. The wire allows 64 levels, so that recursion is bounded.
fn json_of(view: ValueView<'_>) -> Json {
    match view {
        ValueView::Str(text) => text.into(),
        ValueView::Bool(truth) => truth.into(),
        ValueView::Int(number) => number.into(),
        // JSON has no infinities and no NaN: these are texts.
        ValueView::Double(number) if !number.is_finite() => number.to_string().into(),
        ValueView::Double(number) => number.into(),
        ValueView::Bytes(bytes) => STANDARD.encode(bytes).into(),
        ValueView::Array(items) => Json::Array(items.map(json_of).collect()),
        ValueView::Map(entries) => {
            let entry = |(key, value): (&str, ValueView<'_>)| (key.to_owned(), json_of(value));
            Json::Object(entries.map(entry).collect())
        }
        _ => Json::Null,
    }
}
