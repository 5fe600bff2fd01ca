//! A span or log record while it is written: a growing piece of OTLP protobuf.
//!
//! What all items of a session share (trace id, flags, `session.id`) is not written here but
//! appended when the item joins its chunk ([`Draft::write_to`]): the order of protobuf fields is
//! free.

mod amend;
mod attribute;
mod keys;
mod list;
mod record;
mod saved;

use std::ops::Range;

use self::keys::{KeyFilter, RESERVED_KEYS};
pub(crate) use self::saved::Saved;
use super::fields as f;
use super::scan;
use super::writer::{Writer, len_field, put_varint};
use crate::model::attribute::Value;
use crate::model::context::SpanContext;
use crate::model::id::SpanId;
use crate::model::kind::{SpanKind, Status};
use crate::model::limits::{Limits, TextLimit, truncate_bytes};

/// Tag and length of an item in its chunk (`ScopeSpans.spans`, `ScopeLogs.log_records`).
const ITEM_TAG: u8 = tag(f::scope_items::ITEMS);

/// The tag of an attribute of a span.
const SPAN_ATTRIBUTE: u8 = tag(f::span::ATTRIBUTES);

/// What a status takes beside its message at most: two tags, two lengths, its code.
const STATUS_OVERHEAD: usize = 2 * (1 + 10) + 2;

/// What is not longer than this in all is short: its lengths take one byte each.
const SHORT: usize = 0x80;

/// One item being written. Reused: `begin` forgets the one before.
#[derive(Debug)]
pub(crate) struct Draft {
    out: Writer,
    /// The tag of its attributes: spans and log records differ.
    attribute_tag: u8,
    /// How many more may be set. Not of the type of the writer's cursor: the compiler would move both at
    /// once, which waits for what was moved singly before to reach the cache.
    attributes_left: u32,
    /// Whether no limit but that on their number concerns a short attribute for which there is room.
    plain: bool,
    /// For the values of attributes.
    text: TextLimit,
    /// For the names of attributes, in bytes.
    name_limit: usize,
    size_limit: usize,
    /// Which keys may have been set, so that only a probable duplicate costs a search.
    keys: KeyFilter,
    name: Range<usize>,
    events: usize,
    links: usize,
    dropped: Dropped,
}

/// What was left out, per kind.
#[derive(Debug, Default, Clone, Copy)]
struct Dropped {
    attributes: u32,
    events: u32,
    links: u32,
}

/// A limit on the number of attributes: no draft has room for 2^32 of them.
#[inline]
fn most_attributes(limit: usize) -> u32 {
    u32::try_from(limit).unwrap_or(u32::MAX)
}

/// The tag of a message, a text or bytes in a field below 16.
pub(crate) const fn tag(field: u32) -> u8 {
    (field as u8) << 3 | 2
}

