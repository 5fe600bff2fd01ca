//! Gathers the small chunks of many sessions into messages, so that a hundred quiet sessions cost one message
//! together. What is very small is copied into a buffer that many share: its own can go to others at once.

use std::sync::Arc;

use bytes::Bytes;

use super::identity::Identity;
use super::shared::Shared;
use super::state::Sealed;
use crate::actors::pool::{Buffer, CHUNK_BYTES};
use crate::model::chunk::{Chunk, Digest, SessionKey};
use crate::model::ledger::Tally;
use crate::model::otlp::draft::Draft;
use crate::model::request::Signal;
use crate::model::sampling::case::Judged;

/// A chunk of this size or more travels alone.
const ALONE: usize = CHUNK_BYTES / 2;

/// A chunk of this size or more keeps its buffer, if that is half full: to copy it would cost more than the
/// buffer is worth.
const WHOLE: usize = CHUNK_BYTES / 8;

/// A span that is alone in what its session has to hand on.
pub(super) struct LoneSpan<'a> {
    pub(super) draft: &'a Draft,
    pub(super) common: &'a [u8],
    pub(super) digest: Digest,
}

impl LoneSpan<'_> {
    /// Whether it would not keep a buffer of its own, had it one.
    pub(super) fn is_small(&self) -> bool {
        self.draft.len_in_chunk(self.common) < WHOLE
    }
}

#[derive(Debug, Default)]
pub(crate) struct Gather {
    /// What the parts without a buffer share.
    buffer: Option<Buffer>,
    parts: Vec<Part>,
    /// How many bytes the parts have that keep their buffers.
    whole: usize,
}

/// A chunk of a message to come.
#[derive(Debug)]
struct Part {
    /// Its bytes, if they are not in the shared buffer.
    own: Option<Buffer>,
    len: usize,
    signal: Signal,
    session: SessionKey,
    digest: Digest,
    judged: Judged,
    tally: Tally,
}

impl Gather {
    /// Takes in what was sealed; from here on it is in the book. Returns what has to be sent before
    /// it, or with it when it travels alone.
    pub(super) fn add(
        &mut self,
        shared: &Shared,
        session: &Identity,
        sealed: Sealed,
    ) -> Vec<Chunk> {
        let Sealed {
            signal,
            buffer,
            items,
            digest,
        } = sealed;
        let len = buffer.len();
        let mut part = Part {
            own: None,
            len,
            signal,
            session: session.key,
            digest,
            judged: session.judged(),
            tally: shared.books.of(signal).enter(items),
        };
        if len >= ALONE {
            // Its session's earlier chunks may be among those gathered.
            let mut full = self.finish(shared);
            full.push(part.into_chunk(shared, buffer.freeze()));
            return full;
        }
        let is_whole = len >= WHOLE && buffer.room() <= len;
        let mut full = match is_whole {
            true => Vec::new(),
            false => self.make_room(shared, len),
        };
        match &mut self.buffer {
            Some(open) if !is_whole => open.append(buffer.as_slice()),
            _ => {
                part.own = Some(buffer);
                self.whole += len;
            }
        }
        self.parts.push(part);
        if self.whole >= CHUNK_BYTES {
            full.extend(self.finish(shared));
        }
        full
    }

    /// Takes in a span that is in no chunk yet, of a session that has nothing else: it is written where those of
    /// others are. Returns what has to be sent before it, and whether there was room for it.
    pub(super) fn add_span(
        &mut self,
        shared: &Shared,
        session: &Identity,
        span: &LoneSpan<'_>,
    ) -> (Vec<Chunk>, bool) {
        let len = span.draft.len_in_chunk(span.common);
        let full = self.make_room(shared, len);
        let Some(open) = &mut self.buffer else {
            return (full, false);
        };
        span.draft.write_to(open.extend(len), span.common);
        self.parts.push(Part {
            own: None,
            len,
            signal: Signal::Traces,
            session: session.key,
            digest: span.digest,
            judged: session.judged(),
            tally: shared.books.of(Signal::Traces).enter(1),
        });
        (full, true)
    }

    /// Makes room for `len` bytes in the shared buffer, if the byte budget has some. Returns what has to be sent
    /// for it.
    fn make_room(&mut self, shared: &Shared, len: usize) -> Vec<Chunk> {
        if self.buffer.as_ref().is_some_and(|open| open.room() >= len) {
            return Vec::new();
        }
        let full = self.finish(shared);
        self.buffer = shared.pool.take(CHUNK_BYTES);
        full
    }

    /// The chunks that were gathered.
    pub(crate) fn finish(&mut self, shared: &Shared) -> Vec<Chunk> {
        self.whole = 0;
        let mut rest = self.buffer.take().map(Buffer::freeze).unwrap_or_default();
        let chunk = |mut part: Part| {
            let bytes = match part.own.take() {
                Some(own) => own.freeze(),
                None => rest.split_to(part.len),
            };
            part.into_chunk(shared, bytes)
        };
        self.parts.drain(..).map(chunk).collect()
    }
}

impl Part {
    fn into_chunk(self, shared: &Shared, bytes: Bytes) -> Chunk {
        Chunk {
            signal: self.signal,
            session: self.session,
            origin: Arc::clone(&shared.origin),
            bytes,
            digest: self.digest,
            judged: self.judged,
            tally: self.tally,
        }
    }
}
