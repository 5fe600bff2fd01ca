//! Shutdown: close, cascade, report. One absolute deadline over all of it.
//!
//! Closing the sweeper's inbox is the beginning: it ends all sessions and closes the head, which closes
//! one stage after the other.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::Inner;
use super::finish::LENIENCY;
use super::stats::{LaneStats, SignalStats};
use crate::actors::run::Exit;
use crate::actors::session::cell::Cell;
use crate::actors::session::gather::Gather;
use crate::actors::session::segment;
use crate::actors::session::shared::Shared;
use crate::model::byte_size::ByteSize;
use crate::model::counts::Counts;
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
    /// Data points of metrics.
    pub metrics: SignalStats,
    /// What each exporter's lane did with what it was handed.
    pub lanes: Vec<LaneStats>,
    /// How each actor ended, upstream first. Empty when their runtime was gone, or when they had not all ended in
    /// time: then some items may be in flight.
    pub exits: Vec<(String, Exit)>,
    /// Spans that were still open and were exported as incomplete.
    pub incomplete: u64,
    /// Bytes that are left on disk in the spool, for the next start to deliver; the lanes say of how many
    /// items ([`Fate::Spooled`]).
    pub spooled: ByteSize,
    /// How long the shutdown took.
    pub took: Duration,
}

impl ShutdownReport {
    /// That of a process that was forked off: all that is in its copy is the parent's to deliver.
    fn of_copy() -> Self {
        Self {
            traces: SignalStats::default(),
            logs: SignalStats::default(),
            metrics: SignalStats::default(),
            lanes: Vec::new(),
            exits: Vec::new(),
            incomplete: 0,
            spooled: ByteSize::bytes(0),
            took: Duration::ZERO,
        }
    }

    /// Whether nothing was lost that nobody asked to be left out.
    #[must_use]
    pub fn is_lossless(&self) -> bool {
        self.lost() == 0
    }

