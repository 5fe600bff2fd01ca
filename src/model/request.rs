//! What an exporter is given: one complete OTLP request, as shared bytes.

use std::io::IoSlice;
use std::sync::Arc;

use bytes::{Buf, Bytes, BytesMut};

use super::batch_id::BatchId;

/// The kind of telemetry that a chunk, a batch or a request carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Signal {
    /// Spans.
    Traces,
    /// Log records.
    Logs,
    /// Metrics, which no session writes: they pass through as they were received. Their items are
    /// data points, as the partial success of OTLP counts them.
    Metrics,
}

impl Signal {
    /// All signals, in the order of their discriminants.
    pub const ALL: [Self; 3] = [Self::Traces, Self::Logs, Self::Metrics];

    /// The name in OpenTelemetry's words: `traces`, `logs` or `metrics`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Traces => "traces",
            Self::Logs => "logs",
            Self::Metrics => "metrics",
        }
    }
}

/// One OTLP export request, complete and in wire form (`ExportTraceServiceRequest`,
/// `ExportLogsServiceRequest` or `ExportMetricsServiceRequest`, OTLP 1.11). Cloning shares the bytes.
#[derive(Clone, Debug)]
pub struct Request {
    signal: Signal,
    items: u64,
    body: Body,
}

impl Request {
    /// Wraps a framed request that holds `items` spans or log records.
    pub(crate) fn new(signal: Signal, items: u64, body: Body) -> Self {
        Self {
            signal,
            items,
            body,
        }
    }

    /// Wraps a request that is in one piece: for tests of exporters, and for those that pass on
    /// what they read elsewhere.
    ///
    /// `bytes` must be a complete `ExportTraceServiceRequest`, `ExportLogsServiceRequest` or
    /// `ExportMetricsServiceRequest`, as `signal` says, that holds `items` spans, log records or data
    /// points. It is not checked: the destination
    /// would refuse what is wrong.
    #[must_use]
    pub fn from_bytes(signal: Signal, items: u64, bytes: Bytes) -> Self {
        Self::new(signal, items, Body::from(bytes))
    }

    /// What it carries.
    #[must_use]
    pub fn signal(&self) -> Signal {
        self.signal
    }

    /// How many spans, log records or data points it holds.
    #[must_use]
    pub fn items(&self) -> u64 {
        self.items
    }

    /// Its bytes, as a buffer that can be read once; each call starts from the first byte.
    #[must_use]
    pub fn body(&self) -> Body {
        self.body.clone()
    }

    /// Names it by what it holds: the same in every attempt, after a restart, from memory or from disk.
    /// Made when it is asked for, in the time that a SHA-256 over its bytes takes.
    ///
    /// Where a request is sent again as it was, its id is as it was. What goes by way of a
    /// [`Spool`](crate::Spool) may be joined differently when it is sent again after a restart, and then has
    /// another id: an id tells what is the same, and never that something is not.
    #[must_use]
    pub fn batch_id(&self) -> BatchId {
        BatchId::of(self)
    }

    /// Its bytes, piece by piece.
    pub(crate) fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        self.body.parts.iter().map(|piece| &piece[..])
    }

    /// How many bytes it has, uncompressed.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        self.body.remaining()
    }

    /// Its bytes in one piece. Copies them.
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        let mut whole = BytesMut::with_capacity(self.body.remaining());
        for part in self.body.parts.iter() {
            whole.extend_from_slice(part);
        }
        whole.freeze()
    }
}

/// The bytes of a request: shared pieces read one after the other.
///
/// It is a [`Buf`] that hands out all of its pieces at once ([`Buf::chunks_vectored`]), so that a
/// socket takes them in one call and nothing is copied on the way.
#[derive(Clone, Debug, Default)]
pub struct Body {
    parts: Arc<[Bytes]>,
    /// The part being read, and how much of it was.
    part: usize,
    offset: usize,
    remaining: usize,
}

impl Body {
    pub(crate) fn new(parts: Vec<Bytes>) -> Self {
        let remaining = parts.iter().map(Bytes::len).sum();
        let mut body = Self {
            parts: parts.into(),
            part: 0,
            offset: 0,
            remaining,
        };
        body.skip_empty();
        body
    }

    /// Keeps the invariant of `chunk`: what is current has bytes left.
    fn skip_empty(&mut self) {
        while self
            .parts
            .get(self.part)
            .is_some_and(|part| part.len() == self.offset)
        {
            self.part += 1;
            self.offset = 0;
        }
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self::new(vec![bytes])
    }
}

impl Buf for Body {
    fn remaining(&self) -> usize {
        self.remaining
    }

    fn chunk(&self) -> &[u8] {
        self.parts
            .get(self.part)
            .map_or(&[], |part| &part[self.offset..])
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let mut offset = self.offset;
        let mut filled = 0;
        for part in self.parts.iter().skip(self.part) {
            if filled == slices.len() {
                break;
            }
            if part.len() > offset {
                slices[filled] = IoSlice::new(&part[offset..]);
                filled += 1;
            }
            offset = 0;
        }
        filled
    }

    fn advance(&mut self, mut count: usize) {
        assert!(count <= self.remaining, "advanced past the end of a body");
        self.remaining -= count;
        while count > 0 {
            let step = count.min(self.parts[self.part].len() - self.offset);
            self.offset += step;
            count -= step;
            self.skip_empty();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_reads_the_same_whole_vectored_or_in_steps() {
        let parts: Vec<Bytes> = ["", "ab", "", "cde", "f", ""]
            .map(|text: &'static str| Bytes::from_static(text.as_bytes()))
            .into();
        let body = Body::new(parts);
        assert_eq!(body.remaining(), 6);
        for step in 1..=6 {
            let mut read = Vec::new();
            let mut body = body.clone();
            while body.has_remaining() {
                let mut slices = [IoSlice::new(&[]); 8];
                let filled = body.chunks_vectored(&mut slices);
                let vectored: usize = slices[..filled].iter().map(|slice| slice.len()).sum();
                assert_eq!(vectored, body.remaining());
                let take = step.min(body.chunk().len());
                read.extend_from_slice(&body.chunk()[..take]);
                body.advance(take);
            }
            assert_eq!(read, b"abcdef");
        }
    }
}
