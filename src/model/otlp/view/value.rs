//! Attribute values as they lie on the wire.

use std::fmt;

use crate::model::otlp::cursor::{Entries, Field, Fields, WireError};
use crate::model::otlp::fields::{key_value, list, value};

/// How deep arrays and maps may lie in each other. Deeper values are refused as a whole.
pub(crate) const MAX_DEPTH: usize = 64;

/// A value as it lies on the wire (OTLP `AnyValue`): read in place, nothing is copied.
///
/// When the wire holds a value more than once, the last one counts.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum ValueView<'a> {
    /// No value: OTLP allows an `AnyValue` that holds none of its variants.
    #[default]
    Empty,
    /// Text.
    Str(&'a str),
    /// True or false.
    Bool(bool),
    /// A signed 64-bit integer.
    Int(i64),
    /// A 64-bit float, NaN and the infinities included.
    Double(f64),
    /// Raw bytes.
    Bytes(&'a [u8]),
    /// Several values.
    Array(ArrayView<'a>),
    /// Keys with their values.
    Map(AttributesView<'a>),
}

impl<'a> ValueView<'a> {
    /// The value, as far as it is in these fields: earlier occurrences of the same message come
    /// first.
    pub(super) fn merge(&mut self, mut fields: Fields<'a>) -> Result<(), WireError> {
        while let Some(field) = fields.read()? {
            *self = match field.number {
                value::STRING => Self::Str(field.text()?),
                value::BOOL => Self::Bool(field.varint()? != 0),
                value::INT => Self::Int(field.varint()? as i64),
                value::DOUBLE => Self::Double(f64::from_bits(field.fixed64()?)),
                value::BYTES => Self::Bytes(field.bytes()?),
                value::ARRAY => {
                    Self::Array(ArrayView(Entries::new(field.message()?, list::VALUES)))
                }
                value::MAP => {
                    Self::Map(AttributesView(Entries::new(field.message()?, list::VALUES)))
                }
                // Points into the string table of a profile; nothing else has one.
                value::STRING_INDEX => {
                    field.int32()?;
                    Self::Empty
                }
                _ => continue,
            };
        }
        Ok(())
    }

    pub(super) fn read(fields: Fields<'a>) -> Result<Self, WireError> {
        let mut value = Self::Empty;
        value.merge(fields)?;
        Ok(value)
    }

    /// Checks a value with all that lies in it, also what later fields will override.
    pub(super) fn check(mut fields: Fields<'a>, depth: usize) -> Result<(), WireError> {
        if depth > MAX_DEPTH {
            return Err(WireError::TooDeep {
                at: fields.position(),
                limit: MAX_DEPTH,
            });
        }
        Self::read(fields)?;
        while let Some(field) = fields.read()? {
            match field.number {
                value::ARRAY => check_values(field, depth, Self::check)?,
                value::MAP => check_values(field, depth, check_attribute_at)?,
                _ => {}
            }
        }
        Ok(())
    }

    /// The text, when it is one.
    #[must_use]
    pub fn as_str(&self) -> Option<&'a str> {
        match self {
            Self::Str(text) => Some(text),
            _ => None,
        }
    }

    /// The integer, when it is one.
    #[must_use]
    pub fn as_int(&self) -> Option<i64> {
        match self {
            Self::Int(number) => Some(*number),
            _ => None,
        }
    }

    /// The float, when it is one.
    #[must_use]
    pub fn as_double(&self) -> Option<f64> {
        match self {
            Self::Double(number) => Some(*number),
            _ => None,
        }
    }

    /// The truth value, when it is one.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(truth) => Some(*truth),
            _ => None,
        }
    }
}

/// Checks one element of an array, or one entry of a map, at a depth.
type CheckEntry<'a> = fn(Fields<'a>, usize) -> Result<(), WireError>;

fn check_values<'a>(
    holder: Field<'a>,
    depth: usize,
    check: CheckEntry<'a>,
) -> Result<(), WireError> {
    let mut fields = holder.message()?;
    while let Some(field) = fields.read()? {
        if field.number == list::VALUES {
            check(field.message()?, depth + 1)?;
        }
    }
    Ok(())
}

fn check_attribute_at(mut fields: Fields<'_>, depth: usize) -> Result<(), WireError> {
    while let Some(field) = fields.read()? {
        match field.number {
            key_value::KEY => {
                field.text()?;
            }
            key_value::VALUE => ValueView::check(field.message()?, depth)?,
            key_value::KEY_INDEX => {
                field.int32()?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// Checks one `KeyValue` of a span, event, link, log record, resource or scope.
pub(super) fn check_attribute(fields: Fields<'_>) -> Result<(), WireError> {
    check_attribute_at(fields, 0)
}

/// The values of an array, in order; an iterator over them.
#[derive(Clone)]
pub struct ArrayView<'a>(Entries<'a>);

impl<'a> Iterator for ArrayView<'a> {
    type Item = ValueView<'a>;

    fn next(&mut self) -> Option<ValueView<'a>> {
        ValueView::read(self.0.next()?).ok()
    }
}

impl fmt::Debug for ArrayView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}

/// Keys with their values, in wire order; an iterator over them.
///
/// Keys should differ; OTLP leaves the meaning of equal ones open, and they all come up here.
#[derive(Clone)]
pub struct AttributesView<'a>(pub(super) Entries<'a>);

impl<'a> AttributesView<'a> {
    /// The first value of a key among those not yet iterated.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<ValueView<'a>> {
        self.clone()
            .find_map(|(found, value)| (found == key).then_some(value))
    }
}

impl<'a> Iterator for AttributesView<'a> {
    type Item = (&'a str, ValueView<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let mut fields = self.0.next()?;
        let mut key = "";
        let mut value = ValueView::Empty;
        while let Some(field) = fields.read().ok()? {
            match field.number {
                key_value::KEY => key = field.text().ok()?,
                key_value::VALUE => value.merge(field.message().ok()?).ok()?,
                _ => {}
            }
        }
        Some((key, value))
    }
}

impl fmt::Debug for AttributesView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.clone()).finish()
    }
}
