//! What many sessions have little of, on its way to the head: the items of quiet sessions, and what sessions left
//! behind when they ended.
//!
//! Holds: a shared buffer being filled for each bundle, and full ones that the head had no room for, within the
//! byte budget. Waits: never; the sweeper waits on its behalf. Loses: under [`WhenFull::DropNewest`], what comes
//! when [`WAITING`] messages wait already.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::cell::Cell;
use super::config::WhenFull;
use super::gather::{Gather, LoneItem};
use super::head::Declined;
use super::shared::Shared;
use super::state::Sealed;
use crate::actors::apart::Apart;
use crate::actors::road::Msg;
use crate::model::ledger::Fate;
use crate::model::request::Signal;

/// How many there are, so that threads seldom meet.
const BUNDLES: usize = 8;

/// Messages of a bundle that may wait where a host does not: of all together, as many again as wait at the head.
const WAITING: usize = 256 / BUNDLES;

thread_local! {
    /// Which bundle a thread fills: it finds the memory of that one in its core's cache.
    static OWN: u8 = {
        static THREADS: AtomicU8 = AtomicU8::new(0);
        THREADS.fetch_add(1, Ordering::Relaxed) % BUNDLES as u8
    };
}

#[derive(Debug, Default)]
pub(crate) struct Bundles {
    all: [Apart<Mutex<Bundle>>; BUNDLES],
    /// How often the sweeper has taken all of them and has sent what it took.
    rounds: Apart<AtomicU32>,
    /// In how many of them messages wait for room at the head.
    behind: AtomicUsize,
}

/// Which bundle a session has put something into. It fills no other while that may be there, so that its items
/// stay in order.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    bundle: u8,
    /// Whether it is for good.
    is_fixed: bool,
    /// How many rounds were over when it put something there last.
    round: u32,
}

#[derive(Debug, Default)]
pub(crate) struct Bundle {
    gather: Gather,
    waiting: VecDeque<Msg>,
    /// Whether it is counted among those where messages wait.
    is_behind: bool,
}

impl Bundles {
    /// The one that a session puts something into: that of the thread, unless something of the session may be in
    /// another.
    #[inline]
    pub(super) fn of(&self, place: &mut Option<Place>) -> MutexGuard<'_, Bundle> {
        self.of_either(place, own())
    }

    #[inline]
    fn of_either(&self, place: &mut Option<Place>, own: u8) -> MutexGuard<'_, Bundle> {
        let bundle = match place {
            Some(place) if place.is_fixed || self.may_hold(place) => place.bundle,
            _ => own,
        };
        let guard = self.lock(bundle);
        // Under the lock: the round that takes what is put in now is over when this has grown by two.
        *place = Some(Place {
            bundle,
            is_fixed: place.is_some_and(|place| place.is_fixed),
            round: self.rounds.load(Ordering::Acquire),
        });
        guard
    }

    /// The one in which something of a session may be.
    pub(super) fn holding(&self, place: Option<Place>) -> Option<MutexGuard<'_, Bundle>> {
        let place = place.filter(|place| self.may_hold(place))?;
        Some(self.lock(place.bundle))
    }

    /// Keeps a session where it is, for its next segment, which is then there, too: all segments stay in order.
    pub(super) fn fix(&self, place: &mut Option<Place>) {
        let fixed = Place {
            bundle: place.map_or_else(own, |place| place.bundle),
            is_fixed: true,
            round: self.rounds.load(Ordering::Acquire),
        };
        *place = Some(fixed);
    }

    fn may_hold(&self, place: &Place) -> bool {
        let rounds = self.rounds.load(Ordering::Acquire);
        rounds.wrapping_sub(place.round) < 2
    }

    /// All that was there before the sweeper's last [`take`](Self::take) has been sent.
    pub(super) fn end_round(&self) {
        self.rounds.fetch_add(1, Ordering::Release);
    }

    fn lock(&self, bundle: u8) -> MutexGuard<'_, Bundle> {
        lock(&self.all[usize::from(bundle) % BUNDLES])
    }

    fn all(&self) -> impl Iterator<Item = MutexGuard<'_, Bundle>> {
        self.all.iter().map(|bundle| lock(bundle))
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

/// That of this thread; of one that is going down, the first.
fn own() -> u8 {
    OWN.try_with(|own| *own).unwrap_or(0)
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

    /// Has hosts wait in `ready` while messages wait here, unless what finds no room is to be dropped.
    fn tell_behind(&mut self, shared: &Shared) {
        let is_behind = !self.waiting.is_empty() && shared.when_full == WhenFull::Block;
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A session goes where its thread does once all is sent that it has elsewhere, and not before.
    #[test]
    fn a_session_stays_where_something_of_it_may_be() {
        let bundles = Bundles::default();
        let mut place = None;
        let mut put = |thread| {
            drop(bundles.of_either(&mut place, thread));
            place.map(|place| place.bundle)
        };
        assert_eq!((put(1), put(2)), (Some(1), Some(1)));
        bundles.end_round();
        assert_eq!(put(2), Some(1), "it may have come behind the round");
        bundles.end_round();
        assert_eq!(
            put(2),
            Some(1),
            "the last of it may have come behind the round before"
        );
        bundles.end_round();
        bundles.end_round();
        assert_eq!(put(2), Some(2));
    }

    /// Once it has rolled over, a session stays, however long nothing comes.
    #[test]
    fn a_session_that_has_rolled_over_stays() {
        let bundles = Bundles::default();
        let mut place = None;
        drop(bundles.of_either(&mut place, 1));
        bundles.fix(&mut place);
        for _ in 0..3 {
            bundles.end_round();
            drop(bundles.of_either(&mut place, 2));
            assert_eq!(place.map(|place| place.bundle), Some(1));
        }
    }

    /// What is sent by itself need not wait for a bundle that has nothing of its session any more.
    #[test]
    fn only_a_bundle_that_may_hold_something_is_handed_on() {
        let bundles = Bundles::default();
        let mut place = None;
        assert!(bundles.holding(place).is_none());
        drop(bundles.of(&mut place));
        assert!(bundles.holding(place).is_some());
        bundles.end_round();
        assert!(bundles.holding(place).is_some());
        bundles.end_round();
        assert!(bundles.holding(place).is_none());
    }
}
