//! How the pipeline is, for the page: everything that was received, and what became of it, in one document
//! that adds up.

mod lane;
mod refused;

use std::sync::Arc;
use std::time::SystemTime;

use serde_json::{Map, Value, json};
use spanreel::{
    Counts, Detector, Pipeline, PipelineStats, QueueStats, RedactionStats, Signal, SignalStats,
};
use spanreel_store::Pulse;

use self::lane::{lane, since_1970};
use self::refused::Refused;
use super::banner::{self, Addresses};
use crate::config::Config;
use crate::receive::{Outcome, Stats, StatsReader};
use crate::wire::protocol::Wire;

/// Where things lead to and come in.
struct Places {
    /// Where the lanes of the exports lead, in their order, which comes before all others.
    exports: Vec<String>,
    /// Where telemetry is received, by protocol.
    receivers: Vec<(&'static str, String)>,
}

/// Asks for the numbers whenever it is called. May wait for the disk.
pub(crate) fn pulse(
    config: &Config,
    addresses: &Addresses,
    pipeline: Pipeline,
    receiver: StatsReader,
) -> Pulse {
    let exports = config.exports.iter();
    let places = Places {
        exports: exports.map(|export| export.target.to_string()).collect(),
        receivers: banner::endpoints(config, addresses),
    };
    let redacts = config.redaction.redaction.is_some();
    let refused = Refused::new(pipeline.clone());
    Arc::new(move || {
        let stats = pipeline.stats();
        let mut document = document(&stats, &receiver.stats(), &places);
        if let Some(spool) = document.get_mut("spool") {
            let (requests, newest) = refused.newest();
            spool["quarantine_requests"] = json!(requests);
            spool["quarantined"] = newest;
        }
        if redacts {
            document["redaction"] = redaction(&stats.redaction);
        }
        document
    })
}

#[expect(
    clippy::disallowed_methods,
    reason = "the page shows when it was told, by the clock that it has itself"
)]
fn now_us() -> u64 {
    since_1970(SystemTime::now())
}

fn document(stats: &PipelineStats, received: &Stats, places: &Places) -> Value {
    let mut document = json!({
        "time_us": now_us(),
        "receivers": [receiver(received, places)],
        "ledger": {
            "spans": ledger(&stats.traces),
            "logs": ledger(&stats.logs),
            "metrics": ledger(&stats.metrics),
        },
        "lanes": stats.lanes.iter().enumerate()
            .map(|(index, it)| lane(it, stats, places.exports.get(index))).collect::<Vec<_>>(),
        "queues": stats.queues.iter().map(queue).collect::<Vec<_>>(),
        "memory": { "budget": stats.budget.as_u64(), "used": stats.memory.as_u64() },
        "store_behind": behind(stats),
    });
    if stats.spool_budget.as_u64() > 0 {
        document["spool"] = json!({
            "bytes": stats.spool.as_u64(),
            "budget": stats.spool_budget.as_u64(),
            "stuck": stats.spool_stuck,
            "records": stats.lanes.iter().map(|lane| lane.on_disk).sum::<u64>(),
        });
    }
    if !stats.sampling.policies.is_empty() {
        let rules = stats.sampling.policies.iter().map(
            |policy| json!({ "name": policy.name, "kept": policy.kept, "dropped": policy.dropped }),
        );
        document["sampling"] = json!({
            "rules": rules.collect::<Vec<_>>(),
            "undecided": stats.sampling.undecided,
            "early": stats.sampling.early,
            "timed_out": stats.sampling.timed_out,
        });
    }
    document
}

fn receiver(stats: &Stats, places: &Places) -> Value {
    let taken = [Outcome::Accepted, Outcome::Partial];
    let refused = Outcome::ALL
        .into_iter()
        .filter(|outcome| !taken.contains(outcome))
        .map(|outcome| (outcome.name(), stats.total(outcome)));
    let by_protocol = Wire::ALL.map(|wire| {
        let ended = Outcome::ALL.map(|outcome| stats.requests(wire, outcome));
        (wire.name(), ended.into_iter().sum::<u64>())
    });
    let connections = &stats.connections;
    let mut document = json!({
        "name": "otlp",
        "requests": Outcome::ALL.into_iter().map(|outcome| stats.total(outcome)).sum::<u64>(),
        "by_protocol": some(by_protocol),
        "spans": stats.items(Signal::Traces),
        "logs": stats.items(Signal::Logs),
        "metrics": stats.items(Signal::Metrics),
        "rejected": stats.rejected,
        "bytes": stats.wire_bytes,
        "connections": connections.open,
        "errors": some(refused),
        "connection_errors": some(connections.by_reason()),
    });
    if let Some((_, url)) = places.receivers.iter().find(|(name, _)| *name == "http") {
        document["endpoint"] = json!(url);
    }
    let endpoints = places.receivers.iter();
    document["endpoints"] = endpoints
        .map(|(name, url)| ((*name).to_owned(), json!(url)))
        .collect::<Map<_, _>>()
        .into();
    document
}

/// Those that are not zero.
fn some(counts: impl IntoIterator<Item = (&'static str, u64)>) -> Map<String, Value> {
    let counts = counts.into_iter().filter(|(_, count)| *count > 0);
    counts
        .map(|(name, count)| (name.to_owned(), json!(count)))
        .collect()
}

fn redaction(stats: &RedactionStats) -> Value {
    let detectors = Detector::ALL
        .map(|detector| json!({ "name": detector.name(), "changed": stats.found_by(detector) }));
    let rules = stats
        .rules
        .iter()
        .map(|rule| json!({ "name": rule.name, "action": rule.action, "changed": rule.changed }));
    json!({
        "dry_run": stats.dry_run,
        "texts": stats.texts,
        "bytes": stats.bytes,
        "changed": stats.changed,
        "removed": stats.removed,
        "masked": stats.masked,
        "hashed": stats.hashed,
        "detectors": detectors,
        "rules": rules.collect::<Value>(),
    })
}

fn fates(counts: &[&Counts]) -> Map<String, Value> {
    let mut sums = Map::new();
    for (fate, count) in counts.iter().flat_map(|counts| counts.fates()) {
        let sum = sums
            .get(fate.name())
            .and_then(Value::as_u64)
            .unwrap_or_default();
        sums.insert(fate.name().to_owned(), json!(sum + count));
    }
    sums
}

fn ledger(stats: &SignalStats) -> Value {
    json!({
        "received": stats.received,
        "ended": stats.ended,
        "recovered": stats.fates.recovered(),
        "held": stats.held,
        "in_flight": stats.fates.in_flight(),
        "fates": fates(&[&stats.fates]),
    })
}

/// Items that the store has not written yet.
fn behind(stats: &PipelineStats) -> u64 {
    let lanes = stats.lanes.iter().filter(|lane| lane.before_sampling);
    lanes
        .map(|lane| lane.traces.in_flight() + lane.logs.in_flight())
        .sum()
}

fn queue(queue: &QueueStats) -> Value {
    json!({
        "name": queue.name,
        "items": queue.size,
        "capacity": queue.capacity,
        "waits": queue.waits,
    })
}
