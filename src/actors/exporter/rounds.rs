//! Which deliveries a flush waits for: those that were under way when its baton came. Later ones go
//! on as if there were none.
//!
//! Holds: batons. Waits: never. Loses: nothing.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::actors::baton::Baton;
use crate::actors::spool::desk::Held;

#[derive(Debug, Default)]
pub(crate) struct Rounds(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// The number of the next delivery.
    next: u64,
    under_way: BTreeSet<u64>,
    /// Those among them that are not on disk.
    exposed: BTreeSet<u64>,
    /// Each with the number of the first delivery that it does not wait for, in order.
    waiting: VecDeque<(u64, Baton)>,
}

/// A delivery that is under way until this is dropped, in whatever way it ends.
#[derive(Debug)]
pub(crate) struct UnderWay {
    number: u64,
    rounds: Arc<Rounds>,
}

impl Held for UnderWay {
    fn secured(&self) {
        let mut state = self.rounds.lock();
        state.exposed.remove(&self.number);
        state.let_go();
    }
}

impl State {
    /// Lets batons go whose deliveries are over, or on disk where that is enough.
    fn let_go(&mut self) {
        let first = |numbers: &BTreeSet<u64>| numbers.first().copied().unwrap_or(u64::MAX);
        let (over, durable) = (first(&self.under_way), first(&self.exposed));
        self.waiting.retain(|(end, baton)| {
            let until = if baton.is_until_durable() {
                durable
            } else {
                over
            };
            *end > until
        });
    }
}

impl Rounds {
    /// Begins a delivery; `is_kept` tells that what it delivers is on disk.
    pub(crate) fn begin(self: &Arc<Self>, is_kept: bool) -> UnderWay {
        let mut state = self.lock();
        let number = state.next;
        state.next += 1;
        state.under_way.insert(number);
        if !is_kept {
            state.exposed.insert(number);
        }
        UnderWay {
            number,
            rounds: Arc::clone(self),
        }
    }

    /// Holds a baton until the deliveries that have begun are over.
    pub(crate) fn hold(&self, baton: Baton) {
        let mut state = self.lock();
        // A host that flushes again and again while a backend hangs gives up one after the other.
        state.waiting.retain(|(_, baton)| !baton.is_given_up());
        let next = state.next;
        state.waiting.push_back((next, baton));
        state.let_go();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let mut state = self.rounds.lock();
        state.under_way.remove(&self.number);
        state.exposed.remove(&self.number);
        state.let_go();
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    /// A baton is held until the deliveries before it are over, and those alone.
    #[test]
    fn a_baton_is_held_until_the_deliveries_before_it_are_over() {
        let rounds = Arc::new(Rounds::default());
        let (baton, at_once) = Baton::new();
        rounds.hold(baton);
        assert!(at_once.now_or_never().is_some());

        let (first, second) = (rounds.begin(false), rounds.begin(false));
        let (baton, mut over) = Baton::new();
        rounds.hold(baton);
        let later = rounds.begin(false);
        let (baton, mut later_over) = Baton::new();
        rounds.hold(baton);
        drop(second);
        assert!((&mut over).now_or_never().is_none());
        drop(first);
        assert!((&mut over).now_or_never().is_some());
        assert!((&mut later_over).now_or_never().is_none());
        drop(later);
        assert!((&mut later_over).now_or_never().is_some());
    }

    /// A baton that asks for no more than the disk does not wait for deliveries of what is there; it waits
    /// for the others until they are over, or on disk.
    #[test]
    fn a_baton_may_be_content_with_the_disk() {
        let rounds = Arc::new(Rounds::default());
        let _kept = rounds.begin(true);
        let baton = || {
            let (baton, over) = Baton::new();
            (baton.until_durable(), over)
        };
        let (at_once, over) = baton();
        rounds.hold(at_once);
        assert!(over.now_or_never().is_some());
        let (failing, delivered) = (rounds.begin(false), rounds.begin(false));
        let (waits, mut over) = baton();
        rounds.hold(waits);
        failing.secured();
        assert!((&mut over).now_or_never().is_none());
        drop(delivered);
        assert!(over.now_or_never().is_some());
    }

    /// Batons that were given up are not gathered while a delivery hangs.
    #[test]
    fn batons_that_were_given_up_are_let_go() {
        let rounds = Arc::new(Rounds::default());
        let _hangs = rounds.begin(false);
        for _ in 0..10 {
            let (baton, given_up) = Baton::new();
            rounds.hold(baton);
            drop(given_up);
        }
        assert_eq!(rounds.lock().waiting.len(), 1);
    }
}