impl Draft {
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        Self {
            out: Writer::with_capacity(capacity),
            attribute_tag: SPAN_ATTRIBUTE,
            attributes_left: 0,
            plain: false,
            text: TextLimit::new(None, 0),
            name_limit: 0,
            size_limit: 0,
            keys: RESERVED_KEYS,
            name: 0..0,
            events: 0,
            links: 0,
            dropped: Dropped::default(),
        }
    }

    pub(crate) fn capacity(&self) -> usize {
        self.out.capacity()
    }

    #[inline]
    fn begin(
        &mut self,
        attribute_field: u32,
        attribute_limit: u32,
        text: TextLimit,
        limits: &Limits,
    ) {
        self.out.clear();
        self.attribute_tag = tag(attribute_field);
        self.attributes_left = attribute_limit;
        self.text = text;
        self.name_limit = limits.name_length;
        self.size_limit = limits.span_bytes;
        self.plain = text.allows(SHORT)
            && self.name_limit >= SHORT
            && self.size_limit >= self.out.capacity();
        self.keys = RESERVED_KEYS;
        self.name = 0..0;
        self.events = 0;
        self.links = 0;
        self.dropped = Dropped::default();
    }

    /// Begins a span whose name is `operation`, a space and `object`, or `operation` alone.
    /// A name over the limit is cut.
    #[inline(always)]
    pub(crate) fn begin_span(&mut self, operation: &str, object: &str, limits: &Limits) {
        self.begin(
            f::span::ATTRIBUTES,
            most_attributes(limits.attribute_count),
            limits.text(),
            limits,
        );
        if operation.len() + object.len() >= limits.name_length {
            return self.cut_name(operation, object, limits.name_length);
        }
        self.name = self.out.joined(f::span::NAME, operation, object);
    }

    /// Writes a name of which both parts with a space between them may have more than `limit` bytes.
    #[cold]
    #[inline(never)]
    fn cut_name(&mut self, operation: &str, object: &str, limit: usize) {
        let operation = truncate_bytes(operation, limit);
        let gap = usize::from(!operation.is_empty());
        let room = limit - operation.len();
        let object = truncate_bytes(object, room.saturating_sub(gap));
        self.name = self.out.joined(f::span::NAME, operation, object);
    }

    /// The name of the span, as written: UTF-8.
    #[inline]
    pub(crate) fn name(&self) -> &[u8] {
        &self.out.written()[self.name.clone()]
    }

    /// Ids, kind and start of the span that was begun.
    #[inline]
    pub(crate) fn head(
        &mut self,
        id: SpanId,
        parent: Option<SpanId>,
        kind: SpanKind,
        start_ns: u64,
    ) {
        self.out.span_head(
            id.to_bytes(),
            parent.map(SpanId::to_bytes),
            kind as u8,
            start_ns,
        );
    }

    /// Adds an event at `time_ns`.
    #[inline(always)]
    pub(crate) fn event(
        &mut self,
        time_ns: u64,
        name: &str,
        attributes: &[(&str, Value<'_>)],
        limits: &Limits,
    ) {
        if self.events >= limits.event_count {
            self.dropped.events += 1;
            return;
        }
        let name = limits.name_text().cut(name);
        let start = self.out.event_head(time_ns, name);
        self.write_list(
            f::event::ATTRIBUTES,
            f::event::DROPPED_ATTRIBUTES_COUNT,
            attributes,
            limits.event_attribute_count,
        );
        if self.close(start) {
            self.events += 1;
        } else {
            self.dropped.events += 1;
        }
    }

    /// Adds a link to another span.
    pub(crate) fn link(
        &mut self,
        to: &SpanContext,
        attributes: &[(&str, Value<'_>)],
        limits: &Limits,
    ) {
        if self.links >= limits.link_count {
            self.dropped.links += 1;
            return;
        }
        let start = self.out.open_unknown(f::span::LINKS);
        let out = &mut self.out;
        out.bytes(f::link::TRACE_ID, &to.trace_id().to_bytes());
        out.bytes(f::link::SPAN_ID, &to.span_id().to_bytes());
        if !to.trace_state().is_empty() {
            let state = to.trace_state().as_str();
            out.bytes(f::link::TRACE_STATE, state.as_bytes());
        }
        out.fixed32(f::link::FLAGS, to.otlp_flags());
        self.write_list(
            f::link::ATTRIBUTES,
            f::link::DROPPED_ATTRIBUTES_COUNT,
            attributes,
            limits.link_attribute_count,
        );
        if self.close(start) {
            self.links += 1;
        } else {
            self.dropped.links += 1;
        }
    }

    /// Sets the status; the last one wins. Its message is cut to the room that is left.
    pub(crate) fn status(&mut self, status: Status<'_>) {
        let earlier = scan::fields(self.out.written()).find(|field| field.is(f::span::STATUS));
        if let Some(earlier) = earlier {
            self.out.remove(earlier.range);
        }
        self.first_status(status);
    }

    /// The same for an item that has none yet, which spares the search.
    pub(crate) fn first_status(&mut self, status: Status<'_>) {
        if status == Status::Unset {
            return;
        }
        let (code, message) = status.parts();
        let taken = self.out.len() + STATUS_OVERHEAD;
        let room = self.size_limit.saturating_sub(taken);
        let message = truncate_bytes(self.text.without_length().cut(message), room);
        let message_len = if message.is_empty() {
            0
        } else {
            len_field(message.len())
        };
        self.out.open(f::span::STATUS, 2 + message_len);
        if !message.is_empty() {
            self.out.bytes(f::status::MESSAGE, message.as_bytes());
        }
        self.out.uint(f::status::CODE, code as u64);
    }

    /// Ends the span: nothing may be set afterwards.
    #[inline]
    pub(crate) fn end(&mut self, end_ns: u64) {
        self.out.fixed64(f::span::END_TIME_UNIX_NANO, end_ns);
        let Dropped {
            attributes,
            events,
            links,
        } = self.dropped;
        if attributes | events | links == 0 {
            return;
        }
        for (field, count) in [
            (f::span::DROPPED_ATTRIBUTES_COUNT, attributes),
            (f::span::DROPPED_EVENTS_COUNT, events),
            (f::span::DROPPED_LINKS_COUNT, links),
        ] {
            if count > 0 {
                self.out.uint(field, count.into());
            }
        }
    }

    /// How many bytes the item and `common` take in a chunk.
    #[inline]
    pub(crate) fn len_in_chunk(&self, common: &[u8]) -> usize {
        len_field(self.out.len() + common.len())
    }

    /// Writes the item, with what it has in `common` with its session, to the `room` of exactly
    /// [`len_in_chunk`](Self::len_in_chunk) bytes.
    #[inline]
    pub(crate) fn write_to(&self, room: &mut [u8], common: &[u8]) {
        let written = self.out.written();
        let len = written.len() + common.len();
        let (header, room) = room.split_at_mut(room.len() - len);
        header[0] = ITEM_TAG;
        match &mut header[1..] {
            // What nearly all spans take.
            [low, high] => (*low, *high) = (len as u8 | 0x80, (len >> 7) as u8),
            other => put_varint(other, len as u64),
        }
        let (own, shared) = room.split_at_mut(written.len());
        own.copy_from_slice(written);
        shared.copy_from_slice(common);
    }
}

#[cfg(test)]
mod tests;
