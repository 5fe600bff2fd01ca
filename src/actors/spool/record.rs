//! A record of the log: a header of fixed size and a body, guarded by one checksum.
//!
//! ```text
//! offset  size
//!      0     4  marker "SPRL"
//!      4     4  CRC-32C of all that follows, the body included
//!      8     4  length of the body
//!     12     4  items in the body
//!     16     4  lanes that want it, one bit each (numbers of the segment's table)
//!     20     1  kind
//!     21     1  signal
//!     22     2  zero
//!     24     8  position in the log
//!     32     8  time of writing, nanoseconds since 1970
//!     40        the body
//! ```
//!
//! All numbers are little endian. The checksum covers the length and the position, so that neither a
//! torn nor a misplaced record is taken for a whole one; the marker lets a reader find the next record
//! behind a damaged one.

use crate::model::request::Signal;

/// Bytes of a header.
pub(crate) const HEADER: usize = 40;
pub(crate) const MARKER: [u8; 4] = *b"SPRL";
/// No body is larger: a length beyond it is damage. Requests are bounded far below.
pub(crate) const MAX_BODY: u32 = 1 << 30;
/// No log is that long: a position beyond it is damage, and sums of positions never overflow.
pub(crate) const MAX_POSITION: u64 = 1 << 62;

/// What a record is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A complete OTLP request.
    Request = 1,
}

/// What stands before a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) kind: Kind,
    pub(crate) signal: Signal,
    pub(crate) len: u32,
    pub(crate) items: u32,
    pub(crate) lanes: u32,
    pub(crate) position: u64,
    pub(crate) time_ns: u64,
    checksum: u32,
}

impl Header {
    /// How many bytes the record takes.
    pub(crate) fn record_len(&self) -> u64 {
        HEADER as u64 + u64::from(self.len)
    }

    /// The header of a record at `position`; its checksum is told by [`write`].
    pub(crate) fn new(signal: Signal, items: u32, lanes: u32, position: u64, time_ns: u64) -> Self {
        Self {
            kind: Kind::Request,
            signal,
            len: 0,
            items,
            lanes,
            position,
            time_ns,
            checksum: 0,
        }
    }

    /// Reads a header. `None` where none can be: wrong marker, kind, signal, length or position.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.first_chunk::<HEADER>()?;
        let u32_at = |at: usize| {
            u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
        };
        let u64_at = |at: usize| u64::from(u32_at(at)) | u64::from(u32_at(at + 4)) << 32;
        let len = u32_at(8);
        if bytes[..4] != MARKER
            || len > MAX_BODY
            || u64_at(24) > MAX_POSITION
            || bytes[20] != Kind::Request as u8
            || bytes[22..24] != [0, 0]
        {
            return None;
        }
        let signal = Signal::ALL
            .into_iter()
            .find(|signal| *signal as u8 == bytes[21])?;
        Some(Self {
            kind: Kind::Request,
            signal,
            len,
            items: u32_at(12),
            lanes: u32_at(16),
            position: u64_at(24),
            time_ns: u64_at(32),
            checksum: u32_at(4),
        })
    }

    /// Whether `body` is the body of this header, whole and unchanged.
    pub(crate) fn is_of(&self, body: &[u8]) -> bool {
        let head = self.guarded();
        body.len() == self.len as usize
            && crc32c::crc32c_append(crc32c::crc32c(&head), body) == self.checksum
    }

    /// The guarded part of the header: what follows the checksum.
    fn guarded(&self) -> [u8; HEADER - 8] {
        let mut out = [0; HEADER - 8];
        out[..4].copy_from_slice(&self.len.to_le_bytes());
        out[4..8].copy_from_slice(&self.items.to_le_bytes());
        out[8..12].copy_from_slice(&self.lanes.to_le_bytes());
        out[12] = self.kind as u8;
        out[13] = self.signal as u8;
        out[16..24].copy_from_slice(&self.position.to_le_bytes());
        out[24..].copy_from_slice(&self.time_ns.to_le_bytes());
        out
    }
}

/// Appends a record to `out`: `header` filled in with the length and the checksum of the body, whose
/// parts are written one after the other.
pub(crate) fn write<'a>(
    out: &mut Vec<u8>,
    mut header: Header,
    parts: impl Iterator<Item = &'a [u8]>,
) -> Header {
    let start = out.len();
    out.resize(start + HEADER, 0);
    for part in parts {
        out.extend_from_slice(part);
    }
    let body = &out[start + HEADER..];
    header.len = u32::try_from(body.len()).expect("requests are far below 4 GiB");
    let head = header.guarded();
    header.checksum = crc32c::crc32c_append(crc32c::crc32c(&head), body);
    out[start..start + 4].copy_from_slice(&MARKER);
    out[start + 4..start + 8].copy_from_slice(&header.checksum.to_le_bytes());
    out[start + 8..start + HEADER].copy_from_slice(&head);
    header
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Two records behind each other.
    fn written(first: &[u8], second: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let header = Header::new(Signal::Traces, 3, 0b101, 1 << 40, 99);
        write(&mut out, header, first.chunks(3));
        let position = (1 << 40) + out.len() as u64;
        let header = Header::new(Signal::Logs, 1, 1, position, 100);
        write(&mut out, header, std::iter::once(second));
        out
    }

    proptest! {
        /// What was written is read back; its parts were joined.
        #[test]
        fn a_record_is_read_back(first: Vec<u8>, second: Vec<u8>) {
            let bytes = written(&first, &second);
            let header = Header::read(&bytes).expect("a header");
            prop_assert_eq!((header.signal, header.items, header.lanes), (Signal::Traces, 3, 0b101));
            prop_assert_eq!((header.position, header.time_ns), (1 << 40, 99));
            let end = header.record_len() as usize;
            prop_assert!(header.is_of(&bytes[HEADER..end]));
            let next = Header::read(&bytes[end..]).expect("a header");
            prop_assert_eq!(next.signal, Signal::Logs);
            prop_assert!(next.is_of(&bytes[end + HEADER..]));
        }
    }

    /// Whichever single bit of a record changes, it is not taken for whole.
    #[test]
    fn every_changed_bit_is_noticed() {
        let mut bytes = Vec::new();
        write(
            &mut bytes,
            Header::new(Signal::Traces, 2, 1, 7, 9),
            [b"body".as_slice()].into_iter(),
        );
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            let whole = Header::read(&damaged).is_some_and(|header| {
                damaged
                    .get(HEADER..header.record_len() as usize)
                    .is_some_and(|body| header.is_of(body))
            });
            assert!(!whole, "bit {bit}");
        }
    }
}
