//! A span or log record while it is written: a growing piece of OTLP protobuf.
//!
//! What all items of a session share (trace id, flags, `session.id`) is not written here but
//! appended when the item joins its chunk ([`Draft::append_to`]): the order of protobuf fields is
//! free.

use std::ops::Range;

use super::fields as f;
use super::scan;
use super::writer::{Writer, len_field, put_varint, varint_len};
use crate::model::attribute::Value;
use crate::model::context::SpanContext;
use crate::model::genai::key;
use crate::model::id::SpanId;
use crate::model::kind::{SpanKind, Status};
use crate::model::limits::{Limits, TextLimit};

/// Tag and length of an item in its chunk (`ScopeSpans.spans`, `ScopeLogs.log_records`).
const ITEM_TAG: u8 = (f::scope_items::ITEMS as u8) << 3 | 2;

/// One item being written. Reused: `begin` forgets the one before.
#[derive(Debug)]
pub(crate) struct Draft {
    out: Writer,
    /// The field of its attributes: spans and log records differ.
    attribute_field: u32,
    attributes: usize,
    attribute_limit: usize,
    text: TextLimit,
    size_limit: usize,
    /// Which keys may have been set, so that only a probable duplicate costs a search.
    keys: KeyFilter,
    name: Range<usize>,
    events: usize,
    links: usize,
    dropped: Dropped,
}

/// A draft put aside in as little memory as it needs: the root span of a session.
#[derive(Debug)]
pub(crate) struct Saved {
    bytes: Box<[u8]>,
    name: Range<usize>,
    attributes: usize,
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

impl Draft {
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        Self {
            out: Writer::with_capacity(capacity),
            attribute_field: f::span::ATTRIBUTES,
            attributes: 0,
            attribute_limit: 0,
            text: TextLimit::new(None, 0),
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
        attribute_limit: usize,
        text: TextLimit,
        limits: &Limits,
    ) {
        self.out.clear();
        self.attribute_field = attribute_field;
        self.attributes = 0;
        self.attribute_limit = attribute_limit;
        self.text = text;
        self.size_limit = limits.span_bytes;
        self.keys = RESERVED_KEYS;
        self.name = 0..0;
        self.events = 0;
        self.links = 0;
        self.dropped = Dropped::default();
    }

