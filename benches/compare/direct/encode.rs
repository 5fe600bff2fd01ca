//! Spans in OTLP's protobuf, written into an initialised buffer with one bounds check each time.
//!
//! A buffer is a run of `ScopeSpans.spans` entries. The length of a span is known only when it ends,
//! so two bytes are kept for it (spans of the workload take more than 127 and fewer than 16,384
//! bytes, which is just what two bytes of a varint can say); one byte is kept for an event.

use crate::workload::Attributes;

/// Bytes of a buffer.
const SIZE: usize = 16_384;
/// More than the largest span of the workload takes.
const LARGEST_SPAN: usize = 1_024;

/// `Span.attributes` and `Event.attributes`, as tag bytes.
const SPAN_ATTRIBUTES: u8 = 9 << 3 | 2;
const EVENT_ATTRIBUTES: u8 = 3 << 3 | 2;

pub(super) enum Kind {
    Internal = 1,
    Client = 3,
}

/// What is known of a span when it starts.
pub(super) struct Head {
    pub(super) trace_id: [u8; 16],
    pub(super) span_id: u64,
    pub(super) parent: Option<u64>,
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) start: u64,
}

/// Encoded spans.
pub(super) struct Buffer {
    bytes: Box<[u8]>,
    written: usize,
    /// Where the span being written has its length.
    span: usize,
    /// Where the event being written has its length.
    event: usize,
}

impl Buffer {
    pub(super) fn new() -> Self {
        Self {
            bytes: vec![0; SIZE].into(),
            written: 0,
            span: 0,
            event: 0,
        }
    }

    pub(super) fn clear(&mut self) {
        self.written = 0;
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[..self.written]
    }

    /// Whether another span fits.
    #[inline]
    pub(super) fn has_room(&self) -> bool {
        SIZE - self.written >= LARGEST_SPAN
    }

    /// The next `len` bytes, to be filled.
    #[inline(always)]
    fn next(&mut self, len: usize) -> &mut [u8] {
        let from = self.written;
        self.written += len;
        &mut self.bytes[from..from + len]
    }

    #[inline(always)]
    pub(super) fn start_span(&mut self, head: &Head) {
        self.span = self.written + 1;
        let ids = self.next(31);
        ids[0] = 2 << 3 | 2; // ScopeSpans.spans; two bytes of length follow
        ids[3] = 1 << 3 | 2;
        ids[4] = 16;
        ids[5..21].copy_from_slice(&head.trace_id);
        ids[21] = 2 << 3 | 2;
        ids[22] = 8;
        ids[23..31].copy_from_slice(&head.span_id.to_be_bytes());
        if let Some(parent) = head.parent {
            let out = self.next(10);
            out[0] = 4 << 3 | 2;
            out[1] = 8;
            out[2..].copy_from_slice(&parent.to_be_bytes());
        }
        let name = head.name.len();
        let out = self.next(19 + name);
        out[0] = 5 << 3 | 2;
        out[1] = name as u8;
        out[2..2 + name].copy_from_slice(head.name.as_bytes());
        let out = &mut out[2 + name..];
        out[0] = 6 << 3;
        out[1] = match head.kind {
            Kind::Internal => Kind::Internal as u8,
            Kind::Client => Kind::Client as u8,
        };
        out[2] = 7 << 3 | 1;
        out[3..11].copy_from_slice(&head.start.to_le_bytes());
        out[11] = 0x80 | (16 << 3 | 5) as u8 & 0x7f; // flags: sampled, remoteness known
        out[12] = 1;
        out[13..17].copy_from_slice(&0x101_u32.to_le_bytes());
    }

    #[inline(always)]
    pub(super) fn span_attributes(&mut self) -> AttributeWriter<'_, SPAN_ATTRIBUTES> {
        AttributeWriter(self)
    }

    #[inline(always)]
    pub(super) fn event_attributes(&mut self) -> AttributeWriter<'_, EVENT_ATTRIBUTES> {
        AttributeWriter(self)
    }

    #[inline(always)]
    pub(super) fn start_event(&mut self, name: &'static str, time: u64) {
        self.event = self.written + 1;
        let out = self.next(13 + name.len());
        out[0] = 11 << 3 | 2; // Span.events; one byte of length follows
        out[2] = 1 << 3 | 1;
        out[3..11].copy_from_slice(&time.to_le_bytes());
        out[11] = 2 << 3 | 2;
        out[12] = name.len() as u8;
        out[13..].copy_from_slice(name.as_bytes());
    }

    #[inline(always)]
    pub(super) fn end_event(&mut self) {
        let len = self.written - self.event - 1;
        debug_assert!(len < 1 << 7, "events of the workload are small");
        self.bytes[self.event] = len as u8;
    }

    #[inline(always)]
    pub(super) fn end_span(&mut self, end: u64) {
        let out = self.next(9);
        out[0] = 8 << 3 | 1;
        out[1..].copy_from_slice(&end.to_le_bytes());
        let len = self.written - self.span - 2;
        debug_assert!(len < 1 << 14, "spans of the workload are small");
        self.bytes[self.span] = len as u8 | 0x80;
        self.bytes[self.span + 1] = (len >> 7) as u8;
    }
}

/// Writes `KeyValue`s as the repeated field of this tag byte. Lengths take one byte each, which
/// holds for every attribute of the workload.
pub(super) struct AttributeWriter<'a, const TAG: u8>(&'a mut Buffer);

impl<const TAG: u8> AttributeWriter<'_, TAG> {
    /// Writes what stands before a value of `len` bytes, its tag included; returns its place.
    #[inline(always)]
    fn pair(&mut self, key: &'static str, len: usize) -> &mut [u8] {
        let k = key.len();
        assert!(k + len + 4 < 1 << 7, "attributes of the workload are small");
        let out = self.0.next(6 + k + len);
        out[0] = TAG;
        out[1] = (4 + k + len) as u8;
        out[2] = 1 << 3 | 2; // KeyValue.key
        out[3] = k as u8;
        out[4..4 + k].copy_from_slice(key.as_bytes());
        out[4 + k] = 2 << 3 | 2; // KeyValue.value, an AnyValue
        out[5 + k] = len as u8;
        &mut out[6 + k..]
    }
}

impl<const TAG: u8> Attributes for AttributeWriter<'_, TAG> {
    #[inline(always)]
    fn literal(&mut self, key: &'static str, value: &'static str) {
        self.text(key, value);
    }

    #[inline(always)]
    fn text(&mut self, key: &'static str, value: &str) {
        let out = self.pair(key, 2 + value.len());
        out[0] = 1 << 3 | 2; // AnyValue.string_value
        out[1] = value.len() as u8;
        out[2..].copy_from_slice(value.as_bytes());
    }

    #[inline(always)]
    fn int(&mut self, key: &'static str, value: i64) {
        let mut rest = value as u64;
        let len = (70 - (rest | 1).leading_zeros() as usize) / 7;
        let out = self.pair(key, 1 + len);
        out[0] = 3 << 3; // AnyValue.int_value
        for byte in &mut out[1..len] {
            *byte = rest as u8 | 0x80;
            rest >>= 7;
        }
        out[len] = rest as u8;
    }

    #[inline(always)]
    fn double(&mut self, key: &'static str, value: f64) {
        let out = self.pair(key, 9);
        out[0] = 4 << 3 | 1; // AnyValue.double_value
        out[1..].copy_from_slice(&value.to_le_bytes());
    }
}
