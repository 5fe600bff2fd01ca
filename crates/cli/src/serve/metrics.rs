//! What `/metrics` answers: the books and queues of the pipeline, what arrived, and what was refused, as
//! OpenMetrics text.
//!
//! Where OpenTelemetry names a metric of SDKs (`otel.sdk.*`), that name is used in Prometheus' form. The
//! books themselves, which must add up, are `spanreel_items` and `spanreel_lane_items`.

use std::fmt::{Error, Result};
use std::sync::Mutex;
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{
    DescriptorEncoder, EncodeCounterValue, EncodeGaugeValue, MetricEncoder, NoLabelSet,
};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::{Registry, Unit};
use spanreel::{Counts, Fate, LaneStats, PipelineStats, QueueStats, Signal};

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
}

/// The answer.
pub(crate) fn page(snapshot: Snapshot) -> std::result::Result<String, Error> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Page(Mutex::new(snapshot))));
    let mut text = String::new();
    encode(&mut text, &registry)?;
    Ok(text)
}

/// What a snapshot is while it is written. Statistics need no lock; the trait wants to share them.
#[derive(Debug)]
struct Page(Mutex<Snapshot>);

type Labels<'a> = Vec<(&'static str, &'a str)>;

/// Writes metrics, one family after the other.
struct Writer<'a>(DescriptorEncoder<'a>);

impl Writer<'_> {
    fn family(
        &mut self,
        (name, help): (&str, &str),
        unit: Option<&Unit>,
        kind: MetricType,
        write: impl FnOnce(MetricEncoder<'_>) -> Result,
    ) -> Result {
        let encoder = self.0.encode_descriptor(name, help, unit, kind)?;
        write(encoder)
    }

    fn counters<'a, N: EncodeCounterValue>(
        &mut self,
        about: (&str, &str),
        rows: impl IntoIterator<Item = (Labels<'a>, N)>,
    ) -> Result {
        self.family(about, None, MetricType::Counter, |mut encoder| {
            for (labels, value) in rows {
                if labels.is_empty() {
                    encoder.encode_counter::<NoLabelSet, _, u64>(&value, None)?;
                    continue;
                }
                let mut row = encoder.encode_family(&labels)?;
                row.encode_counter::<NoLabelSet, _, u64>(&value, None)?;
            }
            Ok(())
        })
    }

    fn counter<N: EncodeCounterValue>(&mut self, name: &str, help: &str, value: N) -> Result {
        self.counters((name, help), [(Vec::new(), value)])
    }

    fn gauges<'a, N: EncodeGaugeValue>(
        &mut self,
        about: (&str, &str),
        unit: Option<&Unit>,
        rows: impl IntoIterator<Item = (Labels<'a>, N)>,
    ) -> Result {
        self.family(about, unit, MetricType::Gauge, |mut encoder| {
            for (labels, value) in rows {
                if labels.is_empty() {
                    encoder.encode_gauge(&value)?;
                    continue;
                }
                encoder.encode_family(&labels)?.encode_gauge(&value)?;
            }
            Ok(())
        })
    }

    fn gauge<N: EncodeGaugeValue>(
        &mut self,
        about: (&str, &str),
        unit: Option<&Unit>,
        value: N,
    ) -> Result {
        self.gauges(about, unit, [(Vec::new(), value)])
    }
}

impl Collector for Page {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> Result {
        let snapshot = self.0.lock().map_err(|_poisoned| Error)?;
        let mut writer = Writer(encoder);
        process(&mut writer, &snapshot)?;
        received(&mut writer, &snapshot.received)?;
        arrived(&mut writer, &snapshot.arrived)?;
        standard(&mut writer, &snapshot.stats)?;
        books(&mut writer, &snapshot.stats)?;
        lanes(&mut writer, &snapshot)?;
        queues(&mut writer, &snapshot.stats)
    }
}