    /// Begins a span whose name is `operation`, a space and `object`, or `operation` alone.
    /// A name over the limit is cut.
    #[inline]
    pub(crate) fn begin_span(&mut self, operation: &str, object: &str, limits: &Limits) {
        self.begin(
            f::span::ATTRIBUTES,
            limits.attribute_count,
            limits.text(),
            limits,
        );
        let name = limits.name_text();
        let operation = name.cut(operation);
        let object = name.cut(object);
        let space = usize::from(!operation.is_empty() && !object.is_empty());
        let len = operation.len() + space + object.len();
        self.out.open(f::span::NAME, len);
        let start = self.out.len();
        self.out.raw(operation.as_bytes());
        self.out.raw(&b" "[..space]);
        self.out.raw(object.as_bytes());
        self.name = start..start + len;
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

    /// Sets an attribute. The last value of a key wins; over the limits it is counted instead.
    #[inline(always)]
    pub(crate) fn set(&mut self, key: &str, value: Value<'_>) {
        if self.keys.insert(key.as_bytes()) && !self.admit(key) {
            return;
        }
        if self.attributes >= self.attribute_limit || self.out.len() >= self.size_limit {
            self.dropped.attributes += 1;
            return;
        }
        self.attributes += 1;
        self.out
            .attribute(self.attribute_field, key, value, self.text);
    }

    /// Makes way for a key that was probably set before. `false` for one that the session sets.
    #[cold]
    #[inline(never)]
    fn admit(&mut self, key: &str) -> bool {
        if RESERVED.contains(&key) {
            return false;
        }
        self.forget(key);
        true
    }

    /// Removes the attribute `key` if it was set.
    #[cold]
    #[inline(never)]
    fn forget(&mut self, key: &str) {
        let written = self.out.written();
        let is_it = |field: &scan::Field| {
            field.is(self.attribute_field)
                && scan::key_of(&written[field.body.clone()]) == Some(key.as_bytes())
        };
        let found = scan::fields(written).find(is_it);
        if let Some(found) = found {
            self.out.remove(found.range);
            self.attributes -= 1;
        }
    }

    /// Adds an event at `time_ns`.
    pub(crate) fn event(
        &mut self,
        time_ns: u64,
        name: &str,
        attributes: &[(&str, Value<'_>)],
        limits: &Limits,
    ) {
        if self.events >= limits.event_count || self.out.len() >= self.size_limit {
            self.dropped.events += 1;
            return;
        }
        self.events += 1;
        let name = limits.name_text().cut(name);
        let kept = attributes.len().min(limits.event_attribute_count);
        let dropped = (attributes.len() - kept) as u64;
        let text = self.text;
        let mut len = 9 + len_field(name.len());
        for (key, value) in &attributes[..kept] {
            len += Writer::attribute_len(key, *value, text);
        }
        if dropped > 0 {
            len += 1 + varint_len(dropped);
        }
        self.out.open(f::span::EVENTS, len);
        self.out.fixed64(f::event::TIME_UNIX_NANO, time_ns);
        self.out.bytes(f::event::NAME, name.as_bytes());
        for (key, value) in &attributes[..kept] {
            self.out.attribute(f::event::ATTRIBUTES, key, *value, text);
        }
        if dropped > 0 {
            self.out.uint(f::event::DROPPED_ATTRIBUTES_COUNT, dropped);
        }
    }

    /// Adds a link to another span.
    pub(crate) fn link(
        &mut self,
        to: &SpanContext,
        attributes: &[(&str, Value<'_>)],
        limits: &Limits,
    ) {
        if self.links >= limits.link_count || self.out.len() >= self.size_limit {
            self.dropped.links += 1;
            return;
        }
        self.links += 1;
        let kept = attributes.len().min(limits.link_attribute_count);
        let dropped = (attributes.len() - kept) as u64;
        let mut link = Writer::with_capacity(128);
        link.bytes(f::link::TRACE_ID, &to.trace_id().to_bytes());
        link.bytes(f::link::SPAN_ID, &to.span_id().to_bytes());
        if let Some(state) = to.trace_state() {
            link.bytes(f::link::TRACE_STATE, state.as_bytes());
        }
        for (key, value) in &attributes[..kept] {
            link.attribute(f::link::ATTRIBUTES, key, *value, self.text);
        }
        if dropped > 0 {
            link.uint(f::link::DROPPED_ATTRIBUTES_COUNT, dropped);
        }
        link.fixed32(f::link::FLAGS, to.otlp_flags());
        self.out.bytes(f::span::LINKS, link.written());
    }

    /// Sets the status; the last one wins.
    pub(crate) fn status(&mut self, status: Status<'_>) {
        let earlier = scan::fields(self.out.written()).find(|field| field.is(f::span::STATUS));
        if let Some(earlier) = earlier {
            self.out.remove(earlier.range);
        }
        if status == Status::Unset {
            return;
        }
        let (code, message) = status.parts();
        let message = self.text.cut(message);
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

    /// Puts the span aside.
    pub(crate) fn save(&self) -> Saved {
        Saved {
            bytes: self.out.written().into(),
            name: self.name.clone(),
            attributes: self.attributes,
            events: self.events,
            links: self.links,
            dropped: self.dropped,
        }
    }

    /// Goes on with a span that was put aside.
    pub(crate) fn resume(&mut self, saved: &Saved, limits: &Limits) {
        self.begin(
            f::span::ATTRIBUTES,
            limits.attribute_count,
            limits.text(),
            limits,
        );
        self.out.raw(&saved.bytes);
        for field in scan::fields(&saved.bytes).filter(|field| field.is(f::span::ATTRIBUTES)) {
            let key = scan::key_of(&saved.bytes[field.body]).unwrap_or_default();
            self.keys.insert(key);
        }
        self.name = saved.name.clone();
        self.attributes = saved.attributes;
        self.events = saved.events;
        self.links = saved.links;
        self.dropped = saved.dropped;
    }

    /// Sets an attribute beyond the limit on their number: for the few that a session adds to its
    /// root, which must not be pushed out by a host's.
    pub(crate) fn set_own(&mut self, key: &str, value: Value<'_>) {
        if self.keys.insert(key.as_bytes()) {
            self.forget(key);
        }
        self.attributes += 1;
        self.out
            .attribute(self.attribute_field, key, value, self.text);
    }

    /// Takes over the attributes of another span.
    pub(crate) fn adopt(&mut self, from: &Self) {
        let written = from.out.written();
        for field in scan::fields(written).filter(|field| field.is(f::span::ATTRIBUTES)) {
            let key = scan::key_of(&written[field.body]).unwrap_or_default();
            if self.keys.insert(key)
                && let Ok(key) = std::str::from_utf8(key)
                && !self.admit(key)
            {
                continue;
            }
            if self.attributes >= self.attribute_limit {
                self.dropped.attributes += 1;
                continue;
            }
            self.attributes += 1;
            self.out.raw(&written[field.range]);
        }
        self.dropped.attributes += from.dropped.attributes;
    }

    /// Begins a log record.
    pub(crate) fn begin_log(&mut self, limits: &Limits) {
        self.begin(
            f::log::ATTRIBUTES,
            limits.log_attribute_count,
            limits.log_text(),
            limits,
        );
    }

    pub(crate) fn event_name(&mut self, name: &str, limits: &Limits) {
        self.out
            .bytes(f::log::EVENT_NAME, limits.name_text().cut(name).as_bytes());
    }

    pub(crate) fn body(&mut self, body: Value<'_>) {
        self.out.any_value(f::log::BODY, body, self.text);
    }

    pub(crate) fn severity(&mut self, number: u8, text: &str) {
        self.out.uint(f::log::SEVERITY_NUMBER, number.into());
        self.out.bytes(f::log::SEVERITY_TEXT, text.as_bytes());
    }

    /// Ends the log record.
    pub(crate) fn end_log(&mut self, time_ns: u64, observed_ns: u64, span: Option<SpanId>) {
        self.out.fixed64(f::log::TIME_UNIX_NANO, time_ns);
        self.out
            .fixed64(f::log::OBSERVED_TIME_UNIX_NANO, observed_ns);
        if let Some(span) = span {
            self.out.bytes(f::log::SPAN_ID, &span.to_bytes());
        }
        if self.dropped.attributes > 0 {
            self.out.uint(
                f::log::DROPPED_ATTRIBUTES_COUNT,
                self.dropped.attributes.into(),
            );
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
        put_varint(&mut header[1..], len as u64);
        let (own, shared) = room.split_at_mut(written.len());
        own.copy_from_slice(written);
        shared.copy_from_slice(common);
    }
}

/// Keys that every item has from its session; what a host sets for them is ignored.
const RESERVED: [&str; 2] = [key::SESSION_ID, key::CONVERSATION_ID];

/// The filter with the reserved keys in it.
const RESERVED_KEYS: KeyFilter = {
    let mut keys = KeyFilter([0; KeyFilter::WORDS]);
    let mut index = 0;
    while index < RESERVED.len() {
        keys.insert(RESERVED[index].as_bytes());
        index += 1;
    }
    keys
};

/// A Bloom filter of two hashes and 512 bits: of twelve usual keys, one in some hundred is mistaken
/// for one that was set before. For a literal key the compiler works the hashes out.
#[derive(Clone, Copy, Debug)]
struct KeyFilter([u64; Self::WORDS]);

impl KeyFilter {
    const WORDS: usize = 8;

    /// Whether the key may have been there before.
    #[inline(always)]
    const fn insert(&mut self, key: &[u8]) -> bool {
        let hash = key_hash(key);
        let (first, second) = (hash >> 55, hash >> 46 & 511);
        let first_bit = 1 << (first & 63);
        let second_bit = 1 << (second & 63);
        let known = self.0[(first >> 6) as usize] & first_bit != 0
            && self.0[(second >> 6) as usize] & second_bit != 0;
        self.0[(first >> 6) as usize] |= first_bit;
        self.0[(second >> 6) as usize] |= second_bit;
        known
    }
}

/// The last bytes of a key and its length tell most keys apart.
#[inline(always)]
const fn key_hash(bytes: &[u8]) -> u64 {
    let tail = match bytes.last_chunk::<8>() {
        Some(tail) => u64::from_le_bytes(*tail),
        None => {
            let mut tail = 0;
            let mut index = 0;
            while index < bytes.len() {
                tail = tail << 8 | bytes[index] as u64;
                index += 1;
            }
            tail
        }
    };
    let mixed = (tail ^ bytes.len() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed ^ mixed >> 32).wrapping_mul(0xd6e8_feb8_6659_fd93)
}
