//! What the sampler has noted on disk of sessions that it has not decided, and what an earlier process left
//! there. Pure data.

use std::sync::Arc;

use bytes::Bytes;

use crate::model::about::About;
use crate::model::chunk::{Digest, SessionKey};
use crate::model::ledger::Tally;
use crate::model::otlp::frame::{Group, Run, frame};
use crate::model::receipt::Exposed;
use crate::model::request::{Request, Signal};
use crate::model::resource::Origin;
use crate::model::sampling::plan::Draw;

/// What is to be noted; all of it lasts when it is committed.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    /// Chunks that are held.
    pub(crate) held: Vec<HeldNote>,
    /// What was decided.
    pub(crate) decided: Vec<Decided>,
    /// Items of sessions that were dropped: they are settled when that is noted.
    pub(crate) dropped: Vec<Tally>,
    /// Items that are left for the next start: they are settled when they are noted.
    pub(crate) left: Vec<Tally>,
    /// Kept sessions whose notes may go: all of them is safe elsewhere.
    pub(crate) over: Vec<u64>,
}

impl Notes {
    pub(crate) fn is_empty(&self) -> bool {
        self.held.is_empty()
            && self.decided.is_empty()
            && self.dropped.is_empty()
            && self.left.is_empty()
            && self.over.is_empty()
    }
}

/// A chunk that is held.
#[derive(Debug)]
pub(crate) struct HeldNote {
    /// A number that no other session in the journal has.
    pub(crate) session: u64,
    pub(crate) facts: Facts,
    /// The chunk as a request.
    pub(crate) request: Request,
    /// Who waits until it is on disk.
    pub(crate) exposed: Exposed,
}

/// A chunk as a request.
pub(crate) fn request_of(
    signal: Signal,
    origin: &Arc<Origin>,
    bytes: Bytes,
    items: u64,
) -> Request {
    let run = Run::new(Arc::clone(origin), bytes, items);
    Request::new(signal, items, frame(&[Group::Run(run)]))
}

/// What is known of a chunk and its session beside its bytes.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    pub(crate) key: SessionKey,
    /// It is a session of the process that held it: it is over when that is.
    pub(crate) is_own: bool,
    pub(crate) draw: Draw,
    /// Of all that the session holds.
    pub(crate) digest: Digest,
    /// Who it is, where that is known and was not noted before.
    pub(crate) about: Option<Arc<About>>,
}

/// What was decided of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Decided {
    /// Its number in the journal; 0 for one of which nothing was noted.
    pub(crate) session: u64,
    pub(crate) key: SessionKey,
    /// The decision.
    pub(crate) bits: u64,
}

/// What an earlier process left.
#[derive(Debug, Default)]
pub(crate) struct Left {
    /// Sessions with chunks that nobody has delivered, in their order.
    pub(crate) sessions: Vec<LeftSession>,
    /// What it had decided of late, the oldest first.
    pub(crate) decided: Vec<Decided>,
    /// The first number for new sessions.
    pub(crate) next: u64,
}

/// A session that was held when the process ended.
#[derive(Debug)]
pub(crate) struct LeftSession {
    pub(crate) session: u64,
    pub(crate) key: SessionKey,
    pub(crate) is_own: bool,
    pub(crate) draw: Draw,
    pub(crate) about: Option<Arc<About>>,
    pub(crate) digest: Digest,
    /// It was decided, and not all of it is known to be safe elsewhere.
    pub(crate) decided: Option<u64>,
    pub(crate) chunks: Vec<LeftChunk>,
}

/// A chunk that was held.
#[derive(Debug)]
pub(crate) struct LeftChunk {
    pub(crate) signal: Signal,
    pub(crate) origin: Arc<Origin>,
    pub(crate) bytes: Bytes,
    pub(crate) items: u64,
}
