//! A cursor over one message of a foreign request, made for speed: nothing is built for a field.
//!
//! Holds: borrowed bytes of the whole request, up to the end of its message, so that positions are
//! those in the request. Never waits, never allocates, never panics on any input.

use crate::model::otlp::cursor::WireError;

/// Wire types (protobuf, "Message Structure").
pub(super) const VARINT: u32 = 0;
pub(super) const FIXED64: u32 = 1;
pub(super) const LEN: u32 = 2;
pub(super) const FIXED32: u32 = 5;

/// How deep messages may lie in each other, the request included. Readers of other languages stop
/// at 100 (protobuf C++, prost): what goes deeper would spoil the batch that it travels in.
pub(crate) const MAX_DEPTH: usize = 96;

/// The tag of a field: its number and its wire type.
pub(super) const fn tag(field: u32, wire_type: u32) -> u32 {
    field << 3 | wire_type
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a> {
    /// The request up to the end of the message.
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(request: &'a [u8]) -> Self {
        Self {
            bytes: request,
            at: 0,
        }
    }

    /// Where the unread part begins in the request.
    #[inline(always)]
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// Where the message ends in the request.
    pub(super) fn end(&self) -> usize {
        self.bytes.len()
    }

    /// The unread part.
    #[inline(always)]
    pub(super) fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    #[inline(always)]
    pub(super) fn is_empty(&self) -> bool {
        self.at >= self.bytes.len()
    }

    /// The tag of the next field; 0, which is no tag, after the last one.
    #[inline(always)]
    pub(super) fn tag(&mut self) -> Result<u32, WireError> {
        match self.bytes.get(self.at) {
            None => Ok(0),
            Some(&byte) if (8..0x80).contains(&byte) => {
                self.at += 1;
                Ok(byte.into())
            }
            Some(_) => self.long_tag(),
        }
    }

    #[cold]
    #[inline(never)]
    fn long_tag(&mut self) -> Result<u32, WireError> {
        let at = self.at;
        let tag = self.varint()?;
        match u32::try_from(tag) {
            Ok(tag) if tag >= 8 => Ok(tag),
            _ => Err(WireError::BadTag { at }),
        }
    }

    #[inline(always)]
    pub(super) fn varint(&mut self) -> Result<u64, WireError> {
        match self.bytes.get(self.at..) {
            Some(&[byte, ..]) if byte < 0x80 => {
                self.at += 1;
                Ok(byte.into())
            }
            Some(&[low, high, ..]) if high < 0x80 => {
                self.at += 2;
                Ok(u64::from(low & 0x7f) | u64::from(high) << 7)
            }
            _ => self.long_varint(),
        }
    }

    #[cold]
    #[inline(never)]
    fn long_varint(&mut self) -> Result<u64, WireError> {
        let at = self.at;
        let mut value = 0;
        for (index, &byte) in self.rest().iter().take(10).enumerate() {
            // The tenth byte has room for one bit.
            if index == 9 && byte > 1 {
                return Err(WireError::BadVarint { at });
            }
            value |= u64::from(byte & 0x7f) << (7 * index);
            if byte < 0x80 {
                self.at += index + 1;
                return Ok(value);
            }
        }
        Err(WireError::Truncated { at })
    }

    #[inline(always)]
    pub(super) fn fixed64(&mut self) -> Result<u64, WireError> {
        let at = self.at;
        let fixed = self.bytes.get(at..).and_then(|rest| rest.first_chunk());
        let fixed = fixed.ok_or(WireError::Truncated { at })?;
        self.at += 8;
        Ok(u64::from_le_bytes(*fixed))
    }

    #[inline(always)]
    pub(super) fn fixed32(&mut self) -> Result<u32, WireError> {
        let at = self.at;
        let fixed = self.bytes.get(at..).and_then(|rest| rest.first_chunk());
        let fixed = fixed.ok_or(WireError::Truncated { at })?;
        self.at += 4;
        Ok(u32::from_le_bytes(*fixed))
    }

    /// A message in it.
    #[inline(always)]
    pub(super) fn message(&mut self) -> Result<Self, WireError> {
        let at = self.at;
        let len = self.varint()?;
        let start = self.at;
        // A length near the top of 64 bits must not wrap around.
        if len > (self.bytes.len() - start) as u64 {
            return Err(WireError::Truncated { at });
        }
        self.at = start + len as usize;
        Ok(Self {
            bytes: &self.bytes[..self.at],
            at: start,
        })
    }

    #[inline(always)]
    pub(super) fn bytes(&mut self) -> Result<&'a [u8], WireError> {
        Ok(self.message()?.rest())
    }

    /// A `string`, which must be UTF-8: other readers refuse the request otherwise.
    #[inline(always)]
    pub(super) fn text(&mut self) -> Result<&'a [u8], WireError> {
        let text = self.message()?;
        let bytes = text.rest();
        if is_ascii(bytes) || std::str::from_utf8(bytes).is_ok() {
            return Ok(bytes);
        }
        Err(WireError::NotUtf8 { at: text.at })
    }

    /// An id of `len` bytes, or none.
    #[inline(always)]
    pub(super) fn id(&mut self, len: usize) -> Result<&'a [u8], WireError> {
        let id = self.message()?;
        match id.rest().len() {
            0 => Ok(&[]),
            given if given == len => Ok(id.rest()),
            _ => Err(WireError::BadId { at: id.at }),
        }
    }

    /// Skips a field that the message's schema does not have; one that it has comes here with the
    /// wrong wire type, which `known` (a bit for each field number below 64) tells.
    #[cold]
    #[inline(never)]
    pub(super) fn skip(&mut self, tag: u32, known: u64) -> Result<(), WireError> {
        let (number, wire_type) = (tag >> 3, tag & 7);
        let bad = Err(WireError::BadTag {
            at: self.at.saturating_sub(1),
        });
        if number < 64 && known >> number & 1 == 1 {
            return bad;
        }
        match wire_type {
            VARINT => self.varint().map(drop),
            FIXED64 => self.fixed64().map(drop),
            LEN => self.message().map(drop),
            FIXED32 => self.fixed32().map(drop),
            // Groups: long deprecated, never used by OTLP.
            _ => bad,
        }
    }
}

/// Whether all bytes are ASCII. Made for texts of some dozens of bytes, where the standard library's
/// takes longer to begin than to look.
#[inline(always)]
pub(super) fn is_ascii(bytes: &[u8]) -> bool {
    const HIGH_BITS: u64 = 0x8080_8080_8080_8080;
    let (words, rest) = bytes.as_chunks();
    let mut seen = 0;
    for word in words {
        seen |= u64::from_le_bytes(*word);
    }
    match bytes.last_chunk() {
        // Some of it was seen already, which does not matter.
        Some(last) => seen |= u64::from_le_bytes(*last),
        None => {
            for byte in rest {
                seen |= u64::from(*byte);
            }
        }
    }
    seen & HIGH_BITS == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A byte above ASCII is found wherever it stands in a text of any length.
    #[test]
    fn no_byte_is_overlooked() {
        for len in 0..40 {
            let mut bytes = vec![0x7f; len];
            assert!(is_ascii(&bytes));
            for at in 0..len {
                bytes[at] = 0x80;
                assert!(!is_ascii(&bytes), "{at} of {len}");
                bytes[at] = 0;
            }
        }
    }
}
