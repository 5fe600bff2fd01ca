//! Gathers the small chunks of many sessions into shared buffers, so that a hundred quiet sessions
//! cost one allocation and one message together, and their own buffers can go to others at once.

use std::sync::Arc;

use super::identity::Identity;
use super::shared::Shared;
use super::state::Sealed;
use crate::actors::pool::{Buffer, CHUNK_BYTES};
use crate::model::chunk::{Chunk, Digest, SessionKey};
use crate::model::ledger::Tally;
use crate::model::request::Signal;
use crate::model::sampling::case::Judged;

/// A chunk of this size or more travels alone.
const ALONE: usize = CHUNK_BYTES / 2;

#[derive(Debug, Default)]
pub(crate) struct Gather {
    buffer: Option<Buffer>,
    parts: Vec<Part>,
}

/// A chunk whose bytes are in the shared buffer.
#[derive(Debug)]
struct Part {
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
        let tally = shared.books.of(signal).enter(items);
        let fits = |open: &Option<Buffer>| open.as_ref().is_some_and(|open| open.room() >= len);
        let mut full = Vec::new();
        if len < ALONE && !fits(&self.buffer) {
            full = self.finish(shared);
            self.buffer = shared.pool.take(CHUNK_BYTES);
        }
        match &mut self.buffer {
            Some(open) if len < ALONE => {
                open.append(buffer.as_slice());
                self.parts.push(Part {
                    len,
                    signal,
                    session: session.key,
                    digest,
                    judged: session.judged(),
                    tally,
                });
            }
            _ => {
                // Its session's earlier chunks may be among those gathered.
                full.extend(self.finish(shared));
                let origin = Arc::clone(&shared.origin);
                full.push(Chunk {
                    signal,
                    session: session.key,
                    origin,
                    bytes: buffer.freeze(),
                    digest,
                    judged: session.judged(),
                    tally,
                });
            }
        }
        full
    }

    /// The chunks that were gathered.
    pub(crate) fn finish(&mut self, shared: &Shared) -> Vec<Chunk> {
        let Some(buffer) = self.buffer.take() else {
            return Vec::new();
        };
        let mut rest = buffer.freeze();
        let chunk = |part: Part| {
            let Part {
                len,
                signal,
                session,
                digest,
                judged,
                tally,
            } = part;
            let origin = Arc::clone(&shared.origin);
            Chunk {
                signal,
                session,
                origin,
                bytes: rest.split_to(len),
                digest,
                judged,
                tally,
            }
        };
        self.parts.drain(..).map(chunk).collect()
    }
}
