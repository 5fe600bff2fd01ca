//! Unpacks a body while it comes, in steps of bounded output.
//!
//! Holds: a decompressor's window, at most 8 MiB. Waits: nowhere. Loses: nothing.

use std::fmt;
use std::io::{self, Write};

use flate2::write::MultiGzDecoder;
use flate2::{Decompress, FlushDecompress, Status};
use zstd::zstd_safe::{DCtx, DParameter, InBuffer, OutBuffer};

/// How a body is packed (HTTP's `content-encoding`, gRPC's `grpc-encoding`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    Identity,
    Gzip,
    /// zlib's format, as RFC 9110 has it.
    Deflate,
    Zstd,
}

impl Encoding {
    /// For `grpc-accept-encoding`.
    pub(crate) const ACCEPTED: &str = "identity,gzip,deflate,zstd";

    /// Reads the value of the header; a missing header means none. `None`: it is not known here.
    pub(crate) fn parse(header: Option<&[u8]>) -> Option<Self> {
        let Some(name) = header else {
            return Some(Self::Identity);
        };
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        if name.is_empty() || is("identity") {
            return Some(Self::Identity);
        }
        if is("gzip") {
            return Some(Self::Gzip);
        }
        if is("deflate") {
            return Some(Self::Deflate);
        }
        is("zstd").then_some(Self::Zstd)
    }
}

/// The largest window that a `zstd` body may ask for, as a power of two: 8 MiB (RFC 9659).
const ZSTD_WINDOW_LOG: u32 = 23;

/// What a decompressor of flate2 holds: a window and a buffer of 32 KiB each, and its tables.
const FLATE_BYTES: usize = 96 * 1024;

/// The largest output of one step of `zstd`; steps of the others stay below it.
pub(crate) const STEP_BYTES: usize = 128 * 1024;

/// A body on its way from the wire into a writer.
pub(crate) struct Inflate<W: Write> {
    method: Method<W>,
}

enum Method<W: Write> {
    Identity(W),
    Gzip(Box<MultiGzDecoder<W>>),
    Deflate(Box<Deflate<W>>),
    Zstd(Box<Zstd<W>>),
}

/// flate2's own writer for this format takes a body that is cut off for a whole one.
struct Deflate<W> {
    decoder: Decompress,
    into: W,
    /// Whether its end has been seen.
    is_whole: bool,
    buffer: Box<[u8]>,
}

struct Zstd<W> {
    context: DCtx<'static>,
    into: W,
    /// Whether a frame has begun and not ended.
    in_frame: bool,
    buffer: Box<[u8]>,
}

/// What one step did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    /// How many of the packed bytes it took.
    pub(crate) taken: usize,
    /// Whether another step can unpack more although there are no more packed bytes.
    pub(crate) more: bool,
}

impl<W: Write> Inflate<W> {
    /// # Errors
    /// The decompressor cannot be made (no memory).
    pub(crate) fn new(encoding: Encoding, into: W) -> io::Result<Self> {
        let method = match encoding {
            Encoding::Identity => Method::Identity(into),
            Encoding::Gzip => Method::Gzip(Box::new(MultiGzDecoder::new(into))),
            Encoding::Deflate => Method::Deflate(Box::new(Deflate::new(into))),
            Encoding::Zstd => Method::Zstd(Box::new(Zstd::new(into)?)),
        };
        Ok(Self { method })
    }

    /// Unpacks the beginning of `bytes`, and writes about [`STEP_BYTES`] at most.
    ///
    /// # Errors
    /// The bytes are damaged, or the writer failed: it knows if it did.
    pub(crate) fn step(&mut self, bytes: &[u8]) -> io::Result<Step> {
        let taken = match &mut self.method {
            Method::Identity(into) => {
                into.write_all(bytes)?;
                bytes.len()
            }
            Method::Gzip(decoder) => decoder.write(bytes)?,
            Method::Deflate(deflate) => return deflate.step(bytes),
            Method::Zstd(zstd) => return zstd.step(bytes),
        };
        if taken == 0 && !bytes.is_empty() {
            return Err(io::ErrorKind::InvalidData.into());
        }
        Ok(Step { taken, more: false })
    }

    /// Unpacks all of `bytes`.
    ///
    /// # Errors
    /// As of [`Inflate::step`].
    pub(crate) fn push(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        loop {
            let step = self.step(bytes)?;
            bytes = &bytes[step.taken..];
            if bytes.is_empty() && !step.more {
                return Ok(());
            }
        }
    }

