//! What limits make of keys and values, in plain Rust and in the words of the reference.

use opentelemetry_proto::tonic::common::v1::any_value::Value as Known;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue, KeyValueList};
use spanreel::OwnedValue;

/// What may be kept of a text or bytes.
#[derive(Clone, Copy)]
pub(super) struct Cut {
    pub(super) characters: Option<usize>,
    pub(super) bytes: usize,
}

impl Cut {
    pub(super) fn text(self, text: &str) -> String {
        let mut kept = String::new();
        for (count, character) in text.chars().enumerate() {
            let is_long = self.characters.is_some_and(|most| count >= most);
            if is_long || kept.len() + character.len_utf8() > self.bytes {
                break;
            }
            kept.push(character);
        }
        kept
    }

    pub(super) fn value(self, value: &OwnedValue) -> AnyValue {
        let known = match value {
            OwnedValue::Str(text) => Known::StringValue(self.text(text)),
            OwnedValue::Bool(truth) => Known::BoolValue(*truth),
            OwnedValue::Int(number) => Known::IntValue(*number),
            OwnedValue::Double(number) => Known::DoubleValue(*number),
            OwnedValue::Bytes(bytes) => {
                let most = self.bytes.min(self.characters.unwrap_or(usize::MAX));
                Known::BytesValue(bytes.iter().take(most).copied().collect())
            }
            OwnedValue::Array(values) => Known::ArrayValue(ArrayValue {
                values: values.iter().map(|value| self.value(value)).collect(),
            }),
            OwnedValue::Map(entries) => Known::KvlistValue(KeyValueList {
                values: entries
                    .iter()
                    .map(|(key, value)| pair(key, self.value(value)))
                    .collect(),
            }),
            other => panic!("no model of {other:?}"),
        };
        AnyValue { value: Some(known) }
    }
}

pub(super) fn pair(key: &str, value: AnyValue) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(value),
        ..KeyValue::default()
    }
}

pub(super) fn text(text: &str) -> AnyValue {
    AnyValue {
        value: Some(Known::StringValue(text.to_owned())),
    }
}

/// Attributes with a limit on their number, in the order in which they are exported.
pub(super) struct Attributes {
    pub(super) most: usize,
    pub(super) key_bytes: usize,
    pub(super) cut: Cut,
    pub(super) kept: Vec<KeyValue>,
    pub(super) dropped: u32,
}

impl Attributes {
    pub(super) fn new(most: usize, key_bytes: usize, cut: Cut) -> Self {
        Self {
            most,
            key_bytes,
            cut,
            kept: Vec::new(),
            dropped: 0,
        }
    }

    /// Sets one: the last value of a key wins.
    pub(super) fn set(&mut self, key: &str, value: &OwnedValue) {
        let key = Cut {
            characters: None,
            bytes: self.key_bytes,
        }
        .text(key);
        if ["session.id", "gen_ai.conversation.id"].contains(&&*key) {
            return;
        }
        self.kept.retain(|kept| kept.key != key);
        if key.is_empty() || self.kept.len() >= self.most {
            self.dropped += 1;
            return;
        }
        self.kept.push(pair(&key, self.cut.value(value)));
    }

    pub(super) fn set_text(&mut self, key: &str, value: &str) {
        self.set(key, &OwnedValue::Str(value.to_owned()));
    }

    pub(super) fn set_int(&mut self, key: &str, value: u64) {
        let value = i64::try_from(value).unwrap_or(i64::MAX);
        self.set(key, &OwnedValue::Int(value));
    }

    /// Those of a list that is given at once, of an event or a link: the first count, and among them
    /// the last of a key. Reserved keys mean nothing there.
    pub(super) fn list(&self, most: usize, given: &[(String, OwnedValue)]) -> (Vec<KeyValue>, u32) {
        let mut kept: Vec<KeyValue> = Vec::new();
        let mut dropped = given.len().saturating_sub(most);
        let names = Cut {
            characters: None,
            bytes: self.key_bytes,
        };
        for (key, value) in given.iter().take(most) {
            let key = names.text(key);
            kept.retain(|kept| kept.key != key);
            if key.is_empty() {
                dropped += 1;
            } else {
                kept.push(pair(&key, self.cut.value(value)));
            }
        }
        (kept, u32::try_from(dropped).expect("few"))
    }
}
