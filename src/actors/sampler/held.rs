//! What the window holds of a session: what is known of it, and its chunks in little room. Pure but for the
//! count of the pool.
//!
//! A chunk takes 56 bytes beside those of its items, and the list of them has at most a sixteenth more room
//! than it needs. Where a chunk is held in the buffer that it came in, the rest of that counts as if it were items.

use std::sync::Arc;

use bytes::Bytes;

use super::chain::Link;
use crate::actors::pool::{Buffer, CHUNK_BYTES, Pool};
use crate::model::about::About;
use crate::model::chunk::{Chunk, Digest, SessionKey};
use crate::model::ledger::Tally;
use crate::model::request::Signal;
use crate::model::resource::Origin;
use crate::model::sampling::case::{Case, Judged};
use crate::model::sampling::node::Evidence;
use crate::model::sampling::plan::{Draw, Plan};

/// A chunk of a session of this process that is larger fills its buffer nearly, and is held in it. All others
/// are copied: what they came in has room that they do not need, or holds what is of others.
const FULL: usize = CHUNK_BYTES / 16 * 15;

/// What sharing bytes takes beside them: a handle, the owner of the buffer, and its count and way back.
const SHARING: usize = size_of::<Bytes>() + size_of::<Buffer>() + 2 * size_of::<usize>();

/// Whether a chunk is held in the buffer that it came in.
pub(super) fn is_full(bytes: &[u8], is_own: bool) -> bool {
    is_own && bytes.len() >= FULL
}

/// What holding a chunk takes beside its place: its bytes and its origin, or the whole buffer.
pub(super) fn weight_of(chunk: &Chunk, is_own: bool) -> usize {
    let unused = CHUNK_BYTES.saturating_sub(chunk.bytes.len()) + SHARING;
    match is_full(&chunk.bytes, is_own) {
        true => chunk.weight() + unused,
        false => chunk.weight(),
    }
}

/// A session that is not decided.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) who: Who,
    pub(super) digest: Digest,
    pub(super) chunks: Vec<HeldChunk>,
    pub(super) bytes: u64,
    pub(super) seen: u64,
    pub(super) since_ns: u64,
    pub(super) age: Link,
    pub(super) size: Link,
}

/// Whose it is, and how it is found: both take as much as they need.
#[derive(Debug)]
pub(super) enum Who {
    /// One of this process: its chunks bring its case along.
    Own(Arc<Case>),
    /// One that is found by its key: it came from elsewhere, or a user's sampler judges it.
    Keyed(Box<Keyed>),
}

/// A session that is found by its key.
#[derive(Debug)]
pub(super) struct Keyed {
    pub(super) key: SessionKey,
    pub(super) plan: Arc<Plan>,
    pub(super) draw: Draw,
    /// What it was opened with, or else what its spans told so far.
    pub(super) about: Arc<About>,
    pub(super) about_is_whole: bool,
    /// The next of those whose keys meet, for whom finds it.
    pub(super) next: u32,
}

/// A chunk without what its session knows.
#[derive(Debug)]
pub(super) struct HeldChunk {
    pub(super) bytes: HeldBytes,
    pub(super) origin: Arc<Origin>,
    pub(super) tally: Tally,
}

/// The bytes of a chunk, and of which signal it is: together they take no more than apart.
#[derive(Debug)]
pub(super) enum HeldBytes {
    /// A copy of its own, counted in the pool until it is [taken out](Self::take_out).
    Apart(Signal, Box<[u8]>),
    /// As they came: what shares memory with others, or fills its buffer nearly.
    Shared(Signal, Box<Bytes>),
}

impl HeldBytes {
    /// A copy of what came, which keeps nothing else alive; what came, where the pool has no room for one.
    pub(super) fn apart(signal: Signal, bytes: Bytes, pool: &Pool) -> Self {
        match pool.copy_of(&bytes) {
            Some(copy) => Self::Apart(signal, copy),
            None => Self::shared(signal, bytes),
        }
    }

    pub(super) fn shared(signal: Signal, bytes: Bytes) -> Self {
        Self::Shared(signal, Box::new(bytes))
    }

    pub(super) fn signal(&self) -> Signal {
        match self {
            Self::Apart(signal, _) | Self::Shared(signal, _) => *signal,
        }
    }

    /// The bytes for somebody else, while they are held as well.
    pub(super) fn share(&mut self, pool: &Arc<Pool>) -> Bytes {
        let signal = self.signal();
        let shared = match self {
            Self::Shared(_, bytes) => return Bytes::clone(bytes),
            Self::Apart(_, bytes) => match pool.copy_of(bytes) {
                Some(copy) => return pool.bring_back(copy).freeze(),
                None => pool.bring_back(std::mem::take(bytes)).freeze(),
            },
        };
        *self = Self::shared(signal, shared.clone());
        shared
    }

    /// The bytes, held no more.
    pub(super) fn take_out(self, pool: &Arc<Pool>) -> Bytes {
        match self {
            Self::Apart(_, bytes) => pool.bring_back(bytes).freeze(),
            Self::Shared(_, bytes) => *bytes,
        }
    }
}

