//! Reads the text once and writes protobuf behind it.
//!
//! Holds: the result so far, and the way to where it is in the text. Waits: nowhere. Loses: what
//! nobody knows.

use std::fmt::{self, Write};

use bytes::Bytes;
use prost::encoding::{WireType, encode_varint};
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use spanreel::Signal;

use super::super::budget::Held;
use super::super::refusal::Refusal;
use super::super::room::Room;
use super::scalar::{self, Payload, Scalar};
use super::schema::{self, Field, Kind, Message, Rule};

/// The longest varint.
const VARINT_BYTES: usize = 10;

/// Turns the text of a request into protobuf.
pub(super) fn transcode(signal: Signal, text: &[u8], room: Room) -> Result<(Bytes, Held), Refusal> {
    let message = match signal {
        Signal::Traces => &schema::TRACES,
        Signal::Logs => &schema::LOGS,
        _ => &schema::METRICS,
    };
    let mut writer = Writer {
        room,
        way: Vec::new(),
        refusal: None,
    };
    let mut text = serde_json::Deserializer::from_slice(text);
    let outcome = Fields {
        message,
        writer: &mut writer,
    }
    .deserialize(&mut text)
    .and_then(|()| text.end());
    match outcome {
        Ok(()) => Ok(writer.room.finish()),
        Err(error) => Err(writer.explain(&error)),
    }
}

/// Where in the text something is.
#[derive(Debug)]
enum Step {
    Key(&'static str),
    Index(usize),
}

struct Writer {
    room: Room,
    /// Left behind where reading stops.
    way: Vec<Step>,
    /// There is no room: no fault of the text's.
    refusal: Option<Refusal>,
}

impl Writer {
    fn explain(self, error: &serde_json::Error) -> Refusal {
        if let Some(refusal) = self.refusal {
            return refusal;
        }
        if self.way.is_empty() && error.is_data() {
            // In serde's own words it would be told what there was instead.
            return Refusal::Malformed("a request must be an object".into());
        }
        let mut place = String::new();
        for step in &self.way {
            let written = match step {
                Step::Key(key) if place.is_empty() => write!(place, "{key}"),
                Step::Key(key) => write!(place, ".{key}"),
                Step::Index(index) => write!(place, "[{index}]"),
            };
            written.expect("a string takes everything");
        }
        if place.is_empty() {
            return Refusal::Malformed(error.to_string());
        }
        Refusal::Malformed(format!("{place}: {error}"))
    }

    fn bytes<E: Error>(&mut self, bytes: &[u8]) -> Result<(), E> {
        self.room.push(bytes).map_err(|refusal| {
            self.refusal = Some(refusal);
            E::custom("no room")
        })
    }

    fn varint<E: Error>(&mut self, value: u64) -> Result<(), E> {
        let (bytes, width) = varint(value);
        self.bytes(&bytes[..width])
    }

    fn tag<E: Error>(&mut self, number: u32, wire_type: WireType) -> Result<(), E> {
        self.varint(u64::from(number) << 3 | wire_type as u64)
    }

    /// Begins something with its length before it. Gives where.
    fn open<E: Error>(&mut self, number: u32) -> Result<usize, E> {
        self.tag(number, WireType::LengthDelimited)?;
        let start = self.room.len();
        self.bytes(&[0])?;
        Ok(start)
    }

    /// Ends what began at `start`: writes its length, and moves it if that takes more than a byte.
    fn close<E: Error>(&mut self, start: usize) -> Result<(), E> {
        let length = self.room.len() - start - 1;
        let (bytes, width) = varint(length as u64);
        self.bytes(&[0; VARINT_BYTES][..width - 1])?;
        let written = self.room.written();
        written.copy_within(start + 1..start + 1 + length, start + width);
        written[start..start + width].copy_from_slice(&bytes[..width]);
        Ok(())
    }

