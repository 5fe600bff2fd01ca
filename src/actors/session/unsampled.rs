//! The spans of a session that is not recorded: counted without a lock, booked in passing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::cell::Cell;
use super::state::Facts;
use crate::model::ledger::Fate;
use crate::model::request::Signal;

/// Beside the count: the session has ended, and nobody passes by any more.
const LATE: u64 = 1 << 63;

#[derive(Debug, Default)]
pub(super) struct Unsampled {
    /// Spans that ended, with [`LATE`].
    ended: AtomicU64,
    /// How many of them are in the book.
    booked: AtomicU64,
}

impl Unsampled {
    /// Counts a span; whether whoever counts must book it, too.
    #[inline]
    pub(super) fn count(&self) -> bool {
        self.ended.fetch_add(1, Ordering::Relaxed) & LATE != 0
    }

    /// Notes that the session has ended.
    pub(super) fn seal(&self) {
        self.ended.fetch_or(LATE, Ordering::Relaxed);
    }

    /// How many have ended.
    pub(super) fn ended(&self) -> u64 {
        self.ended.load(Ordering::Relaxed) & !LATE
    }

    /// How many of them are in no book yet.
    pub(super) fn unbooked(&self) -> u64 {
        let booked = self.booked.load(Ordering::Relaxed);
        self.ended().saturating_sub(booked)
    }

    /// Those that are in no book yet, to be booked by the caller.
    pub(super) fn take(&self) -> u64 {
        let ended = self.ended();
        if self.booked.load(Ordering::Relaxed) >= ended {
            // As in nearly all sessions that are sampled: nothing to write, which others would have to wait for.
            return 0;
        }
        let booked = self.booked.fetch_max(ended, Ordering::Relaxed);
        ended.saturating_sub(booked)
    }
}

impl Cell {
    /// Counts a span of an unsampled session.
    #[inline]
    pub(super) fn end_unsampled(self: &Arc<Self>, facts: &Facts) {
        if self.unsampled.count() {
            self.book_unsampled();
        }
        if facts.count() {
            let mut state = self.lock();
            state.last_ns = state.last_ns.max(self.now_ns());
            state.count(facts);
            let reached = state.spend(facts);
            drop(state);
            if let Some(reached) = reached {
                reached.tell(self);
            }
        }
    }

    /// Books the unsampled spans that ended since the last time.
    pub(super) fn book_unsampled(&self) {
        let spans = self.unsampled.take();
        if spans > 0 {
            self.shared
                .books
                .of(Signal::Traces)
                .enter_settled(spans, Fate::SampledOut);
        }
    }

    /// Books the unsampled spans of a session that has ended, and from here on each at once.
    pub(super) fn end_unbooked(&self) {
        self.unsampled.seal();
        self.book_unsampled();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each span is taken once, however many take at the same time.
    #[test]
    fn each_span_is_taken_once() {
        let spans = Unsampled::default();
        let taken = AtomicU64::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..1000 {
                        assert!(!spans.count());
                        taken.fetch_add(spans.take(), Ordering::Relaxed);
                    }
                });
            }
        });
        assert_eq!(taken.load(Ordering::Relaxed), 4000);
        assert_eq!((spans.ended(), spans.unbooked()), (4000, 0));
    }

    /// Who counts a span after the end of the session is told to book it.
    #[test]
    fn a_late_span_is_booked_by_who_counts_it() {
        let spans = Unsampled::default();
        assert!(!spans.count());
        spans.seal();
        assert_eq!(spans.take(), 1);
        assert!(spans.count());
        assert_eq!((spans.ended(), spans.take(), spans.take()), (2, 1, 0));
    }
}