    /// How many spans and log records were lost: what the pipeline lost, and what each lane lost of
    /// what it was handed. What is still in flight counts as lost: an exporter that blocks its
    /// thread can neither be waited for nor be stopped.
    #[must_use]
    pub fn lost(&self) -> u64 {
        let lost = |counts: &Counts| counts.lost() + counts.in_flight();
        let signals = [&self.traces, &self.logs, &self.metrics];
        let pipeline: u64 = signals.iter().map(|stats| lost(&stats.fates)).sum();
        let lanes: u64 = self
            .lanes
            .iter()
            .map(|lane| lost(&lane.traces) + lost(&lane.logs) + lost(&lane.metrics))
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
        if self.spooled > ByteSize::bytes(0) {
            write!(f, ", {} left on disk", self.spooled)?;
        }
        for signal in Signal::ALL {
            let (noun, stats) = match signal {
                Signal::Traces => ("span", &self.traces),
                Signal::Logs => ("log record", &self.logs),
                Signal::Metrics => ("data point", &self.metrics),
            };
            if stats.ended + stats.received + stats.recovered > 0 {
                write!(f, "\n{}:", came(stats, noun))?;
                write_fates(f, &stats.fates)?;
            }
            for lane in &self.lanes {
                let counts = match signal {
                    Signal::Traces => &lane.traces,
                    Signal::Logs => &lane.logs,
                    Signal::Metrics => &lane.metrics,
                };
                if counts.entered() > 0 {
                    let recovered = counts.recovered();
                    let handed = counts.entered() - recovered;
                    write!(f, "\n  {}: {handed} handed", lane.name)?;
                    if recovered > 0 {
                        write!(f, ", {recovered} recovered")?;
                    }
                    f.write_str(":")?;
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

/// How many came into the book, and how: `2 spans ended`, `1 log record received, 3 recovered`.
fn came(stats: &SignalStats, noun: &str) -> String {
    let ways = [
        (stats.ended, "ended"),
        (stats.received, "received"),
        (stats.recovered, "recovered"),
    ];
    let came = ways.iter().filter(|(items, _)| *items > 0);
    let told: Vec<_> = came
        .enumerate()
        .map(|(place, (items, how))| match place {
            0 => format!("{} {how}", counted(*items, noun)),
            _ => format!("{items} {how}"),
        })
        .collect();
    told.join(", ")
}

/// `1 span`, `2 spans`.
fn counted(items: u64, noun: &str) -> String {
    let plural = if items == 1 { "" } else { "s" };
    format!("{items} {noun}{plural}")
}

fn write_fates(f: &mut fmt::Formatter<'_>, counts: &Counts) -> fmt::Result {
    let fates = counts.fates().map(|(fate, items)| (fate.name(), items));
    let in_flight = Some(("in flight", counts.in_flight())).filter(|(_, items)| *items > 0);
    for (index, (fate, items)) in fates.chain(in_flight).enumerate() {
        let comma = if index > 0 { "," } else { "" };
        write!(f, "{comma} {items} {fate}")?;
    }
    Ok(())
}

/// Every session that may still hold something; from here on none is left to the sweeper.
fn remaining(shared: &Shared) -> Vec<Arc<Cell>> {
    shared.linger.close();
    shared.registry.take_all()
}

/// A longer grace counts as this: instants cannot be arbitrarily far away.
const LONGEST_GRACE: Duration = Duration::from_secs(365 * 24 * 60 * 60);

impl Inner {
    /// Begins the shutdown, if it has not begun.
    pub(super) fn begin_shutdown(&self, grace: Duration) -> Instant {
        let until = self.deadline.set(Instant::now() + grace.min(LONGEST_GRACE));
        self.shared.close();
        until
    }

    pub(super) async fn shut_down(&self, grace: Duration) -> ShutdownReport {
        let begun = Instant::now();
        if self.shared.is_copy() {
            return ShutdownReport::of_copy();
        }
        let until = self.begin_shutdown(grace);
        if self.finish.exits().is_none() {
            self.finish.wait_until(until + LENIENCY).await;
        }
        self.report(begun)
    }

    pub(super) fn shut_down_blocking(&self, grace: Duration) -> ShutdownReport {
        let begun = Instant::now();
        if self.shared.is_copy() {
            return ShutdownReport::of_copy();
        }
        let until = self.begin_shutdown(grace);
        self.finish.wait_blocking(until + LENIENCY);
        self.report(begun)
    }

    /// Has receipts answered once all actors have ended, and a while after `until` at the latest, without
    /// waiting for that here.
    pub(super) fn end_receipts(&self, until: Instant) {
        let (finish, over) = (Arc::clone(&self.finish), self.shared.over.clone());
        let watch = std::thread::Builder::new()
            .name("spanreel-shutdown".to_owned())
            .spawn(move || {
                finish.wait_blocking(until + LENIENCY);
                over.cancel();
            });
        if let Err(error) = watch {
            tracing::warn!(target: "spanreel", %error, "no thread to keep the deadline; receipts end now");
            self.shared.over.cancel();
        }
    }

    /// Books what the actors could not take any more, and tells what became of everything.
    fn report(&self, begun: Instant) -> ShutdownReport {
        let shared = &self.shared;
        // Before the counts: once they have ended, what they held is booked.
        let exits = self.finish.exits().unwrap_or_default();
        shared.head.close();
        shared.delegations.close();
        while let Some(flight) = shared.delegations.take_any() {
            flight.interrupt();
            flight.cell.abandon();
        }
        for cell in remaining(shared) {
            segment::end_for_shutdown(&cell);
            cell.abandon();
        }
        let mut gather = Gather::default();
        for msg in shared.bundles.take(shared, &mut gather) {
            msg.settle(Fate::AfterShutdown);
        }
        if let Some(msg) = gather.finish(shared) {
            msg.settle(Fate::AfterShutdown);
        }
        shared.over.cancel();
        for signal in Signal::ALL {
            for lane in &self.lanes {
                lane.books.of(signal).leave_on_disk();
            }
        }
        let stats = self.stats();
        let report = ShutdownReport {
            traces: stats.traces,
            logs: stats.logs,
            metrics: stats.metrics,
            lanes: stats.lanes,
            exits,
            incomplete: shared.incomplete.load(Ordering::Relaxed),
            spooled: stats.spool,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ledger::Books;
    use crate::model::request::Signal;

    /// The report of a shutdown after which a pipeline has these counts of spans.
    fn report(settle: impl FnOnce(&Books)) -> ShutdownReport {
        let books = Books::default();
        settle(&books);
        let fates = books.of(Signal::Traces).counts();
        let traces = SignalStats {
            started: fates.entered(),
            ended: fates.entered(),
            fates,
            ..SignalStats::default()
        };
        ShutdownReport {
            traces,
            logs: SignalStats::default(),
            metrics: SignalStats::default(),
            lanes: Vec::new(),
            exits: Vec::new(),
            incomplete: 2,
            spooled: ByteSize::bytes(0),
            took: Duration::from_millis(12),
        }
    }

    /// What people are told is complete: counts by fate, what is in flight, and the sum of losses.
    #[test]
    fn the_report_tells_every_fate() {
        let report = report(|books| {
            let book = books.of(Signal::Traces);
            book.enter_settled(7, Fate::Handed);
            book.enter_settled(2, Fate::QueueFull);
            std::mem::forget(book.enter(1));
        });
        assert_eq!(
            report.to_string(),
            "shut down in 0.012 s, 2 spans exported as incomplete\n\
             10 spans ended: 7 handed, 2 queue_full, 1 in flight\n\
             3 lost"
        );
    }

    /// What is still in flight after a shutdown is lost.
    #[test]
    fn what_is_in_flight_is_lost() {
        let lossless = report(|books| {
            let book = books.of(Signal::Traces);
            book.enter_settled(7, Fate::Handed);
            book.enter_settled(1, Fate::SampledOut);
        });
        assert!(lossless.is_lossless());
        let in_flight = report(|books| std::mem::forget(books.of(Signal::Traces).enter(1)));
        assert!(!in_flight.is_lossless());
        assert_eq!(in_flight.lost(), 1);
    }
}
