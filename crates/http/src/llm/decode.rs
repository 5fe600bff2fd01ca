//! Copies of bodies, decompressed. What the client gets stays compressed.
//!
//! Holds: the window of a decompressor. Waits: never. Loses: bodies in an encoding that is not known
//! here, and what follows a broken one.

use std::fmt;
use std::io::Write;

use brotli_decompressor::DecompressorWriter;
use flate2::write::{GzDecoder, ZlibDecoder};
use http::HeaderMap;
use http::header::CONTENT_ENCODING;

/// How many compressed bytes are taken at once: a byte becomes about a thousand at most, so that little
/// is held.
const STEP: usize = 512;
/// The buffer of Brotli's decompressor.
const BUFFER: usize = 4096;

/// What makes a body readable.
pub(crate) enum Decoder {
    Plain,
    Gzip(GzDecoder<Vec<u8>>),
    Deflate(ZlibDecoder<Vec<u8>>),
    Brotli(Box<DecompressorWriter<Vec<u8>>>),
    #[cfg(feature = "zstd")]
    Zstd(Box<zstd::stream::write::Decoder<'static, Vec<u8>>>),
    /// Nothing more can be read.
    Nothing,
}

/// Why a body cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// It is in an encoding that is not known here.
    Encoding,
    /// It is not in the encoding that it is said to be in.
    Corrupt,
}

impl Decoder {
    /// The one for a body with these headers.
    pub(crate) fn new(headers: &HeaderMap) -> Result<Self, Unreadable> {
        let mut encodings = headers.get_all(CONTENT_ENCODING).iter();
        let encoding = match (encodings.next(), encodings.next()) {
            (None, _) => return Ok(Self::Plain),
            (Some(encoding), None) => encoding.to_str().map_err(|_| Unreadable::Encoding)?,
            (Some(_), Some(_)) => return Err(Unreadable::Encoding),
        };
        Ok(match encoding.trim().to_ascii_lowercase().as_str() {
            "" | "identity" => Self::Plain,
            "gzip" | "x-gzip" => Self::Gzip(GzDecoder::new(Vec::new())),
            "deflate" => Self::Deflate(ZlibDecoder::new(Vec::new())),
            "br" => Self::Brotli(Box::new(DecompressorWriter::new(Vec::new(), BUFFER))),
            #[cfg(feature = "zstd")]
            "zstd" => {
                let decoder = zstd::stream::write::Decoder::new(Vec::new());
                Self::Zstd(Box::new(decoder.map_err(|_| Unreadable::Encoding)?))
            }
            _ => return Err(Unreadable::Encoding),
        })
    }

    /// Takes the next bytes of the body; gives on what they say.
    pub(crate) fn feed(
        &mut self,
        bytes: &[u8],
        mut each: impl FnMut(&[u8]),
    ) -> Result<(), Unreadable> {
        match self {
            Self::Plain => {
                each(bytes);
                Ok(())
            }
            Self::Gzip(decoder) => write(decoder, bytes, GzDecoder::get_mut, each),
            Self::Deflate(decoder) => write(decoder, bytes, ZlibDecoder::get_mut, each),
            Self::Brotli(decoder) => {
                write(&mut **decoder, bytes, DecompressorWriter::get_mut, each)
            }
            #[cfg(feature = "zstd")]
            Self::Zstd(decoder) => write(
                &mut **decoder,
                bytes,
                zstd::stream::write::Decoder::get_mut,
                each,
            ),
            Self::Nothing => Ok(()),
        }
    }
}

fn write<W: Write>(
    decoder: &mut W,
    bytes: &[u8],
    out: impl Fn(&mut W) -> &mut Vec<u8>,
    mut each: impl FnMut(&[u8]),
) -> Result<(), Unreadable> {
    for mut step in bytes.chunks(STEP) {
        while !step.is_empty() {
            // None where the body has ended: what follows is not part of it.
            let taken = match decoder.write(step) {
                Ok(0) => return Ok(()),
                Ok(taken) => taken,
                Err(_) => return Err(Unreadable::Corrupt),
            };
            step = &step[taken..];
            give(out(decoder), &mut each);
        }
        // What is decompressed is wanted now, as the client has it now.
        if decoder.flush().is_err() {
            return Err(Unreadable::Corrupt);
        }
        give(out(decoder), &mut each);
    }
    Ok(())
}

fn give(out: &mut Vec<u8>, each: &mut impl FnMut(&[u8])) {
    if !out.is_empty() {
        each(out);
        out.clear();
    }
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plain => "Plain",
            Self::Gzip(_) => "Gzip",
            Self::Deflate(_) => "Deflate",
            Self::Brotli(_) => "Brotli",
            #[cfg(feature = "zstd")]
            Self::Zstd(_) => "Zstd",
            Self::Nothing => "Nothing",
        })
    }
}
