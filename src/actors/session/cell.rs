//! The cell of a session: its identity, and its state behind its own lock. The state machine runs
//! inline, on the thread that ends a span.
//!
//! Holds: one open chunk per signal, open spans, parked chunks (at most [`PARKED`]). Waits: never.
//! Loses: what the pipeline has no room for, booked as `queue_full`.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use super::head::Declined;
use super::identity::Identity;
use super::shared::Shared;
use super::slab::SlotRef;
use super::state::{Facts, Sealed, State};
use super::unsampled::Unsampled;
use crate::actors::clock::Anchor;
use crate::actors::road::Msg;
use crate::actors::session::config::WhenFull;
use crate::model::chunk::Chunk;
use crate::model::context::SpanContext;
use crate::model::genai::Operation;
use crate::model::id::SpanId;
use crate::model::kind::SpanKind;
use crate::model::ledger::Fate;
use crate::model::otlp::draft::Draft;
use crate::model::request::Signal;

/// How many sealed chunks a session puts aside at most under `WhenFull::Block`.
const PARKED: usize = 8;

#[derive(Debug)]
pub(crate) struct Cell {
    pub(super) shared: Arc<Shared>,
    pub(super) identity: Identity,
    /// Whether its spans are recorded.
    pub(super) sampled: bool,
    /// Whether its log records are.
    pub(super) logged: bool,
    pub(super) anchor: Anchor,
    /// The next segment, once the session has rolled over.
    pub(super) next: OnceLock<Arc<Cell>>,
    /// Whether chunks are parked: `ready` asks this before it asks for the lock.
    parked: AtomicBool,
    /// Its spans, where it is not sampled.
    pub(super) unsampled: Unsampled,
    state: Mutex<State>,
}

impl Cell {
    pub(super) fn new(
        shared: Arc<Shared>,
        identity: Identity,
        sampled: bool,
        logged: bool,
        anchor: Anchor,
        state: State,
    ) -> Arc<Self> {
        Arc::new(Self {
            shared,
            identity,
            sampled,
            logged,
            anchor,
            next: OnceLock::new(),
            parked: AtomicBool::new(false),
            unsampled: Unsampled::default(),
            state: Mutex::new(state),
        })
    }

    /// The segment that is open now, for a handle that may be older than a roll-over.
    #[inline]
    pub(super) fn current(self: &Arc<Self>) -> &Arc<Self> {
        let mut cell = self;
        while let Some(next) = cell.next.get() {
            cell = next;
        }
        cell
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
        parent: SpanId,
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
            .insert(id, Some(parent), kind, operation, start_ns, name)
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
        state.count(facts);
        let common = self.identity.common(facts.operation.is_genai());
        if self.put(&mut state, Signal::Traces, draft, common) {
            state.note(facts, end_ns - start_ns, false);
        }
        let is_full = self.is_full(&state);
        drop(state);
        if is_full {
            super::segment::roll_over(self);
        }
    }

