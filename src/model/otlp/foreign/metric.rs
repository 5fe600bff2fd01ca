//! Checks a foreign metric and counts its data points.
//!
//! Field numbers of `metrics.proto` (OTLP 1.11). What a field holds is said by one table per message.

use super::common::attribute;
use super::reader::{FIXED64, LEN, Reader, VARINT};
use crate::model::otlp::cursor::WireError;

/// What a field holds.
#[derive(Clone, Copy)]
enum Holds {
    Text,
    Varint,
    Fixed64,
    /// Numbers of eight bytes each, packed or one by one.
    Fixed64s,
    /// Variable-length numbers, packed or one by one.
    Varints,
    Attribute,
    TraceId,
    SpanId,
    Message(&'static Schema),
    /// The data points that a metric is counted by.
    Points(&'static Schema),
}

/// The fields of a message: number and content.
type Schema = [(u32, Holds)];

use Holds::{
    Attribute, Fixed64, Fixed64s, Message, Points, SpanId, Text, TraceId, Varint, Varints,
};

const METRIC: &Schema = &[
    (1, Text),
    (2, Text),
    (3, Text),
    (5, Message(&[(1, Points(NUMBER_POINT))])),
    (
        7,
        Message(&[(1, Points(NUMBER_POINT)), (2, Varint), (3, Varint)]),
    ),
    (9, Message(&[(1, Points(HISTOGRAM_POINT)), (2, Varint)])),
    (10, Message(&[(1, Points(EXPONENTIAL_POINT)), (2, Varint)])),
    (11, Message(&[(1, Points(SUMMARY_POINT))])),
    (12, Attribute),
];

const NUMBER_POINT: &Schema = &[
    (2, Fixed64),
    (3, Fixed64),
    (4, Fixed64),
    (5, Message(EXEMPLAR)),
    (6, Fixed64),
    (7, Attribute),
    (8, Varint),
];

const HISTOGRAM_POINT: &Schema = &[
    (2, Fixed64),
    (3, Fixed64),
    (4, Fixed64),
    (5, Fixed64),
    (6, Fixed64s),
    (7, Fixed64s),
    (8, Message(EXEMPLAR)),
    (9, Attribute),
    (10, Varint),
    (11, Fixed64),
    (12, Fixed64),
];

const EXPONENTIAL_POINT: &Schema = &[
    (1, Attribute),
    (2, Fixed64),
    (3, Fixed64),
    (4, Fixed64),
    (5, Fixed64),
    (6, Varint),
    (7, Fixed64),
    (8, Message(BUCKETS)),
    (9, Message(BUCKETS)),
    (10, Varint),
    (11, Message(EXEMPLAR)),
    (12, Fixed64),
    (13, Fixed64),
    (14, Fixed64),
];

const BUCKETS: &Schema = &[(1, Varint), (2, Varints)];

const SUMMARY_POINT: &Schema = &[
    (2, Fixed64),
    (3, Fixed64),
    (4, Fixed64),
    (5, Fixed64),
    (6, Message(&[(1, Fixed64), (2, Fixed64)])),
    (7, Attribute),
    (8, Varint),
];

const EXEMPLAR: &Schema = &[
    (2, Fixed64),
    (3, Fixed64),
    (4, SpanId),
    (5, TraceId),
    (6, Fixed64),
    (7, Attribute),
];

/// Checks a `Metric`; the number of its data points.
pub(super) fn metric(reader: Reader<'_>) -> Result<u64, WireError> {
    message(reader, METRIC, 4)
}

/// Checks a message that lies `depth` messages deep. The schemas go no deeper than eight, so this
/// ends; values of attributes have a bound of their own.
fn message(mut reader: Reader<'_>, schema: &Schema, depth: usize) -> Result<u64, WireError> {
    let mut points = 0;
    while !reader.is_empty() {
        let at = reader.at();
        let tag = reader.tag()?;
        let (number, wire_type) = (tag >> 3, tag & 7);
        let Some((_, holds)) = schema.iter().find(|(known, _)| *known == number) else {
            reader.skip(tag, 0)?;
            continue;
        };
        match (holds, wire_type) {
            (Text, LEN) => drop(reader.text()?),
            (Varint, VARINT) | (Varints, VARINT) => drop(reader.varint()?),
            (Fixed64 | Fixed64s, FIXED64) => drop(reader.fixed64()?),
            (Fixed64s, LEN) => {
                let packed = reader.message()?;
                if packed.rest().len() % 8 != 0 {
                    return Err(WireError::Truncated { at: packed.at() });
                }
            }
            (Varints, LEN) => {
                let mut packed = reader.message()?;
                while !packed.is_empty() {
                    packed.varint()?;
                }
            }
            (Attribute, LEN) => attribute(reader.message()?, depth + 1, |_, _| {})?,
            (TraceId, LEN) => drop(reader.id::<16>()?),
            (SpanId, LEN) => drop(reader.id::<8>()?),
            (Message(schema), LEN) => points += message(reader.message()?, schema, depth + 1)?,
            (Points(schema), LEN) => {
                message(reader.message()?, schema, depth + 1)?;
                points += 1;
            }
            _ => return Err(WireError::BadTag { at }),
        }
    }
    Ok(points)
}
