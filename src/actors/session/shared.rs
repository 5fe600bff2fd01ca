//! What all sessions of a pipeline share.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

use super::bundle::Bundles;
use super::config::{SessionConfig, WhenFull};
use super::delegation::table::Delegations;
use super::head::Head;
use super::registry::Registry;
use super::sweeper;
use crate::actors::apart::Apart;
use crate::actors::clock::{Anchor, Clock, Wall};
use crate::actors::pool::Pool;
use crate::actors::road::Msg as Road;
use crate::model::chunk::SessionKey;
use crate::model::content::Content;
use crate::model::id;
use crate::model::ledger::Books;
use crate::model::limits::Limits;
use crate::model::propagation::policy::BaggagePolicy;
use crate::model::propagation::propagators::Propagators;
use crate::model::redaction::Redactor;
use crate::model::request::Signal;
use crate::model::resource::Origin;
use crate::model::sampling::case::{Case, Plans};

/// Made once, when the pipeline starts; sessions hold it, it holds no session but through the
/// registry.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) clock: Clock,
    pub(crate) wall: Wall,
    pub(crate) anchor: Anchor,
    pub(crate) limits: Limits,
    pub(crate) plans: Arc<Plans>,
    pub(crate) config: SessionConfig,
    pub(crate) propagators: Propagators,
    pub(crate) baggage: BaggagePolicy,
    /// Whether content is recorded where a session says nothing else.
    pub(crate) content: Content,
    /// What is shown of sessions, and what travels, goes through it.
    pub(crate) redactor: Option<Arc<Redactor>>,
    pub(crate) when_full: WhenFull,
    pub(crate) pool: Arc<Pool>,
    pub(crate) books: Arc<Books>,
    pub(crate) origin: Arc<Origin>,
    pub(crate) head: Apart<Head<Road>>,
    pub(crate) sweeper: Head<sweeper::Msg>,
    pub(crate) registry: Apart<Registry>,
    pub(crate) linger: Apart<Linger>,
    pub(crate) delegations: Apart<Delegations>,
    /// What sessions have little of, and left behind when they ended.
    pub(crate) bundles: Bundles,
    /// Whether every chunk is told apart by its session.
    pub(crate) tells_apart: bool,
    /// What a session had to hand on when it last ended: the next begins with as much room.
    pub(crate) usual_size: Apart<AtomicUsize>,
    /// Which signals any lane takes; what nobody takes is not written.
    pub(crate) wanted: [bool; Signal::ALL.len()],
    /// Whose pipeline it is: a process that was forked off has a copy without its threads.
    pub(crate) forked: forkguard::Guard,
    /// The shutdown has begun: what ends now is booked as such.
    pub(crate) closed: AtomicBool,
    /// The shutdown is over: what is not settled by now never is.
    pub(crate) over: CancellationToken,
    /// Spans that were exported as incomplete because of the shutdown.
    pub(crate) incomplete: Apart<AtomicU64>,
}

impl Shared {
    #[inline]
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    /// Whether this is the copy of a process that was forked off. Then it is closed: no thread works for it.
    #[inline]
    pub(crate) fn is_copy(&self) -> bool {
        // A guard tells once; its copies tell each time.
        self.forked.clone().detected_fork() && self.note_copy()
    }

    #[cold]
    fn note_copy(&self) -> bool {
        self.closed.store(true, Ordering::SeqCst);
        // What is made here must not have the ids of what the parent makes.
        id::begin_anew();
        true
    }

    /// Nothing is taken in any more: what ends now is booked as such, the sweeper ends what is open
    /// and closes the head.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        self.sweeper.close();
        // Those who wait in `ready` learn that they wait in vain.
        self.head.gauge().tell_room();
    }

    /// Whether somebody tells the chunks apart of a session with this case.
    pub(super) fn is_apart(&self, case: Option<&Arc<Case>>) -> bool {
        self.tells_apart || case.is_some()
    }

    pub(super) fn note_size(&self, bytes: usize) {
        self.usual_size.store(bytes, Ordering::Relaxed);
    }

    pub(super) fn usual_size(&self) -> usize {
        self.usual_size.load(Ordering::Relaxed)
    }

    pub(crate) fn wants(&self, signal: Signal) -> bool {
        self.wanted[signal as usize]
    }

    /// The moment at which a session begins.
    #[inline]
    pub(super) fn anchor_now(&self) -> Anchor {
        self.wall.anchor(&self.clock)
    }

    /// Nanoseconds on the pipeline's own clock, for timers.
    pub(crate) fn now_ns(&self) -> u64 {
        self.clock.now_ns(&self.anchor)
    }
}

/// How many sessions are taken from the queue under one lock, for which those who record wait.
const DUE_AT_ONCE: usize = 256;

/// Sessions whose open chunk waits for company, in the order in which they are due. Holds keys, not
/// sessions: the registry owns those.
#[derive(Debug, Default)]
pub(crate) struct Linger(Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    due: VecDeque<(u64, SessionKey)>,
    closed: bool,
}

impl Linger {
    /// Registers a session; `false` when the shutdown has taken over: then the caller seals.
    pub(super) fn push(&self, due_ns: u64, session: SessionKey) -> bool {
        let mut waiting = self.lock();
        if waiting.closed {
            return false;
        }
        waiting.due.push_back((due_ns, session));
        true
    }

    /// The next sessions that are due, at most [`DUE_AT_ONCE`]; none, when no more are.
    pub(super) fn take_due(&self, now_ns: u64) -> Vec<SessionKey> {
        let mut waiting = self.lock();
        let next = waiting.due.iter().take(DUE_AT_ONCE);
        let due = next.take_while(|(due_ns, _)| *due_ns <= now_ns).count();
        let due = waiting.due.drain(..due);
        due.map(|(_, session)| session).collect()
    }

    /// Nothing is registered any more.
    pub(crate) fn close(&self) {
        let mut waiting = self.lock();
        waiting.closed = true;
        waiting.due = VecDeque::new();
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
