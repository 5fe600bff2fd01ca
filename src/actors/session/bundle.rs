//! What many sessions have little of, on its way to the head: the items of quiet sessions, and what sessions left
//! behind when they ended.
//!
//! Holds: a shared buffer being filled for each bundle, and full ones that the head had no room for, within the
//! byte budget. Waits: never; the sweeper waits on its behalf. Loses: under [`WhenFull::DropNewest`], what comes
//! when [`WAITING`] messages wait already.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::cell::Cell;
use super::config::WhenFull;
use super::gather::{Gather, LoneItem};
use super::head::Declined;
use super::shared::Shared;
use super::state::Sealed;
use crate::actors::apart::Apart;
use crate::actors::road::Msg;
use crate::model::chunk::SessionKey;
use crate::model::ledger::Fate;
use crate::model::request::Signal;

/// How many there are, so that threads seldom meet. A session is always in the same: its items stay in order.
const BUNDLES: usize = 8;

/// Messages of a bundle that may wait where a host does not: of all together, as many again as wait at the head.
const WAITING: usize = 256 / BUNDLES;

#[derive(Debug, Default)]
pub(crate) struct Bundles {
    bundles: [Apart<Mutex<Bundle>>; BUNDLES],
    /// In how many of them messages wait for room at the head.
    behind: AtomicUsize,
}

#[derive(Debug, Default)]
pub(crate) struct Bundle {
    gather: Gather,
    waiting: VecDeque<Msg>,
    /// Whether it is counted among those where messages wait.
    is_behind: bool,
}

impl Bundles {
    /// That of a session: by its home, so that its segments, too, stay in order.
    #[inline]
    pub(super) fn of(&self, home: SessionKey) -> MutexGuard<'_, Bundle> {
        // Of a trace id, the last byte is the one that is most likely random.
        let [.., last] = home.0.to_bytes();
        lock(&self.bundles[usize::from(last) % BUNDLES])
    }

    fn all(&self) -> impl Iterator<Item = MutexGuard<'_, Bundle>> {
        self.bundles.iter().map(|bundle| lock(bundle))
    }

    /// Whether messages wait for room at the head, and hosts are to wait, too.
    #[inline]
    pub(super) fn is_behind(&self) -> bool {
        self.behind.load(Ordering::Relaxed) > 0
    }

    /// Hands on what waits, as far as the head has room.
    pub(super) fn offer(&self, shared: &Shared) {
        self.all().for_each(|mut bundle| bundle.offer(shared));
    }

    /// Takes all of them, one after the other, behind what is in `gather`, which keeps what is little. What comes
    /// out has to be sent.
    pub(crate) fn take(&self, shared: &Shared, gather: &mut Gather) -> impl Iterator<Item = Msg> {
        self.all()
            .flat_map(move |mut bundle| bundle.take(shared, gather))
    }

    /// How many items have ended and are in no book yet.
    pub(crate) fn unbooked(&self, signal: Signal) -> u64 {
        self.all()
            .map(|bundle| bundle.gather.unbooked(signal))
            .sum()
    }
}

fn lock(bundle: &Mutex<Bundle>) -> MutexGuard<'_, Bundle> {
    bundle.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Bundle {
    /// Takes in what a session left.
    pub(super) fn add(&mut self, cell: &Cell, sealed: Sealed) {
        for full in self.gather.add(cell, sealed).into_iter().flatten() {
            self.pass_on(&cell.shared, full);
        }
    }

    /// Takes in an item that is in no chunk yet; whether there was room for it.
    #[inline]
    pub(super) fn add_item(&mut self, cell: &Cell, item: &LoneItem<'_>) -> bool {
        let (full, taken) = self.gather.add_item(cell, item);
        if let Some(full) = full {
            self.pass_on(&cell.shared, full);
        }
        taken
    }

    /// Hands on all of it, so that what one of its sessions sends by itself comes behind.
    pub(super) fn hand_on(&mut self, shared: &Shared) {
        if let Some(all) = self.gather.finish(shared) {
            self.pass_on(shared, all);
        }
    }

    fn pass_on(&mut self, shared: &Shared, full: Msg) {
        self.offer(shared);
        if shared.when_full == WhenFull::DropNewest && self.waiting.len() >= WAITING {
            full.settle(Fate::QueueFull);
            return;
        }
        self.waiting.push_back(full);
        self.offer(shared);
    }

    /// Hands on what waits, as far as the head has room.
    fn offer(&mut self, shared: &Shared) {
        while let Some(msg) = self.waiting.pop_front() {
            match shared.head.offer(msg) {
                Ok(()) => {}
                Err(Declined::Full(msg)) => {
                    self.waiting.push_front(msg);
                    break;
                }
                Err(Declined::Closed(msg)) => msg.settle(Fate::AfterShutdown),
            }
        }
        self.tell_behind(shared);
    }

    /// Has hosts wait in `ready` while messages wait here.
    fn tell_behind(&mut self, shared: &Shared) {
        let is_behind = !self.waiting.is_empty();
        match (std::mem::replace(&mut self.is_behind, is_behind), is_behind) {
            (false, true) => shared.bundles.behind.fetch_add(1, Ordering::SeqCst),
            (true, false) => shared.bundles.behind.fetch_sub(1, Ordering::SeqCst),
            _ => return,
        };
    }

    /// Takes all of it, behind what is in `gather`, which keeps what is little. Returns what has to be sent.
    fn take(&mut self, shared: &Shared, gather: &mut Gather) -> Vec<Msg> {
        let mut all = Vec::new();
        if !self.waiting.is_empty() {
            all.extend(gather.finish(shared));
            all.extend(self.waiting.drain(..));
            self.tell_behind(shared);
        }
        let full = gather.absorb(shared, &mut self.gather);
        all.extend(full.into_iter().flatten());
        all
    }
}