    fn payload<E: Error>(&mut self, payload: &Payload<'_>) -> Result<(), E> {
        let bytes = match payload {
            Payload::Varint(value) => return self.varint(*value),
            Payload::Four(bytes) => return self.bytes(bytes),
            Payload::Eight(bytes) => return self.bytes(bytes),
            Payload::Delimited(bytes) => bytes,
            Payload::Id(bytes, length) => &bytes[..*length],
        };
        self.varint(bytes.len() as u64)?;
        self.bytes(bytes)
    }
}

fn varint(value: u64) -> ([u8; VARINT_BYTES], usize) {
    let mut bytes = [0; VARINT_BYTES];
    let mut rest = &mut bytes[..];
    encode_varint(value, &mut rest);
    let width = VARINT_BYTES - rest.len();
    (bytes, width)
}

/// Reads an object and writes the fields of a message.
struct Fields<'w> {
    message: &'static Message,
    writer: &'w mut Writer,
}

impl<'de> DeserializeSeed<'de> for Fields<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, text: D) -> Result<(), D::Error> {
        text.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Fields<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(field) = map.next_key_seed(Key(self.message))? {
            let Some(field) = field else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            self.writer.way.push(Step::Key(field.key));
            map.next_value_seed(Value {
                field,
                place: Place::Field,
                writer: self.writer,
            })?;
            self.writer.way.pop();
        }
        Ok(())
    }
}

/// Finds the field of a key.
struct Key(&'static Message);

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Option<&'static Field>;

    fn deserialize<D: Deserializer<'de>>(self, text: D) -> Result<Self::Value, D::Error> {
        text.deserialize_identifier(self)
    }
}

impl Visitor<'_> for Key {
    type Value = Option<&'static Field>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<Self::Value, E> {
        Ok(self.0.0.iter().find(|field| field.key == key))
    }
}

/// Where a value stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Field,
    /// In a list, with a tag of its own.
    Element,
    /// In a list of numbers, which share one tag.
    Packed,
}

/// Reads a value and writes a field.
struct Value<'w> {
    field: &'static Field,
    place: Place,
    writer: &'w mut Writer,
}

impl Value<'_> {
    fn scalar<E: Error>(self, scalar: Scalar<'_>) -> Result<(), E> {
        let Self {
            field,
            place,
            writer,
        } = self;
        if place == Place::Field && field.rule == Rule::List {
            return Err(E::custom("must be a list"));
        }
        let payload = scalar::convert(field.kind, scalar).map_err(E::custom)?;
        if field.rule == Rule::Implicit && payload.is_default() {
            return Ok(());
        }
        if place != Place::Packed {
            writer.tag(field.number, payload.wire_type())?;
        }
        writer.payload(&payload)
    }
}

impl<'de> DeserializeSeed<'de> for Value<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, text: D) -> Result<(), D::Error> {
        text.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        if self.place == Place::Field {
            return Ok(());
        }
        Err(E::custom("must not be null"))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.scalar(Scalar::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.scalar(Scalar::Signed(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.scalar(Scalar::Unsigned(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.scalar(Scalar::Float(value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        self.scalar(Scalar::Text(value))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        let is_list = self.field.rule == Rule::List;
        if self.place == Place::Field && is_list {
            return Err(A::Error::custom("must be a list"));
        }
        let Kind::Message(message) = self.field.kind else {
            return Err(A::Error::custom("must not be an object"));
        };
        let start = self.writer.open(self.field.number)?;
        let fields = Fields {
            message,
            writer: &mut *self.writer,
        };
        fields.visit_map(map)?;
        self.writer.close(start)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let Self {
            field,
            place,
            writer,
        } = self;
        if place != Place::Field || field.rule != Rule::List {
            return Err(A::Error::custom("must not be a list"));
        }
        let is_packed = !matches!(
            field.kind,
            Kind::Message(_) | Kind::Text | Kind::Bytes | Kind::Id(_)
        );
        let place = if is_packed {
            Place::Packed
        } else {
            Place::Element
        };
        let before = writer.room.len();
        let start = match place {
            Place::Packed => writer.open(field.number)?,
            Place::Element | Place::Field => before,
        };
        let first = writer.room.len();
        for index in 0.. {
            writer.way.push(Step::Index(index));
            let element = Value {
                field,
                place,
                writer: &mut *writer,
            };
            let element = list.next_element_seed(element)?;
            writer.way.pop();
            if element.is_none() {
                break;
            }
        }
        if writer.room.len() == first {
            writer.room.written().truncate(before);
            return Ok(());
        }
        match place {
            Place::Packed => writer.close(start),
            Place::Element | Place::Field => Ok(()),
        }
    }
}
