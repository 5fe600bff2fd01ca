//! The live line: what has arrived and what became of it, redrawn on a terminal, written now and then
//! elsewhere, as JSON for machines.

use std::io::Write as _;
use std::time::{Duration, Instant};

use indicatif::ProgressBar;
use spanreel::{Fate, PipelineStats};

use super::arrivals::Totals;
use crate::live;
use crate::term::Terminal;
use crate::units;

/// What the line tells.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Status {
    /// What has arrived.
    pub(crate) arrived: Totals,
    /// Items that every lane together has forwarded.
    pub(crate) forwarded: u64,
    /// Items that wait for a lane or are under way.
    pub(crate) waiting: u64,
    /// Items on disk that wait for a lane, those under way from there among them.
    pub(crate) on_disk: u64,
    /// What is to be written to disk waits: the spool is full, or its disk is or fails.
    pub(crate) is_stuck: bool,
    /// Items that were lost, in the pipeline or a lane.
    pub(crate) lost: u64,
    /// Requests that were refused.
    pub(crate) refused: u64,
    /// Sessions that each policy kept, in its order, where sessions are judged at all.
    pub(crate) kept: Vec<(String, u64)>,
    /// Sessions that policies dropped.
    pub(crate) dropped: u64,
    /// Sessions that are held undecided.
    pub(crate) undecided: u64,
    /// Sessions that were decided before their end, for want of room or time.
    pub(crate) early: u64,
}

impl Status {
    /// Takes the numbers from where they are kept.
    pub(crate) fn new(arrived: Totals, stats: &PipelineStats, refused: u64) -> Self {
        let books = [&stats.traces, &stats.logs, &stats.metrics].map(|signal| &signal.fates);
        let lanes = stats
            .lanes
            .iter()
            .filter(|lane| !lane.before_sampling)
            .flat_map(|lane| [&lane.traces, &lane.logs, &lane.metrics]);
        let policies = &stats.sampling.policies;
        let mut status = Self {
            arrived,
            refused,
            kept: policies
                .iter()
                .map(|policy| (policy.name.clone(), policy.kept))
                .collect(),
            dropped: policies.iter().map(|policy| policy.dropped).sum(),
            undecided: stats.sampling.undecided,
            early: stats.sampling.early + stats.sampling.timed_out,
            on_disk: stats.lanes.iter().map(|lane| lane.on_disk).sum(),
            is_stuck: stats.spool_stuck,
            ..Self::default()
        };
        for book in books {
            status.waiting += book.in_flight();
            status.lost += book.lost();
        }
        for book in lanes {
            status.forwarded += book.of(Fate::Exported);
            status.waiting += book.in_flight();
            status.lost += book.lost();
        }
        status
    }

    /// For people, without an end of line. What is zero and would worry nobody is left out.
    pub(crate) fn text(&self, forwards: bool) -> String {
        let arrived = &self.arrived;
        let count = |number: u64| units::count(number as f64);
        let mut parts = vec![
            format!(
                "sessions {} live / {}",
                count(arrived.live),
                count(arrived.sessions)
            ),
            format!("spans {}", count(arrived.spans)),
        ];
        if arrived.logs > 0 {
            parts.push(format!("logs {}", count(arrived.logs)));
        }
        parts.push(format!("tokens {}", count(arrived.tokens)));
        parts.push(format!("cost ${:.2}", arrived.cost));
        parts.push(format!("errors {}", count(arrived.errors)));
        if forwards {
            parts.push(format!("forwarded {}", count(self.forwarded)));
            parts.push(format!("waiting {}", count(self.waiting)));
        }
        if self.kept.iter().any(|(_, kept)| *kept > 0) || self.dropped + self.undecided > 0 {
            let kept = self.kept.iter().filter(|(_, kept)| *kept > 0);
            let kept = kept.map(|(policy, kept)| format!("{policy} {}", count(*kept)));
            let kept = kept.collect::<Vec<_>>().join(", ");
            parts.push(format!(
                "kept {}",
                if kept.is_empty() { "0" } else { &kept }
            ));
            parts.push(format!("dropped {}", count(self.dropped)));
            parts.push(format!("undecided {}", count(self.undecided)));
        }
        if self.early > 0 {
            parts.push(format!("decided early {}", count(self.early)));
        }
        if self.on_disk > 0 {
            parts.push(format!("on disk {}", count(self.on_disk)));
        }
        if self.is_stuck {
            parts.push("the spool takes no more".to_owned());
        }
        if self.refused > 0 {
            parts.push(format!("refused {}", count(self.refused)));
        }
        if self.lost > 0 {
            parts.push(format!("lost {}", count(self.lost)));
        }
        parts.join(" | ")
    }
}

