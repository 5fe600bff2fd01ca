//! How a session hands on what it has sealed: at once, put aside until there is room, or left behind
//! for the sweeper.

use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard};

use super::bundle::Bundle;
use super::cell::{Cell, PARKED};
use super::config::WhenFull;
use super::gather::LoneItem;
use super::head::Declined;
use super::state::{Sealed, State};
use crate::actors::road::Msg;
use crate::model::chunk::{Chunk, Digest};
use crate::model::ledger::Fate;
use crate::model::otlp::draft::Draft;
use crate::model::request::Signal;

/// Spans come last: with the root the session ends, and is judged by what came before.
const ROOT_LAST: [Signal; Signal::ALL.len()] = [Signal::Metrics, Signal::Logs, Signal::Traces];

impl Cell {
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
            judged: self.identity.judged(),
            tally: self.shared.books.of(signal).enter(items),
        }
    }

    /// Seals what is open and hands it to the pipeline.
    pub(super) fn seal(&self, state: &mut State) {
        for signal in ROOT_LAST {
            if let Some(sealed) = state.seal(signal) {
                let chunk = self.book(sealed);
                self.pass_on(state, chunk);
            }
        }
    }

    /// Hands a chunk to the pipeline, behind those that are parked.
    pub(super) fn pass_on(&self, state: &mut State, chunk: Chunk) {
        if std::mem::take(&mut state.is_among)
            && let Some(mut bundle) = self.shared.bundles.holding(state.place)
        {
            bundle.hand_on(&self.shared);
        }
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
        let refuse =
            self.shared.when_full == WhenFull::DropNewest || state.parked_count() >= PARKED;
        if refuse && !state.patient {
            chunk.tally.settle(Fate::QueueFull);
            return;
        }
        state.parked().push_back(chunk);
        self.parked.store(true, Ordering::Release);
    }

    /// Hands on what is parked; whether all of it went.
    pub(super) fn unpark(&self, state: &mut State) -> bool {
        while let Some(chunk) = state.take_parked() {
            match self.shared.head.offer(Msg::Chunk(chunk)) {
                Err(Declined::Full(Msg::Chunk(chunk))) => {
                    state.parked().push_front(chunk);
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
    pub(super) fn take_open(self: &Arc<Self>) -> [Option<Sealed>; Signal::ALL.len()] {
        let mut state = self.lock();
        state.lingering = false;
        if !self.unpark(&mut state) {
            // Its earlier chunks come first: it is sealed behind them, in its turn.
            self.seal(&mut state);
            if state.root.is_some() {
                // The sweeper comes again: the session may have nothing more to say.
                self.linger(&mut state);
            }
            return Default::default();
        }
        ROOT_LAST.map(|signal| state.seal(signal))
    }

    /// Leaves what is open, if it is little, to be sent together with that of other sessions that
    /// ended.
    pub(super) fn leave(&self, state: &mut State) {
        if !self.unpark(state) {
            return self.seal(state);
        }
        let mut size = state.bytes_among();
        // Nor is anything open of most that are as small as a request.
        let signals = state.has_buffer().then_some(ROOT_LAST);
        for signal in signals.into_iter().flatten() {
            let Some(sealed) = state.seal(signal) else {
                continue;
            };
            if signal == Signal::Traces {
                size += sealed.buffer.len();
            }
            self.bundle(state).add(self, sealed);
        }
        if size > 0 {
            self.shared.note_size(size);
        }
    }

    /// Leaves the root of a session that ends and has nothing else to hand on, without a buffer of its own.
    /// `false` where it has, where the root is not small or where there is no room.
    pub(super) fn leave_root(&self, state: &mut State, root: &LoneItem<'_>) -> bool {
        if state.patient || state.has_parked() || state.has_buffer() || !root.is_small() {
            return false;
        }
        self.bundle(state).add_item(self, root)
    }

    /// Puts an item of a session that has no chunk open among those of others, unless it comes often: then it has
    /// a chunk of its own from here on. A quiet session has no buffer so, no timer, and no chunk that costs the
    /// actors more than a busy one's. `false` where it does not go there.
    #[inline(never)]
    pub(super) fn put_among_others(
        &self,
        state: &mut State,
        signal: Signal,
        draft: &Draft,
        common: &[u8],
    ) -> bool {
        let item = LoneItem {
            signal,
            draft,
            common,
            digest: Digest::default(),
        };
        // One that has ended is no session that the end of a pipeline waits for, unless it holds something itself.
        let is_over = state.root.is_none();
        if is_over || state.patient || state.has_parked() || !item.is_small() {
            return false;
        }
        let goes_there = state.goes_among_others(signal, item.len(), self.shared.config.linger);
        if !goes_there || !self.bundle(state).add_item(self, &item) {
            return false;
        }
        state.bytes += item.len() as u64;
        state.is_among = true;
        true
    }

    fn bundle(&self, state: &mut State) -> MutexGuard<'_, Bundle> {
        self.shared.bundles.of(&mut state.place)
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
        while let Some(chunk) = state.take_parked() {
            chunk.tally.settle(Fate::AfterShutdown);
        }
    }

    #[inline]
    pub(super) fn has_parked(&self) -> bool {
        self.parked.load(Ordering::Acquire)
    }
}
