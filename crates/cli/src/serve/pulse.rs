//! How the pipeline is, for the page: everything that was received, and what became of it, in one document
//! that adds up.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value, json};
use spanreel::{Counts, LaneStats, Pipeline, PipelineStats, QueueStats, Signal, SignalStats};
use spanreel_store::Pulse;

use crate::config::Config;
use crate::receive::{Outcome, Stats, StatsReader};

/// Where the lanes of the exports lead, in their order, which comes before all others.
type Endpoints = Vec<String>;

/// Asks for the numbers whenever it is called.
pub(crate) fn pulse(config: &Config, pipeline: Pipeline, receiver: StatsReader) -> Pulse {
    let endpoints: Endpoints = config
        .exports
        .iter()
        .map(|export| export.target.to_string())
        .collect();
    Arc::new(move || document(&pipeline.stats(), &receiver.stats(), &endpoints))
}

#[expect(
    clippy::disallowed_methods,
    reason = "the page shows when it was told, by the clock that it has itself"
)]
fn now_us() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    u64::try_from(since.unwrap_or_default().as_micros()).unwrap_or(u64::MAX)
}

fn document(stats: &PipelineStats, received: &Stats, endpoints: &Endpoints) -> Value {
    let mut document = json!({
        "time_us": now_us(),
        "receivers": [receiver(received)],
        "ledger": {
            "spans": ledger(&stats.traces),
            "logs": ledger(&stats.logs),
            "metrics": ledger(&stats.metrics),
        },
        "lanes": stats.lanes.iter().enumerate()
            .map(|(index, it)| lane(it, stats, endpoints.get(index))).collect::<Vec<_>>(),
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
        });
    }
    document
}

fn receiver(stats: &Stats) -> Value {
    let taken = [Outcome::Accepted, Outcome::Partial];
    let errors = Outcome::ALL
        .into_iter()
        .filter(|outcome| !taken.contains(outcome))
        .map(|outcome| (outcome.name().to_owned(), stats.total(outcome)))
        .filter(|(_, count)| *count > 0)
        .map(|(name, count)| (name, json!(count)));
    json!({
        "name": "otlp",
        "requests": Outcome::ALL.into_iter().map(|outcome| stats.total(outcome)).sum::<u64>(),
        "spans": stats.items(Signal::Traces),
        "logs": stats.items(Signal::Logs),
        "metrics": stats.items(Signal::Metrics),
        "bytes": stats.wire_bytes,
        "connections": stats.connections.open,
        "errors": errors.collect::<Map<_, _>>(),
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

fn lane(lane: &LaneStats, stats: &PipelineStats, endpoint: Option<&String>) -> Value {
    let books = [&lane.traces, &lane.logs, &lane.metrics];
    let sum = |of: fn(&Counts) -> u64| books.iter().map(|book| of(book)).sum::<u64>();
    let waiting = sum(Counts::in_flight);
    let is_full = lane.queue.size >= lane.queue.capacity && lane.queue.capacity > 0;
    let state = match () {
        () if stats.spool_stuck && !lane.before_sampling => "full",
        () if lane.retries > 0 && lane.on_disk > 0 => "retrying",
        () if is_full => "full",
        () => "ok",
    };
    let mut document = json!({
        "name": lane.name,
        "state": state,
        "before_sampling": lane.before_sampling,
        "handed": sum(Counts::entered) - lane.recovered,
        "recovered": lane.recovered,
        "exported": sum(|book| book.of(spanreel::Fate::Exported)),
        "waiting": waiting,
        "on_disk": lane.on_disk,
        "requests": lane.requests,
        "retries": lane.retries,
        "bytes": lane.bytes,
        "fates": fates(&books),
    });
    if let Some(endpoint) = endpoint {
        document["endpoint"] = json!(endpoint);
    }
    if let Some(lag) = lane.latency.quantile(0.5) {
        document["latency_p50_us"] = json!(lag.as_micros() as u64);
    }
    document
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
