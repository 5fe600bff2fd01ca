//! Whether telemetry is taken and goes on: what `/readyz` says.
//!
//! A lane is down when it has something to forward and its destination has taken nothing for too long.
//! What expired meanwhile does not make it well: only a destination that answers does.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use spanreel::{Fate, LaneStats};

/// What is known of all lanes. Shared by who looks at them and who asks.
#[derive(Debug, Default)]
pub(crate) struct Health {
    is_draining: AtomicBool,
    lanes: Mutex<HashMap<String, Lane>>,
}

/// A lane as it was seen last.
#[derive(Debug, Default)]
struct Lane {
    /// Items that its destination has answered about.
    answered: u64,
    /// Since when something waits and nothing is answered.
    stuck_since: Option<Instant>,
}

impl Health {
    /// From now on nothing new should be sent here.
    pub(crate) fn drain(&self) {
        self.is_draining.store(true, Ordering::Relaxed);
    }

    /// Looks at the lanes, which must happen every few seconds.
    pub(crate) fn look(&self, stats: &[LaneStats], now: Instant) {
        let mut lanes = self.lanes();
        for lane in stats {
            let books = [&lane.traces, &lane.logs, &lane.metrics];
            let answered = [Fate::Exported, Fate::Rejected, Fate::TooLarge];
            let answered = answered
                .into_iter()
                .map(|fate| books.iter().map(|book| book.of(fate)).sum::<u64>())
                .sum();
            let waits = books.iter().any(|book| book.in_flight() > 0);
            lanes
                .entry(lane.name.clone())
                .or_default()
                .look(answered, waits, now);
        }
    }

    /// How long each lane has waited for its destination.
    pub(crate) fn stuck(&self, now: Instant) -> Vec<(String, Duration)> {
        let lanes = self.lanes();
        let stuck = lanes.iter().map(|(name, lane)| {
            let since = lane
                .stuck_since
                .map(|since| now.saturating_duration_since(since));
            (name.clone(), since.unwrap_or_default())
        });
        let mut stuck: Vec<_> = stuck.collect();
        stuck.sort();
        stuck
    }

    /// Why no more should be sent here; empty when all is well.
    pub(crate) fn reasons(&self, now: Instant, patience: Duration) -> Vec<String> {
        let draining = self.is_draining.load(Ordering::Relaxed);
        let mut reasons: Vec<String> = draining
            .then(|| "draining".to_owned())
            .into_iter()
            .collect();
        for (name, stuck) in self.stuck(now) {
            if !stuck.is_zero() && stuck >= patience {
                reasons.push(format!(
                    "export {name} has taken nothing for {} s",
                    stuck.as_secs()
                ));
            }
        }
        reasons
    }

    fn lanes(&self) -> MutexGuard<'_, HashMap<String, Lane>> {
        // Nothing in it can be half done.
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lane {
    fn look(&mut self, answered: u64, waits: bool, now: Instant) {
        if answered > self.answered {
            self.stuck_since = None;
        }
        self.answered = answered;
        if waits && self.stuck_since.is_none() {
            self.stuck_since = Some(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A lane that waits is stuck until its destination answers, whatever expires meanwhile.
    #[test]
    fn a_lane_is_stuck_until_it_is_answered() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let health = Health::default();
        let look = |answered, waits, now| {
            health
                .lanes()
                .entry("a".to_owned())
                .or_default()
                .look(answered, waits, now);
        };
        let patience = Duration::from_secs(60);
        look(0, false, at(0));
        assert!(
            health.reasons(at(100), patience).is_empty(),
            "it has nothing to do"
        );
        look(0, true, at(100));
        assert!(health.reasons(at(159), patience).is_empty());
        assert_eq!(
            health.reasons(at(160), patience),
            ["export a has taken nothing for 60 s"]
        );
        look(0, false, at(170));
        assert_eq!(
            health.reasons(at(171), patience).len(),
            1,
            "all has expired"
        );
        look(5, true, at(180));
        assert!(health.reasons(at(181), patience).is_empty());
        assert_eq!(
            health.stuck(at(181)),
            [("a".to_owned(), Duration::from_secs(1))]
        );
    }

    /// While it drains nothing new should come.
    #[test]
    fn draining_is_not_ready() {
        let health = Health::default();
        health.drain();
        assert_eq!(health.reasons(Instant::now(), Duration::ZERO), ["draining"]);
    }
}
