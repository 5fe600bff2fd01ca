//! The metrics of sampling: what each policy decided, and what waits for a decision.

use std::fmt::Result;

use prometheus_client::registry::Unit;
use spanreel::{PolicyStats, SamplingStats};

use super::writer::{Labels, Writer, gauge_of};

/// A row for what was kept and one for what was dropped, for each policy.
fn rows(
    policies: &[PolicyStats],
    numbers: fn(&PolicyStats) -> [u64; 2],
) -> impl Iterator<Item = (Labels<'_>, u64)> {
    policies.iter().flat_map(move |policy| {
        let labels = |verdict| vec![("policy", policy.name.as_str()), ("verdict", verdict)];
        let [kept, dropped] = numbers(policy);
        [(labels("kept"), kept), (labels("dropped"), dropped)]
    })
}

pub(super) fn sampling(writer: &mut Writer<'_>, stats: &SamplingStats) -> Result {
    writer.counters(
        (
            "spanreel_sampling_sessions",
            "Sessions by the policy that decided, and what it did with them",
        ),
        rows(&stats.policies, |it| [it.kept, it.dropped]),
    )?;
    writer.counters(
        (
            "spanreel_sampling_items",
            "Spans and log records of the sessions that a policy kept or dropped",
        ),
        rows(&stats.policies, |it| [it.kept_items, it.dropped_items]),
    )?;
    writer.gauge(
        (
            "spanreel_sampling_undecided",
            "Sessions that wait for a decision",
        ),
        None,
        gauge_of(stats.undecided),
    )?;
    writer.gauge(
        ("spanreel_sampling_held_items", "What they hold"),
        None,
        gauge_of(stats.held_items),
    )?;
    writer.gauge(
        ("spanreel_sampling_held", "What they hold in memory"),
        Some(&Unit::Bytes),
        gauge_of(stats.held_bytes.as_u64()),
    )?;
    let early = [("full", stats.early), ("time", stats.timed_out)];
    let early = early.map(|(reason, count)| (vec![("reason", reason)], count));
    writer.counters(
        (
            "spanreel_sampling_early",
            "Sessions that were decided before their end, for want of room or time",
        ),
        early,
    )
}
