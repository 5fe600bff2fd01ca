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
    /// Each with the number of the first delivery that it does not wait for, in order.
    waiting: VecDeque<(u64, Baton)>,
}

/// A delivery that is under way until this is dropped, in whatever way it ends.
#[derive(Debug)]
pub(crate) struct UnderWay {
    number: u64,
    rounds: Arc<Rounds>,
}

impl Held for UnderWay {}

impl Rounds {
    /// Begins a delivery.
    pub(crate) fn begin(self: &Arc<Self>) -> UnderWay {
        let mut state = self.lock();
        let number = state.next;
        state.next += 1;
        state.under_way.insert(number);
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
        if !state.under_way.is_empty() {
            let next = state.next;
            state.waiting.push_back((next, baton));
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let mut state = self.rounds.lock();
        state.under_way.remove(&self.number);
        let first = state.under_way.first().copied().unwrap_or(u64::MAX);
        while state.waiting.front().is_some_and(|(end, _)| *end <= first) {
            state.waiting.pop_front();
        }
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

        let (first, second) = (rounds.begin(), rounds.begin());
        let (baton, mut over) = Baton::new();
        rounds.hold(baton);
        let later = rounds.begin();
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

    /// Batons that were given up are not gathered while a delivery hangs.
    #[test]
    fn batons_that_were_given_up_are_let_go() {
        let rounds = Arc::new(Rounds::default());
        let _hangs = rounds.begin();
        for _ in 0..10 {
            let (baton, given_up) = Baton::new();
            rounds.hold(baton);
            drop(given_up);
        }
        assert_eq!(rounds.lock().waiting.len(), 1);
    }
}