impl HeldChunk {
    /// A chunk as it goes on.
    pub(super) fn into_chunk(self, session: SessionKey, pool: &Arc<Pool>) -> Chunk {
        Chunk {
            signal: self.bytes.signal(),
            session,
            origin: self.origin,
            bytes: self.bytes.take_out(pool),
            digest: Digest::default(),
            judged: Judged::Already,
            tally: self.tally,
        }
    }
}

impl Held {
    pub(super) fn new(who: Who, now_ns: u64) -> Self {
        Self {
            who,
            digest: Digest::default(),
            chunks: Vec::new(),
            bytes: 0,
            seen: 0,
            since_ns: now_ns,
            age: Link::default(),
            size: Link::default(),
        }
    }

    pub(super) fn push(&mut self, chunk: HeldChunk) {
        if self.chunks.len() == self.chunks.capacity() {
            // Mostly there are few: no more room is taken than a little.
            self.chunks.reserve_exact(1 + self.chunks.len() / 16);
        }
        self.chunks.push(chunk);
    }

    pub(super) fn plan(&self) -> &Arc<Plan> {
        match &self.who {
            Who::Own(case) => &case.plan,
            Who::Keyed(it) => &it.plan,
        }
    }

    pub(super) fn draw(&self) -> Draw {
        match &self.who {
            Who::Own(case) => case.draw,
            Who::Keyed(it) => it.draw,
        }
    }

    /// The key by which its session is found in another process, too.
    pub(super) fn key(&self) -> SessionKey {
        match &self.who {
            Who::Own(case) => case.home,
            Who::Keyed(it) => it.key,
        }
    }

    /// What it was opened with, where that is known.
    pub(super) fn about(&self) -> Option<Arc<About>> {
        match &self.who {
            Who::Own(case) => Some(case.about.to_arc()),
            Who::Keyed(it) => it.about_is_whole.then(|| Arc::clone(&it.about)),
        }
    }

    /// Learns what it is judged by from a chunk of it.
    pub(super) fn learn(&mut self, chunk: &Chunk) {
        self.digest.merge(&chunk.digest);
        let (plan, about) = match &mut self.who {
            Who::Own(case) => (&case.plan, None),
            Who::Keyed(it) => {
                let asks = it.plan.asks_about() && !it.about_is_whole;
                (&it.plan, asks.then_some(&mut it.about))
            }
        };
        if plan.looks(about.is_none()) {
            let about = about.map(told);
            plan.look(chunk.signal, &chunk.bytes, &mut self.seen, about);
        }
    }

    /// What it is judged by.
    pub(super) fn evidence(&self, is_final: bool) -> Evidence<'_> {
        let (about, about_is_whole) = match &self.who {
            Who::Own(case) => (&*case.about, true),
            Who::Keyed(it) => (&*it.about, it.about_is_whole),
        };
        Evidence {
            digest: &self.digest,
            about,
            about_is_whole,
            seen: self.seen,
            is_final: is_final || self.digest.root_ended,
        }
    }
}

/// What a session's spans told so far, to be added to: its own from the first time on.
fn told(about: &mut Arc<About>) -> &mut About {
    if Arc::get_mut(about).is_none() {
        *about = Arc::default();
    }
    Arc::get_mut(about).expect("it is nobody else's")
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::actors::sampler::keys;
    use crate::model::id::TraceId;
    use crate::model::propagation::trace_state::TraceState;
    use crate::model::sampling::Sampling;

    /// A session that is found by this key.
    pub(in crate::actors::sampler) fn keyed(key: TraceId) -> Who {
        Who::Keyed(Box::new(Keyed {
            key: SessionKey(key),
            plan: Arc::new(Plan::new(&Sampling::default(), None).expect("right")),
            draw: Draw::new(key, &TraceState::EMPTY, None),
            about: Arc::default(),
            about_is_whole: false,
            next: keys::NONE,
        }))
    }

    /// What is held can be shared at any time: as a copy that counts, or, where there is no room for one, as it
    /// is; nothing is counted when both are gone.
    #[test]
    fn what_is_held_is_shared_with_room_and_without() {
        let pool = Pool::new(250);
        let bytes = Bytes::from(vec![7; 100]);
        let mut held = HeldBytes::apart(Signal::Logs, bytes.clone(), &pool);
        assert_eq!(pool.in_use(), 100);
        let copy = held.share(&pool);
        assert_eq!((&copy, pool.in_use()), (&bytes, 200));
        let same = held.share(&pool);
        assert_eq!((&same, pool.in_use()), (&bytes, 200), "no room for a third");
        drop(copy);
        assert_eq!(pool.in_use(), 100);
        assert_eq!(held.signal(), Signal::Logs);
        assert_eq!(held.take_out(&pool), bytes);
        assert_eq!(pool.in_use(), 100, "it is shared");
        drop(same);
        assert_eq!(pool.in_use(), 0);
        let large = Bytes::from(vec![7; 300]);
        let came = HeldBytes::apart(Signal::Logs, large.clone(), &pool);
        assert_eq!(pool.in_use(), 0, "held as it came");
        assert_eq!(came.take_out(&pool), large);
    }
}
