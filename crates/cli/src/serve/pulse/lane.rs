//! A destination as the page shows it: how it stands, what waits for it, and what became of what it was handed.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use spanreel::{Counts, Fate, LaneState, LaneStats, PipelineStats};

use super::fates;

/// Microseconds, for JSON.
pub(super) fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// Microseconds since 1970.
pub(super) fn since_1970(time: SystemTime) -> u64 {
    micros(time.duration_since(UNIX_EPOCH).unwrap_or_default())
}

/// `ok`, `retrying`, `away`, `denied` (the credentials are refused) or `full`.
fn state(lane: &LaneStats, stats: &PipelineStats) -> &'static str {
    let is_full = lane.queue.size >= lane.queue.capacity && lane.queue.capacity > 0;
    match lane.state {
        LaneState::Denied => "denied",
        LaneState::Away => "away",
        LaneState::Retrying => "retrying",
        _ if stats.spool_stuck && !lane.before_sampling => "full",
        _ if is_full => "full",
        _ => "ok",
    }
}

/// A destination. The sum of `handed` and `recovered` is that of `fates`, `waiting` and `on_disk`.
pub(super) fn lane(lane: &LaneStats, stats: &PipelineStats, endpoint: Option<&String>) -> Value {
    let books = [&lane.traces, &lane.logs, &lane.metrics];
    let sum = |of: fn(&Counts) -> u64| books.iter().map(|book| of(book)).sum::<u64>();
    let mut document = json!({
        "name": lane.name,
        "state": state(lane, stats),
        "before_sampling": lane.before_sampling,
        "handed": sum(Counts::entered) - lane.recovered,
        "recovered": lane.recovered,
        "exported": sum(|book| book.of(Fate::Exported)),
        "waiting": sum(Counts::in_flight),
        "on_disk": lane.on_disk,
        "on_disk_items": lane.on_disk,
        "on_disk_bytes": lane.on_disk_bytes,
        "queue": { "batches": lane.queue.size, "capacity": lane.queue.capacity },
        "under_way": lane.under_way,
        "requests": lane.requests,
        "retries": lane.retries,
        "bytes": lane.bytes,
        "fates": fates(&books),
    });
    if let Some(endpoint) = endpoint {
        document["endpoint"] = json!(endpoint);
    }
    if let Some(lag) = lane.lag {
        document["lag_us"] = json!(micros(lag));
    }
    if let Some(error) = &lane.last_error {
        document["last_error"] = json!({
            "time_us": since_1970(error.time),
            "message": error.message,
        });
    }
    if let Some(latency) = lane.latency.quantile(0.5) {
        document["latency_p50_us"] = json!(micros(latency));
    }
    document
}
