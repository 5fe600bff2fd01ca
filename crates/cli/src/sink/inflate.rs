//! Unpacks a body while it comes, in constant memory.
//!
//! Holds: a decompressor's window, at most 8 MiB. Waits: nowhere. Loses: nothing.

use std::fmt;
use std::io::Write;

use flate2::write::MultiGzDecoder;
use zstd::stream::raw::{DParameter, Decoder, InBuffer, Operation, OutBuffer};

use super::MAX_BODY_BYTES;
use super::content::Content;
use super::refusal::Refusal;

/// How a body is packed (HTTP's `content-encoding`, gRPC's `grpc-encoding`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    Identity,
    Gzip,
    Zstd,
}

impl Encoding {
    /// Reads the value of the header; a missing header means none.
    pub(crate) fn parse(header: Option<&[u8]>) -> Result<Self, Refusal> {
        match header {
            None | Some(b"" | b"identity") => Ok(Self::Identity),
            Some(b"gzip") => Ok(Self::Gzip),
            Some(b"zstd") => Ok(Self::Zstd),
            Some(_) => Err(Refusal::UnknownEncoding),
        }
    }
}

/// The largest window that a `zstd` body may ask for, as a power of two: 8 MiB (RFC 9659).
const ZSTD_WINDOW_LOG: u32 = 23;

/// A body on its way from the wire into [`Content`].
pub(crate) struct Inflate {
    /// How many packed bytes came so far.
    size: usize,
    method: Method,
}

enum Method {
    Identity(Content),
    Gzip(Box<MultiGzDecoder<Content>>),
    Zstd(Box<Zstd>),
}

struct Zstd {
    decoder: Decoder<'static>,
    content: Content,
    /// Whether a frame has begun and not ended.
    in_frame: bool,
    buffer: Box<[u8]>,
}

impl Inflate {
    /// # Errors
    /// The decompressor cannot be made (no memory).
    pub(crate) fn new(encoding: Encoding, content: Content) -> Result<Self, Refusal> {
        let method = match encoding {
            Encoding::Identity => Method::Identity(content),
            Encoding::Gzip => Method::Gzip(Box::new(MultiGzDecoder::new(content))),
            Encoding::Zstd => Method::Zstd(Box::new(Zstd::new(content)?)),
        };
        Ok(Self { size: 0, method })
    }

    /// Takes in the next bytes as they came from the wire.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        self.size += bytes.len();
        if self.size > MAX_BODY_BYTES {
            return Err(Refusal::TooLarge);
        }
        match &mut self.method {
            Method::Identity(content) => content.push(bytes),
            Method::Gzip(decoder) => decoder
                .write_all(bytes)
                .map_err(|_| decoder.get_ref().refusal()),
            Method::Zstd(zstd) => zstd.push(bytes),
        }
    }

    /// Ends the body and gives the number of its items.
    pub(crate) fn finish(self) -> Result<u64, Refusal> {
        match self.method {
            Method::Identity(content) => content.finish(),
            Method::Gzip(mut decoder) => {
                if decoder.try_finish().is_err() {
                    return Err(decoder.get_ref().refusal());
                }
                let content = decoder.finish().map_err(|_| Refusal::Malformed)?;
                content.finish()
            }
            Method::Zstd(zstd) if zstd.in_frame => Err(Refusal::Malformed),
            Method::Zstd(zstd) => zstd.content.finish(),
        }
    }
}

impl fmt::Debug for Inflate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let method = match self.method {
            Method::Identity(_) => "identity",
            Method::Gzip(_) => "gzip",
            Method::Zstd(_) => "zstd",
        };
        f.debug_struct("Inflate")
            .field("method", &method)
            .field("size", &self.size)
            .finish()
    }
}

impl Zstd {
    fn new(content: Content) -> Result<Self, Refusal> {
        let mut decoder = Decoder::new().map_err(|_| Refusal::TooLarge)?;
        decoder
            .set_parameter(DParameter::WindowLogMax(ZSTD_WINDOW_LOG))
            .map_err(|_| Refusal::TooLarge)?;
        Ok(Self {
            decoder,
            content,
            in_frame: false,
            buffer: vec![0; 128 * 1024].into(),
        })
    }

    fn push(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        let mut input = InBuffer::around(bytes);
        loop {
            let mut output = OutBuffer::around(&mut self.buffer[..]);
            let hint = self
                .decoder
                .run(&mut input, &mut output)
                .map_err(|_| Refusal::Malformed)?;
            let unpacked = output.pos();
            self.in_frame = hint > 0;
            self.content.push(&self.buffer[..unpacked])?;
            // A full output buffer may hide more; otherwise everything that can be unpacked was.
            if input.pos() == bytes.len() && unpacked < self.buffer.len() {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::write::GzEncoder;

    use super::super::content::Format;
    use super::*;

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

    fn zstd(bytes: &[u8]) -> Vec<u8> {
        zstd::encode_all(bytes, 3).unwrap()
    }

    fn unpack(encoding: Encoding, bytes: &[u8], step: usize) -> Result<u64, Refusal> {
        let mut body = Inflate::new(encoding, Content::new(Format::Protobuf))?;
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
            (Encoding::Zstd, zstd(&wrapped)),
        ] {
            assert!(packed.len() < 100_000);
            let outcome = unpack(encoding, &packed, 16_384);
            assert_eq!(outcome, Err(Refusal::TooLarge), "{encoding:?}");
        }
    }
}
