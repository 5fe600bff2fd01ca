//! Attributes that own what they hold.

use std::ops::Deref;

use crate::model::otlp::view::AttributesView;
use crate::model::owned_value::{OwnedValue, entries};

/// Attributes in the order in which they were recorded: a slice of keys with their values, and
/// typed access by key.
///
/// The typed getters answer `None` as well when the key is there with a value of another type.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RecordedAttributes(Vec<(String, OwnedValue)>);

impl RecordedAttributes {
    /// The first value of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&OwnedValue> {
        let (_, value) = self.0.iter().find(|(found, _)| found == key)?;
        Some(value)
    }

    /// The text of a key.
    #[must_use]
    pub fn str(&self, key: &str) -> Option<&str> {
        match self.get(key)? {
            OwnedValue::Str(text) => Some(text),
            _ => None,
        }
    }

    /// The integer of a key.
    #[must_use]
    pub fn int(&self, key: &str) -> Option<i64> {
        match self.get(key)? {
            OwnedValue::Int(number) => Some(*number),
            _ => None,
        }
    }

    /// The float of a key.
    #[must_use]
    pub fn double(&self, key: &str) -> Option<f64> {
        match self.get(key)? {
            OwnedValue::Double(number) => Some(*number),
            _ => None,
        }
    }

    /// The truth value of a key.
    #[must_use]
    pub fn bool(&self, key: &str) -> Option<bool> {
        match self.get(key)? {
            OwnedValue::Bool(truth) => Some(*truth),
            _ => None,
        }
    }
}

impl Deref for RecordedAttributes {
    type Target = [(String, OwnedValue)];

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl From<Vec<(String, OwnedValue)>> for RecordedAttributes {
    fn from(entries: Vec<(String, OwnedValue)>) -> Self {
        Self(entries)
    }
}

impl From<AttributesView<'_>> for RecordedAttributes {
    fn from(view: AttributesView<'_>) -> Self {
        Self(entries(view))
    }
}
