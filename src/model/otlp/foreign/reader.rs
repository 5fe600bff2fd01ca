//! A cursor over one message of a foreign request, made for speed: nothing is built for a field.
//!
//! Holds: the unread bytes of its message, and where that ends in the request. Never waits, never allocates, never panics on any input.

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

/// Where one message is being read.
///
/// Functions that are seldom called are told where to read and tell where they stopped, by value: one that was
/// given a reader to change would keep it in memory everywhere, and each step would wait for the one before to
/// be written there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a> {
    /// The unread part of the message.
    rest: &'a [u8],
    /// Where the message ends in the request.
    end: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(request: &'a [u8]) -> Self {
        Self {
            rest: request,
            end: request.len(),
        }
    }

    /// Where the unread part begins in the request.
    #[inline(always)]
    pub(super) fn at(&self) -> usize {
        self.end - self.rest.len()
    }

    /// Where the message ends in the request.
    pub(super) fn end(&self) -> usize {
        self.end
    }

    /// The unread part.
    #[inline(always)]
    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Goes on where this end of the message begins.
    #[inline(always)]
    pub(super) fn go_on(&mut self, rest: &'a [u8]) {
        self.rest = rest;
    }

    #[inline(always)]
    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The tag of the next field; 0, which is no tag, after the last one.
    #[inline(always)]
    pub(super) fn tag(&mut self) -> Result<u32, WireError> {
        match *self.rest {
            [] => Ok(0),
            [tag @ 8..0x80, ref rest @ ..] => {
                self.rest = rest;
                Ok(tag.into())
            }
            // Fields 16 and above, as the flags of a span.
            [low @ 0x80..=0xff, high @ 1..0x80, ref rest @ ..] => {
                self.rest = rest;
                Ok(u32::from(low & 0x7f) | u32::from(high) << 7)
            }
            _ => {
                let (tag, rest) = long_tag(*self)?;
                self.rest = rest;
                Ok(tag)
            }
        }
    }

    #[inline(always)]
    pub(super) fn varint(&mut self) -> Result<u64, WireError> {
        match *self.rest {
            [byte @ ..0x80, ref rest @ ..] => {
                self.rest = rest;
                Ok(byte.into())
            }
            [low, high @ ..0x80, ref rest @ ..] => {
                self.rest = rest;
                Ok(u64::from(low & 0x7f) | u64::from(high) << 7)
            }
            _ => {
                let (value, rest) = long_varint(*self)?;
                self.rest = rest;
                Ok(value)
            }
        }
    }

    /// The next bytes, as many as asked for.
    #[inline(always)]
    fn fixed<const N: usize>(&mut self) -> Result<&'a [u8; N], WireError> {
        let cut_off = WireError::Truncated { at: self.at() };
        let (fixed, rest) = self.rest.split_first_chunk().ok_or(cut_off)?;
        self.rest = rest;
        Ok(fixed)
    }

    #[inline(always)]
    pub(super) fn fixed64(&mut self) -> Result<u64, WireError> {
        self.fixed().map(|bytes| u64::from_le_bytes(*bytes))
    }

    #[inline(always)]
    pub(super) fn fixed32(&mut self) -> Result<u32, WireError> {
        self.fixed().map(|bytes| u32::from_le_bytes(*bytes))
    }

    /// A message in it.
    #[inline(always)]
    pub(super) fn message(&mut self) -> Result<Self, WireError> {
        let at = self.at();
        let len = self.varint()?;
        // A length near the top of 64 bits must not wrap around.
        let parts = usize::try_from(len)
            .ok()
            .and_then(|len| self.rest.split_at_checked(len));
        let (message, rest) = parts.ok_or(WireError::Truncated { at })?;
        self.rest = rest;
        Ok(Self {
            rest: message,
            end: self.at(),
        })
    }

    #[inline(always)]
    pub(super) fn bytes(&mut self) -> Result<&'a [u8], WireError> {
        Ok(self.message()?.rest)
    }

    /// A `string`, which must be UTF-8: other readers refuse the request otherwise.
    #[inline(always)]
    pub(super) fn text(&mut self) -> Result<&'a [u8], WireError> {
        let text = self.message()?;
        if is_ascii(text.rest) || std::str::from_utf8(text.rest).is_ok() {
            return Ok(text.rest);
        }
        Err(WireError::NotUtf8 { at: text.at() })
    }

    /// An id of `N` bytes, or none.
    #[inline(always)]
    pub(super) fn id<const N: usize>(&mut self) -> Result<&'a [u8], WireError> {
        if let [len, behind @ ..] = self.rest
            && usize::from(*len) == N
            && let Some((id, rest)) = behind.split_first_chunk::<N>()
        {
            self.rest = rest;
            return Ok(id);
        }
        let other = self.message()?;
        match other.rest.len() {
            0 => Ok(&[]),
            given if given == N => Ok(other.rest),
            _ => Err(WireError::BadId { at: other.at() }),
        }
    }

    /// Skips a field that the message's schema does not have; one that it has comes here with the
    /// wrong wire type, which `known` (a bit for each field number below 64) tells.
    #[inline(always)]
    pub(super) fn skip(&mut self, tag: u32, known: u64) -> Result<(), WireError> {
        self.rest = skipped(*self, tag, known)?;
        Ok(())
    }
}

