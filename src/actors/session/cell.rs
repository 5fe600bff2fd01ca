//! The cell of a session: its identity, and its state behind its own lock. The state machine runs
//! inline, on the thread that ends a span.
//!
//! Holds: one open chunk per signal, open spans, parked chunks (at most [`PARKED`]). Waits: never.
//! Loses: what the pipeline has no room for, booked as `queue_full`.

use std::borrow::Cow;
use std::ops::Deref;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use super::identity::{Common, Identity, Particulars};
use super::latest::Latest;
use super::root::RootDraft;
use super::shared::Shared;
use super::slab::{Parent, SlotRef};
use super::state::{Facts, State};
use super::unsampled::Unsampled;
use crate::actors::clock::Anchor;
use crate::model::context::SpanContext;
use crate::model::genai::Operation;
use crate::model::id::SpanId;
use crate::model::kind::SpanKind;
use crate::model::ledger::Fate;
use crate::model::otlp::draft::Draft;
use crate::model::request::Signal;

/// How many sealed chunks a session puts aside at most under `WhenFull::Block`.
pub(super) const PARKED: usize = 8;

#[derive(Debug)]
pub(crate) struct Cell {
    pub(super) identity: Identity,
    front: Front,
    state: Mutex<State>,
    /// Its spans, where it is not sampled.
    pub(super) unsampled: Unsampled,
}

/// What is asked of a session without its lock, side by side: of one of many, none of it is in a cache.
#[derive(Debug)]
pub(crate) struct Front {
    pub(super) shared: Arc<Shared>,
    /// Whether its chunks are told apart from those of other sessions: somebody judges them.
    pub(super) is_apart: bool,
    /// Whether its spans are recorded.
    pub(super) sampled: bool,
    /// Whether its log records are.
    pub(super) logged: bool,
    pub(super) anchor: Anchor,
    /// Where the segment that is open is found, once the session has rolled over; set under the lock of this
    /// one.
    pub(super) latest: OnceLock<Arc<Latest>>,
    /// Whether chunks are parked: `ready` asks this before it asks for the lock.
    pub(super) parked: AtomicBool,
}

impl Deref for Cell {
    type Target = Front;

    #[inline]
    fn deref(&self) -> &Front {
        &self.front
    }
}

impl Cell {
    /// A session whose root begins as the draft does. The two flags say whether its spans are recorded, and its log
    /// records.
    // All parts are made here and put where they stay in one go: each move of them would take as long as a lock.
    #[inline(always)]
    pub(super) fn new(
        shared: &Arc<Shared>,
        particulars: Particulars,
        common: Common,
        (sampled, logged): (bool, bool),
        anchor: Anchor,
        root: Box<Draft>,
        visits: u32,
    ) -> Arc<Self> {
        let is_apart = shared.is_apart(particulars.case.as_ref());
        let start_ns = particulars.start_ns;
        Arc::new(Self {
            identity: Identity::new(particulars, common, is_apart),
            front: Front {
                shared: Arc::clone(shared),
                is_apart,
                sampled,
                logged,
                anchor,
                latest: OnceLock::new(),
                parked: AtomicBool::new(false),
            },
            state: Mutex::new(State::new(
                RootDraft::new(root, visits > 0),
                start_ns,
                shared.usual_size(),
                visits,
            )),
            unsampled: Unsampled::default(),
        })
    }

