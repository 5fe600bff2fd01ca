//! Spans as they lie on the wire, with their events, links and status.

use super::event::{EventView, LinkView};
use super::value::{AttributesView, check_attribute};
use crate::model::id::{SpanId, TraceId};
use crate::model::kind::{SpanKind, StatusCode};
use crate::model::otlp::cursor::{Entries, Fields, WireError};
use crate::model::otlp::fields as f;

/// How a span ended, and in which words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StatusView<'a> {
    /// Success, failure, or neither stated.
    pub code: StatusCode,
    /// What happened, in the words of the one who set the status. Often empty.
    pub message: &'a str,
    /// The code as the wire has it, known here or not.
    pub code_number: i32,
}

/// A span as it lies on the wire (OTLP `Span`): read in place, nothing is copied.
///
/// A single field that the wire holds more than once has its last value (proto3, "Last One Wins").
#[derive(Clone, Copy, Debug)]
pub struct SpanView<'a> {
    fields: Fields<'a>,
    trace_id: &'a [u8],
    span_id: &'a [u8],
    parent_span_id: &'a [u8],
    trace_state: &'a str,
    flags: u32,
    name: &'a str,
    kind: i32,
    start: u64,
    end: u64,
    dropped_attributes: u32,
    dropped_events: u32,
    dropped_links: u32,
    /// `None` when the wire has no status, which means the same as an empty one.
    status: Option<StatusView<'a>>,
}

impl<'a> SpanView<'a> {
    /// Reads a span and checks all of it, so that whatever is asked of the view later cannot fail.
    ///
    /// # Errors
    /// Says what is wrong with the bytes, and where. Fields that OTLP does not know are no error.
    pub fn new(message: &'a [u8]) -> Result<Self, WireError> {
        let fields = Fields::of(message)?;
        let view = Self::read(fields)?;
        Self::check_parts(fields)?;
        Ok(view)
    }

    /// Reads the span alone, not what lies in it.
    pub(super) fn read(fields: Fields<'a>) -> Result<Self, WireError> {
        use f::span;
        let mut view = Self {
            fields,
            trace_id: &[],
            span_id: &[],
            parent_span_id: &[],
            trace_state: "",
            flags: 0,
            name: "",
            kind: 0,
            start: 0,
            end: 0,
            dropped_attributes: 0,
            dropped_events: 0,
            dropped_links: 0,
            status: None,
        };
        let mut rest = fields;
        while let Some(field) = rest.read()? {
            match field.number {
                span::TRACE_ID => view.trace_id = field.bytes()?,
                span::SPAN_ID => view.span_id = field.bytes()?,
                span::TRACE_STATE => view.trace_state = field.text()?,
                span::PARENT_SPAN_ID => view.parent_span_id = field.bytes()?,
                span::FLAGS => view.flags = field.fixed32()?,
                span::NAME => view.name = field.text()?,
                span::KIND => view.kind = field.int32()?,
                span::START_TIME_UNIX_NANO => view.start = field.fixed64()?,
                span::END_TIME_UNIX_NANO => view.end = field.fixed64()?,
                span::DROPPED_ATTRIBUTES_COUNT => view.dropped_attributes = field.uint32()?,
                span::DROPPED_EVENTS_COUNT => view.dropped_events = field.uint32()?,
                span::DROPPED_LINKS_COUNT => view.dropped_links = field.uint32()?,
                span::STATUS => {
                    let status = view.status.unwrap_or_default();
                    view.status = Some(merge_status(status, field.message()?)?);
                }
                _ => {}
            }
        }
        Ok(view)
    }

    /// Checks the span with all that lies in it.
    pub(super) fn check(fields: Fields<'a>) -> Result<(), WireError> {
        Self::read(fields)?;
        Self::check_parts(fields)
    }

    /// Checks what lies in it.
    fn check_parts(mut fields: Fields<'a>) -> Result<(), WireError> {
        while let Some(field) = fields.read()? {
            match field.number {
                f::span::ATTRIBUTES => check_attribute(field.message()?)?,
                f::span::EVENTS => EventView::check(field.message()?)?,
                f::span::LINKS => LinkView::check(field.message()?)?,
                _ => {}
            }
        }
        Ok(())
    }

