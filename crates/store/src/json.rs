//! Values of OTLP as JSON that loses nothing.
//!
//! Texts, truth values and most numbers are themselves. Integers beyond 2^53 are `{"$int": "..."}`, numbers that
//! JSON has none for `{"$double": "NaN"}`, bytes `{"$bytes": "base64"}`: a page could not tell them otherwise.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Number, Value, json};
use spanreel::view::{AttributesView, ValueView};

use crate::answer::Attribute;

/// The largest integer up to which a page's numbers are exact.
const EXACT: u64 = 1 << 53;

/// A value.
pub(crate) fn value(view: &ValueView<'_>) -> Value {
    match view {
        ValueView::Str(text) => Value::String((*text).to_owned()),
        ValueView::Bool(truth) => Value::Bool(*truth),
        ValueView::Int(number) if number.unsigned_abs() <= EXACT => Value::from(*number),
        ValueView::Int(number) => json!({ "$int": number.to_string() }),
        ValueView::Double(number) => match Number::from_f64(*number) {
            Some(number) => Value::Number(number),
            None => json!({ "$double": not_finite(*number) }),
        },
        ValueView::Bytes(bytes) => json!({ "$bytes": STANDARD.encode(bytes) }),
        ValueView::Array(values) => values.clone().map(|it| value(&it)).collect(),
        ValueView::Map(entries) => Value::Object(map(entries.clone())),
        _ => Value::Null,
    }
}

fn not_finite(number: f64) -> &'static str {
    if number.is_nan() {
        "NaN"
    } else if number > 0.0 {
        "Infinity"
    } else {
        "-Infinity"
    }
}

/// Attributes as an object; of keys that come twice the first wins.
pub(crate) fn map(attributes: AttributesView<'_>) -> Map<String, Value> {
    let mut object = Map::new();
    for (key, of_key) in attributes {
        if !object.contains_key(key) {
            object.insert(key.to_owned(), value(&of_key));
        }
    }
    object
}

/// Attributes in their order.
pub(crate) fn attributes(view: AttributesView<'_>) -> Vec<Attribute> {
    view.map(|(key, of_key)| Attribute {
        key: key.to_owned(),
        value: value(&of_key),
    })
    .collect()
}