fn process(writer: &mut Writer<'_>, snapshot: &Snapshot) -> Result {
    let version = vec![("version", env!("CARGO_PKG_VERSION"))];
    writer.gauges(
        ("spanreel_build", "The version that runs; always 1"),
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
    let errors = [
        ("over_limit", connections.over_limit),
        ("idle", connections.idle),
        ("handshake_failed", connections.handshake_failed),
        ("plain_to_tls", connections.plain_to_tls),
        ("tls_to_plain", connections.tls_to_plain),
        ("broken", connections.broken),
        ("cut", connections.cut),
    ];
    let errors = errors.map(|(reason, count)| (vec![("reason", reason)], count));
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

/// The names of OpenTelemetry's SDK metrics.
fn standard(writer: &mut Writer<'_>, stats: &PipelineStats) -> Result {
    for (noun, signal) in [
        ("span", &stats.traces),
        ("log", &stats.logs),
        ("metric_data_point", &stats.metrics),
    ] {
        let help = "Items that a processor is done with; error_type where they were lost";
        let rows = Fate::ALL.into_iter().map(|fate| {
            let error = if fate.is_loss() { fate.name() } else { "" };
            (
                ("otel_component_name", "pipeline"),
                error,
                signal.fates.of(fate),
            )
        });
        let rows = merged(rows);
        let rows = rows
            .iter()
            .map(|((component, error), count)| (vec![*component, ("error_type", *error)], *count));
        writer.counters(
            (&format!("otel_sdk_processor_{noun}_processed"), help),
            rows,
        )?;
        let books = lane_books(stats, noun);
        let rows = books.iter().map(|(name, book)| {
            (
                vec![("otel_component_name", *name)],
                gauge_of(book.in_flight()),
            )
        });
        writer.gauges(
            (
                &format!("otel_sdk_exporter_{noun}_inflight"),
                "Items on their way to a destination",
            ),
            None,
            rows,
        )?;
        let mut rows = Vec::new();
        for (name, book) in &books {
            let exported = Fate::ALL
                .into_iter()
                .filter(|fate| *fate == Fate::Exported || fate.is_loss());
            for fate in exported {
                let error = if fate.is_loss() { fate.name() } else { "" };
                let labels = vec![("otel_component_name", *name), ("error_type", error)];
                rows.push((labels, book.of(fate)));
            }
        }
        let help = "Items whose export is over; error_type where they were lost";
        writer.counters((&format!("otel_sdk_exporter_{noun}_exported"), help), rows)?;
    }
    Ok(())
}

type Row<'a> = (&'static str, &'a str);

/// Adds up what has the same labels.
fn merged<'a>(
    rows: impl Iterator<Item = (Row<'a>, &'static str, u64)>,
) -> Vec<((Row<'a>, &'static str), u64)> {
    let mut sums: Vec<((Row<'a>, &'static str), u64)> = Vec::new();
    for (component, error, count) in rows {
        match sums
            .iter_mut()
            .find(|(labels, _)| *labels == (component, error))
        {
            Some((_, sum)) => *sum += count,
            None => sums.push(((component, error), count)),
        }
    }
    sums
}

fn lane_books<'a>(stats: &'a PipelineStats, noun: &str) -> Vec<(&'a str, &'a Counts)> {
    let book = |lane: &'a LaneStats| match noun {
        "span" => &lane.traces,
        "log" => &lane.logs,
        _ => &lane.metrics,
    };
    let lanes = stats.lanes.iter();
    lanes.map(|lane| (lane.name.as_str(), book(lane))).collect()
}

/// The ledger: what was entered is what met its fate and what is in flight.
fn books(writer: &mut Writer<'_>, stats: &PipelineStats) -> Result {
    let signals = [
        ("traces", &stats.traces.fates),
        ("logs", &stats.logs.fates),
        ("metrics", &stats.metrics.fates),
    ];
    let entered = signals.map(|(signal, book)| (vec![("signal", signal)], book.entered()));
    writer.counters(
        (
            "spanreel_items_entered",
            "Items that came into the pipeline",
        ),
        entered,
    )?;
    let in_flight =
        signals.map(|(signal, book)| (vec![("signal", signal)], gauge_of(book.in_flight())));
    writer.gauges(
        ("spanreel_items_in_flight", "Items in the pipeline"),
        None,
        in_flight,
    )?;
    let mut rows = Vec::new();
    for (signal, book) in signals {
        for fate in Fate::ALL {
            rows.push((
                vec![("signal", signal), ("fate", fate.name())],
                book.of(fate),
            ));
        }
    }
    writer.counters(
        (
            "spanreel_items",
            "Items by what became of them in the pipeline",
        ),
        rows,
    )
}

