//! The bytes that all requests under way may hold together.
//!
//! Holds: counts. Waits: for room, with a time limit, and only so many requests at a time: while
//! one waits, up to a window of its connection lies unread in memory. Loses: nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Semaphore;

use super::refusal::Refusal;

/// How many requests may wait for room at a time; the next ones are refused at once.
const MOST_WAITING: usize = 64;

/// What a request costs besides its bytes: the state of its connection's stream and its head.
const BASE_BYTES: usize = 8 * 1024;

/// A bound on bytes, shared by all connections.
#[derive(Debug)]
pub(crate) struct Budget {
    total: usize,
    free: Semaphore,
    waiting: Semaphore,
    patience: Duration,
    /// The most that was ever held.
    peak: AtomicUsize,
}

impl Budget {
    pub(crate) fn new(total: usize, patience: Duration) -> Arc<Self> {
        Arc::new(Self {
            total,
            free: Semaphore::new(total),
            waiting: Semaphore::new(MOST_WAITING),
            patience,
            peak: AtomicUsize::new(0),
        })
    }

    /// A part of a budget that nobody else has a part of, still without a byte.
    pub(crate) fn alone(total: usize) -> Held {
        Held {
            budget: Self::new(total, Duration::ZERO),
            bytes: 0,
        }
    }

    /// Begins a request.
    pub(crate) async fn open(self: &Arc<Self>) -> Result<Held, Refusal> {
        let mut held = Held {
            budget: Arc::clone(self),
            bytes: 0,
        };
        held.grow(BASE_BYTES).await?;
        Ok(held)
    }

    pub(crate) fn held(&self) -> usize {
        self.total - self.free.available_permits()
    }

    pub(crate) fn peak(&self) -> usize {
        self.peak.load(Ordering::Relaxed)
    }
}

/// A part of the budget, given back when dropped.
#[derive(Debug)]
pub(crate) struct Held {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Held {
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Takes more, now or not at all.
    pub(crate) fn try_grow(&mut self, more: usize) -> Result<(), Refusal> {
        let permits = self.permits_for(more)?;
        let Ok(permit) = self.budget.free.try_acquire_many(permits) else {
            return Err(Refusal::Busy);
        };
        permit.forget();
        self.book(more);
        Ok(())
    }

    /// Takes more, and waits for it as long as patience lasts. Two that wait for each other both
    /// give up in time, and a client that is sent away comes back.
    pub(crate) async fn grow(&mut self, more: usize) -> Result<(), Refusal> {
        match self.try_grow(more) {
            Err(Refusal::Busy) => {}
            outcome => return outcome,
        }
        let permits = self.permits_for(more)?;
        let budget = Arc::clone(&self.budget);
        let Ok(_place) = budget.waiting.try_acquire() else {
            return Err(Refusal::Busy);
        };
        let room = budget.free.acquire_many(permits);
        let Ok(Ok(permit)) = tokio::time::timeout(budget.patience, room).await else {
            return Err(Refusal::Busy);
        };
        permit.forget();
        self.book(more);
        Ok(())
    }

    /// Makes two parts of it.
    ///
    /// # Panics
    /// It has fewer bytes.
    pub(crate) fn split_off(&mut self, bytes: usize) -> Self {
        self.bytes = (self.bytes.checked_sub(bytes)).expect("what is split off is held");
        Self {
            budget: Arc::clone(&self.budget),
            bytes,
        }
    }

    /// Gives back all but `bytes`.
    pub(crate) fn shrink_to(&mut self, bytes: usize) {
        let spare = self.bytes.saturating_sub(bytes);
        self.bytes -= spare;
        self.budget.free.add_permits(spare);
    }

    /// What is asked of the semaphore.
    ///
    /// # Errors
    /// Nobody could ever hold so much.
    fn permits_for(&self, more: usize) -> Result<u32, Refusal> {
        let total = self.budget.total;
        let fits = self.bytes.checked_add(more).is_some_and(|sum| sum <= total);
        let permits = u32::try_from(more).ok().filter(|_| fits);
        permits.ok_or_else(|| {
            let advice = "the request needs more memory than all requests together may have";
            Refusal::TooLarge(format!("{advice}, {total} bytes"))
        })
    }

    fn book(&mut self, more: usize) {
        self.bytes += more;
        self.budget
            .peak
            .fetch_max(self.budget.held(), Ordering::Relaxed);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.budget.free.add_permits(self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever is held is given back, and the peak remembers the most.
    #[tokio::test]
    async fn what_is_dropped_is_given_back() {
        let budget = Budget::new(100_000, Duration::from_millis(1));
        let mut one = budget.open().await.expect("room");
        one.try_grow(50_000).expect("room");
        one.shrink_to(20_000);
        assert_eq!((budget.held(), one.bytes()), (20_000, 20_000));
        assert_eq!(budget.peak(), 58_192);
        drop(one);
        assert_eq!(budget.held(), 0);
    }

    /// A request that could fit later is busy; one that never could is too large.
    #[tokio::test]
    async fn no_room_now_and_no_room_ever_are_told_apart() {
        let budget = Budget::new(100_000, Duration::from_millis(5));
        let mut one = budget.open().await.expect("room");
        let mut other = budget.open().await.expect("room");
        one.grow(60_000).await.expect("room");
        assert_eq!(other.grow(60_000).await, Err(Refusal::Busy));
        assert!(matches!(
            other.grow(100_000).await,
            Err(Refusal::TooLarge(_))
        ));
        let waits = other.grow(60_000);
        drop(one);
        assert_eq!(waits.await, Ok(()));
    }
}
