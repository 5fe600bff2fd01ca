//! When each span of a load test is due, so that a total rate is kept over many tasks.
//!
//! Pure: it neither waits nor reads a clock. The schedule counts from the start, so nothing adds
//! up: a task that was held up is behind its schedule and catches up.

use std::num::NonZeroU64;
use std::time::Duration;

const NANOS_PER_SECOND: u128 = 1_000_000_000;

/// The schedule of one task among several that share a rate.
///
/// Span `k` of task `i` of `n` is span `k * n + i` of them all; span `s` of all is due `s / rate`
/// seconds after the start. A task asks how many spans it may have emitted by now, emits them, and
/// waits until the next is due: one look at the clock for many spans.
///
/// ```
/// use std::time::Duration;
/// use spanreel_cli::load::pace::Pace;
///
/// // 1,000 spans per second over two tasks: each owes one every 2 ms.
/// let [first, second] = [0, 1].map(|task| Pace::new(1_000.try_into().unwrap(), task, 2));
/// assert_eq!(first.owed(Duration::from_millis(4)), 3); // at 0, 2 and 4 ms
/// assert_eq!(second.due(0), Duration::from_millis(1));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Spans per second of all tasks.
    rate: NonZeroU64,
    task: u64,
    tasks: u64,
}

impl Pace {
    /// The schedule of task number `task`, counted from 0, of `tasks` that emit `rate` spans per
    /// second together.
    ///
    /// # Panics
    /// When `task` is not below `tasks`.
    #[must_use]
    pub fn new(rate: NonZeroU64, task: u64, tasks: u64) -> Self {
        assert!(task < tasks, "task {task} of {tasks}");
        Self { rate, task, tasks }
    }

    /// When span number `span` of this task, counted from 0, is due after the start: rounded up
    /// to a nanosecond, at most [`Duration::MAX`].
    #[must_use]
    pub fn due(&self, span: u64) -> Duration {
        let of_all = u128::from(span) * u128::from(self.tasks) + u128::from(self.task);
        let nanos = of_all
            .checked_mul(NANOS_PER_SECOND)
            .map(|scaled| scaled.div_ceil(u128::from(self.rate.get())));
        nanos.map_or(Duration::MAX, duration)
    }

    /// How many spans of this task are due when `elapsed` has passed since the start.
    #[must_use]
    pub fn owed(&self, elapsed: Duration) -> u64 {
        let scaled = elapsed
            .as_nanos()
            .saturating_mul(u128::from(self.rate.get()));
        let last_of_all = scaled / NANOS_PER_SECOND;
        let Some(since_first) = last_of_all.checked_sub(u128::from(self.task)) else {
            return 0;
        };
        u64::try_from(since_first / u128::from(self.tasks) + 1).unwrap_or(u64::MAX)
    }
}

fn duration(nanos: u128) -> Duration {
    let seconds = u64::try_from(nanos / NANOS_PER_SECOND);
    seconds.map_or(Duration::MAX, |seconds| {
        Duration::new(seconds, (nanos % NANOS_PER_SECOND) as u32)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paces(rate: u64, tasks: u64) -> Vec<Pace> {
        let rate = NonZeroU64::new(rate).unwrap();
        (0..tasks)
            .map(|task| Pace::new(rate, task, tasks))
            .collect()
    }

    /// A span is owed from the nanosecond on which it is due, and not before.
    #[test]
    fn what_is_due_is_owed_and_nothing_else() {
        for (rate, tasks) in [(1, 1), (3, 2), (999, 7), (300_000, 4), (7_777_777, 3)] {
            for pace in paces(rate, tasks) {
                for span in [0, 1, 2, 10, 1_000, 123_456_789] {
                    let due = pace.due(span);
                    assert!(pace.owed(due) > span, "{pace:?} {span}");
                    if let Some(before) = due.checked_sub(Duration::from_nanos(1)) {
                        assert!(pace.owed(before) <= span, "{pace:?} {span}");
                    }
                }
            }
        }
    }

    /// Over all tasks, the number of spans owed is the rate times the time, for any length of run.
    #[test]
    fn the_total_rate_is_exact() {
        for (rate, tasks) in [(1, 3), (300_000, 4), (333_333, 7), (10, 64)] {
            for seconds in [1, 59, 3_600, 1_000_000] {
                let paces = paces(rate, tasks);
                let owed: u64 = paces
                    .iter()
                    .map(|pace| pace.owed(Duration::from_secs(seconds)))
                    .sum();
                // The span that is due at this very instant belongs to the next second.
                assert_eq!(
                    owed,
                    rate * seconds + 1,
                    "{rate} over {tasks} for {seconds} s"
                );
            }
        }
    }

    /// Timers that fire late and stalls cost no spans: after an hour in which every wait was too
    /// long, the tasks lack no more than what fell due since they last woke.
    #[test]
    fn late_timers_and_stalls_do_not_add_up() {
        const STALL: Duration = Duration::from_secs(3);
        let mut random = fastrand::Rng::with_seed(1);
        let end = Duration::from_secs(3_600);
        let mut total = 0;
        for pace in paces(5_000, 8) {
            let mut now = pace.due(0);
            let mut emitted = 0;
            while now < end {
                let owed = pace.owed(now);
                assert!(owed > emitted, "woken when something is due");
                emitted = owed;
                let late = match random.u64(..10_000) {
                    0 => STALL,
                    lateness => Duration::from_micros(lateness),
                };
                now = pace.due(emitted) + late;
            }
            total += emitted;
        }
        let least = 5_000 * (end - STALL).as_secs();
        assert!(
            (least..=5_000 * end.as_secs() + 1).contains(&total),
            "{total}"
        );
    }

    /// The ends of the number range saturate.
    #[test]
    fn absurd_inputs_do_not_panic() {
        for pace in [paces(u64::MAX, 1)[0], paces(1, 3)[2]] {
            assert!(pace.due(u64::MAX) > pace.due(0));
            assert!(pace.owed(Duration::MAX) > 0);
        }
    }
}