    /// Writes what is left and checks that the body is whole. The writer can be taken then.
    ///
    /// # Errors
    /// The body is cut off or damaged, or the writer failed.
    pub(crate) fn end(&mut self) -> io::Result<()> {
        match &mut self.method {
            Method::Identity(_) => Ok(()),
            Method::Gzip(decoder) => decoder.try_finish(),
            Method::Deflate(deflate) if deflate.is_whole => Ok(()),
            Method::Zstd(zstd) if !zstd.in_frame => Ok(()),
            Method::Deflate(_) | Method::Zstd(_) => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }

    /// Gives the writer back, after [`Inflate::end`].
    ///
    /// # Errors
    /// As of [`Inflate::end`].
    pub(crate) fn into_inner(self) -> io::Result<W> {
        match self.method {
            Method::Identity(into) => Ok(into),
            Method::Gzip(decoder) => decoder.finish(),
            Method::Deflate(deflate) => Ok(deflate.into),
            Method::Zstd(zstd) => Ok(zstd.into),
        }
    }

    pub(crate) fn get_ref(&self) -> &W {
        match &self.method {
            Method::Identity(into) => into,
            Method::Gzip(decoder) => decoder.get_ref(),
            Method::Deflate(deflate) => &deflate.into,
            Method::Zstd(zstd) => &zstd.into,
        }
    }

    pub(crate) fn get_mut(&mut self) -> &mut W {
        match &mut self.method {
            Method::Identity(into) => into,
            Method::Gzip(decoder) => decoder.get_mut(),
            Method::Deflate(deflate) => &mut deflate.into,
            Method::Zstd(zstd) => &mut zstd.into,
        }
    }

    /// How many bytes the decompressor itself holds now: with `zstd`, what the body asked for.
    pub(crate) fn window_bytes(&self) -> usize {
        match &self.method {
            Method::Identity(_) => 0,
            Method::Gzip(_) | Method::Deflate(_) => FLATE_BYTES,
            Method::Zstd(zstd) => zstd.context.sizeof() + zstd.buffer.len(),
        }
    }
}

impl<W: Write> fmt::Debug for Inflate<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let method = match self.method {
            Method::Identity(_) => "identity",
            Method::Gzip(_) => "gzip",
            Method::Deflate(_) => "deflate",
            Method::Zstd(_) => "zstd",
        };
        f.debug_struct("Inflate").field("method", &method).finish()
    }
}

impl<W: Write> Deflate<W> {
    fn new(into: W) -> Self {
        Self {
            decoder: Decompress::new(true),
            into,
            is_whole: false,
            buffer: vec![0; 32 * 1024].into(),
        }
    }

    fn step(&mut self, bytes: &[u8]) -> io::Result<Step> {
        if self.is_whole {
            // There is nothing behind the end.
            let is_over = bytes.is_empty();
            let nothing = Step {
                taken: 0,
                more: false,
            };
            return is_over
                .then_some(nothing)
                .ok_or(io::ErrorKind::InvalidData.into());
        }
        let (read, written) = (self.decoder.total_in(), self.decoder.total_out());
        let status = self
            .decoder
            .decompress(bytes, &mut self.buffer, FlushDecompress::None)?;
        self.is_whole = status == Status::StreamEnd;
        let taken = (self.decoder.total_in() - read) as usize;
        let unpacked = (self.decoder.total_out() - written) as usize;
        if taken == 0 && unpacked == 0 && !bytes.is_empty() {
            return Err(io::ErrorKind::InvalidData.into());
        }
        self.into.write_all(&self.buffer[..unpacked])?;
        Ok(Step {
            taken,
            more: unpacked == self.buffer.len(),
        })
    }
}

impl<W: Write> Zstd<W> {
    fn new(into: W) -> io::Result<Self> {
        let mut context = DCtx::try_create().ok_or(io::ErrorKind::OutOfMemory)?;
        context
            .set_parameter(DParameter::WindowLogMax(ZSTD_WINDOW_LOG))
            .map_err(|_| io::ErrorKind::OutOfMemory)?;
        Ok(Self {
            context,
            into,
            in_frame: false,
            buffer: vec![0; STEP_BYTES].into(),
        })
    }

    fn step(&mut self, bytes: &[u8]) -> io::Result<Step> {
        let mut input = InBuffer::around(bytes);
        let mut output = OutBuffer::around(&mut self.buffer[..]);
        let hint = self
            .context
            .decompress_stream(&mut output, &mut input)
            .map_err(|_| io::ErrorKind::InvalidData)?;
        let unpacked = output.pos();
        self.in_frame = hint > 0;
        self.into.write_all(&self.buffer[..unpacked])?;
        Ok(Step {
            taken: input.pos(),
            // A full output buffer may hide more of the frame; otherwise all that can be unpacked
            // was. At the end of a frame there is nothing more: asked again, zstd would wait for the
            // next one.
            more: self.in_frame && unpacked == self.buffer.len(),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    /// A body is whole whatever its size is, also where it fills the buffers of the steps to the
    /// last byte.
    #[test]
    fn a_body_of_any_size_is_whole() {
        for size in [
            0,
            1,
            32 * 1024,
            STEP_BYTES - 1,
            STEP_BYTES,
            STEP_BYTES + 1,
            4 * STEP_BYTES,
        ] {
            let plain = vec![7; size];
            let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            gzip.write_all(&plain).expect("memory");
            let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
            zlib.write_all(&plain).expect("memory");
            for (encoding, packed) in [
                (Encoding::Identity, plain.clone()),
                (Encoding::Gzip, gzip.finish().expect("memory")),
                (Encoding::Deflate, zlib.finish().expect("memory")),
                (
                    Encoding::Zstd,
                    zstd::encode_all(&plain[..], 1).expect("memory"),
                ),
            ] {
                for step in [1, 100, usize::MAX] {
                    let mut inflate = Inflate::new(encoding, Vec::new()).expect("memory");
                    for part in packed.chunks(step) {
                        inflate.push(part).expect("whole");
                    }
                    inflate.end().expect("whole");
                    let unpacked = inflate.into_inner().expect("whole");
                    assert!(unpacked == plain, "{encoding:?} of {size} by {step}");
                }
            }
        }
    }
}
