//! Log records as they lie on the wire.

use super::value::{AttributesView, ValueView, check_attribute};
use crate::model::id::{SpanId, TraceId};
use crate::model::otlp::cursor::{Entries, Fields, WireError};
use crate::model::otlp::fields::log;

/// A log record as it lies on the wire (OTLP `LogRecord`): read in place, nothing is copied.
///
/// A single field that the wire holds more than once has its last value (proto3, "Last One Wins").
#[derive(Clone, Debug)]
pub struct LogView<'a> {
    fields: Fields<'a>,
    time: u64,
    observed_time: u64,
    severity_number: i32,
    severity_text: &'a str,
    event_name: &'a str,
    body: Option<ValueView<'a>>,
    dropped_attributes: u32,
    flags: u32,
    trace_id: &'a [u8],
    span_id: &'a [u8],
}

impl<'a> LogView<'a> {
    /// Reads a log record and checks all of it, so that whatever is asked of the view later cannot
    /// fail.
    ///
    /// # Errors
    /// Says what is wrong with the bytes, and where. Fields that OTLP does not know are no error.
    pub fn new(message: &'a [u8]) -> Result<Self, WireError> {
        let fields = Fields::of(message)?;
        Self::check(fields)?;
        Self::read(fields)
    }

    /// Reads the record alone, not what lies in its values.
    pub(super) fn read(fields: Fields<'a>) -> Result<Self, WireError> {
        let mut view = Self {
            fields,
            time: 0,
            observed_time: 0,
            severity_number: 0,
            severity_text: "",
            event_name: "",
            body: None,
            dropped_attributes: 0,
            flags: 0,
            trace_id: &[],
            span_id: &[],
        };
        let mut rest = fields;
        while let Some(field) = rest.read()? {
            match field.number {
                log::TIME_UNIX_NANO => view.time = field.fixed64()?,
                log::OBSERVED_TIME_UNIX_NANO => view.observed_time = field.fixed64()?,
                log::SEVERITY_NUMBER => view.severity_number = field.int32()?,
                log::SEVERITY_TEXT => view.severity_text = field.text()?,
                log::EVENT_NAME => view.event_name = field.text()?,
                log::DROPPED_ATTRIBUTES_COUNT => view.dropped_attributes = field.uint32()?,
                log::FLAGS => view.flags = field.fixed32()?,
                log::TRACE_ID => view.trace_id = field.bytes()?,
                log::SPAN_ID => view.span_id = field.bytes()?,
                log::BODY => {
                    let mut body = view.body.take().unwrap_or_default();
                    body.merge(field.message()?)?;
                    view.body = Some(body);
                }
                _ => {}
            }
        }
        Ok(view)
    }

    /// Checks the record with all that lies in it.
    pub(super) fn check(mut fields: Fields<'a>) -> Result<(), WireError> {
        Self::read(fields)?;
        while let Some(field) = fields.read()? {
            match field.number {
                log::ATTRIBUTES => check_attribute(field.message()?)?,
                log::BODY => ValueView::check(field.message()?, 0)?,
                _ => {}
            }
        }
        Ok(())
    }

    /// The record's own bytes: one `LogRecord` message.
    #[must_use]
    pub fn as_bytes(&self) -> &'a [u8] {
        self.fields.as_bytes()
    }

    /// When it happened, in nanoseconds since 1970-01-01 UTC; 0 when unknown.
    #[must_use]
    pub fn time_unix_nanos(&self) -> u64 {
        self.time
    }

    /// When it was seen by the one who recorded it, in nanoseconds since 1970-01-01 UTC.
    #[must_use]
    pub fn observed_unix_nanos(&self) -> u64 {
        self.observed_time
    }

    /// Its severity: 1 to 4 trace, 5 to 8 debug, 9 to 12 info, 13 to 16 warn, 17 to 20 error, 21 to
    /// 24 fatal, 0 not stated (OTLP `SeverityNumber`).
    #[must_use]
    pub fn severity_number(&self) -> i32 {
        self.severity_number
    }

    /// Its severity in the source's own words.
    #[must_use]
    pub fn severity_text(&self) -> &'a str {
        self.severity_text
    }

    /// The name of the event that it records; empty when it is a plain log record.
    #[must_use]
    pub fn event_name(&self) -> &'a str {
        self.event_name
    }

    /// What it says, or `None` when it has no body.
    #[must_use]
    pub fn body(&self) -> Option<ValueView<'a>> {
        self.body.clone()
    }

    /// Its attributes.
    #[must_use]
    pub fn attributes(&self) -> AttributesView<'a> {
        AttributesView(Entries::new(self.fields, log::ATTRIBUTES))
    }

    /// How many attributes were dropped when it was recorded.
    #[must_use]
    pub fn dropped_attributes(&self) -> u32 {
        self.dropped_attributes
    }

    /// OTLP's flags: the W3C trace flags in the low 8 bits.
    #[must_use]
    pub fn flags(&self) -> u32 {
        self.flags
    }

    /// The trace it belongs to, if any.
    #[must_use]
    pub fn trace_id(&self) -> Option<TraceId> {
        TraceId::from_slice(self.trace_id)
    }

    /// The span it belongs to, if any.
    #[must_use]
    pub fn span_id(&self) -> Option<SpanId> {
        SpanId::from_slice(self.span_id)
    }

    /// Both ids as the wire has them, valid or not: trace, span.
    #[must_use]
    pub fn raw_ids(&self) -> [&'a [u8]; 2] {
        [self.trace_id, self.span_id]
    }
}
