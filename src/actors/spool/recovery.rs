//! Finds the records of a segment in its bytes, also behind damage: what is lost is at most the records
//! that the damage touches.
//!
//! Holds: borrowed bytes. Never waits, never panics on any input.

use super::record::{HEADER, Header, MARKER};

/// The records of a segment, in order.
#[derive(Debug)]
pub(crate) struct Records<'a> {
    bytes: &'a [u8],
    /// Where to read on.
    at: usize,
    /// What the first byte of `bytes` would be as a position: positions count bytes of records.
    /// `None` where the header of the segment is damaged: the first whole record tells it.
    base: Option<u64>,
    /// Bytes between whole records.
    damaged: u64,
}

/// A whole record.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found<'a> {
    pub(crate) header: Header,
    pub(crate) body: &'a [u8],
}

impl<'a> Records<'a> {
    /// The records of the segment whose first is at position `first` and stands at `start` of `bytes`.
    pub(crate) fn of(bytes: &'a [u8], start: usize, first: u64) -> Self {
        Self {
            bytes,
            at: start,
            base: Some(first.wrapping_sub(start as u64)),
            damaged: 0,
        }
    }

    /// The records of a segment whose header cannot be read.
    pub(crate) fn somewhere_in(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            at: 0,
            base: None,
            damaged: 0,
        }
    }

    /// How many bytes lay between the records that were found: damage. What lies behind the last one is
    /// not in it.
    pub(crate) fn damaged(&self) -> u64 {
        self.damaged
    }

    /// Bytes behind the last record that was found: a record that was never finished, or damage.
    pub(crate) fn unread(&self) -> u64 {
        (self.bytes.len() - self.at) as u64
    }

    /// The whole record at `at`.
    fn whole_at(&self, at: usize) -> Option<Found<'a>> {
        let header = Header::read(self.bytes.get(at..)?)?;
        if self
            .base
            .is_some_and(|base| base.wrapping_add(at as u64) != header.position)
        {
            return None;
        }
        let end = at.checked_add(HEADER)?.checked_add(header.len as usize)?;
        let body = self.bytes.get(at + HEADER..end)?;
        header.is_of(body).then_some(Found { header, body })
    }

    /// The next place from `at` on where a marker stands.
    fn marker_from(&self, at: usize) -> Option<usize> {
        let rest = self.bytes.get(at..)?;
        rest.windows(MARKER.len())
            .position(|bytes| bytes == MARKER)
            .map(|found| at + found)
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Found<'a>;

    fn next(&mut self) -> Option<Found<'a>> {
        let start = self.at;
        let mut at = start;
        loop {
            if let Some(found) = self.whole_at(at) {
                self.damaged += (at - start) as u64;
                self.base = Some(found.header.position.wrapping_sub(at as u64));
                self.at = at + HEADER + found.body.len();
                return Some(found);
            }
            at = self.marker_from(at + 1)?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::record::write;
    use super::*;
    use crate::model::request::Signal;

    const FIRST: u64 = 1000;
    const START: usize = 10;

    /// A segment's bytes: something for a header, then records of these bodies.
    fn segment(bodies: &[&[u8]]) -> Vec<u8> {
        let mut bytes = vec![0xee; START];
        for body in bodies {
            let position = FIRST + (bytes.len() - START) as u64;
            let header = Header::new(Signal::Traces, 1, 1, position, 0);
            write(&mut bytes, header, std::iter::once(*body));
        }
        bytes
    }

    fn bodies<'a>(records: &mut Records<'a>) -> Vec<&'a [u8]> {
        records.map(|found| found.body).collect()
    }

    /// A damaged byte, whichever it is, costs the record that it is in and no other; what was lost is
    /// counted.
    #[test]
    fn a_damaged_byte_costs_its_record_alone() {
        // Among them a body that looks like a record.
        let decoy = segment(&[b"decoy"]);
        let all: [&[u8]; 4] = [b"first", &decoy[START..], b"", b"fourth"];
        let whole = segment(&all);
        let mut ends = Vec::new();
        let mut end = START;
        for body in all {
            end += HEADER + body.len();
            ends.push(end);
        }
        for at in START..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 0x55;
            let hit = ends
                .iter()
                .position(|end| at < *end)
                .expect("within a record");
            let expected: Vec<_> = (0..4)
                .filter(|index| *index != hit)
                .map(|index| all[index])
                .collect();
            let mut records = Records::of(&damaged, START, FIRST);
            assert_eq!(bodies(&mut records), expected, "byte {at}");
            let lost = (HEADER + all[hit].len()) as u64;
            assert_eq!(records.damaged() + records.unread(), lost, "byte {at}");
        }
    }

    /// Wherever a segment is cut off, the records before the cut are there.
    #[test]
    fn a_cut_costs_what_is_behind_it() {
        let whole = segment(&[b"first", b"second", b"third"]);
        for len in START..whole.len() {
            let mut records = Records::of(&whole[..len], START, FIRST);
            let found = bodies(&mut records).len();
            let complete = [45, 91, 136]
                .iter()
                .filter(|end| START + **end <= len)
                .count();
            assert_eq!(found, complete, "{len} bytes");
            assert_eq!(records.damaged(), 0);
        }
    }

    /// Without the header of its segment a record is found all the same.
    #[test]
    fn records_are_found_without_a_header() {
        let mut bytes = segment(&[b"first", b"second"]);
        bytes[..START].fill(0);
        let mut records = Records::somewhere_in(&bytes);
        let found: Vec<_> = records
            .by_ref()
            .map(|found| (found.header.position, found.body))
            .collect();
        assert_eq!(
            found,
            [(FIRST, b"first".as_slice()), (FIRST + 45, b"second")]
        );
        assert_eq!(records.damaged(), START as u64);
    }

    proptest::proptest! {
        /// Bytes of any kind are read without a panic.
        #[test]
        fn any_bytes_are_read(bytes: Vec<u8>, start in 0..40_usize) {
            let _found = Records::of(&bytes, start.min(bytes.len()), 7).count();
            let _found = Records::somewhere_in(&bytes).count();
        }
    }
}
