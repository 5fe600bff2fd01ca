//! The books of delegations: how many there were, and how they ended.

use std::sync::atomic::{AtomicU64, Ordering};

use super::outcome::Outcome;

/// What became of delegations: `started` is the sum of all others but `late`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DelegationStats {
    /// Delegations that were started.
    pub started: u64,
    /// Those that have not ended.
    pub in_flight: u64,
    /// Those whose answer came in time.
    pub answered: u64,
    /// Those that were said to have failed.
    pub failed: u64,
    /// Synchronous ones that nobody waited for any more.
    pub cancelled: u64,
    /// Those whose deadline passed.
    pub abandoned: u64,
    /// Those that were in flight when the pipeline was shut down.
    pub interrupted: u64,
    /// Those that were too many to be waited for.
    pub untracked: u64,
    /// Answers that came after the end.
    pub late: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Counts {
    started: AtomicU64,
    ended: [AtomicU64; Outcome::ALL.len()],
    late: AtomicU64,
}

impl Counts {
    pub(super) fn start(&self) {
        self.started.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn end(&self, outcome: Outcome) {
        self.ended[outcome as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn tell_late(&self) {
        self.late.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn stats(&self) -> DelegationStats {
        // Ends before starts: what ends in between then counts as in flight.
        let of = |outcome: Outcome| self.ended[outcome as usize].load(Ordering::Relaxed);
        let ended = Outcome::ALL.map(of);
        let started = self.started.load(Ordering::Relaxed);
        let [
            answered,
            failed,
            cancelled,
            abandoned,
            interrupted,
            untracked,
        ] = ended;
        DelegationStats {
            started,
            in_flight: started.saturating_sub(ended.iter().sum()),
            answered,
            failed,
            cancelled,
            abandoned,
            interrupted,
            untracked,
            late: self.late.load(Ordering::Relaxed),
        }
    }
}
