//! Whether telemetry is taken and goes on: what `/readyz` says.
//!
//! With a spool an export may be away for as long as there is room on disk. Without one, a lane is down when it
//! has something to forward and its destination has taken nothing for too long. What expired meanwhile does not
//! make it well: a destination that answers does, or a while in which nothing has come to try it with.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use spanreel::{Fate, PipelineStats};

/// So long nothing has to come for a lane that is down until it counts as well again. Where senders go by our
/// word, as load balancers do, nothing comes: its destination would never be asked again.
const RETRIAL: Duration = Duration::from_secs(60);

/// What is known of all lanes. Shared by who looks at them and who asks.
#[derive(Debug, Default)]
pub(crate) struct Health {
    /// What an export does not take waits on disk: one that is away is no reason to send less.
    spools: bool,
    is_draining: AtomicBool,
    /// The disk takes no more.
    is_stuck: AtomicBool,
    lanes: Mutex<HashMap<String, Lane>>,
}

/// A lane as it was seen last.
#[derive(Debug, Default)]
struct Lane {
    /// Items that its destination has answered about.
    answered: u64,
    /// Since when something waits and nothing is answered.
    stuck_since: Option<Instant>,
    /// Since when nothing waits for one that is stuck.
    idle_since: Option<Instant>,
}

impl Health {
    /// Of a pipeline with a spool, or without one.
    pub(crate) fn new(spools: bool) -> Self {
        Self {
            spools,
            ..Self::default()
        }
    }

    /// From now on nothing new should be sent here.
    pub(crate) fn drain(&self) {
        self.is_draining.store(true, Ordering::Relaxed);
    }

    /// Looks at the pipeline, which must happen every few seconds.
    pub(crate) fn look(&self, stats: &PipelineStats, now: Instant) {
        self.is_stuck.store(stats.spool_stuck, Ordering::Relaxed);
        let mut lanes = self.lanes();
        // A store that is behind is no reason to send elsewhere.
        for lane in stats.lanes.iter().filter(|lane| !lane.before_sampling) {
            let books = [&lane.traces, &lane.logs, &lane.metrics];
            let answered = [
                Fate::Exported,
                Fate::Rejected,
                Fate::TooLarge,
                Fate::Quarantined,
            ];
            let answered = answered
                .into_iter()
                .map(|fate| books.iter().map(|book| book.of(fate)).sum::<u64>())
                .sum();
            let waits = books.iter().any(|book| book.in_flight() > 0) || lane.on_disk > 0;
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
        if self.is_stuck.load(Ordering::Relaxed) {
            reasons.push("the spool takes no more: it is full, or its disk is or fails".to_owned());
        }
        let lanes = match self.spools {
            true => Vec::new(),
            false => self.stuck(now),
        };
        for (name, stuck) in lanes {
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
        if waits {
            self.idle_since = None;
            self.stuck_since.get_or_insert(now);
        } else if self.stuck_since.is_some() {
            let idle_since = *self.idle_since.get_or_insert(now);
            if now.duration_since(idle_since) >= RETRIAL {
                self.stuck_since = None;
                self.idle_since = None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A lane that waits is stuck until its destination answers, whatever expires meanwhile; or until nothing
    /// has come for a while that could try it.
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
        look(5, false, at(300));
        assert_eq!(health.reasons(at(301), patience).len(), 1);
        look(5, true, at(330));
        look(5, false, at(340));
        look(5, false, at(399));
        assert_eq!(health.reasons(at(399), patience).len(), 1);
        look(5, false, at(400));
        assert!(health.reasons(at(400), patience).is_empty());
        look(5, true, at(410));
        assert!(health.reasons(at(469), patience).is_empty());
        assert_eq!(health.reasons(at(470), patience).len(), 1);
    }

    /// Where what is not delivered waits on disk, an export that is away is no reason to send nothing; a disk
    /// that takes no more is one.
    #[test]
    fn with_a_spool_only_the_disk_counts() {
        let health = Health::new(true);
        let start = Instant::now();
        let mut lanes = health.lanes();
        lanes
            .entry("a".to_owned())
            .or_default()
            .look(0, true, start);
        drop(lanes);
        let later = start + Duration::from_secs(1000);
        assert!(health.reasons(later, Duration::ZERO).is_empty());
        assert_eq!(health.stuck(later)[0].1, Duration::from_secs(1000));
        health.is_stuck.store(true, Ordering::Relaxed);
        assert_eq!(health.reasons(later, Duration::ZERO).len(), 1);
    }

    /// While it drains nothing new should come.
    #[test]
    fn draining_is_not_ready() {
        let health = Health::default();
        health.drain();
        assert_eq!(health.reasons(Instant::now(), Duration::ZERO), ["draining"]);
    }
}
