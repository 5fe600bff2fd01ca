//! A gRPC message on the wire: its prefix and its bytes, as one buffer.

use std::io::IoSlice;

use bytes::Buf;

use crate::model::request::Body;

/// One length-prefixed message (gRPC over HTTP/2, "Length-Prefixed-Message"): a flag for
/// compression, the length as four bytes, and the message.
///
/// It is *one* buffer, and hands out all of its pieces at once, so that HTTP/2 cuts its frames from
/// the whole of it: many small pieces do not become many small frames.
#[derive(Clone, Debug)]
pub(super) struct Message {
    prefix: [u8; Self::PREFIX],
    /// How much of the prefix was read.
    read: usize,
    body: Body,
}

impl Message {
    /// The length of the prefix.
    pub(super) const PREFIX: usize = 5;

    /// Wraps a body, or returns `None` when it is longer than a prefix can say.
    pub(super) fn new(body: Body, compressed: bool) -> Option<Self> {
        let length = u32::try_from(body.remaining()).ok()?;
        let mut prefix = [u8::from(compressed); Self::PREFIX];
        prefix[1..].copy_from_slice(&length.to_be_bytes());
        Some(Self {
            prefix,
            read: 0,
            body,
        })
    }

    /// The bytes of the first message in `answer`: `None` when there is none that is whole and
    /// not compressed.
    pub(super) fn first(answer: &[u8]) -> Option<&[u8]> {
        let (&prefix, rest) = answer.split_first_chunk::<{ Self::PREFIX }>()?;
        let [0, length @ ..] = prefix else {
            return None;
        };
        rest.get(..usize::try_from(u32::from_be_bytes(length)).ok()?)
    }

    fn prefix_left(&self) -> &[u8] {
        &self.prefix[self.read..]
    }
}

impl Buf for Message {
    fn remaining(&self) -> usize {
        self.prefix_left().len() + self.body.remaining()
    }

    fn chunk(&self) -> &[u8] {
        match self.prefix_left() {
            [] => self.body.chunk(),
            prefix => prefix,
        }
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let prefix = self.prefix_left();
        if prefix.is_empty() {
            return self.body.chunks_vectored(slices);
        }
        let Some((first, rest)) = slices.split_first_mut() else {
            return 0;
        };
        *first = IoSlice::new(prefix);
        1 + self.body.chunks_vectored(rest)
    }

    fn advance(&mut self, count: usize) {
        let of_prefix = count.min(self.prefix_left().len());
        self.read += of_prefix;
        self.body.advance(count - of_prefix);
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn message() -> Message {
        let parts = ["ab", "", "cde"].map(|part| Bytes::from_static(part.as_bytes()));
        Message::new(Body::new(parts.into()), true).unwrap()
    }

    fn join(slices: &[IoSlice<'_>]) -> Vec<u8> {
        slices
            .iter()
            .flat_map(|slice| slice.iter().copied())
            .collect()
    }

    const WIRE: &[u8] = b"\x01\x00\x00\x00\x05abcde";

    /// The message reads the same in steps of any size, and its pieces are always all of the rest.
    #[test]
    fn a_message_reads_the_same_in_any_steps() {
        for step in 1..=WIRE.len() {
            let mut message = message();
            let mut read = Vec::new();
            while message.has_remaining() {
                let mut slices = [IoSlice::new(&[]); 8];
                let filled = message.chunks_vectored(&mut slices);
                let rest: Vec<u8> = join(&slices[..filled]);
                assert_eq!(rest, WIRE[read.len()..]);
                assert_eq!(rest.len(), message.remaining());
                assert!(rest.starts_with(message.chunk()) && !message.chunk().is_empty());
                let take = step.min(message.remaining());
                read.extend_from_slice(&rest[..take]);
                message.advance(take);
            }
            assert_eq!(read, WIRE);
        }
    }

    /// Fewer slices than pieces are filled from the front.
    #[test]
    fn few_slices_are_filled_from_the_front() {
        let message = message();
        assert_eq!(message.chunks_vectored(&mut []), 0);
        let mut slices = [IoSlice::new(&[]); 2];
        assert_eq!(message.chunks_vectored(&mut slices), 2);
        assert_eq!(join(&slices), WIRE[..7]);
    }

    /// The first message of an answer is found; what is cut, compressed or absent is not.
    #[test]
    fn the_first_message_of_an_answer_is_found() {
        assert_eq!(Message::first(b"\x00\x00\x00\x00\x02abc"), Some(&b"ab"[..]));
        assert_eq!(Message::first(b"\x00\x00\x00\x00\x00"), Some(&b""[..]));
        for answer in [
            &b""[..],
            b"\x00\x00\x00\x00",
            b"\x00\x00\x00\x00\x03ab",
            b"\x01\x00\x00\x00\x01a",
            b"\x00\xff\xff\xff\xffab",
        ] {
            assert_eq!(Message::first(answer), None);
        }
    }
}
