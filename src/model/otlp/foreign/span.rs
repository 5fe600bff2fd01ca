//! Checks a foreign span and notes what it says.

use super::common::{attribute, known, unusual_attribute, usual_attributes};
use super::facts::Facts;
use super::reader::{FIXED32, FIXED64, LEN, Reader, VARINT, tag};
use crate::model::otlp::cursor::WireError;
use crate::model::otlp::fields as f;

/// How deep an attribute of a span lies: request, resource, scope, span, attribute.
const DEPTH: usize = 5;

/// OTLP's `STATUS_CODE_ERROR`.
const ERROR: u64 = 2;

/// Checks a `Span`. `facts` are noted where somebody asks for them.
pub(super) fn span<'a, const FACTS: bool>(
    mut reader: Reader<'a>,
    facts: &mut Facts<'a>,
) -> Result<(), WireError> {
    const TRACE_ID: u32 = tag(f::span::TRACE_ID, LEN);
    const SPAN_ID: u32 = tag(f::span::SPAN_ID, LEN);
    const TRACE_STATE: u32 = tag(f::span::TRACE_STATE, LEN);
    const PARENT: u32 = tag(f::span::PARENT_SPAN_ID, LEN);
    const NAME: u32 = tag(f::span::NAME, LEN);
    const KIND: u32 = tag(f::span::KIND, VARINT);
    const START: u32 = tag(f::span::START_TIME_UNIX_NANO, FIXED64);
    const END: u32 = tag(f::span::END_TIME_UNIX_NANO, FIXED64);
    const ATTRIBUTES: u32 = tag(f::span::ATTRIBUTES, LEN);
    const DROPPED_ATTRIBUTES: u32 = tag(f::span::DROPPED_ATTRIBUTES_COUNT, VARINT);
    const EVENTS: u32 = tag(f::span::EVENTS, LEN);
    const DROPPED_EVENTS: u32 = tag(f::span::DROPPED_EVENTS_COUNT, VARINT);
    const LINKS: u32 = tag(f::span::LINKS, LEN);
    const DROPPED_LINKS: u32 = tag(f::span::DROPPED_LINKS_COUNT, VARINT);
    const STATUS: u32 = tag(f::span::STATUS, LEN);
    const FLAGS: u32 = tag(f::span::FLAGS, FIXED32);
    /// Fields 1 to 16.
    const KNOWN: u64 = 0x1_fffe;
    let mut tell = |key, value| {
        if FACTS {
            facts.note(key, value);
        }
    };
    let (mut start, mut end, mut failed) = (0, 0, None);
    let (mut trace_id, mut parent): (&[u8], &[u8]) = (&[], &[]);
    loop {
        // Most of a span is these, in a row.
        usual_attributes::<ATTRIBUTES>(&mut reader, &mut tell);
        if reader.is_empty() {
            break;
        }
        match reader.tag()? {
            ATTRIBUTES => unusual_attribute(reader.message()?, DEPTH, &mut tell)?,
            TRACE_ID => trace_id = reader.id::<16>()?,
            SPAN_ID => drop(reader.id::<8>()?),
            PARENT => parent = reader.id::<8>()?,
            NAME | TRACE_STATE => drop(reader.text()?),
            START => start = reader.fixed64()?,
            END => end = reader.fixed64()?,
            KIND | DROPPED_ATTRIBUTES | DROPPED_EVENTS | DROPPED_LINKS => drop(reader.varint()?),
            STATUS => failed = status(reader.message()?)?.or(failed),
            EVENTS => event(reader.message()?)?,
            LINKS => link(reader.message()?)?,
            FLAGS => drop(reader.fixed32()?),
            other => reader.skip(other, KNOWN)?,
        }
    }
    facts.trace_id = trace_id;
    facts.failed = failed.unwrap_or_default();
    facts.has_no_parent = parent.iter().all(|byte| *byte == 0);
    facts.duration_ns = end.saturating_sub(start);
    Ok(())
}

/// Checks a `Status`: whether it is an error, where it says so.
fn status(mut reader: Reader<'_>) -> Result<Option<bool>, WireError> {
    const MESSAGE: u32 = tag(f::status::MESSAGE, LEN);
    const CODE: u32 = tag(f::status::CODE, VARINT);
    let mut failed = None;
    while !reader.is_empty() {
        match reader.tag()? {
            MESSAGE => drop(reader.text()?),
            CODE => failed = Some(reader.varint()? == ERROR),
            other => reader.skip(other, known!(f::status::MESSAGE, f::status::CODE))?,
        }
    }
    Ok(failed)
}

/// Checks a `Span.Event`.
fn event(mut reader: Reader<'_>) -> Result<(), WireError> {
    const TIME: u32 = tag(f::event::TIME_UNIX_NANO, FIXED64);
    const NAME: u32 = tag(f::event::NAME, LEN);
    const ATTRIBUTES: u32 = tag(f::event::ATTRIBUTES, LEN);
    const DROPPED: u32 = tag(f::event::DROPPED_ATTRIBUTES_COUNT, VARINT);
    while !reader.is_empty() {
        match reader.tag()? {
            TIME => drop(reader.fixed64()?),
            NAME => drop(reader.text()?),
            ATTRIBUTES => attribute(reader.message()?, DEPTH + 1, |_, _| {})?,
            DROPPED => drop(reader.varint()?),
            other => reader.skip(other, known!(1, 2, 3, 4))?,
        }
    }
    Ok(())
}

/// Checks a `Span.Link`.
fn link(mut reader: Reader<'_>) -> Result<(), WireError> {
    const TRACE_ID: u32 = tag(f::link::TRACE_ID, LEN);
    const SPAN_ID: u32 = tag(f::link::SPAN_ID, LEN);
    const TRACE_STATE: u32 = tag(f::link::TRACE_STATE, LEN);
    const ATTRIBUTES: u32 = tag(f::link::ATTRIBUTES, LEN);
    const DROPPED: u32 = tag(f::link::DROPPED_ATTRIBUTES_COUNT, VARINT);
    const FLAGS: u32 = tag(f::link::FLAGS, FIXED32);
    while !reader.is_empty() {
        match reader.tag()? {
            TRACE_ID => drop(reader.id::<16>()?),
            SPAN_ID => drop(reader.id::<8>()?),
            TRACE_STATE => drop(reader.text()?),
            ATTRIBUTES => attribute(reader.message()?, DEPTH + 1, |_, _| {})?,
            DROPPED => drop(reader.varint()?),
            FLAGS => drop(reader.fixed32()?),
            other => reader.skip(other, known!(1, 2, 3, 4, 5, 6))?,
        }
    }
    Ok(())
}
