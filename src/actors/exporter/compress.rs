//! Compresses requests.
//!
//! Holds: one request and its compressed form while it works. Waits: for a thread of tokio's
//! blocking pool, so that the actors' thread never computes.

use std::io::{self, Write};

use bytes::{Buf, Bytes};

use super::ExportError;
use super::aside::done;
use crate::model::compression::Compression;
use crate::model::request::Body;

impl Compression {
    /// Its name in `grpc-encoding` and `content-encoding`.
    pub(super) fn encoding(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Gzip => Some("gzip"),
            Self::Zstd => Some("zstd"),
        }
    }

    /// The body, compressed in this way by the fastest level: the host's time is worth more here
    /// than the last bytes.
    pub(super) fn apply(self, body: Body) -> Body {
        let written = match self {
            Self::None => return body,
            Self::Gzip => gzip(body),
            Self::Zstd => zstd(body),
        };
        Body::from(Bytes::from(written.expect("memory takes what is written")))
    }
}

impl Compression {
    /// [`Self::apply`] on a thread for such work; at once when there is nothing to do.
    pub(super) async fn apply_elsewhere(self, body: Body) -> Result<Body, ExportError> {
        if self == Self::None {
            return Ok(body);
        }
        done(tokio::task::spawn_blocking(move || self.apply(body))).await
    }
}

/// A guess at the compressed size, so that the buffer seldom grows.
fn capacity(body: &Body) -> usize {
    body.remaining() / 4 + 64
}

fn gzip(body: Body) -> io::Result<Vec<u8>> {
    let out = Vec::with_capacity(capacity(&body));
    let mut encoder = flate2::write::GzEncoder::new(out, flate2::Compression::fast());
    write_all(body, &mut encoder)?;
    encoder.finish()
}

fn zstd(body: Body) -> io::Result<Vec<u8>> {
    let out = Vec::with_capacity(capacity(&body));
    let mut encoder = zstd::stream::write::Encoder::new(out, 1)?;
    encoder.set_pledged_src_size(Some(body.remaining() as u64))?;
    write_all(body, &mut encoder)?;
    encoder.finish()
}

fn write_all(mut body: Body, encoder: &mut impl Write) -> io::Result<()> {
    while body.has_remaining() {
        let chunk = body.chunk();
        encoder.write_all(chunk)?;
        let written = chunk.len();
        body.advance(written);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn bytes(mut body: Body) -> Bytes {
        body.copy_to_bytes(body.remaining())
    }

    /// What was compressed decompresses to the same bytes, however many pieces it came in.
    #[test]
    fn what_was_compressed_comes_back() {
        let whole: Vec<u8> = (0..100_000_u32)
            .flat_map(|n| (n / 7).to_le_bytes())
            .collect();
        let pieces: Vec<Bytes> = whole.chunks(16_001).map(Bytes::copy_from_slice).collect();
        for body in [
            Body::new(pieces),
            Body::from(Bytes::from(whole.clone())),
            Body::default(),
        ] {
            let plain = bytes(body.clone());
            assert_eq!(bytes(Compression::None.apply(body.clone())), plain);

            let gzip = bytes(Compression::Gzip.apply(body.clone()));
            let mut unpacked = Vec::new();
            flate2::read::GzDecoder::new(&gzip[..])
                .read_to_end(&mut unpacked)
                .unwrap();
            assert_eq!(unpacked, plain);

            let zstd = bytes(Compression::Zstd.apply(body));
            assert_eq!(zstd::decode_all(&zstd[..]).unwrap(), plain);
            assert!(plain.is_empty() || (gzip.len() < plain.len() && zstd.len() < plain.len()));
        }
    }
}