    /// The span's own bytes: one `Span` message.
    #[must_use]
    pub fn as_bytes(&self) -> &'a [u8] {
        self.fields.as_bytes()
    }

    /// Its trace, or `None` when the wire has no valid id.
    #[must_use]
    pub fn trace_id(&self) -> Option<TraceId> {
        TraceId::from_slice(self.trace_id)
    }

    /// Its own id, or `None` when the wire has no valid one.
    #[must_use]
    pub fn span_id(&self) -> Option<SpanId> {
        SpanId::from_slice(self.span_id)
    }

    /// Its parent, or `None` when it is a root.
    #[must_use]
    pub fn parent_span_id(&self) -> Option<SpanId> {
        SpanId::from_slice(self.parent_span_id)
    }

    /// The three ids as the wire has them, valid or not: trace, span, parent.
    #[must_use]
    pub fn raw_ids(&self) -> [&'a [u8]; 3] {
        [self.trace_id, self.span_id, self.parent_span_id]
    }

    /// The W3C `tracestate` that came with its context.
    #[must_use]
    pub fn trace_state(&self) -> &'a str {
        self.trace_state
    }

    /// OTLP's flags: the W3C trace flags in the low 8 bits, 0x100 when it is known whether the
    /// parent is remote, 0x200 when it is.
    #[must_use]
    pub fn flags(&self) -> u32 {
        self.flags
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &'a str {
        self.name
    }

    /// Its role.
    #[must_use]
    pub fn kind(&self) -> SpanKind {
        SpanKind::from_number(self.kind)
    }

    /// Its role as the wire has it, known here or not.
    #[must_use]
    pub fn kind_number(&self) -> i32 {
        self.kind
    }

    /// When it started, in nanoseconds since 1970-01-01 UTC.
    #[must_use]
    pub fn start_unix_nanos(&self) -> u64 {
        self.start
    }

    /// When it ended, in nanoseconds since 1970-01-01 UTC.
    #[must_use]
    pub fn end_unix_nanos(&self) -> u64 {
        self.end
    }

    /// Its attributes.
    #[must_use]
    pub fn attributes(&self) -> AttributesView<'a> {
        AttributesView(Entries::new(self.fields, f::span::ATTRIBUTES))
    }

    /// Its events, in wire order.
    pub fn events(&self) -> impl Iterator<Item = EventView<'a>> + Clone + use<'a> {
        Entries::new(self.fields, f::span::EVENTS).map_while(|event| EventView::read(event).ok())
    }

    /// Its links, in wire order.
    pub fn links(&self) -> impl Iterator<Item = LinkView<'a>> + Clone + use<'a> {
        Entries::new(self.fields, f::span::LINKS).map_while(|link| LinkView::read(link).ok())
    }

    /// How it ended.
    #[must_use]
    pub fn status(&self) -> StatusView<'a> {
        self.status.unwrap_or_default()
    }

    /// How many attributes were dropped when it was recorded.
    #[must_use]
    pub fn dropped_attributes(&self) -> u32 {
        self.dropped_attributes
    }

    /// How many events were dropped when it was recorded.
    #[must_use]
    pub fn dropped_events(&self) -> u32 {
        self.dropped_events
    }

    /// How many links were dropped when it was recorded.
    #[must_use]
    pub fn dropped_links(&self) -> u32 {
        self.dropped_links
    }
}

fn merge_status<'a>(
    mut status: StatusView<'a>,
    mut fields: Fields<'a>,
) -> Result<StatusView<'a>, WireError> {
    while let Some(field) = fields.read()? {
        match field.number {
            f::status::MESSAGE => status.message = field.text()?,
            f::status::CODE => {
                status.code_number = field.int32()?;
                status.code = StatusCode::from_number(status.code_number);
            }
            _ => {}
        }
    }
    Ok(status)
}
