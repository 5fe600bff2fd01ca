//! What all signals share: attributes and their values, resources and scopes.

use super::reader::{FIXED64, LEN, MAX_DEPTH, Reader, VARINT, is_ascii, tag};
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

/// Checks a `KeyValue` that lies `depth` messages deep, and tells its key and its value.
#[inline(always)]
pub(super) fn attribute<'a>(
    reader: Reader<'a>,
    depth: usize,
    mut tell: impl FnMut(&'a [u8], Scalar<'a>),
) -> Result<(), WireError> {
    if usual_attribute(reader.rest(), &mut tell) {
        return Ok(());
    }
    unusual_attribute(reader, depth, tell)
}

/// The same for one that is not to be read at a glance.
#[inline(always)]
pub(super) fn unusual_attribute<'a>(
    reader: Reader<'a>,
    depth: usize,
    mut tell: impl FnMut(&'a [u8], Scalar<'a>),
) -> Result<(), WireError> {
    let (key, value) = attribute_by_field(reader, depth)?;
    tell(key, value);
    Ok(())
}

#[inline(never)]
fn attribute_by_field(
    mut reader: Reader<'_>,
    depth: usize,
) -> Result<(&[u8], Scalar<'_>), WireError> {
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

/// Reads on as long as there are usual attributes in the field of this tag, where they stand in a row.
#[inline(always)]
pub(super) fn usual_attributes<'a, const TAG: u32>(
    reader: &mut Reader<'a>,
    tell: &mut impl FnMut(&'a [u8], Scalar<'a>),
) {
    let mut rest = reader.rest();
    while let [tag, len @ ..0x80, behind @ ..] = rest
        && u32::from(*tag) == TAG
        && let Some((attribute, next)) = behind.split_at_checked(usize::from(*len))
        && usual_attribute(attribute, tell)
    {
        rest = next;
    }
    reader.go_on(rest);
}

/// An attribute as every encoder writes it: the key, then one text, integer or double, all of it short and
/// all texts ASCII. Where it is none, nothing is said but that it is to be read field by field: what is told
/// here is what would be found there, at a fraction of the cost. It is told rather than returned, since
/// what is returned goes through memory, and waiting for that took as long as all the rest.
#[inline(always)]
fn usual_attribute<'a>(bytes: &'a [u8], tell: &mut impl FnMut(&'a [u8], Scalar<'a>)) -> bool {
    const KEY: u8 = tag(f::key_value::KEY, LEN) as u8;
    const VALUE: u8 = tag(f::key_value::VALUE, LEN) as u8;
    const STRING: u8 = tag(f::value::STRING, LEN) as u8;
    const INT: u8 = tag(f::value::INT, VARINT) as u8;
    const DOUBLE: u8 = tag(f::value::DOUBLE, FIXED64) as u8;
    // All lengths within it are of one byte then.
    if bytes.len() >= 0x80 {
        return false;
    }
    let [KEY, key_len, behind @ ..] = bytes else {
        return false;
    };
    let Some((key, field)) = behind.split_at_checked(usize::from(*key_len)) else {
        return false;
    };
    let Some((head, text)) = field.split_first_chunk::<4>() else {
        return false;
    };
    // Of an empty text, and what each byte of a text adds: two lengths grow by one. All is compared at once.
    const EMPTY_TEXT: u32 = u32::from_le_bytes([VALUE, 2, STRING, 0]);
    const OF_BYTE: u32 = u32::from_le_bytes([0, 1, 0, 1]);
    if u32::from_le_bytes(*head) == EMPTY_TEXT + OF_BYTE * text.len() as u32 {
        let usual = is_ascii(bytes);
        if usual {
            tell(key, Scalar::Text(text));
        }
        return usual;
    }
    let is_value = |len: u8| usize::from(len) == field.len() - 2;
    match field {
        [VALUE, len, INT, varint @ ..] if is_value(*len) && is_ascii(key) => {
            let number = sole_varint(varint);
            if let Some(number) = number {
                tell(key, Scalar::Int(number as i64));
            }
            number.is_some()
        }
        [VALUE, len, DOUBLE, bits @ ..] if is_value(*len) && is_ascii(key) => {
            let bits = bits.try_into().map(u64::from_le_bytes);
            if let Ok(bits) = bits {
                tell(key, Scalar::Double(f64::from_bits(bits)));
            }
            bits.is_ok()
        }
        _ => false,
    }
}

