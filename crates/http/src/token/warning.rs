//! A warning about something that can happen often: at once, then at most once a minute with a count.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

const PAUSE: Duration = Duration::from_secs(60);

#[derive(Debug, Default)]
pub(super) struct Warning {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    told: Option<Instant>,
    untold: u64,
}

impl Warning {
    /// How often it happened since it was told the last time; `None` while it is not to be told.
    pub(super) fn due(&self, now: Instant) -> Option<u64> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.untold += 1;
        let is_fresh = state
            .told
            .is_some_and(|told| now.saturating_duration_since(told) < PAUSE);
        if is_fresh {
            return None;
        }
        state.told = Some(now);
        Some(std::mem::take(&mut state.untold))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first time is told at once, the next ones together a minute later.
    #[test]
    fn what_repeats_is_told_once_a_minute() {
        let warning = Warning::default();
        let begin = Instant::now();
        assert_eq!(warning.due(begin), Some(1));
        assert_eq!(warning.due(begin + Duration::from_secs(1)), None);
        assert_eq!(warning.due(begin + Duration::from_secs(59)), None);
        assert_eq!(warning.due(begin + PAUSE), Some(3));
    }
}