    /// Whether the session is to go on in its next segment.
    #[inline]
    fn is_full(&self, state: &State) -> bool {
        state.root.is_some()
            && (state.totals.spans >= self.shared.config.max_spans
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
            super::segment::roll_over(self);
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
        let appended = state.append(signal, draft, common, &self.shared.pool);
        if let Some(sealed) = appended.sealed {
            let chunk = self.book(sealed);
            self.pass_on(state, chunk);
        }
        if !appended.taken {
            self.shared
                .books
                .of(signal)
                .enter_settled(1, Fate::QueueFull);
            return false;
        }
        if !state.lingering {
            self.linger(state);
        }
        true
    }

    /// Registers with the sweeper, or seals at once when the shutdown has taken over. A session that
    /// has ended is no longer found by its key: the registry keeps it among the retired.
    fn linger(self: &Arc<Self>, state: &mut State) {
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

    /// Makes a chunk of what was sealed: from here on it is in the book.
    pub(super) fn book(&self, sealed: Sealed) -> Chunk {
        let Sealed {
            signal,
            buffer,
            items,
            digest,
        } = sealed;
        Chunk {
            signal,
            session: self.identity.key,
            origin: Arc::clone(&self.shared.origin),
            bytes: buffer.freeze(),
            digest,
            tally: self.shared.books.of(signal).enter(items),
        }
    }

    /// Seals what is open and hands it to the pipeline.
    pub(super) fn seal(&self, state: &mut State) {
        for signal in Signal::ALL {
            if let Some(sealed) = state.seal(signal) {
                let chunk = self.book(sealed);
                self.pass_on(state, chunk);
            }
        }
    }

    /// Hands a chunk to the pipeline, behind those that are parked.
    fn pass_on(&self, state: &mut State, chunk: Chunk) {
        if !self.unpark(state) {
            self.park(state, chunk);
            return;
        }
        match self.shared.head.offer(Msg::Chunk(chunk)) {
            Err(Declined::Full(Msg::Chunk(chunk))) => self.park(state, chunk),
            Err(Declined::Closed(Msg::Chunk(chunk))) => chunk.tally.settle(Fate::AfterShutdown),
            _ => {}
        }
    }

    fn park(&self, state: &mut State, chunk: Chunk) {
        let refuse = self.shared.when_full == WhenFull::DropNewest || state.parked.len() >= PARKED;
        if refuse && !state.patient {
            chunk.tally.settle(Fate::QueueFull);
            return;
        }
        state.parked.push_back(chunk);
        self.parked.store(true, Ordering::Release);
    }

    /// Hands on what is parked; whether all of it went.
    pub(super) fn unpark(&self, state: &mut State) -> bool {
        while let Some(chunk) = state.parked.pop_front() {
            match self.shared.head.offer(Msg::Chunk(chunk)) {
                Err(Declined::Full(Msg::Chunk(chunk))) => {
                    state.parked.push_front(chunk);
                    return false;
                }
                Err(Declined::Closed(Msg::Chunk(chunk))) => chunk.tally.settle(Fate::AfterShutdown),
                _ => {}
            }
        }
        self.parked.store(false, Ordering::Release);
        true
    }

    /// Takes what is open, behind what is parked, for the sweeper.
    pub(super) fn take_open(&self) -> [Option<Sealed>; Signal::ALL.len()] {
        let mut state = self.lock();
        state.lingering = false;
        if !self.unpark(&mut state) {
            // Its earlier chunks come first: it is sealed behind them, in its turn.
            self.seal(&mut state);
            return Default::default();
        }
        Signal::ALL.map(|signal| state.seal(signal))
    }

    /// Leaves what is open, if it is little, to be sent together with that of other sessions that
    /// ended.
    pub(super) fn leave(&self, state: &mut State) {
        if !self.unpark(state) {
            return self.seal(state);
        }
        for signal in Signal::ALL {
            let Some(sealed) = state.seal(signal) else {
                continue;
            };
            self.shared.note_size(sealed.buffer.len());
            self.shared
                .ended()
                .add(&self.shared, self.identity.key, sealed);
        }
    }

    /// Waits until everything that is parked is handed on.
    pub(crate) async fn wait_unparked(&self) {
        let gauge = self.shared.head.gauge();
        loop {
            let room = gauge.room();
            tokio::pin!(room);
            room.as_mut().enable();
            if !self.has_parked() || self.unpark(&mut self.lock()) {
                return;
            }
            room.await;
        }
    }

    /// Books what nobody will hand on any more.
    pub(crate) fn abandon(&self) {
        self.book_unsampled();
        let mut state = self.lock();
        for signal in Signal::ALL {
            if let Some(sealed) = state.seal(signal) {
                self.book(sealed).tally.settle(Fate::AfterShutdown);
            }
        }
        for chunk in state.parked.drain(..) {
            chunk.tally.settle(Fate::AfterShutdown);
        }
    }

    #[inline]
    pub(super) fn has_parked(&self) -> bool {
        self.parked.load(Ordering::Acquire)
    }

    /// The context of one of its spans.
    pub(super) fn context_of(&self, span: SpanId) -> SpanContext {
        self.identity.context_of(span, self.sampled)
    }
}
