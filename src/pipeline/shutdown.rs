//! Shutdown: close, seal, cascade, report. One absolute deadline over all of it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::Inner;
use super::finish::LENIENCY;
use super::stats::{LaneStats, SignalStats};
use crate::actors::deadline::Deadline;
use crate::actors::mailbox::Mailbox;
use crate::actors::run::Exit;
use crate::actors::session::cell::Cell;
use crate::actors::session::gather::Gather;
use crate::actors::session::segment;
use crate::actors::session::shared::Shared;
use crate::actors::session::sweeper;
use crate::model::ledger::Fate;
use crate::model::request::Signal;

/// What became of everything: the account of a shutdown.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ShutdownReport {
    /// Spans.
    pub traces: SignalStats,
    /// Log records.
    pub logs: SignalStats,
    /// What each exporter's lane did with what it was handed.
    pub lanes: Vec<LaneStats>,
    /// How each actor ended, upstream first. Empty when their runtime was gone.
    pub exits: Vec<(String, Exit)>,
    /// Spans that were still open and were exported as incomplete.
    pub incomplete: u64,
    /// How long the shutdown took.
    pub took: Duration,
}

impl ShutdownReport {
    /// Whether nothing was lost that nobody asked to be left out.
    #[must_use]
    pub fn is_lossless(&self) -> bool {
        self.lost() == 0
    }

    /// How many spans and log records were lost: what the pipeline lost, and what each lane lost of
    /// what it was handed.
    #[must_use]
    pub fn lost(&self) -> u64 {
        let pipeline = self.traces.fates.lost() + self.logs.fates.lost();
        let lanes: u64 = self
            .lanes
            .iter()
            .map(|lane| lane.traces.lost() + lane.logs.lost())
            .sum();
        pipeline + lanes
    }
}

/// For people: a line for each signal and lane, then the losses by reason.
impl fmt::Display for ShutdownReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "shut down in {:.3} s", self.took.as_secs_f64())?;
        if self.incomplete > 0 {
            let spans = counted(self.incomplete, "span");
            write!(f, ", {spans} exported as incomplete")?;
        }
        for signal in Signal::ALL {
            let (noun, stats) = match signal {
                Signal::Traces => ("span", &self.traces),
                Signal::Logs => ("log record", &self.logs),
            };
            if stats.ended == 0 {
                continue;
            }
            write!(f, "\n{} ended:", counted(stats.ended, noun))?;
            write_fates(f, &stats.fates)?;
            for lane in &self.lanes {
                let counts = match signal {
                    Signal::Traces => &lane.traces,
                    Signal::Logs => &lane.logs,
                };
                if counts.entered() > 0 {
                    write!(f, "\n  {}: {} handed:", lane.name, counts.entered())?;
                    write_fates(f, counts)?;
                }
            }
        }
        match self.lost() {
            0 => f.write_str("\nnothing was lost"),
            lost => write!(f, "\n{lost} lost"),
        }
    }
}

/// `1 span`, `2 spans`.
fn counted(items: u64, noun: &str) -> String {
    let plural = if items == 1 { "" } else { "s" };
    format!("{items} {noun}{plural}")
}

fn write_fates(f: &mut fmt::Formatter<'_>, counts: &crate::model::ledger::Counts) -> fmt::Result {
    for (index, (fate, items)) in counts.fates().enumerate() {
        let comma = if index > 0 { "," } else { "" };
        write!(f, "{comma} {items} {fate}")?;
    }
    Ok(())
}

/// The first half of a shutdown, as a task beside the actors: seals every session once the shutdown
/// has begun, then takes the sender out of the head, which closes one stage after the other.
pub(crate) async fn close(shared: Arc<Shared>, deadline: Deadline, sweeper: Mailbox<sweeper::Msg>) {
    deadline.begun().await;
    let sealed = deadline.unless_passed(end_sessions(&shared)).await;
    if sealed.is_none() {
        tracing::warn!(target: "spanreel", "deadline passed before all sessions were sealed");
    }
    shared.head.close();
    drop(sweeper);
}

/// Ends all sessions, with waiting for room.
async fn end_sessions(shared: &Arc<Shared>) {
    let mut gather = Gather::default();
    for cell in remaining(shared) {
        segment::end_for_shutdown(&cell);
        cell.wait_unparked().await;
        sweeper::take_from(shared, &cell, &mut gather).await;
    }
    sweeper::send_rest(shared, &mut gather).await;
}

/// Every session that may still hold something; from here on none is left to the sweeper.
fn remaining(shared: &Shared) -> Vec<Arc<Cell>> {
    shared.linger.close();
    shared.registry.take_all()
}

impl Inner {
    /// Begins the shutdown, if it has not begun.
    pub(super) fn begin_shutdown(&self, grace: Duration) -> Instant {
        let now = Instant::now();
        let until = now
            .checked_add(grace)
            .unwrap_or(now + Duration::from_secs(u32::MAX.into()));
        self.shared.closed.store(true, Ordering::SeqCst);
        self.deadline.set(until);
        self.deadline
            .instant()
            .map_or(until, tokio::time::Instant::into_std)
    }

    pub(super) async fn shut_down(&self, grace: Duration) -> ShutdownReport {
        let begun = Instant::now();
        let until = self.begin_shutdown(grace);
        if self.finish.exits().is_none() {
            self.finish.wait_until(until + LENIENCY).await;
        }
        self.report(begun)
    }

    pub(super) fn shut_down_blocking(&self, grace: Duration) -> ShutdownReport {
        let begun = Instant::now();
        let until = self.begin_shutdown(grace);
        self.finish.wait_blocking(until + LENIENCY);
        self.report(begun)
    }

    /// Books what the actors could not take any more, and tells what became of everything.
    fn report(&self, begun: Instant) -> ShutdownReport {
        let shared = &self.shared;
        shared.head.close();
        for cell in remaining(shared) {
            segment::end_for_shutdown(&cell);
            cell.abandon();
        }
        for chunk in shared.ended().take(shared).into_iter().flatten() {
            chunk.tally.settle(Fate::AfterShutdown);
        }
        let stats = self.stats();
        let report = ShutdownReport {
            traces: stats.traces,
            logs: stats.logs,
            lanes: stats.lanes,
            exits: self.finish.exits().unwrap_or_default(),
            incomplete: shared.incomplete.load(Ordering::Relaxed),
            took: begun.elapsed(),
        };
        if report.is_lossless() {
            tracing::info!(target: "spanreel", took = ?report.took, "pipeline shut down; nothing was lost");
        } else {
            let lost = report.lost();
            tracing::warn!(target: "spanreel", took = ?report.took, lost, "pipeline shut down; telemetry was lost");
        }
        report
    }
}
