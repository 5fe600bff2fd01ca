//! How a load test goes on, for people who watch: throughput, what lags behind, what fails.

use std::time::Duration;

use indicatif::ProgressBar;

use super::plan::LoadPlan;
use crate::live;
use crate::term::Terminal;
use crate::units;

/// A line on standard error, where somebody watches it.
#[derive(Debug)]
pub(super) struct Progress {
    bar: ProgressBar,
}

/// What is shown of a moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Moment {
    /// Spans that have ended.
    pub(super) emitted: u64,
    /// Spans that the receiver has accepted.
    pub(super) exported: u64,
    /// Spans that it accepts per second.
    pub(super) per_second: f64,
    /// How far the load is behind its rate, if it keeps to one.
    pub(super) behind: Option<Duration>,
    /// Attempts to export that failed.
    pub(super) failed: u64,
}

impl Progress {
    pub(super) fn new(plan: &LoadPlan, stderr: &Terminal) -> Self {
        let spans = plan.sessions.map(|sessions| {
            sessions
                .get()
                .saturating_mul(plan.workload.spans_per_session)
        });
        let bar = live::bar(
            spans,
            "{bar:30} {percent:>3}%  {elapsed}  {wide_msg}",
            "{spinner} {elapsed}  {wide_msg}",
            stderr,
        );
        Self { bar }
    }

    pub(super) fn show(&self, moment: &Moment) {
        self.bar.set_position(moment.exported);
        self.bar.set_message(moment.text());
    }

    /// Takes the line away.
    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

impl Moment {
    fn text(&self) -> String {
        let waiting = self.emitted.saturating_sub(self.exported);
        let mut text = format!(
            "{} spans/s, {} waiting",
            units::count(self.per_second),
            units::count(waiting as f64)
        );
        // Timers are no more exact than this.
        let exactness = Duration::from_millis(20);
        if let Some(behind) = self.behind.filter(|behind| *behind > exactness) {
            text += &format!(", {} behind the rate", units::duration(behind));
        }
        if self.failed > 0 {
            text += &format!(", {} requests failed", units::grouped(self.failed));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Trouble is shown when there is some, and only then.
    #[test]
    fn a_moment_shows_its_trouble() {
        let calm = Moment {
            emitted: 20_000,
            exported: 18_500,
            per_second: 412_000.0,
            behind: Some(Duration::from_millis(3)),
            failed: 0,
        };
        assert_eq!(calm.text(), "412k spans/s, 1.5k waiting");
        let troubled = Moment {
            behind: Some(Duration::from_millis(1_500)),
            failed: 1_234,
            ..calm
        };
        assert_eq!(
            troubled.text(),
            "412k spans/s, 1.5k waiting, 1.5 s behind the rate, 1,234 requests failed"
        );
    }
}