    /// The segment that is open now, for a handle that may be older than a roll-over.
    #[inline]
    pub(super) fn current(self: &Arc<Self>) -> Cow<'_, Arc<Self>> {
        match self.latest.get() {
            None => Cow::Borrowed(self),
            Some(latest) => Cow::Owned(latest.cell()),
        }
    }

    /// Has `act` look at the segment that is open, which none follows before it has returned.
    pub(super) fn with_current<T>(
        self: &Arc<Self>,
        act: impl FnOnce(&Arc<Self>, MutexGuard<'_, State>) -> T,
    ) -> T {
        loop {
            let cell = self.current();
            let state = cell.lock();
            if cell.latest.get().is_none() {
                return act(&cell, state);
            }
        }
    }

    #[inline]
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[inline]
    pub(super) fn now_ns(&self) -> u64 {
        self.shared.clock.now_ns(&self.anchor)
    }

    /// Notes that a span has started.
    #[inline]
    pub(super) fn start_span(
        self: &Arc<Self>,
        id: SpanId,
        parent: Parent,
        kind: SpanKind,
        operation: Operation,
        start_ns: u64,
        name: &[u8],
    ) -> SlotRef {
        let mut state = self.lock();
        state.last_ns = state.last_ns.max(start_ns);
        if state.root.is_none() {
            self.retire(&mut state);
        }
        state
            .slab
            .insert(id, parent, kind, operation, start_ns, name)
    }

    /// Takes in a span that has ended. `slot` is none for one that was recorded whole.
    #[inline]
    pub(super) fn end_span(
        self: &Arc<Self>,
        draft: &Draft,
        slot: Option<SlotRef>,
        facts: &Facts,
        start_ns: u64,
        end_ns: u64,
    ) {
        let mut state = self.lock();
        if slot.is_some_and(|slot| !state.slab.remove(slot)) {
            drop(state);
            self.shared
                .books
                .of(Signal::Traces)
                .enter_settled(1, Fate::Superseded);
            return;
        }
        if self.shared.is_closed() {
            drop(state);
            self.shared
                .books
                .of(Signal::Traces)
                .enter_settled(1, Fate::AfterShutdown);
            return;
        }
        state.last_ns = state.last_ns.max(end_ns);
        let is_genai = facts.operation.is_genai();
        let common = self.identity.common_of(is_genai, facts.is_parent_remote);
        if self.put(&mut state, Signal::Traces, draft, common) && self.is_apart {
            state.note(facts, end_ns - start_ns, false);
        }
        // Right behind the other, so that the compiler looks once at what the span told.
        state.count(facts);
        let reached = state.spend(facts);
        let is_full = self.is_full(&state);
        drop(state);
        if let Some(reached) = reached {
            reached.tell(self);
        }
        if is_full {
            super::roll_over::roll_over(self);
        }
    }

    /// Whether the session is to go on in its next segment.
    #[inline]
    fn is_full(&self, state: &State) -> bool {
        state.root.is_some()
            && (state.sums.spans >= self.shared.config.max_spans
                || state.bytes >= self.shared.config.max_bytes.as_u64())
    }

    /// Takes in a log record.
    pub(super) fn log(self: &Arc<Self>, draft: &Draft) {
        // Asked under the lock: what the shutdown has taken from this session is then complete.
        let mut state = self.lock();
        if self.shared.is_closed() {
            drop(state);
            self.shared
                .books
                .of(Signal::Logs)
                .enter_settled(1, Fate::AfterShutdown);
            return;
        }
        state.last_ns = state.last_ns.max(self.now_ns());
        self.put(&mut state, Signal::Logs, draft, self.identity.log_common());
        let is_full = self.is_full(&state);
        drop(state);
        if is_full {
            super::roll_over::roll_over(self);
        }
    }

    /// Puts an item into the open chunk; whether there was room.
    #[inline]
    pub(super) fn put(
        self: &Arc<Self>,
        state: &mut State,
        signal: Signal,
        draft: &Draft,
        common: &[u8],
    ) -> bool {
        if !state.append(signal, draft, common) {
            if !self.is_apart && self.put_among_others(state, signal, draft, common) {
                return true;
            }
            if !self.put_into_next(state, signal, draft, common) {
                return false;
            }
        }
        if !state.lingering {
            self.linger(state);
        }
        true
    }

    /// Puts an item into a chunk with room for it, and hands on the one that was open.
    #[cold]
    #[inline(never)]
    fn put_into_next(
        &self,
        state: &mut State,
        signal: Signal,
        draft: &Draft,
        common: &[u8],
    ) -> bool {
        let needed = draft.len_in_chunk(common);
        let (sealed, _) = state.make_room(signal, needed, &self.shared.pool);
        let taken = state.append(signal, draft, common);
        if let Some(sealed) = sealed {
            let chunk = self.book(sealed);
            self.pass_on(state, chunk);
        }
        if !taken {
            let book = self.shared.books.of(signal);
            book.enter_settled(1, Fate::QueueFull);
        }
        taken
    }

    /// Registers with the sweeper, or seals at once when the shutdown has taken over. A session that
    /// has ended is no longer found by its key: the registry keeps it among the retired.
    pub(super) fn linger(self: &Arc<Self>, state: &mut State) {
        if state.root.is_none() {
            self.retire(state);
        } else {
            let linger = self.shared.config.linger.as_nanos();
            let due_ns = self
                .shared
                .now_ns()
                .saturating_add(u64::try_from(linger).unwrap_or(u64::MAX));
            state.lingering = self.shared.linger.push(due_ns, self.identity.home);
            if !state.lingering {
                self.seal(state);
            }
        }
    }

    /// Has the registry keep a session that has ended and is not done, or seals at once when the
    /// shutdown has taken over.
    pub(super) fn retire(self: &Arc<Self>, state: &mut State) {
        if state.retired {
            return;
        }
        state.retired = self.shared.registry.retire(Arc::clone(self));
        if !state.retired {
            self.seal(state);
        }
    }

    /// Writes to the root. Nothing is recorded of it after the end, or where the session is not sampled.
    pub(super) fn edit_root(&self, state: &mut State, edit: impl FnOnce(&mut Draft)) {
        if let Some(root) = state.root.as_mut().filter(|_| self.sampled) {
            root.edit(&self.shared.limits, edit);
        }
    }

    /// The context of one of its spans.
    pub(super) fn context_of(&self, span: SpanId) -> SpanContext {
        self.identity.context_of(span, self.sampled)
    }
}
