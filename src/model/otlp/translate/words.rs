//! The attributes of a span while they are put into other words.

use crate::model::limits::TextLimit;
use crate::model::otlp::fields as f;
use crate::model::otlp::scan;
use crate::model::otlp::view::ValueView;
use crate::model::otlp::writer::Writer;
use crate::model::owned_value::OwnedValue;

#[derive(Debug, Default)]
pub(super) struct Words {
    attributes: Vec<(String, OwnedValue)>,
    changed: bool,
}

impl Words {
    /// An attribute that stays.
    pub(super) fn keep(&mut self, key: &str, value: ValueView<'_>) {
        self.attributes.push((key.to_owned(), value.into()));
    }

    /// An attribute that goes by another name.
    pub(super) fn rename(&mut self, to: &str, value: ValueView<'_>) {
        self.set(to, OwnedValue::from(value));
    }

    /// An attribute with another name and value.
    pub(super) fn change(&mut self, to: &str, value: impl Into<OwnedValue>) {
        self.set(to, value);
    }

    /// Sets an attribute; one of this key that is there wins, for somebody set it on purpose.
    pub(super) fn set(&mut self, key: &str, value: impl Into<OwnedValue>) {
        self.changed = true;
        if self.get(key).is_none() {
            self.attributes.push((key.to_owned(), value.into()));
        }
    }

    pub(super) fn remove(&mut self, key: &str) {
        let before = self.attributes.len();
        self.attributes.retain(|(it, _)| it != key);
        self.changed |= self.attributes.len() < before;
    }

    pub(super) fn get(&self, key: &str) -> Option<&OwnedValue> {
        self.attributes
            .iter()
            .find(|(it, _)| it == key)
            .map(|(_, value)| value)
    }

    pub(super) fn int(&self, key: &str) -> Option<i64> {
        match self.get(key)? {
            OwnedValue::Int(number) => Some(*number),
            _ => None,
        }
    }

    pub(super) fn is_changed(&self) -> bool {
        self.changed
    }

    /// The span with these attributes instead of its own.
    pub(super) fn written(&self, span: &[u8]) -> Vec<u8> {
        let mut out = Writer::with_capacity(span.len() + span.len() / 4);
        let mut read = 0;
        for field in scan::fields(span) {
            read = field.range.end;
            if !field.is(f::span::ATTRIBUTES) {
                out.raw(&span[field.range]);
            }
        }
        out.raw(&span[read..]);
        let whole = TextLimit::new(None, usize::MAX);
        for (key, value) in &self.attributes {
            value.with_value(|value| out.attribute(f::span::ATTRIBUTES, key, value, whole));
        }
        out.to_vec()
    }
}
