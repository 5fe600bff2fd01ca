//! The attributes of a span while they are put into other words.
//!
//! Holds: the attributes of one span, found by their keys: foreign spans have as many as they like. Pure.

use std::collections::HashMap;
use std::rc::Rc;

use crate::model::limits::TextLimit;
use crate::model::otlp::fields as f;
use crate::model::otlp::scan;
use crate::model::otlp::view::ValueView;
use crate::model::otlp::writer::Writer;
use crate::model::owned_value::OwnedValue;

#[derive(Debug, Default)]
pub(super) struct Words {
    /// In their order; none where one was removed.
    attributes: Vec<Option<Attribute>>,
    /// Where the first of each key stands.
    places: HashMap<Rc<str>, usize>,
    changed: bool,
}

#[derive(Debug)]
struct Attribute {
    key: Rc<str>,
    value: OwnedValue,
    /// It stood in the span under this key.
    is_kept: bool,
}

impl Words {
    /// An attribute that stays. It replaces one of this key that was set before.
    pub(super) fn keep(&mut self, key: &str, value: ValueView<'_>) {
        if let Some(set) = self.set_before(key) {
            set.value = value.into();
            set.is_kept = true;
        } else {
            self.push(key, value.into(), true);
        }
    }

    /// An attribute that goes by another name.
    pub(super) fn rename(&mut self, to: &str, value: ValueView<'_>) {
        self.set(to, OwnedValue::from(value));
    }

    /// An attribute with another name and value.
    pub(super) fn change(&mut self, to: &str, value: impl Into<OwnedValue>) {
        self.set(to, value);
    }

    /// Sets an attribute, and tells whether it was set: one of this key that is there wins, for somebody set
    /// it on purpose.
    pub(super) fn set(&mut self, key: &str, value: impl Into<OwnedValue>) -> bool {
        self.changed = true;
        let is_free = !self.places.contains_key(key);
        if is_free {
            self.push(key, value.into(), false);
        }
        is_free
    }

    /// Sets an attribute as [`set`](Self::set) does, but that it replaces one that was set before.
    pub(super) fn set_again(&mut self, key: &str, value: impl Into<OwnedValue>) {
        match self.set_before(key) {
            Some(set) => set.value = value.into(),
            None => {
                self.set(key, value);
            }
        }
    }

    pub(super) fn remove(&mut self, key: &str) {
        if self.places.remove(key).is_none() {
            return;
        }
        self.changed = true;
        for it in &mut self.attributes {
            if it.as_ref().is_some_and(|it| &*it.key == key) {
                *it = None;
            }
        }
    }

    pub(super) fn get(&self, key: &str) -> Option<&OwnedValue> {
        let place = self.places.get(key)?;
        self.attributes[*place].as_ref().map(|it| &it.value)
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

    /// The attribute of this key, where it did not stand in the span.
    fn set_before(&mut self, key: &str) -> Option<&mut Attribute> {
        let place = self.places.get(key)?;
        self.attributes[*place].as_mut().filter(|it| !it.is_kept)
    }

    fn push(&mut self, key: &str, value: OwnedValue, is_kept: bool) {
        let key: Rc<str> = key.into();
        let place = self.attributes.len();
        self.places.entry(Rc::clone(&key)).or_insert(place);
        self.attributes.push(Some(Attribute {
            key,
            value,
            is_kept,
        }));
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
        for Attribute { key, value, .. } in self.attributes.iter().flatten() {
            value.with_value(|value| out.attribute(f::span::ATTRIBUTES, key, value, whole));
        }
        out.to_vec()
    }
}
