//! Values that hold further values: their lengths are worked out before they are written.

use super::{Writer, len_field, varint_len};
use crate::model::attribute::Value;
use crate::model::limits::TextLimit;
use crate::model::otlp::fields as f;
use crate::model::otlp::foreign::MAX_DEPTH;

/// How many messages a value may lie in, itself included: a request, a resource's spans, a scope's spans, a
/// span, an event, an attribute, the value.
const AROUND: usize = 7;

/// How many messages may lie in each other within a value, which is 29 maps or 44 arrays: with those around it
/// no more than readers follow, which refuse a request as a whole for one value that is deeper. An array or
/// map that lies deeper is written as an empty value.
const WITHIN: usize = MAX_DEPTH - AROUND;

/// The messages that lie in each other for one array: the list and the value in it.
const OF_ARRAY: usize = 2;

/// Those for one map: the list, the entry and the value in it.
const OF_MAP: usize = 3;

impl Writer {
    #[inline(never)]
    pub(super) fn key_value(&mut self, field: u32, key: &str, value: Value<'_>, bounds: Bounds) {
        let value_len = bounds.value_len(value);
        self.open(field, len_field(key.len()) + len_field(value_len));
        self.bytes(f::key_value::KEY, key.as_bytes());
        self.open(f::key_value::VALUE, value_len);
        self.value(value, bounds);
    }

    /// An `AnyValue` in field `field`.
    pub(crate) fn any_value(&mut self, field: u32, value: Value<'_>, limit: TextLimit) {
        let bounds = Bounds::new(limit);
        self.open(field, bounds.value_len(value));
        self.value(value, bounds);
    }

    /// The contents of an `AnyValue`.
    fn value(&mut self, value: Value<'_>, bounds: Bounds) {
        match value {
            Value::Empty => {}
            Value::Str(text) => {
                let text = bounds.text.cut_whole(text);
                self.bytes(f::value::STRING, text.as_bytes());
            }
            Value::Bool(truth) => self.uint(f::value::BOOL, truth.into()),
            Value::Int(number) => self.uint(f::value::INT, number as u64),
            Value::Double(number) => self.fixed64(f::value::DOUBLE, number.to_bits()),
            Value::Bytes(bytes) => self.bytes(f::value::BYTES, bounds.text.cut_bytes(bytes)),
            Value::Array(items) => {
                let Some(inner) = bounds.inner(OF_ARRAY) else {
                    return;
                };
                self.open(f::value::ARRAY, inner.array_len(items));
                for item in items {
                    self.open(f::list::VALUES, inner.value_len(*item));
                    self.value(*item, inner);
                }
            }
            Value::Map(entries) => {
                let Some(inner) = bounds.inner(OF_MAP) else {
                    return;
                };
                self.open(f::value::MAP, inner.map_len(entries));
                for (key, value) in entries {
                    self.key_value(f::list::VALUES, key, *value, inner);
                }
            }
        }
    }
}

/// What a value may still hold: messages in each other, and length of its texts.
#[derive(Clone, Copy)]
pub(super) struct Bounds {
    messages: usize,
    text: TextLimit,
}

impl Bounds {
    pub(super) fn new(text: TextLimit) -> Self {
        Self {
            messages: WITHIN,
            text,
        }
    }

    /// What a value may still hold that lies so many messages deeper; `None` where that is too deep.
    fn inner(self, messages: usize) -> Option<Self> {
        Some(Self {
            messages: self.messages.checked_sub(messages)?,
            ..self
        })
    }

    /// The length of the contents of an `AnyValue`.
    fn value_len(self, value: Value<'_>) -> usize {
        match value {
            Value::Empty => 0,
            Value::Str(text) => len_field(self.text.cut_whole(text).len()),
            Value::Bool(_) => 2,
            Value::Int(number) => 1 + varint_len(number as u64),
            Value::Double(_) => 9,
            Value::Bytes(bytes) => len_field(self.text.cut_bytes(bytes).len()),
            Value::Array(items) => match self.inner(OF_ARRAY) {
                Some(inner) => len_field(inner.array_len(items)),
                None => 0,
            },
            Value::Map(entries) => match self.inner(OF_MAP) {
                Some(inner) => len_field(inner.map_len(entries)),
                None => 0,
            },
        }
    }

    fn array_len(self, items: &[Value<'_>]) -> usize {
        items
            .iter()
            .map(|item| len_field(self.value_len(*item)))
            .sum()
    }

    fn map_len(self, entries: &[(&str, Value<'_>)]) -> usize {
        let entry =
            |key: &str, value| len_field(len_field(key.len()) + len_field(self.value_len(value)));
        entries.iter().map(|(key, value)| entry(key, *value)).sum()
    }
}
