//! Protobuf primitives over an initialised buffer with a cursor.
//!
//! The buffer's length is its capacity; the cursor says how much of it is written. Every write
//! takes its room once and then fills a slice of known length: that is what makes an attribute
//! cost nanoseconds without `unsafe`. What is nested knows its length before it is written, but for
//! events and links, whose lengths are filled in at their end.

mod copy;
mod head;
mod nested;
mod short;

use std::ops::Range;

pub(crate) use self::copy::copy;
use self::nested::Bounds;
use super::fields as f;
use crate::model::attribute::Value;
use crate::model::limits::TextLimit;

const VARINT: u32 = 0;
const FIXED64: u32 = 1;
const LEN: u32 = 2;
const FIXED32: u32 = 5;

/// A growing message in wire form.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    buffer: Vec<u8>,
    at: usize,
}

impl Writer {
    /// A writer with room for `capacity` bytes.
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        Self {
            buffer: vec![0; capacity],
            at: 0,
        }
    }

    /// Forgets what is written and keeps the room.
    #[inline]
    pub(crate) fn clear(&mut self) {
        self.at = 0;
    }

    /// Forgets what was written after `at`.
    pub(crate) fn truncate(&mut self, at: usize) {
        self.at = self.at.min(at);
    }

    #[inline]
    pub(crate) fn written(&self) -> &[u8] {
        &self.buffer[..self.at]
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.at
    }

    pub(crate) fn capacity(&self) -> usize {
        self.buffer.len()
    }

    /// What is written, as a vector of exactly its size.
    pub(crate) fn to_vec(&self) -> Vec<u8> {
        self.written().to_vec()
    }

    /// Removes the bytes of `range`; what follows moves up.
    pub(crate) fn remove(&mut self, range: Range<usize>) {
        self.buffer.copy_within(range.end..self.at, range.start);
        self.at -= range.len();
    }

    /// The next `len` bytes, to be filled.
    #[inline(always)]
    fn room(&mut self, len: usize) -> &mut [u8] {
        let at = self.at;
        if at + len > self.buffer.len() {
            self.grow(at + len);
        }
        self.at = at + len;
        // Not `at..at + len`: of this the compiler knows that it has `len` bytes, whatever `at` is.
        &mut self.buffer[at..][..len]
    }

    /// The next `N` bytes, if there is room for them already. The array is there to be written in part, by whoever
    /// then says how much that was: the compiler sees what stays within it, and checks nothing more.
    #[inline(always)]
    fn window<const N: usize>(&mut self) -> Option<&mut [u8; N]> {
        self.buffer.get_mut(self.at..)?.first_chunk_mut()
    }

    #[cold]
    #[inline(never)]
    fn grow(&mut self, needed: usize) {
        let capacity = needed.max(self.buffer.len() * 2).max(256);
        self.buffer.resize(capacity, 0);
    }

    /// Bytes that are wire form already.
    #[inline]
    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        copy(self.room(bytes.len()), bytes);
    }

    #[inline]
    pub(crate) fn varint(&mut self, value: u64) {
        if value < 0x80 {
            self.room(1)[0] = value as u8;
        } else {
            let len = varint_len(value);
            put_varint(self.room(len), value);
        }
    }

    /// The tag and length of a nested message, a text or bytes: `len` bytes must follow.
    #[inline]
    pub(crate) fn open(&mut self, field: u32, len: usize) {
        self.varint(tag(field, LEN));
        self.varint(len as u64);
    }

    /// Opens a nested message in a field below 16 whose length is not known yet; returns what
    /// [`close`](Self::close) asks for. One byte is kept for the length, which is enough for most.
    #[inline]
    pub(crate) fn open_unknown(&mut self, field: u32) -> usize {
        debug_assert!(field < 16, "a tag of one byte");
        let start = self.at;
        self.room(2)[0] = tag(field, LEN) as u8;
        start
    }

    /// Writes the length of a message that was opened at `start`.
    #[inline]
    pub(crate) fn close(&mut self, start: usize) {
        let len = self.at - start - 2;
        if len >= 0x80 {
            return self.close_long(start, len);
        }
        self.buffer[start + 1] = len as u8;
    }

    #[inline(never)]
    fn close_long(&mut self, start: usize, len: usize) {
        let body = start + 2;
        let more = varint_len(len as u64) - 1;
        self.room(more);
        self.buffer.copy_within(body..body + len, body + more);
        put_varint(&mut self.buffer[start + 1..body + more], len as u64);
    }

    /// A text or bytes.
    #[inline]
    pub(crate) fn bytes(&mut self, field: u32, bytes: &[u8]) {
        self.open(field, bytes.len());
        self.raw(bytes);
    }

    #[inline]
    pub(crate) fn uint(&mut self, field: u32, value: u64) {
        self.varint(tag(field, VARINT));
        self.varint(value);
    }

    #[inline]
    pub(crate) fn fixed64(&mut self, field: u32, value: u64) {
        debug_assert!(field < 16, "a tag of one byte");
        let room = self.room(9);
        room[0] = tag(field, FIXED64) as u8;
        room[1..].copy_from_slice(&value.to_le_bytes());
    }

    #[inline]
    pub(crate) fn fixed32(&mut self, field: u32, value: u32) {
        self.varint(tag(field, FIXED32));
        self.room(4).copy_from_slice(&value.to_le_bytes());
    }

    /// One `KeyValue` in the repeated field `field`. What does not fit into 64-bit lengths does
    /// not fit into memory either.
    #[inline(always)]
    pub(crate) fn attribute(&mut self, field: u32, key: &str, value: Value<'_>, limit: TextLimit) {
        match value {
            Value::Str(text) => {
                let text = limit.cut_whole(text);
                self.attribute_bytes(field, key, f::value::STRING, text.as_bytes());
            }
            Value::Int(number) => self.attribute_int(field, key, number),
            Value::Double(number) => {
                let room = self.attribute_open(field, key, 9);
                room[0] = tag(f::value::DOUBLE, FIXED64) as u8;
                room[1..9].copy_from_slice(&number.to_le_bytes());
            }
            Value::Bool(truth) => {
                let room = self.attribute_open(field, key, 2);
                room[0] = tag(f::value::BOOL, VARINT) as u8;
                room[1] = u8::from(truth);
            }
            _ => self.key_value(field, key, value, Bounds::new(limit)),
        }
    }

    #[inline(always)]
    fn attribute_int(&mut self, field: u32, key: &str, number: i64) {
        let len = varint_len(number as u64);
        let room = self.attribute_open(field, key, 1 + len);
        room[0] = tag(f::value::INT, VARINT) as u8;
        put_varint(&mut room[1..], number as u64);
    }

    /// Opens an attribute whose value takes `value_len` bytes (below 128) and returns their room.
    #[inline(always)]
    fn attribute_open(&mut self, field: u32, key: &str, value_len: usize) -> &mut [u8] {
        debug_assert!(value_len < 0x80 && field < 16);
        let key_len = key.len();
        if key_len >= 0x60 {
            return self.attribute_open_long(field, key, value_len);
        }
        // tag, length, key tag, key length, key, value tag, value length, value
        let inner = 2 + key_len + 2 + value_len;
        if inner >= 0x80 {
            return self.attribute_open_long(field, key, value_len);
        }
        let room = self.room(2 + inner);
        room[0] = tag(field, LEN) as u8;
        room[1] = inner as u8;
        room[2] = tag(f::key_value::KEY, LEN) as u8;
        room[3] = key_len as u8;
        copy(&mut room[4..4 + key_len], key.as_bytes());
        room[4 + key_len] = tag(f::key_value::VALUE, LEN) as u8;
        room[5 + key_len] = value_len as u8;
        &mut room[6 + key_len..]
    }

    #[cold]
    #[inline(never)]
    fn attribute_open_long(&mut self, field: u32, key: &str, value_len: usize) -> &mut [u8] {
        self.open(field, len_field(key.len()) + len_field(value_len));
        self.bytes(f::key_value::KEY, key.as_bytes());
        self.open(f::key_value::VALUE, value_len);
        self.room(value_len)
    }

    #[inline(always)]
    fn attribute_bytes(&mut self, field: u32, key: &str, kind: u32, bytes: &[u8]) {
        let (key_len, len) = (key.len(), bytes.len());
        if key_len + len >= 0x78 {
            return self.attribute_bytes_long(field, key, kind, bytes);
        }
        // Every length fits one byte: tag, length, key tag, key length, key, value tag, value
        // length, text tag, text length, text.
        let room = self.room(8 + key_len + len);
        room[0] = tag(field, LEN) as u8;
        room[1] = (6 + key_len + len) as u8;
        room[2] = tag(f::key_value::KEY, LEN) as u8;
        room[3] = key_len as u8;
        copy(&mut room[4..4 + key_len], key.as_bytes());
        let rest = &mut room[4 + key_len..];
        rest[0] = tag(f::key_value::VALUE, LEN) as u8;
        rest[1] = (2 + len) as u8;
        rest[2] = tag(kind, LEN) as u8;
        rest[3] = len as u8;
        copy(&mut rest[4..], bytes);
    }

    #[inline(never)]
    fn attribute_bytes_long(&mut self, field: u32, key: &str, kind: u32, bytes: &[u8]) {
        let value_len = len_field(bytes.len());
        self.open(field, len_field(key.len()) + len_field(value_len));
        self.bytes(f::key_value::KEY, key.as_bytes());
        self.open(f::key_value::VALUE, value_len);
        self.bytes(kind, bytes);
    }
}

/// The tag of a field: its number and wire type.
#[inline(always)]
const fn tag(field: u32, wire: u32) -> u64 {
    (field << 3 | wire) as u64
}

/// How many bytes a number takes as a varint.
#[inline(always)]
pub(crate) const fn varint_len(value: u64) -> usize {
    (((value | 1).ilog2() * 9 + 73) / 64) as usize
}

/// How many bytes a nested field of `len` bytes takes whose tag is one byte (fields 1 to 15).
#[inline(always)]
pub(crate) const fn len_field(len: usize) -> usize {
    1 + varint_len(len as u64) + len
}

/// Fills `room` with a number that takes exactly its length.
#[inline(always)]
pub(crate) fn put_varint(room: &mut [u8], mut value: u64) {
    for byte in room {
        *byte = if value < 0x80 {
            value as u8
        } else {
            value as u8 | 0x80
        };
        value >>= 7;
    }
}

#[cfg(test)]
mod tests;
