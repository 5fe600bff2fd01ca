//! What was measured of a collector: a table for people, one JSON object for programs.

use std::fmt::Write as _;
use std::time::Duration;

use serde::Serialize;

use super::args::AgainstPlan;
use super::drive::Driven;
use super::encode::Requests;
use crate::load::histogram::Percentiles;
use crate::load::run::name_of;
use crate::sink::SinkCounts;
use crate::term::Palette;
use crate::units;

/// The result of a run against a collector.
///
/// [`Report::json`] writes one object. Its keys are stable: keys may be added, none is renamed or
/// changes its unit without a new major version. Keys that could not be measured are `null`.
///
/// | key | meaning |
/// |---|---|
/// | `against` | what was measured |
/// | `compression` | of the requests |
/// | `connections`, `in_flight`, `batch`, `sessions` | as the options of those names |
/// | `span_bytes` | bytes per span before compression |
/// | `elapsed_seconds` | from the first request until the last answer |
/// | `spans` | spans that the collector took |
/// | `spans_per_second` | of those |
/// | `requests`, `refused`, `partial`, `lost` | requests that were sent; of those: refused, taken in part, without an answer |
/// | `rejected` | spans that partly taken requests left |
/// | `latency_ns` | from sending a request until its answer: `p50`, `p90`, `p99`, `p999`, `max` |
/// | `cpu_seconds`, `cpu_seconds_per_million_spans` | user and system time of the collector, until it was at rest |
/// | `peak_rss_bytes` | the most memory that the collector had resident since its start |
/// | `sink` | what the receiver behind the collector counted, with the keys of `load`; `null` without one |
#[derive(Clone, Debug, PartialEq, Serialize)]
#[expect(missing_docs, reason = "the table above says it once")]
pub struct Report {
    pub against: String,
    pub compression: String,
    pub connections: usize,
    pub in_flight: usize,
    pub batch: usize,
    pub sessions: u64,
    pub span_bytes: u64,
    pub elapsed_seconds: f64,
    pub spans: u64,
    pub spans_per_second: f64,
    pub requests: u64,
    pub refused: u64,
    pub partial: u64,
    pub lost: u64,
    pub rejected: u64,
    pub latency_ns: Option<Percentiles>,
    pub cpu_seconds: Option<f64>,
    pub cpu_seconds_per_million_spans: Option<f64>,
    pub peak_rss_bytes: Option<u64>,
    pub sink: Option<SinkCounts>,
}

/// What a run measures; [`Report::new`] works out the rest.
pub(super) struct Measured<'a> {
    pub(super) endpoint: String,
    pub(super) plan: &'a AgainstPlan,
    pub(super) requests: &'a Requests,
    pub(super) driven: Driven,
    pub(super) cpu: Option<Duration>,
    pub(super) peak_rss_bytes: Option<u64>,
    pub(super) sink: Option<SinkCounts>,
}

impl Report {
    pub(super) fn new(measured: Measured<'_>) -> Self {
        let Measured {
            plan, driven, cpu, ..
        } = measured;
        let seconds = driven.elapsed.as_secs_f64();
        let spans = driven.accepted as f64;
        let cpu_seconds = cpu.map(|it| it.as_secs_f64());
        Self {
            against: measured.endpoint,
            compression: name_of(plan.compression),
            connections: plan.connections.get(),
            in_flight: plan.in_flight.get(),
            batch: plan.batch.get(),
            sessions: plan.sessions.get(),
            span_bytes: measured.requests.span_bytes,
            elapsed_seconds: seconds,
            spans: driven.accepted,
            spans_per_second: spans / seconds.max(1e-9),
            requests: driven.requests,
            refused: driven.refused,
            partial: driven.partial,
            lost: driven.lost,
            rejected: driven.rejected,
            latency_ns: driven.latency.percentiles(),
            cpu_seconds,
            cpu_seconds_per_million_spans: cpu_seconds
                .filter(|_| driven.accepted > 0)
                .map(|cpu| cpu / (spans / 1e6)),
            peak_rss_bytes: measured.peak_rss_bytes,
            sink: measured.sink,
        }
    }

    /// Whether every request was taken, whole.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.refused + self.partial + self.lost == 0
    }

    /// One JSON object on one line.
    #[must_use]
    pub fn json(&self) -> String {
        serde_json::to_string(self).expect("numbers and strings have a JSON form")
    }

    /// A table for people, the last line ended.
    #[must_use]
    pub fn table(&self, palette: Palette) -> String {
        let mut out = String::new();
        let mut row = |name: &str, value: String| {
            writeln!(out, "{name:<14}{value}").expect("a string takes everything");
        };
        let against = format!("{} (compression {})", self.against, self.compression);
        row("against", against);
        let shape = format!(
            "{} connections, {} requests in flight on each, {} spans of {} bytes in each",
            self.connections, self.in_flight, self.batch, self.span_bytes
        );
        row("load", shape);
        row("sessions", units::grouped(self.sessions));
        let elapsed = Duration::try_from_secs_f64(self.elapsed_seconds).unwrap_or_default();
        let spans = units::grouped(self.spans);
        row(
            "took",
            format!("{spans} spans in {}", units::duration(elapsed)),
        );
        let rate = palette.heading(&units::count(self.spans_per_second));
        row("throughput", format!("{rate} spans/s"));
        if let Some(it) = self.latency_ns {
            let [p50, p99, max] = [it.p50, it.p99, it.max].map(units::duration);
            row("latency", format!("p50 {p50}, p99 {p99}, at most {max}"));
        }
        if let Some(cpu) = self.cpu_seconds {
            let mut text = format!("{cpu:.2} s");
            if let Some(each) = self.cpu_seconds_per_million_spans {
                write!(text, ", {each:.2} s per million spans").expect("a string takes everything");
            }
            row("CPU", text);
        }
        if let Some(peak) = self.peak_rss_bytes {
            row("peak memory", units::bytes(peak as f64));
        }
        if let Some(sink) = self.sink {
            let spans = units::grouped(sink.spans);
            let requests = units::grouped(sink.requests);
            row(
                "sink counted",
                format!("{spans} spans in {requests} requests"),
            );
        }
        let requests = units::grouped(self.requests);
        let verdict = if self.is_whole() {
            palette.good(&format!("all {requests} requests were taken"))
        } else {
            let bad = format!(
                "of {requests} requests {} were refused, {} taken in part ({} spans left), {} lost",
                units::grouped(self.refused),
                units::grouped(self.partial),
                units::grouped(self.rejected),
                units::grouped(self.lost)
            );
            palette.bad(&bad)
        };
        writeln!(out, "{verdict}").expect("a string takes everything");
        out
    }
}
