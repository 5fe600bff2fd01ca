//! What all signals share: attributes and their values, resources and scopes.

use super::reader::{FIXED64, LEN, MAX_DEPTH, Reader, VARINT, tag};
use crate::model::otlp::cursor::WireError;
use crate::model::otlp::fields as f;

/// The bits of known field numbers, for [`Reader::skip`].
macro_rules! known {
    ($($number:expr),* $(,)?) => { $(1_u64 << $number)|* };
}
pub(super) use known;

/// A value as far as the meaning of an attribute asks for it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Scalar<'a> {
    /// UTF-8.
    Text(&'a [u8]),
    Int(i64),
    Double(f64),
    /// Anything else.
    Other,
}

/// Checks a `KeyValue` that lies `depth` messages deep; its key and its value.
#[inline(always)]
pub(super) fn attribute<'a>(
    mut reader: Reader<'a>,
    depth: usize,
) -> Result<(&'a [u8], Scalar<'a>), WireError> {
    const KEY: u32 = tag(f::key_value::KEY, LEN);
    const VALUE: u32 = tag(f::key_value::VALUE, LEN);
    const KEY_INDEX: u32 = tag(f::key_value::KEY_INDEX, VARINT);
    const KNOWN: u64 = known!(
        f::key_value::KEY,
        f::key_value::VALUE,
        f::key_value::KEY_INDEX
    );
    let (mut key, mut scalar) = (&[][..], Scalar::Other);
    while !reader.is_empty() {
        match reader.tag()? {
            KEY => key = reader.text()?,
            VALUE => scalar = value(reader.message()?, depth + 1)?,
            KEY_INDEX => drop(reader.varint()?),
            other => reader.skip(other, KNOWN)?,
        }
    }
    Ok((key, scalar))
}

/// Checks an `AnyValue`.
#[inline(always)]
pub(super) fn value(mut reader: Reader<'_>, depth: usize) -> Result<Scalar<'_>, WireError> {
    const STRING: u32 = tag(f::value::STRING, LEN);
    const BOOL: u32 = tag(f::value::BOOL, VARINT);
    const INT: u32 = tag(f::value::INT, VARINT);
    const DOUBLE: u32 = tag(f::value::DOUBLE, FIXED64);
    const ARRAY: u32 = tag(f::value::ARRAY, LEN);
    const MAP: u32 = tag(f::value::MAP, LEN);
    const BYTES: u32 = tag(f::value::BYTES, LEN);
    const STRING_INDEX: u32 = tag(f::value::STRING_INDEX, VARINT);
    const KNOWN: u64 = 0b1_1111_1110;
    let mut scalar = Scalar::Other;
    while !reader.is_empty() {
        scalar = match reader.tag()? {
            STRING => Scalar::Text(reader.text()?),
            INT => Scalar::Int(reader.varint()? as i64),
            DOUBLE => Scalar::Double(f64::from_bits(reader.fixed64()?)),
            BOOL | STRING_INDEX => {
                reader.varint()?;
                Scalar::Other
            }
            BYTES => {
                reader.bytes()?;
                Scalar::Other
            }
            ARRAY => {
                list(reader.message()?, depth + 1, false)?;
                Scalar::Other
            }
            MAP => {
                list(reader.message()?, depth + 1, true)?;
                Scalar::Other
            }
            other => {
                reader.skip(other, KNOWN)?;
                continue;
            }
        };
    }
    Ok(scalar)
}

/// Checks an `ArrayValue` or, `keyed`, a `KeyValueList`.
#[inline(never)]
fn list(mut reader: Reader<'_>, depth: usize, keyed: bool) -> Result<(), WireError> {
    const VALUES: u32 = tag(f::list::VALUES, LEN);
    if depth >= MAX_DEPTH {
        return Err(WireError::TooDeep {
            at: reader.at(),
            limit: MAX_DEPTH,
        });
    }
    while !reader.is_empty() {
        match (reader.tag()?, keyed) {
            (VALUES, false) => drop(value(reader.message()?, depth + 1)?),
            (VALUES, true) => drop(attribute(reader.message()?, depth + 1)?),
            (other, _) => reader.skip(other, known!(f::list::VALUES))?,
        }
    }
    Ok(())
}

/// Checks a `Resource`; each of its attributes is told.
pub(super) fn resource<'a>(
    mut reader: Reader<'a>,
    mut tell: impl FnMut(&'a [u8], Scalar<'a>),
) -> Result<(), WireError> {
    const ATTRIBUTES: u32 = tag(f::resource::ATTRIBUTES, LEN);
    const DROPPED: u32 = tag(f::resource::DROPPED_ATTRIBUTES_COUNT, VARINT);
    const ENTITIES: u32 = tag(f::resource::ENTITY_REFS, LEN);
    while !reader.is_empty() {
        match reader.tag()? {
            ATTRIBUTES => {
                let (key, value) = attribute(reader.message()?, 4)?;
                tell(key, value);
            }
            DROPPED => drop(reader.varint()?),
            ENTITIES => entity(reader.message()?)?,
            other => reader.skip(other, known!(1, 2, 3))?,
        }
    }
    Ok(())
}

/// Checks an `EntityRef`: four fields of text.
fn entity(mut reader: Reader<'_>) -> Result<(), WireError> {
    while !reader.is_empty() {
        let tag = reader.tag()?;
        match (tag >> 3, tag & 7) {
            (1..=4, LEN) => drop(reader.text()?),
            _ => reader.skip(tag, known!(1, 2, 3, 4))?,
        }
    }
    Ok(())
}

/// Checks an `InstrumentationScope`.
pub(super) fn scope(mut reader: Reader<'_>) -> Result<(), WireError> {
    const NAME: u32 = tag(f::scope::NAME, LEN);
    const VERSION: u32 = tag(f::scope::VERSION, LEN);
    const ATTRIBUTES: u32 = tag(f::scope::ATTRIBUTES, LEN);
    const DROPPED: u32 = tag(f::scope::DROPPED_ATTRIBUTES_COUNT, VARINT);
    while !reader.is_empty() {
        match reader.tag()? {
            NAME | VERSION => drop(reader.text()?),
            ATTRIBUTES => drop(attribute(reader.message()?, 5)?),
            DROPPED => drop(reader.varint()?),
            other => reader.skip(other, known!(1, 2, 3, 4))?,
        }
    }
    Ok(())
}