/// How the line is shown.
#[derive(Debug)]
pub(crate) struct Line {
    how: How,
    forwards: bool,
}

#[derive(Debug)]
enum How {
    /// Redrawn in place.
    Bar(ProgressBar),
    /// Written each time that so much has passed and something has changed.
    Now {
        every: Duration,
        last: Instant,
        before: Option<Status>,
        json: bool,
    },
}

impl Line {
    /// Shows nothing yet. `forwards` tells whether there are exports to speak of.
    pub(crate) fn new(stderr: &Terminal, json: bool, every: Duration, forwards: bool) -> Self {
        let how = if stderr.is_terminal && !json {
            How::Bar(live::bar(None, "", "{spinner} {wide_msg}", stderr))
        } else {
            How::Now {
                every,
                last: Instant::now(),
                before: None,
                json,
            }
        };
        Self { how, forwards }
    }

    /// Takes another interval.
    pub(crate) fn write_every(&mut self, interval: Duration) {
        if let How::Now { every, .. } = &mut self.how {
            *every = interval;
        }
    }

    /// Shows the numbers, where and when that is due.
    pub(crate) fn show(&mut self, status: Status, now: Instant) {
        let text = status.text(self.forwards);
        match &mut self.how {
            How::Bar(bar) => {
                bar.set_message(text);
                bar.tick();
            }
            How::Now {
                every,
                last,
                before,
                json,
            } => {
                if now.saturating_duration_since(*last) < *every || before.as_ref() == Some(&status)
                {
                    return;
                }
                *last = now;
                if *json {
                    write_json(&status);
                } else if let Err(error) = writeln!(live::Stderr, "{text}") {
                    tracing::debug!(target: "spanreel", %error, "nobody reads the line");
                }
                *before = Some(status);
            }
        }
    }

    /// Takes the line away.
    pub(crate) fn clear(&self) {
        if let How::Bar(bar) = &self.how {
            bar.finish_and_clear();
        }
    }
}

fn write_json(status: &Status) {
    let arrived = &status.arrived;
    tracing::info!(
        target: "spanreel",
        sessions_live = arrived.live,
        sessions_total = arrived.sessions,
        spans = arrived.spans,
        logs = arrived.logs,
        tokens = arrived.tokens,
        cost = arrived.cost,
        errors = arrived.errors,
        forwarded = status.forwarded,
        waiting = status.waiting,
        kept = status.kept.iter().map(|(_, kept)| kept).sum::<u64>(),
        dropped = status.dropped,
        undecided = status.undecided,
        decided_early = status.early,
        on_disk = status.on_disk,
        spool_stuck = status.is_stuck,
        refused = status.refused,
        lost = status.lost,
        "status",
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The line tells of sessions, spans, tokens, cost and errors; of the rest where there is something.
    #[test]
    fn the_line_tells_what_arrives() {
        let mut status = Status {
            arrived: Totals {
                live: 2,
                sessions: 14,
                spans: 12_345,
                logs: 0,
                errors: 3,
                tokens: 1_250_000,
                cost: 1.5,
            },
            forwarded: 12_000,
            waiting: 345,
            ..Status::default()
        };
        let always = "sessions 2 live / 14 | spans 12.3k | tokens 1.25M | cost $1.50 | errors 3";
        assert_eq!(status.text(false), always);
        assert_eq!(
            status.text(true),
            format!("{always} | forwarded 12k | waiting 345")
        );
        (status.on_disk, status.is_stuck) = (7, true);
        assert!(
            status
                .text(true)
                .ends_with("waiting 345 | on disk 7 | the spool takes no more")
        );
        (status.on_disk, status.is_stuck) = (0, false);
        (status.lost, status.refused) = (1, 2);
        assert!(
            status
                .text(false)
                .ends_with("errors 3 | refused 2 | lost 1")
        );
        (status.lost, status.refused) = (0, 0);
        status.kept = vec![("failed".into(), 3), ("slow".into(), 0), ("rest".into(), 9)];
        (status.dropped, status.undecided) = (1_200, 5);
        let text = status.text(false);
        let judged = "errors 3 | kept failed 3, rest 9 | dropped 1.2k | undecided 5";
        assert!(text.ends_with(judged), "{text}");
        status.early = 2;
        let text = status.text(false);
        assert!(text.ends_with("undecided 5 | decided early 2"), "{text}");
    }
}
