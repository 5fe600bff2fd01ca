//! What a span holds besides itself, as it lies on the wire: events and links.

use super::value::{AttributesView, check_attribute};
use crate::model::id::{SpanId, TraceId};
use crate::model::otlp::cursor::{Entries, Fields, WireError};
use crate::model::otlp::fields as f;

/// An event of a span as it lies on the wire (OTLP `Span.Event`).
#[derive(Clone, Copy, Debug)]
pub struct EventView<'a> {
    fields: Fields<'a>,
    time: u64,
    name: &'a str,
    dropped_attributes: u32,
}

impl<'a> EventView<'a> {
    pub(super) fn read(fields: Fields<'a>) -> Result<Self, WireError> {
        use f::event;
        let mut view = Self {
            fields,
            time: 0,
            name: "",
            dropped_attributes: 0,
        };
        let mut rest = fields;
        while let Some(field) = rest.read()? {
            match field.number {
                event::TIME_UNIX_NANO => view.time = field.fixed64()?,
                event::NAME => view.name = field.text()?,
                event::DROPPED_ATTRIBUTES_COUNT => view.dropped_attributes = field.uint32()?,
                _ => {}
            }
        }
        Ok(view)
    }

    pub(super) fn check(mut fields: Fields<'a>) -> Result<(), WireError> {
        Self::read(fields)?;
        while let Some(field) = fields.read()? {
            if field.number == f::event::ATTRIBUTES {
                check_attribute(field.message()?)?;
            }
        }
        Ok(())
    }

    /// When it happened, in nanoseconds since 1970-01-01 UTC.
    #[must_use]
    pub fn time_unix_nanos(&self) -> u64 {
        self.time
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &'a str {
        self.name
    }

    /// Its attributes.
    #[must_use]
    pub fn attributes(&self) -> AttributesView<'a> {
        AttributesView(Entries::new(self.fields, f::event::ATTRIBUTES))
    }

    /// How many attributes were dropped when it was recorded.
    #[must_use]
    pub fn dropped_attributes(&self) -> u32 {
        self.dropped_attributes
    }
}

/// A link of a span as it lies on the wire (OTLP `Span.Link`).
#[derive(Clone, Copy, Debug)]
pub struct LinkView<'a> {
    fields: Fields<'a>,
    trace_id: &'a [u8],
    span_id: &'a [u8],
    trace_state: &'a str,
    flags: u32,
    dropped_attributes: u32,
}

impl<'a> LinkView<'a> {
    pub(super) fn read(fields: Fields<'a>) -> Result<Self, WireError> {
        use f::link;
        let mut view = Self {
            fields,
            trace_id: &[],
            span_id: &[],
            trace_state: "",
            flags: 0,
            dropped_attributes: 0,
        };
        let mut rest = fields;
        while let Some(field) = rest.read()? {
            match field.number {
                link::TRACE_ID => view.trace_id = field.bytes()?,
                link::SPAN_ID => view.span_id = field.bytes()?,
                link::TRACE_STATE => view.trace_state = field.text()?,
                link::FLAGS => view.flags = field.fixed32()?,
                link::DROPPED_ATTRIBUTES_COUNT => view.dropped_attributes = field.uint32()?,
                _ => {}
            }
        }
        Ok(view)
    }

    pub(super) fn check(mut fields: Fields<'a>) -> Result<(), WireError> {
        Self::read(fields)?;
        while let Some(field) = fields.read()? {
            if field.number == f::link::ATTRIBUTES {
                check_attribute(field.message()?)?;
            }
        }
        Ok(())
    }

    /// The trace of the linked span, or `None` when the wire has no valid id.
    #[must_use]
    pub fn trace_id(&self) -> Option<TraceId> {
        TraceId::from_slice(self.trace_id)
    }

    /// The linked span, or `None` when the wire has no valid id.
    #[must_use]
    pub fn span_id(&self) -> Option<SpanId> {
        SpanId::from_slice(self.span_id)
    }

    /// Both ids as the wire has them, valid or not: trace, span.
    #[must_use]
    pub fn raw_ids(&self) -> [&'a [u8]; 2] {
        [self.trace_id, self.span_id]
    }

    /// The W3C `tracestate` of the linked span's context.
    #[must_use]
    pub fn trace_state(&self) -> &'a str {
        self.trace_state
    }

    /// OTLP's flags, as [`SpanView::flags`](super::SpanView::flags), about the linked span.
    #[must_use]
    pub fn flags(&self) -> u32 {
        self.flags
    }

    /// Its attributes.
    #[must_use]
    pub fn attributes(&self) -> AttributesView<'a> {
        AttributesView(Entries::new(self.fields, f::link::ATTRIBUTES))
    }

    /// How many attributes were dropped when it was recorded.
    #[must_use]
    pub fn dropped_attributes(&self) -> u32 {
        self.dropped_attributes
    }
}
