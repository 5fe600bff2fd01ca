//! What `/metrics` answers: the books and queues of the pipeline, what arrived, and what was refused, as
//! OpenMetrics text.
//!
//! Where OpenTelemetry names a metric of SDKs (`otel.sdk.*`), that name is used in Prometheus' form. The
//! books themselves, which must add up, are `spanreel_items` and `spanreel_lane_items`. Calls of models have
//! the metrics of the GenAI conventions ([`super::calls`]).

mod pipeline;
mod redaction;
mod sampling;
mod writer;

use std::fmt::{Error, Result};
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::registry::{Registry, Unit};
use spanreel::{PipelineStats, Signal};

use self::pipeline::{books, lanes, queues, standard};
use self::redaction::redaction;
use self::sampling::sampling;
use self::writer::{Writer, gauge_of};
use super::arrivals::Totals;
use crate::receive::{Outcome, Stats, Wire};

/// The content type of the answer.
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Everything at one moment.
#[derive(Debug)]
pub(crate) struct Snapshot {
    /// The pipeline.
    pub(crate) stats: PipelineStats,
    /// What arrived.
    pub(crate) arrived: Totals,
    /// What the receiver has seen.
    pub(crate) received: Stats,
    /// How long each lane has waited for its destination.
    pub(crate) stuck: Vec<(String, Duration)>,
    /// Whether telemetry should be sent here.
    pub(crate) is_ready: bool,
    /// Since the start.
    pub(crate) uptime: Duration,
    /// What was measured of calls of models, as it is to be written.
    pub(crate) calls: String,
}

/// The answer.
pub(crate) fn page(mut snapshot: Snapshot) -> std::result::Result<String, Error> {
    let calls = std::mem::take(&mut snapshot.calls);
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Page(snapshot)));
    let mut text = String::new();
    encode_registry(&mut text, &registry)?;
    text.push_str(&calls);
    encode_eof(&mut text)?;
    Ok(text)
}

/// A snapshot while it is written.
#[derive(Debug)]
struct Page(Snapshot);

impl Collector for Page {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> Result {
        let snapshot = &self.0;
        let mut writer = Writer(encoder);
        process(&mut writer, snapshot)?;
        received(&mut writer, &snapshot.received)?;
        arrived(&mut writer, &snapshot.arrived)?;
        standard(&mut writer, &snapshot.stats)?;
        books(&mut writer, &snapshot.stats)?;
        lanes(&mut writer, snapshot)?;
        queues(&mut writer, &snapshot.stats)?;
        sampling(&mut writer, &snapshot.stats.sampling)?;
        redaction(&mut writer, &snapshot.stats.redaction)
    }
}

fn process(writer: &mut Writer<'_>, snapshot: &Snapshot) -> Result {
    let version = vec![("version", env!("CARGO_PKG_VERSION"))];
    writer.gauges(
        ("spanreel_build_info", "The version that runs; always 1"),
        None,
        [(version, 1_i64)],
    )?;
    writer.gauge(
        ("spanreel_uptime", "Time since the start"),
        Some(&Unit::Seconds),
        snapshot.uptime.as_secs_f64(),
    )?;
    writer.gauge(
        ("spanreel_ready", "Whether /readyz answers 200"),
        None,
        i64::from(snapshot.is_ready),
    )?;
    let stats = &snapshot.stats;
    writer.gauge(
        ("spanreel_memory", "Telemetry held in memory"),
        Some(&Unit::Bytes),
        gauge_of(stats.memory.as_u64()),
    )?;
    writer.gauge(
        (
            "spanreel_memory_budget",
            "The most telemetry that may be held in memory",
        ),
        Some(&Unit::Bytes),
        gauge_of(stats.budget.as_u64()),
    )?;
    writer.gauge(
        ("spanreel_spool", "Requests on disk, in the spool"),
        Some(&Unit::Bytes),
        gauge_of(stats.spool.as_u64()),
    )?;
    writer.gauge(
        (
            "spanreel_spool_budget",
            "The most that the spool may have on disk; 0 where there is none",
        ),
        Some(&Unit::Bytes),
        gauge_of(stats.spool_budget.as_u64()),
    )?;
    writer.gauge(
        (
            "spanreel_spool_stuck",
            "Whether the spool takes no more: it is full, or its disk is or fails",
        ),
        None,
        i64::from(stats.spool_stuck),
    )
}

fn received(writer: &mut Writer<'_>, stats: &Stats) -> Result {
    let mut rows = Vec::new();
    for wire in Wire::ALL {
        for outcome in Outcome::ALL {
            let labels = vec![("protocol", wire.name()), ("outcome", outcome.name())];
            rows.push((labels, stats.requests(wire, outcome)));
        }
    }
    writer.counters(
        (
            "spanreel_receiver_requests",
            "Requests by how they were answered",
        ),
        rows,
    )?;
    let items = Signal::ALL.map(|signal| (vec![("signal", signal.name())], stats.items(signal)));
    writer.counters(("spanreel_receiver_items", "Items that were taken"), items)?;
    writer.counter(
        "spanreel_receiver_wire_bytes",
        "Bytes of request bodies, as they were sent",
        stats.wire_bytes,
    )?;
    writer.counter(
        "spanreel_receiver_request_bytes",
        "Bytes of requests, unpacked and as protobuf",
        stats.request_bytes,
    )?;
    writer.gauge(
        ("spanreel_receiver_held", "What requests under way hold"),
        Some(&Unit::Bytes),
        gauge_of(stats.held_bytes as u64),
    )?;
    let connections = &stats.connections;
    writer.gauge(
        ("spanreel_receiver_connections_open", "Open connections"),
        None,
        gauge_of(connections.open),
    )?;
    writer.counter(
        "spanreel_receiver_connections",
        "Connections that were taken",
        connections.accepted,
    )?;
    let errors = connections
        .by_reason()
        .map(|(reason, count)| (vec![("reason", reason)], count));
    writer.counters(
        (
            "spanreel_receiver_connection_errors",
            "Connections that were refused or broke off",
        ),
        errors,
    )
}

fn arrived(writer: &mut Writer<'_>, totals: &Totals) -> Result {
    writer.gauge(
        (
            "spanreel_sessions_live",
            "Sessions that were active in the last minute and have not ended",
        ),
        None,
        gauge_of(totals.live),
    )?;
    writer.counter(
        "spanreel_sessions",
        "Sessions of which something arrived",
        totals.sessions,
    )?;
    writer.counter(
        "spanreel_tokens",
        "Tokens that models read and wrote",
        totals.tokens,
    )?;
    writer.counter("spanreel_cost_usd", "Cost in US dollars", totals.cost)?;
    writer.counter("spanreel_error_spans", "Spans that failed", totals.errors)
}

#[cfg(test)]
#[path = "metrics/tests.rs"]
mod tests;
