//! Checks a foreign log record and notes what it says.

use super::common::{attribute, value};
use super::facts::Facts;
use super::reader::{FIXED32, FIXED64, LEN, Reader, VARINT, tag};
use crate::model::otlp::cursor::WireError;
use crate::model::otlp::fields as f;

/// How deep an attribute lies: request, resource, scope, log record, attribute.
const DEPTH: usize = 5;

/// Checks a `LogRecord`. `facts` are noted where somebody asks for them.
pub(super) fn log<'a, const FACTS: bool>(
    mut reader: Reader<'a>,
    facts: &mut Facts<'a>,
) -> Result<(), WireError> {
    const TIME: u32 = tag(f::log::TIME_UNIX_NANO, FIXED64);
    const OBSERVED: u32 = tag(f::log::OBSERVED_TIME_UNIX_NANO, FIXED64);
    const SEVERITY: u32 = tag(f::log::SEVERITY_NUMBER, VARINT);
    const SEVERITY_TEXT: u32 = tag(f::log::SEVERITY_TEXT, LEN);
    const BODY: u32 = tag(f::log::BODY, LEN);
    const ATTRIBUTES: u32 = tag(f::log::ATTRIBUTES, LEN);
    const DROPPED: u32 = tag(f::log::DROPPED_ATTRIBUTES_COUNT, VARINT);
    const FLAGS: u32 = tag(f::log::FLAGS, FIXED32);
    const TRACE_ID: u32 = tag(f::log::TRACE_ID, LEN);
    const SPAN_ID: u32 = tag(f::log::SPAN_ID, LEN);
    const EVENT_NAME: u32 = tag(f::log::EVENT_NAME, LEN);
    /// Fields 1 to 12 but for 4, which is reserved.
    const KNOWN: u64 = 0x1fee;
    while !reader.is_empty() {
        match reader.tag()? {
            ATTRIBUTES => attribute(reader.message()?, DEPTH, |key, value| {
                if FACTS {
                    facts.note(key, value);
                }
            })?,
            BODY => drop(value(reader.message()?, DEPTH)?),
            TRACE_ID => facts.trace_id = reader.id::<16>()?,
            SPAN_ID => drop(reader.id::<8>()?),
            TIME | OBSERVED => drop(reader.fixed64()?),
            SEVERITY | DROPPED => drop(reader.varint()?),
            SEVERITY_TEXT | EVENT_NAME => drop(reader.text()?),
            FLAGS => drop(reader.fixed32()?),
            other => reader.skip(other, KNOWN)?,
        }
    }
    Ok(())
}
