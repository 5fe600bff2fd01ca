//! A snapshot of a pipeline for users and for self-metrics.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::Inner;
use crate::actors::exporter::delivery::Latency;
use crate::actors::exporter::standing::{LaneError, LaneState};
use crate::actors::session::delegation::counts::DelegationStats;
use crate::actors::spool::handle::{Gauge, OnDisk};
use crate::model::byte_size::ByteSize;
use crate::model::counts::Counts;
use crate::model::redaction::RedactionStats;
use crate::model::request::Signal;
use crate::model::sampling::plan::Counter;

/// What a pipeline did and holds, at one moment. Counts are exact when nothing is being recorded;
/// while something is, those of different stages may be a moment apart.
///
/// The meanings are those of OpenTelemetry's SDK metrics: `otel.sdk.span.started` is
/// `traces.started`, `otel.sdk.span.live` is `traces.open`, `otel.sdk.processor.span.queue.size` and
/// `.capacity` are those of `queues`, `otel.sdk.processor.span.processed` is the sum of
/// `traces.fates` by fate, `otel.sdk.exporter.span.inflight` and `.exported` are those of `lanes`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PipelineStats {
    /// Spans.
    pub traces: SignalStats,
    /// Log records.
    pub logs: SignalStats,
    /// Data points of metrics, all of them received.
    pub metrics: SignalStats,
    /// The exporters' lanes.
    pub lanes: Vec<LaneStats>,
    /// The mailboxes between the stages, upstream first.
    pub queues: Vec<QueueStats>,
    /// What the policies kept and dropped, and what waits for a decision.
    pub sampling: SamplingStats,
    /// What was taken out of texts; nothing where there is no [`Redaction`](crate::Redaction).
    pub redaction: RedactionStats,
    /// Open sessions.
    pub sessions: u64,
    /// Work that was handed to other agents.
    pub delegations: DelegationStats,
    /// How often something invalid was ignored where context was extracted: a bad `traceparent`, a
    /// member of baggage that is none.
    pub ignored_contexts: u64,
    /// Bytes of telemetry held now.
    pub memory: ByteSize,
    /// The most that may be held.
    pub budget: ByteSize,
    /// Bytes that the spool has on disk; none where there is no spool.
    pub spool: ByteSize,
    /// The most that the spool may have on disk; none where there is no spool.
    pub spool_budget: ByteSize,
    /// What is to be written to the spool waits: it is full
    /// ([`SpoolFull::Block`](crate::SpoolFull::Block)), or its disk is full or fails.
    pub spool_stuck: bool,
}

/// What sampling did and holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SamplingStats {
    /// The policies in their order, those within others behind the one that they are in; at the end what
    /// became of the sessions that no policy was for (`rest`). A pipeline that keeps every session asks
    /// nothing and counts nothing here.
    pub policies: Vec<PolicyStats>,
    /// Sessions that are held undecided.
    pub undecided: u64,
    /// Their spans and log records.
    pub held_items: u64,
    /// The bytes of those.
    pub held_bytes: ByteSize,
    /// Sessions that were decided before their end because a bound of [`Holding`](crate::Holding) was
    /// reached.
    pub early: u64,
    /// Sessions that were decided before their end because they were held for
    /// [`Holding::max_wait`](crate::Holding::max_wait).
    pub timed_out: u64,
}

/// What a policy decided.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PolicyStats {
    /// Its name; within another, behind the name of that and a slash.
    pub name: String,
    /// Sessions that it kept.
    pub kept: u64,
    /// Sessions that it dropped.
    pub dropped: u64,
    /// Spans and log records of sessions that it kept after they had been held. Those of sessions that
    /// were decided when they were opened are not among them.
    pub kept_items: u64,
    /// The same of sessions that it dropped.
    pub dropped_items: u64,
}

/// The book of one signal: `started = open + ended`, `ended + received + recovered = held + entered`,
/// `entered = settled + in flight`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SignalStats {
    /// Items that were started. Log records start and end at once.
    pub started: u64,
    /// Spans that have started and not ended; the root spans of open sessions are among them.
    pub open: u64,
    /// Items of sessions that have ended.
    pub ended: u64,
    /// Items that were received from elsewhere ([`Intake`](crate::Intake)), those among them that
    /// were refused.
    pub received: u64,
    /// Items of sessions that an earlier process had not decided, found on disk at the start. What it had
    /// delivered or decided is told by the lanes.
    pub recovered: u64,
    /// Ended items that wait for company, in their session or with those of others, and are in no book yet.
    pub held: u64,
    /// What became of the others.
    pub fates: Counts,
}

