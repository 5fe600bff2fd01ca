//! A body on its way from the wire into [`Content`], with the bound on what is sent.
//!
//! Holds: a decompressor's window, at most 8 MiB. Waits: nowhere. Loses: nothing.

use crate::wire::inflate::{Encoding, Inflate};

use super::MAX_BODY_BYTES;
use super::content::Content;
use super::refusal::Refusal;

/// Unpacks and counts.
#[derive(Debug)]
pub(crate) struct Body {
    /// How many packed bytes came so far.
    size: usize,
    inflate: Inflate<Content>,
}

impl Body {
    /// # Errors
    /// The decompressor cannot be made (no memory).
    pub(crate) fn new(encoding: Encoding, content: Content) -> Result<Self, Refusal> {
        let inflate = Inflate::new(encoding, content).map_err(|_| Refusal::TooLarge)?;
        Ok(Self { size: 0, inflate })
    }

    /// Takes in the next bytes as they came from the wire.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        self.size += bytes.len();
        if self.size > MAX_BODY_BYTES {
            return Err(Refusal::TooLarge);
        }
        self.inflate
            .push(bytes)
            .map_err(|_| self.inflate.get_ref().refusal())
    }

    /// Ends the body and gives the number of its items.
    pub(crate) fn finish(mut self) -> Result<u64, Refusal> {
        if self.inflate.end().is_err() {
            return Err(self.inflate.get_ref().refusal());
        }
        let content = self.inflate.into_inner().map_err(|_| Refusal::Malformed)?;
        content.finish()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::write::{GzEncoder, ZlibEncoder};

    use super::super::content::Format;
    use super::*;
    use crate::wire::inflate::Encoding;

    /// One resource, one scope, `spans` spans of 100 bytes.
    fn request(spans: usize) -> Vec<u8> {
        fn wrap(tag: u8, inner: &[u8]) -> Vec<u8> {
            let mut out = vec![tag];
            let mut length = inner.len();
            while length >= 0x80 {
                out.push(length as u8 | 0x80);
                length >>= 7;
            }
            out.push(length as u8);
            out.extend_from_slice(inner);
            out
        }
        let span = wrap(0x12, &[0; 98]);
        wrap(0x0a, &wrap(0x12, &span.repeat(spans)))
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn deflate(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(bytes: &[u8]) -> Vec<u8> {
        zstd::encode_all(bytes, 3).unwrap()
    }

    fn unpack(encoding: Encoding, bytes: &[u8], step: usize) -> Result<u64, Refusal> {
        let mut body = Body::new(encoding, Content::new(Format::Protobuf))?;
        for part in bytes.chunks(step) {
            body.push(part)?;
        }
        body.finish()
    }

    /// Chunk borders may fall anywhere in a packed body, and it may consist of several frames.
    #[test]
    fn a_packed_body_counts_the_same_in_steps_of_any_size() {
        let plain = request(3_000);
        let both = [gzip(&plain), gzip(&plain)].concat();
        let frames = [zstd(&plain), zstd(&plain)].concat();
        for step in [1, 2, 3, 17, 1_000, usize::MAX] {
            assert_eq!(unpack(Encoding::Identity, &plain, step), Ok(3_000));
            assert_eq!(unpack(Encoding::Gzip, &gzip(&plain), step), Ok(3_000));
            assert_eq!(unpack(Encoding::Zstd, &zstd(&plain), step), Ok(3_000));
            assert_eq!(unpack(Encoding::Deflate, &deflate(&plain), step), Ok(3_000));
            assert_eq!(
                unpack(Encoding::Gzip, &both, step),
                Ok(6_000),
                "two members"
            );
            assert_eq!(
                unpack(Encoding::Zstd, &frames, step),
                Ok(6_000),
                "two frames"
            );
        }
    }

    /// A packed body counts only when its end has been seen.
    #[test]
    fn a_packed_body_that_is_cut_off_or_damaged_is_refused() {
        let plain = request(50);
        for (encoding, packed) in [
            (Encoding::Gzip, gzip(&plain)),
            (Encoding::Deflate, deflate(&plain)),
            (Encoding::Zstd, zstd(&plain)),
        ] {
            for cut in 1..packed.len() {
                let outcome = unpack(encoding, &packed[..cut], usize::MAX);
                assert_eq!(
                    outcome,
                    Err(Refusal::Malformed),
                    "{encoding:?} cut at {cut}"
                );
            }
            let twice = [&packed[..], &[0x78]].concat();
            let outcome = unpack(encoding, &twice, usize::MAX);
            assert_eq!(outcome, Err(Refusal::Malformed), "{encoding:?} and more");
            let outcome = unpack(encoding, &plain, usize::MAX);
            assert_eq!(
                outcome,
                Err(Refusal::Malformed),
                "{encoding:?} of plain bytes"
            );
        }
    }

    /// The bound on what a body unpacks to stops it in time.
    #[test]
    fn a_small_body_that_unpacks_to_more_than_the_bound_is_refused_as_too_large() {
        let bomb = vec![0; MAX_BODY_BYTES + 1];
        let mut wrapped = vec![0x12];
        let mut length = bomb.len();
        while length >= 0x80 {
            wrapped.push(length as u8 | 0x80);
            length >>= 7;
        }
        wrapped.push(length as u8);
        wrapped.extend_from_slice(&bomb);
        for (encoding, packed) in [
            (Encoding::Gzip, gzip(&wrapped)),
            (Encoding::Deflate, deflate(&wrapped)),
            (Encoding::Zstd, zstd(&wrapped)),
        ] {
            assert!(packed.len() < 100_000);
            let outcome = unpack(encoding, &packed, 16_384);
            assert_eq!(outcome, Err(Refusal::TooLarge), "{encoding:?}");
        }
    }
}
