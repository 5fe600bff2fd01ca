//! The metrics of the pipeline: its books, its lanes, its queues.

use std::fmt::Result;

use prometheus_client::registry::Unit;
use spanreel::{Counts, Fate, LaneStats, PipelineStats, QueueStats};

use super::Snapshot;
use super::writer::{Writer, gauge_of};

/// The names of OpenTelemetry's SDK metrics.
pub(super) fn standard(writer: &mut Writer<'_>, stats: &PipelineStats) -> Result {
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
pub(super) fn books(writer: &mut Writer<'_>, stats: &PipelineStats) -> Result {
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

pub(super) fn lanes(writer: &mut Writer<'_>, snapshot: &Snapshot) -> Result {
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
    let on_disk = books
        .iter()
        .map(|(lane, signal, book)| (labels(*lane, *signal), gauge_of(book.on_disk())));
    writer.gauges(
        (
            "spanreel_lane_items_on_disk",
            "Items on disk that an export has not done with",
        ),
        None,
        on_disk,
    )?;
    let recovered = books
        .iter()
        .map(|(lane, signal, book)| (labels(*lane, *signal), book.recovered()));
    writer.counters(
        (
            "spanreel_lane_items_recovered",
            "Items that an earlier process had left on disk; those entered contain them",
        ),
        recovered,
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

pub(super) fn queues(writer: &mut Writer<'_>, stats: &PipelineStats) -> Result {
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