/// What the lane of an exporter did.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LaneStats {
    /// The name of the exporter.
    pub name: String,
    /// What it takes; it is handed everything of these signals.
    pub signals: Vec<Signal>,
    /// Whether it stands before the sampler
    /// ([`Builder::export_before_sampling`](crate::Builder::export_before_sampling)): it is then handed what
    /// is sampled out, too, and its counts begin where the road forks.
    pub before_sampling: bool,
    /// What became of the spans that it was handed.
    pub traces: Counts,
    /// What became of the log records that it was handed.
    pub logs: Counts,
    /// What became of the data points that it was handed.
    pub metrics: Counts,
    /// How many of all these wait on disk.
    pub on_disk: u64,
    /// Bytes on disk behind what is settled, what is for other lanes in between among them. At most a second
    /// old.
    pub on_disk_bytes: u64,
    /// How many of all these an earlier process had left on disk, or were brought back from the quarantine
    /// ([`Pipeline::deliver_again`](crate::Pipeline::deliver_again)).
    pub recovered: u64,
    /// How it stands with its destination.
    pub state: LaneState,
    /// How long ago the oldest of what is not settled was written to disk or taken up by the lane; `None`
    /// where nothing waits. At most a second old.
    pub lag: Option<Duration>,
    /// What went wrong last, if anything did.
    pub last_error: Option<LaneError>,
    /// Attempts that were made.
    pub requests: u64,
    /// Attempts that followed a failed one.
    pub retries: u64,
    /// Bytes that were accepted, uncompressed.
    pub bytes: u64,
    /// Attempts under way.
    pub under_way: u64,
    /// Batches that wait for the lane.
    pub queue: QueueStats,
    /// How many successful attempts took at most how long.
    pub latency: LatencyHistogram,
}

/// How long successful attempts took, in buckets that double.
#[derive(Clone, Debug)]
pub struct LatencyHistogram([u64; Latency::BUCKETS]);

impl LatencyHistogram {
    /// Each bucket's upper bound and how many attempts fell into it.
    pub fn buckets(&self) -> impl Iterator<Item = (Duration, u64)> + '_ {
        self.0
            .iter()
            .enumerate()
            .map(|(bucket, count)| (Duration::from_micros(64 << bucket), *count))
    }

    /// The bound that the share `quantile` (0 to 1) of the attempts stayed within; `None` where there
    /// were none.
    #[must_use]
    pub fn quantile(&self, quantile: f64) -> Option<Duration> {
        let total: u64 = self.0.iter().sum();
        let wanted = (total as f64 * quantile.clamp(0.0, 1.0)).ceil() as u64;
        let mut seen = 0;
        self.buckets().find_map(|(bound, count)| {
            seen += count;
            (seen >= wanted.max(1)).then_some(bound)
        })
    }
}

/// A mailbox.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct QueueStats {
    /// The actor that takes from it.
    pub name: String,
    /// Messages in it.
    pub size: usize,
    /// How many it takes.
    pub capacity: usize,
    /// How often a sender waited for room.
    pub waits: u64,
}

impl Inner {
    pub(super) fn stats(&self) -> PipelineStats {
        let shared = &self.shared;
        let cells = shared.registry.all();
        let signal = |signal: Signal| {
            let of_sessions: u64 = cells.iter().map(|cell| cell.unbooked(signal)).sum();
            let held = of_sessions + shared.bundles.unbooked(signal);
            let open = match signal {
                Signal::Traces => {
                    let of_sessions: u64 = cells.iter().map(|cell| cell.open_spans()).sum();
                    of_sessions + shared.delegations.open_spans()
                }
                Signal::Logs | Signal::Metrics => 0,
            };
            let fates = shared.books.of(signal).counts();
            let received = fates.received();
            let recovered = fates.recovered();
            let ended = fates.entered().saturating_sub(received + recovered) + held;
            SignalStats {
                started: ended + open,
                open,
                ended,
                received,
                recovered,
                held,
                fates,
            }
        };
        PipelineStats {
            traces: signal(Signal::Traces),
            logs: signal(Signal::Logs),
            metrics: signal(Signal::Metrics),
            lanes: self
                .lanes
                .iter()
                .enumerate()
                .map(|(number, lane)| lane.stats(self.on_disk_of(number)))
                .collect(),
            queues: self.queues.iter().map(|queue| queue.stats()).collect(),
            sampling: self.sampling(),
            redaction: shared
                .redactor
                .as_ref()
                .map_or_else(RedactionStats::default, |it| it.stats()),
            sessions: shared.registry.len() as u64,
            delegations: shared.delegations.stats(),
            ignored_contexts: shared.propagators.ignored(),
            memory: ByteSize::bytes(shared.pool.in_use() as u64),
            budget: ByteSize::bytes(shared.pool.budget() as u64),
            spool: ByteSize::bytes(self.spool.as_ref().map_or(0, Gauge::bytes)),
            spool_budget: ByteSize::bytes(self.spool.as_ref().map_or(0, Gauge::most)),
            spool_stuck: self.spool.as_ref().is_some_and(Gauge::is_stuck),
        }
    }
}