/// The number, where the bytes are one varint of up to four bytes.
#[inline(always)]
fn sole_varint(bytes: &[u8]) -> Option<u64> {
    let (last, first) = bytes.split_last()?;
    if *last >= 0x80 || first.len() > 3 {
        return None;
    }
    let mut value = u64::from(*last);
    for byte in first.iter().rev() {
        if *byte < 0x80 {
            return None;
        }
        value = value << 7 | u64::from(byte & 0x7f);
    }
    Some(value)
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
            (VALUES, true) => attribute(reader.message()?, depth + 1, |_, _| {})?,
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
            ATTRIBUTES => attribute(reader.message()?, 4, &mut tell)?,
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
            ATTRIBUTES => attribute(reader.message()?, 5, |_, _| {})?,
            DROPPED => drop(reader.varint()?),
            other => reader.skip(other, known!(1, 2, 3, 4))?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::common::v1::any_value::Value;
    use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
    use proptest::prelude::*;
    use prost::Message;

    use super::*;

    /// What is found at a glance is what is found field by field. Whether something was found.
    fn check(bytes: &[u8]) -> bool {
        let mut told = None;
        let usual = usual_attribute(bytes, &mut |key, value| told = Some((key, value)));
        assert_eq!(usual, told.is_some());
        if let Some((key, value)) = told {
            let found = attribute_by_field(Reader::new(bytes), 5).expect("it is well-formed");
            // By its form, since NaN is unequal to itself.
            let form = |it| format!("{it:?}");
            assert_eq!(form(found), form((key, value)), "{bytes:?}");
        }
        usual
    }

    fn attribute(key: String, value: Value) -> Vec<u8> {
        let attribute = KeyValue {
            key,
            value: Some(AnyValue { value: Some(value) }),
            key_strindex: 0,
        };
        attribute.encode_to_vec()
    }

    proptest! {
        /// Short attributes of ASCII are found at a glance, whole; those that were damaged in any byte only where
        /// they are still well-formed.
        #[test]
        fn a_glance_finds_what_a_look_finds(
            key in "[ -~]{1,40}",
            text in "[ -~]{0,60}",
            number in 0..1_i64 << 28,
            bits in any::<u64>(),
            at in any::<prop::sample::Index>(),
            byte in any::<u8>(),
        ) {
            let double = Value::DoubleValue(f64::from_bits(bits));
            for value in [Value::StringValue(text), Value::IntValue(number), double] {
                let mut bytes = attribute(key.clone(), value);
                prop_assert!(check(&bytes), "{:?}", bytes);
                for end in 0..bytes.len() {
                    check(&bytes[..end]);
                }
                *at.get_mut(&mut bytes) = byte;
                check(&bytes);
            }
        }

        /// Bytes that are no attribute are never taken for one.
        #[test]
        fn noise_is_read_field_by_field(bytes in prop::collection::vec(any::<u8>(), 0..24)) {
            check(&bytes);
        }
    }

    /// Texts that are not ASCII and long ones are left to the other way, which checks them.
    #[test]
    fn what_is_not_usual_is_left() {
        for text in ["\u{e9}", &"a".repeat(128)] {
            let value = || Value::StringValue(text.to_owned());
            assert!(!check(&attribute("key".to_owned(), value())));
            assert!(!check(&attribute(text.to_owned(), Value::IntValue(1))));
        }
        assert!(!check(&attribute("key".to_owned(), Value::IntValue(-1))));
        assert!(!check(&attribute("key".to_owned(), Value::BoolValue(true))));
    }
}
