//! How a lane stands with its destination, for those who run the pipeline: what the last answer was, what went
//! wrong last, and since when the oldest request is under way.
//!
//! Holds: a few words. Waits: never for long. Loses: nothing.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::ExportError;
use crate::actors::clock::Clock;
use crate::model::limits::truncate_bytes;

/// How many bytes of what went wrong are kept.
const MOST_WORDS: usize = 1024;

/// How a lane stands with its destination.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum LaneState {
    /// It takes what it is sent, or nothing is to be sent.
    #[default]
    Delivering,
    /// It could not take what it was sent last, which is tried again.
    Retrying,
    /// The same with a [`Spool`](crate::Spool): all waits there, and one request at a time asks whether the
    /// destination is back.
    Away,
    /// It refuses the credentials (401 or 403, `UNAUTHENTICATED` or `PERMISSION_DENIED`). With a spool, all
    /// waits there until they are right; without one, what it is sent is lost
    /// ([`Fate::Rejected`](crate::Fate::Rejected)).
    Denied,
}

impl LaneState {
    const ALL: [Self; 4] = [Self::Delivering, Self::Retrying, Self::Away, Self::Denied];
}

/// What went wrong last on a lane.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LaneError {
    /// When.
    pub time: SystemTime,
    /// What, in the words of the exporter and the destination, 1 KiB at most. No header or credential is
    /// among them.
    pub message: String,
}

/// What a lane's deliveries found.
#[derive(Debug, Default)]
pub(crate) struct Standing {
    /// The place in [`LaneState::ALL`].
    state: AtomicU8,
    last: Mutex<Option<LaneError>>,
    /// When each delivery under way began, in that order.
    begun: Mutex<BTreeMap<u64, Instant>>,
    number: AtomicU64,
}

/// A delivery that is under way until this is dropped.
#[derive(Debug)]
pub(crate) struct Begun<'a> {
    standing: &'a Standing,
    number: u64,
}

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        lock(&self.standing.begun).remove(&self.number);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Standing {
    /// A delivery begins.
    pub(crate) fn begin(&self) -> Begun<'_> {
        let number = self.number.fetch_add(1, Ordering::Relaxed);
        lock(&self.begun).insert(number, Instant::now());
        let standing = self;
        Begun { standing, number }
    }

    /// Since when the oldest delivery is under way.
    pub(crate) fn oldest(&self) -> Option<Duration> {
        let begun = lock(&self.begun);
        begun.first_key_value().map(|(_, begun)| begun.elapsed())
    }

    /// The destination took a request.
    pub(crate) fn took(&self) {
        self.set(LaneState::Delivering);
    }

    /// The destination did not take a request, in whole or in part; with a spool, it waits there.
    pub(crate) fn refused(&self, error: &ExportError, words: impl FnOnce() -> String, spool: bool) {
        self.set(match error {
            ExportError::Retryable { .. } if spool => LaneState::Away,
            ExportError::Retryable { .. } => LaneState::Retrying,
            ExportError::Denied { .. } => LaneState::Denied,
            // It is there, and has an opinion on this request alone.
            _ => LaneState::Delivering,
        });
        let is_error = !matches!(error, ExportError::Partial { rejected: 0, .. });
        if is_error {
            self.failed(&words());
        }
    }

    /// Something went wrong.
    pub(crate) fn failed(&self, words: &str) {
        let since = Duration::from_nanos(Clock::new().anchor().unix_ns());
        *lock(&self.last) = Some(LaneError {
            time: UNIX_EPOCH + since,
            message: truncate_bytes(words, MOST_WORDS).to_owned(),
        });
    }

    fn set(&self, state: LaneState) {
        let number = state as u8;
        // Mostly it is that already, and many deliveries look at it.
        if self.state.load(Ordering::Relaxed) != number {
            self.state.store(number, Ordering::Relaxed);
        }
    }

    /// How it stands.
    pub(crate) fn state(&self) -> LaneState {
        LaneState::ALL[usize::from(self.state.load(Ordering::Relaxed))]
    }

    /// What went wrong last.
    pub(crate) fn last_error(&self) -> Option<LaneError> {
        lock(&self.last).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The state is that of the last answer, and the last error stays when all is well again.
    #[test]
    fn the_state_is_that_of_the_last_answer() {
        let standing = Standing::default();
        assert_eq!(standing.state(), LaneState::Delivering);
        let answers = |error: ExportError, spool| {
            standing.refused(&error, || "words".to_owned(), spool);
            standing.state()
        };
        assert_eq!(
            answers(ExportError::retryable("x"), false),
            LaneState::Retrying
        );
        assert_eq!(answers(ExportError::retryable("x"), true), LaneState::Away);
        assert_eq!(answers(ExportError::denied("x"), true), LaneState::Denied);
        assert_eq!(
            answers(ExportError::permanent("x"), true),
            LaneState::Delivering
        );
        answers(ExportError::retryable("x"), true);
        standing.took();
        assert_eq!(standing.state(), LaneState::Delivering);
        let last = standing.last_error().map(|it| it.message);
        assert_eq!(last.as_deref(), Some("words"));
    }

    /// A warning with which everything was taken is no error; what is kept of an error is bounded.
    #[test]
    fn only_errors_are_kept_and_not_all_of_them() {
        let standing = Standing::default();
        let warning = ExportError::Partial {
            rejected: 0,
            message: "old field".to_owned(),
        };
        standing.refused(&warning, String::new, true);
        assert_eq!(standing.last_error(), None);
        standing.failed(&"x".repeat(10_000));
        let last = standing.last_error().expect("an error");
        assert!(last.message.len() <= MOST_WORDS && last.time > UNIX_EPOCH);
    }

    /// The oldest is the one that began first and is still under way.
    #[test]
    fn the_oldest_is_still_under_way() {
        let standing = Standing::default();
        assert_eq!(standing.oldest(), None);
        let first = standing.begin();
        let second = standing.begin();
        let age = standing.oldest().expect("one");
        drop(first);
        assert!(
            standing
                .oldest()
                .is_some_and(|it| it <= age + Duration::from_secs(60))
        );
        drop(second);
        assert_eq!(standing.oldest(), None);
    }
}
