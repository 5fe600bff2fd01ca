//! Attributes of decoded OTLP, found, changed and made.

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue};

/// The attributes of a span, a log record or a resource.
pub(super) struct Attributes<'a>(pub(super) &'a mut Vec<KeyValue>);

impl Attributes<'_> {
    /// The value of a key.
    pub(super) fn get(&self, key: &str) -> Option<&Value> {
        let found = self.0.iter().find(|attribute| attribute.key == key)?;
        found.value.as_ref()?.value.as_ref()
    }

    /// The text of a key, unless it is empty.
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        text(self.get(key)?).filter(|text| !text.is_empty())
    }

    /// Sets a key that is not there yet.
    pub(super) fn set_new(&mut self, key: &str, value: Value) {
        if self.get(key).is_none() {
            self.0.push(attribute(key, value));
        }
    }

    /// Gives the value of a key to another, unless that has one; the first is gone either way.
    pub(super) fn rename(&mut self, old: &str, new: &str, convert: fn(Value) -> Value) {
        let Some(at) = self.0.iter().position(|attribute| attribute.key == old) else {
            return;
        };
        let value = self.0[at].value.take().and_then(|any| any.value);
        if self.get(new).is_some() {
            self.0.remove(at);
            return;
        }
        self.0[at] = KeyValue {
            key: new.to_owned(),
            value: Some(AnyValue {
                value: value.map(convert),
            }),
            ..KeyValue::default()
        };
    }
}

pub(super) fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue { value: Some(value) }),
        ..KeyValue::default()
    }
}

pub(super) fn text(value: &Value) -> Option<&str> {
    match value {
        Value::StringValue(text) => Some(text),
        _ => None,
    }
}

/// The value itself.
pub(super) fn same(value: Value) -> Value {
    value
}

/// An integer where it is written as one in a text or a float.
pub(super) fn integer(value: Value) -> Value {
    /// Up to here every integer has a float of its own.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    match &value {
        Value::StringValue(text) => text.trim().parse().map_or(value, Value::IntValue),
        Value::DoubleValue(float) if float.fract() == 0.0 && float.abs() <= EXACT => {
            Value::IntValue(*float as i64)
        }
        _ => value,
    }
}

/// A float where it is written as a number of any kind.
pub(super) fn double(value: Value) -> Value {
    match number(&value) {
        Some(number) => Value::DoubleValue(number),
        None => value,
    }
}

/// A finite number of any kind.
pub(super) fn number(value: &Value) -> Option<f64> {
    let number = match value {
        Value::DoubleValue(number) => *number,
        Value::IntValue(number) => *number as f64,
        Value::StringValue(text) => text.trim().parse().ok()?,
        _ => return None,
    };
    number.is_finite().then_some(number)
}

/// A list where it is one value.
pub(super) fn list(value: Value) -> Value {
    match value {
        Value::ArrayValue(_) => value,
        value => Value::ArrayValue(ArrayValue {
            values: vec![AnyValue { value: Some(value) }],
        }),
    }
}

/// The end states of AgentOps, old and new, as ours.
pub(super) fn end_state(value: Value) -> Value {
    let state = text(&value).map(str::to_ascii_lowercase);
    let ours = match state.as_deref() {
        Some("success") => "success",
        Some("error" | "fail" | "failure") => "error",
        Some(_) => "unset",
        None => return value,
    };
    Value::StringValue(ours.to_owned())
}