impl Inner {
    /// What a lane has on disk; nothing where it has no spool.
    fn on_disk_of(&self, number: usize) -> OnDisk {
        let gauge = self.spool.as_ref();
        gauge.map_or_else(OnDisk::default, |it| it.on_disk_of(number))
    }

    fn sampling(&self) -> SamplingStats {
        let plan = self.shared.plans.current();
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let policy = |counter: &Arc<Counter>| PolicyStats {
            name: counter.name.clone(),
            kept: read(&counter.kept),
            dropped: read(&counter.dropped),
            kept_items: read(&counter.kept_items),
            dropped_items: read(&counter.dropped_items),
        };
        let held = self.sampler.counts();
        SamplingStats {
            policies: plan.counters.iter().map(policy).collect(),
            undecided: held.sessions,
            held_items: held.items,
            held_bytes: ByteSize::bytes(held.bytes),
            early: held.too_much,
            timed_out: held.too_long,
        }
    }
}

impl super::LaneHandle {
    fn counts(&self, signal: Signal) -> Counts {
        let counts = self.books.of(signal).counts();
        match &self.trunk {
            // What was handed over is read before what it became part of.
            Some(trunk) if self.signals.contains(&signal) => {
                trunk.of(signal).counts().with_lane(&counts)
            }
            _ => counts,
        }
    }

    fn stats(&self, on_disk: OnDisk) -> LaneStats {
        let counters = &self.counters;
        let counts = Signal::ALL.map(|signal| self.counts(signal));
        let is_idle = counts
            .iter()
            .all(|counts| counts.in_flight() + counts.on_disk() == 0);
        let [traces, logs, metrics] = counts;
        LaneStats {
            name: self.name.clone(),
            signals: self.signals.clone(),
            before_sampling: self.trunk.is_some(),
            traces,
            logs,
            metrics,
            on_disk: counts.iter().map(Counts::on_disk).sum(),
            on_disk_bytes: if is_idle { 0 } else { on_disk.bytes },
            recovered: counts.iter().map(Counts::recovered).sum(),
            state: match is_idle {
                true => LaneState::Delivering,
                false => counters.standing.state(),
            },
            lag: match is_idle {
                true => None,
                false => on_disk.age().max(counters.standing.oldest()),
            },
            last_error: counters.standing.last_error(),
            requests: counters.requests.load(Ordering::Relaxed),
            retries: counters.retries.load(Ordering::Relaxed),
            bytes: counters.bytes.load(Ordering::Relaxed),
            under_way: counters.under_way.load(Ordering::Relaxed),
            queue: queue_stats(&self.name, &self.gauge),
            latency: LatencyHistogram(counters.latency.counts()),
        }
    }
}

impl super::QueueHandle {
    fn stats(&self) -> QueueStats {
        queue_stats(&self.name, &self.gauge)
    }
}

fn queue_stats(name: &str, gauge: &crate::actors::mailbox::Gauge) -> QueueStats {
    QueueStats {
        name: name.to_owned(),
        size: gauge.depth(),
        capacity: gauge.capacity(),
        waits: gauge.waits(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A quantile is the bound of the bucket that it falls into; without attempts there is none.
    #[test]
    fn a_quantile_is_the_bound_of_its_bucket() {
        let mut counts = [0; Latency::BUCKETS];
        assert_eq!(LatencyHistogram(counts).quantile(0.5), None);
        counts[0] = 1;
        counts[4] = 98;
        counts[10] = 1;
        let histogram = LatencyHistogram(counts);
        let micros = |quantile| histogram.quantile(quantile).map(|it| it.as_micros());
        assert_eq!(micros(0.0), Some(64));
        assert_eq!(micros(0.5), Some(64 << 4));
        assert_eq!(micros(0.99), Some(64 << 4));
        assert_eq!(micros(1.0), Some(64 << 10));
        assert_eq!(micros(7.0), Some(64 << 10));
    }
}
