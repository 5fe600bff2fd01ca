//! The account at the end, and the exit code that follows from it.

use spanreel::{Counts, PipelineStats, ShutdownReport, SignalStats};

use super::{note_unread, say};
use crate::outcome::Outcome;

/// Tells what became of everything.
pub(crate) fn tell(report: &ShutdownReport, refused: u64, json: bool) -> Outcome {
    if json {
        let received = report.traces.received + report.logs.received + report.metrics.received;
        tracing::info!(
            target: "spanreel",
            received,
            lost = report.lost(),
            refused,
            lossless = report.is_lossless(),
            spooled_bytes = report.spooled.as_u64(),
            took_ms = u64::try_from(report.took.as_millis()).unwrap_or(u64::MAX),
            report = report.to_string(),
            "stopped",
        );
    } else {
        let refused = match refused {
            0 => String::new(),
            1 => "; 1 request was refused, and its sender told so".to_owned(),
            refused => format!("; {refused} requests were refused, and their senders told so"),
        };
        note_unread(say(&format!("{report}{refused}\n")));
    }
    outcome(report.lost())
}

/// Tells what is known when nobody waits for the rest.
pub(crate) fn tell_cut(stats: &PipelineStats, json: bool) -> Outcome {
    let lost = lost(stats);
    if json {
        tracing::warn!(target: "spanreel", lost, "stopped at once");
    } else {
        note_unread(say(&format!("stopped at once: {lost} lost\n")));
    }
    outcome(lost)
}

/// What was lost, and what is on its way and will be.
fn lost(stats: &PipelineStats) -> u64 {
    let of = |counts: &Counts| counts.lost() + counts.in_flight();
    let signals = [&stats.traces, &stats.logs, &stats.metrics];
    let pipeline: u64 = signals
        .iter()
        .map(|signal: &&SignalStats| of(&signal.fates) + signal.held)
        .sum();
    let books = stats
        .lanes
        .iter()
        .flat_map(|lane| [&lane.traces, &lane.logs, &lane.metrics]);
    pipeline + books.map(of).sum::<u64>()
}

fn outcome(lost: u64) -> Outcome {
    match lost {
        0 => Outcome::Fine,
        _ => Outcome::LostWhileServing,
    }
}
