//! What is no message and no list: from what JSON says to what protobuf writes.

use std::borrow::Cow;

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use prost::encoding::WireType;

use super::schema::Kind;

/// What JSON says.
#[derive(Clone, Copy, Debug)]
pub(super) enum Scalar<'a> {
    Bool(bool),
    Signed(i64),
    Unsigned(u64),
    Float(f64),
    Text(&'a str),
}

/// What protobuf writes.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Payload<'a> {
    Varint(u64),
    Four([u8; 4]),
    Eight([u8; 8]),
    /// Bytes with their length before them.
    Delimited(Cow<'a, [u8]>),
    /// An id of 16 bytes, or the first so many of them.
    Id([u8; 16], usize),
}

impl Payload<'_> {
    pub(super) fn wire_type(&self) -> WireType {
        match self {
            Self::Varint(_) => WireType::Varint,
            Self::Four(_) => WireType::ThirtyTwoBit,
            Self::Eight(_) => WireType::SixtyFourBit,
            Self::Delimited(_) | Self::Id(..) => WireType::LengthDelimited,
        }
    }

    /// Whether a field without a value has this one.
    pub(super) fn is_default(&self) -> bool {
        match self {
            Self::Varint(value) => *value == 0,
            Self::Four(bytes) => *bytes == [0; 4],
            Self::Eight(bytes) => *bytes == [0; 8],
            Self::Delimited(bytes) => bytes.is_empty(),
            Self::Id(_, length) => *length == 0,
        }
    }
}

const OUT_OF_RANGE: &str = "the number is out of range";
const NOT_INTEGER: &str = "must be an integer, as a number or as a string of decimal digits";

/// # Errors
/// What the value must be, in words that hold nothing of it.
pub(super) fn convert<'a>(kind: Kind, scalar: Scalar<'a>) -> Result<Payload<'a>, &'static str> {
    Ok(match kind {
        Kind::Message(_) => return Err("must be an object"),
        Kind::Text => Payload::Delimited(text(scalar)?.as_bytes().into()),
        Kind::Bytes => Payload::Delimited(base64(text(scalar)?)?.into()),
        Kind::Id(length) => id(length, text(scalar)?)?,
        Kind::Bool => match scalar {
            Scalar::Bool(value) => Payload::Varint(value.into()),
            _ => return Err("must be true or false"),
        },
        Kind::Int32 => Payload::Varint(i64::from(integer::<i32>(scalar)?) as u64),
        Kind::Int64 => Payload::Varint(integer::<i64>(scalar)? as u64),
        Kind::Uint32 => Payload::Varint(integer::<u32>(scalar)?.into()),
        Kind::Uint64 => Payload::Varint(integer(scalar)?),
        Kind::Sint32 => {
            let value = integer::<i32>(scalar)?;
            Payload::Varint(u64::from(((value << 1) ^ (value >> 31)) as u32))
        }
        Kind::Fixed32 => Payload::Four(integer::<u32>(scalar)?.to_le_bytes()),
        Kind::Fixed64 => Payload::Eight(integer::<u64>(scalar)?.to_le_bytes()),
        Kind::Sfixed64 => Payload::Eight(integer::<i64>(scalar)?.to_le_bytes()),
        Kind::Double => Payload::Eight(double(scalar)?.to_le_bytes()),
        Kind::Enum(names) => Payload::Varint(i64::from(enumeration(names, scalar)?) as u64),
    })
}

fn text(scalar: Scalar<'_>) -> Result<&str, &'static str> {
    match scalar {
        Scalar::Text(text) => Ok(text),
        _ => Err("must be a string"),
    }
}

fn integer<T: TryFrom<i128>>(scalar: Scalar<'_>) -> Result<T, &'static str> {
    /// Every integer of 64 bits is smaller, and converts without loss.
    const BOUND: f64 = 18_446_744_073_709_551_616.0;
    let value = match scalar {
        Scalar::Bool(_) => return Err(NOT_INTEGER),
        Scalar::Signed(value) => value.into(),
        Scalar::Unsigned(value) => value.into(),
        Scalar::Float(value) if value.abs() > BOUND => return Err(OUT_OF_RANGE),
        Scalar::Float(value) if value.fract() == 0.0 => value as i128,
        Scalar::Float(_) => return Err(NOT_INTEGER),
        Scalar::Text(text) => text.parse::<i128>().map_err(|_| NOT_INTEGER)?,
    };
    T::try_from(value).map_err(|_| OUT_OF_RANGE)
}

fn double(scalar: Scalar<'_>) -> Result<f64, &'static str> {
    const NOT_NUMBER: &str = "must be a number, or one of the strings NaN, Infinity, -Infinity";
    Ok(match scalar {
        Scalar::Bool(_) => return Err(NOT_NUMBER),
        Scalar::Signed(value) => value as f64,
        Scalar::Unsigned(value) => value as f64,
        Scalar::Float(value) => value,
        Scalar::Text("NaN") => f64::NAN,
        Scalar::Text("Infinity") => f64::INFINITY,
        Scalar::Text("-Infinity") => f64::NEG_INFINITY,
        Scalar::Text(text) => {
            let value = text.parse::<f64>().map_err(|_| NOT_NUMBER)?;
            // Rust knows more names for these, and makes infinity of what is too large.
            if !value.is_finite() {
                return Err(NOT_NUMBER);
            }
            value
        }
    })
}

fn enumeration(names: &[(&str, i32)], scalar: Scalar<'_>) -> Result<i32, &'static str> {
    let Scalar::Text(text) = scalar else {
        return integer(scalar);
    };
    let known = names.iter().find(|(name, _)| *name == text);
    let (_, number) = known.ok_or("is no name that this enum has; use its number")?;
    Ok(*number)
}

fn id(length: usize, text: &str) -> Result<Payload<'static>, &'static str> {
    let mut bytes = [0; 16];
    if text.is_empty() {
        return Ok(Payload::Id(bytes, 0));
    }
    let wrong = match length {
        16 => "must be 32 hexadecimal digits",
        _ => "must be 16 hexadecimal digits",
    };
    if text.len() != 2 * length {
        return Err(wrong);
    }
    for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let digit = |digit: u8| char::from(digit).to_digit(16).ok_or(wrong);
        *byte = (digit(digits[0])? * 16 + digit(digits[1])?) as u8;
    }
    Ok(Payload::Id(bytes, length))
}

/// Both alphabets, with padding or without, as protobuf's mapping wants it.
fn base64(text: &str) -> Result<Vec<u8>, &'static str> {
    const CONFIG: GeneralPurposeConfig = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, CONFIG);
    const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, CONFIG);
    let is_url_safe = text.contains(['-', '_']);
    let engine = if is_url_safe { URL_SAFE } else { STANDARD };
    engine.decode(text).map_err(|_| "must be base64")
}