#[cold]
#[inline(never)]
fn long_tag(reader: Reader<'_>) -> Result<(u32, &[u8]), WireError> {
    let (tag, rest) = long_varint(reader)?;
    match u32::try_from(tag) {
        Ok(tag) if tag >= 8 => Ok((tag, rest)),
        _ => Err(WireError::BadTag { at: reader.at() }),
    }
}

#[cold]
#[inline(never)]
fn long_varint(reader: Reader<'_>) -> Result<(u64, &[u8]), WireError> {
    let at = reader.at();
    let mut value = 0;
    for (index, &byte) in reader.rest.iter().take(10).enumerate() {
        // The tenth byte has room for one bit.
        if index == 9 && byte > 1 {
            return Err(WireError::BadVarint { at });
        }
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte < 0x80 {
            return Ok((value, &reader.rest[index + 1..]));
        }
    }
    Err(WireError::Truncated { at })
}

/// What is behind the field that [`Reader::skip`] skips.
#[cold]
#[inline(never)]
fn skipped(mut reader: Reader<'_>, tag: u32, known: u64) -> Result<&[u8], WireError> {
    let (number, wire_type) = (tag >> 3, tag & 7);
    let bad = Err(WireError::BadTag {
        at: reader.at().saturating_sub(1),
    });
    if number < 64 && known >> number & 1 == 1 {
        return bad;
    }
    match wire_type {
        VARINT => drop(reader.varint()?),
        FIXED64 => drop(reader.fixed64()?),
        LEN => drop(reader.message()?),
        FIXED32 => drop(reader.fixed32()?),
        // Groups: long deprecated, never used by OTLP.
        _ => return bad,
    }
    Ok(reader.rest)
}

/// Whether all bytes are ASCII. Made for texts of some dozens of bytes, where the standard library's takes longer
/// to begin than to look. What is looked at last may have been seen in part, which does not matter.
#[inline(always)]
pub(super) fn is_ascii(bytes: &[u8]) -> bool {
    const HIGH_BITS: u64 = 0x8080_8080_8080_8080;
    if let Some(last) = bytes.last_chunk::<16>() {
        let mut seen = *last;
        for chunk in bytes.as_chunks::<16>().0 {
            for (seen, byte) in seen.iter_mut().zip(chunk) {
                *seen |= byte;
            }
        }
        return seen.iter().fold(0, |seen, byte| seen | byte) < 0x80;
    }
    if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        return (u64::from_le_bytes(*first) | u64::from_le_bytes(*last)) & HIGH_BITS == 0;
    }
    bytes.iter().fold(0, |seen, byte| seen | byte) < 0x80
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
