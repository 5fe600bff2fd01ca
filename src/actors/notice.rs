//! A condition that repeats warns once, then at most once a minute with a count.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

const INTERVAL: Duration = Duration::from_secs(60);

/// When a condition was last told, and how often it was not told since.
#[derive(Debug, Default)]
pub(crate) struct Notice(Mutex<(Option<Instant>, u64)>);

impl Notice {
    /// Whether to tell it now; then, how often it went untold before.
    pub(crate) fn due(&self) -> Option<u64> {
        self.due_at(Instant::now())
    }

    fn due_at(&self, now: Instant) -> Option<u64> {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (last, untold) = &mut *told;
        if last.is_some_and(|last| now.duration_since(last) < INTERVAL) {
            *untold += 1;
            return None;
        }
        *last = Some(now);
        Some(std::mem::take(untold))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first time is told, then once a minute with the count of the others.
    #[test]
    fn a_repeating_condition_is_told_once_a_minute() {
        let notice = Notice::default();
        let start = Instant::now();
        assert_eq!(notice.due_at(start), Some(0));
        assert_eq!(notice.due_at(start + Duration::from_secs(1)), None);
        assert_eq!(notice.due_at(start + Duration::from_secs(59)), None);
        assert_eq!(notice.due_at(start + Duration::from_secs(60)), Some(2));
    }
}