fn lanes(writer: &mut Writer<'_>, snapshot: &Snapshot) -> Result {
    let lanes = &snapshot.stats.lanes;
    let mut books = Vec::new();
    for lane in lanes {
        books.push((lane.name.as_str(), "traces", &lane.traces));
        books.push((lane.name.as_str(), "logs", &lane.logs));
        books.push((lane.name.as_str(), "metrics", &lane.metrics));
    }
    let labels = |lane, signal| vec![("lane", lane), ("signal", signal)];
    let entered = books
        .iter()
        .map(|(lane, signal, book)| (labels(*lane, *signal), book.entered()));
    writer.counters(
        (
            "spanreel_lane_items_entered",
            "Items that an export was handed",
        ),
        entered,
    )?;
    let in_flight = books
        .iter()
        .map(|(lane, signal, book)| (labels(*lane, *signal), gauge_of(book.in_flight())));
    writer.gauges(
        (
            "spanreel_lane_items_in_flight",
            "Items that an export has not done with",
        ),
        None,
        in_flight,
    )?;
    let mut rows = Vec::new();
    for (lane, signal, book) in &books {
        for fate in Fate::ALL {
            let mut labels = labels(*lane, *signal);
            labels.push(("fate", fate.name()));
            rows.push((labels, book.of(fate)));
        }
    }
    writer.counters(
        (
            "spanreel_lane_items",
            "Items by what became of them in an export",
        ),
        rows,
    )?;
    let of_lanes = |value: fn(&LaneStats) -> u64| {
        lanes
            .iter()
            .map(move |lane| (vec![("lane", lane.name.as_str())], value(lane)))
    };
    writer.counters(
        ("spanreel_lane_attempts", "Requests that were attempted"),
        of_lanes(|lane| lane.requests),
    )?;
    writer.counters(
        (
            "spanreel_lane_retries",
            "Attempts that followed a failed one",
        ),
        of_lanes(|lane| lane.retries),
    )?;
    writer.counters(
        (
            "spanreel_lane_sent_bytes",
            "Bytes that were accepted, uncompressed",
        ),
        of_lanes(|lane| lane.bytes),
    )?;
    let under_way =
        of_lanes(|lane| lane.under_way).map(|(labels, value)| (labels, gauge_of(value)));
    writer.gauges(
        (
            "spanreel_lane_attempts_under_way",
            "Attempts that are under way",
        ),
        None,
        under_way,
    )?;
    let mut rows = Vec::new();
    for lane in lanes {
        for (label, quantile) in [("0.5", 0.5), ("0.9", 0.9), ("0.99", 0.99)] {
            if let Some(bound) = lane.latency.quantile(quantile) {
                rows.push((
                    vec![("lane", lane.name.as_str()), ("quantile", label)],
                    bound.as_secs_f64(),
                ));
            }
        }
    }
    writer.gauges(
        (
            "spanreel_lane_latency",
            "Within which time successful attempts were answered",
        ),
        Some(&Unit::Seconds),
        rows,
    )?;
    let lag = snapshot
        .stuck
        .iter()
        .map(|(lane, stuck)| (vec![("lane", lane.as_str())], stuck.as_secs_f64()));
    writer.gauges(
        (
            "spanreel_lane_lag",
            "How long something has waited while the destination took nothing",
        ),
        Some(&Unit::Seconds),
        lag,
    )
}

fn queues(writer: &mut Writer<'_>, stats: &PipelineStats) -> Result {
    let queues: Vec<&QueueStats> = stats
        .queues
        .iter()
        .chain(stats.lanes.iter().map(|lane| &lane.queue))
        .collect();
    let rows = |value: fn(&QueueStats) -> u64| {
        queues
            .iter()
            .map(move |queue| (vec![("queue", queue.name.as_str())], value(queue)))
            .collect::<Vec<_>>()
    };
    let gauges = |value| {
        rows(value)
            .into_iter()
            .map(|(labels, value)| (labels, gauge_of(value)))
    };
    writer.gauges(
        ("spanreel_queue_messages", "Messages in a queue"),
        None,
        gauges(|queue| queue.size as u64),
    )?;
    writer.gauges(
        ("spanreel_queue_capacity", "How many messages a queue takes"),
        None,
        gauges(|queue| queue.capacity as u64),
    )?;
    writer.counters(
        (
            "spanreel_queue_waits",
            "How often a sender waited for room in a queue",
        ),
        rows(|queue| queue.waits),
    )
}

/// Gauges are signed.
fn gauge_of(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

#[cfg(test)]
#[path = "metrics/tests.rs"]
mod tests;
