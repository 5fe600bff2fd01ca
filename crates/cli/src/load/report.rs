//! What a load test found: a table for people, one JSON object for programs.

use std::fmt::Write;
use std::time::Duration;

use serde::{Serialize, Serializer};

use super::histogram::Percentiles;
use crate::ledger::{self, BySignal, Fate};
use crate::sink::SinkCounts;
use crate::term::Palette;
use crate::units;

/// The result of a run.
///
/// [`Report::json`] writes one object. Its keys are stable: keys may be added, none is renamed or
/// changes its unit without a new major version. Keys that could not be measured are `null`.
///
/// | key | meaning |
/// |---|---|
/// | `endpoint`, `protocol`, `compression` | where to and how |
/// | `sessions` | sessions that were begun |
/// | `policies` | a list of `name`, `kept`, `dropped`: what each policy of `--sampling` did with sessions, and with the `rest`; empty without |
/// | `elapsed_seconds` | from the first span until everything was delivered or given up |
/// | `spans`, `logs` | spans and log records that the load ended |
/// | `spans_per_second` | spans that were exported, per elapsed second |
/// | `requests`, `retries` | attempts to export, and those among them that were repetitions |
/// | `bytes` | bytes of those attempts before compression |
/// | `emit_latency_ns` | time that the caller spends per step: `p50`, `p90`, `p99`, `p999`, `max` |
/// | `export_latency_ns` | time per attempt, same keys |
/// | `ledger` | a list of `fate`, `loss`, `traces`, `logs`: where all that ended went |
/// | `lost` | `traces` and `logs`: the sum over fates with `loss` |
/// | `cpu_seconds`, `cpu_seconds_per_million_spans` | user and system time of this process; the latter for spans that were not lost |
/// | `peak_rss_bytes` | the most memory that this process had resident |
/// | `sink` | what the built-in receiver counted: `requests`, `refused`, `spans`, `logs`, `bytes`; `null` without one. It ran in a process of its own: CPU and memory are without it |
#[derive(Clone, Debug, PartialEq, Serialize)]
#[expect(missing_docs, reason = "the table above says it once")]
pub struct Report {
    pub endpoint: String,
    pub protocol: String,
    pub compression: String,
    pub sessions: u64,
    pub policies: Vec<PolicyCounts>,
    #[serde(rename = "elapsed_seconds", serialize_with = "as_seconds")]
    pub elapsed: Duration,
    pub spans: u64,
    pub logs: u64,
    pub spans_per_second: f64,
    pub requests: u64,
    pub retries: u64,
    pub bytes: u64,
    #[serde(rename = "emit_latency_ns")]
    pub emit_latency: Option<Percentiles>,
    #[serde(rename = "export_latency_ns")]
    pub export_latency: Option<Percentiles>,
    pub ledger: Vec<Fate>,
    pub lost: BySignal,
    #[serde(rename = "cpu_seconds", serialize_with = "as_maybe_seconds")]
    pub cpu: Option<Duration>,
    pub cpu_seconds_per_million_spans: Option<f64>,
    pub peak_rss_bytes: Option<u64>,
    pub sink: Option<SinkCounts>,
}

/// How many sessions a policy decided about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the table of the report says it")]
pub struct PolicyCounts {
    pub name: String,
    pub kept: u64,
    pub dropped: u64,
}

/// What a driver measures; [`Report::new`] works out the rest.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "named like the keys of the report")]
pub struct Measured {
    pub endpoint: String,
    pub protocol: String,
    pub compression: String,
    pub sessions: u64,
    pub policies: Vec<PolicyCounts>,
    pub elapsed: Duration,
    pub ended: BySignal,
    /// Spans that the receiver accepted.
    pub exported_spans: u64,
    pub requests: u64,
    pub retries: u64,
    pub bytes: u64,
    pub emit_latency: Option<Percentiles>,
    pub export_latency: Option<Percentiles>,
    pub ledger: Vec<Fate>,
    /// CPU time used during the run.
    pub cpu: Option<Duration>,
    pub peak_rss_bytes: Option<u64>,
    pub sink: Option<SinkCounts>,
}

impl Report {
    /// Works out rates and sums.
    #[must_use]
    pub fn new(measured: Measured) -> Self {
        let lost = ledger::lost(&measured.ledger);
        let exported = measured.exported_spans as f64;
        let seconds = measured.elapsed.as_secs_f64();
        // What was sampled out was work, too.
        let done = measured.ended.traces.saturating_sub(lost.traces);
        let per_million = |cpu: Duration| cpu.as_secs_f64() / (done as f64 / 1e6);
        Self {
            endpoint: measured.endpoint,
            protocol: measured.protocol,
            compression: measured.compression,
            sessions: measured.sessions,
            policies: measured.policies,
            elapsed: measured.elapsed,
            spans: measured.ended.traces,
            logs: measured.ended.logs,
            spans_per_second: if seconds > 0.0 {
                exported / seconds
            } else {
                0.0
            },
            requests: measured.requests,
            retries: measured.retries,
            bytes: measured.bytes,
            emit_latency: measured.emit_latency,
            export_latency: measured.export_latency,
            ledger: measured.ledger,
            lost,
            cpu: measured.cpu,
            cpu_seconds_per_million_spans: measured.cpu.filter(|_| done > 0).map(per_million),
            peak_rss_bytes: measured.peak_rss_bytes,
            sink: measured.sink,
        }
    }

    /// Whether nothing was lost.
    #[must_use]
    pub fn is_lossless(&self) -> bool {
        self.lost == BySignal::default()
    }

    /// One JSON object on one line.
    #[must_use]
    pub fn json(&self) -> String {
        serde_json::to_string(self).expect("numbers and strings have a JSON form")
    }

    /// A table for people, of lines up to 80 columns, the last one ended. Fates that nothing met
    /// are left out.
    #[must_use]
    pub fn table(&self, palette: Palette) -> String {
        let mut out = String::new();
        let seconds = self.elapsed.as_secs_f64();
        let bytes_per_second = if seconds > 0.0 {
            self.bytes as f64 / seconds
        } else {
            0.0
        };
        let to = format!(
            "{} ({}, compression {})",
            self.endpoint, self.protocol, self.compression
        );
        let sessions = units::grouped(self.sessions);
        row(&mut out, "to", &to);
        row(&mut out, "sessions", &sessions);
        let ended = format!(
            "{} spans, {} log records in {}",
            units::grouped(self.spans),
            units::grouped(self.logs),
            units::duration(self.elapsed)
        );
        row(&mut out, "emitted", &ended);
        let throughput = format!(
            "{} spans/s, {}/s",
            palette.heading(&units::count(self.spans_per_second)),
            units::bytes(bytes_per_second)
        );
        row(&mut out, "throughput", &throughput);
        let requests = format!(
            "{}, {} of them repeated",
            units::grouped(self.requests),
            units::grouped(self.retries)
        );
        row(&mut out, "requests", &requests);
        if let Some(cpu) = self.cpu {
            let mut text = units::duration(cpu);
            if let Some(each) = self.cpu_seconds_per_million_spans {
                write!(text, ", {each:.2} s per million spans").expect(INFALLIBLE);
            }
            row(&mut out, "CPU", &text);
        }
        if let Some(peak) = self.peak_rss_bytes {
            row(&mut out, "peak memory", &units::bytes(peak as f64));
        }
        if let Some(sink) = self.sink {
            let text = format!(
                "{} spans, {} log records; {} requests refused",
                units::grouped(sink.spans),
                units::grouped(sink.logs),
                units::grouped(sink.refused)
            );
            row(&mut out, "sink counted", &text);
        }
        self.write_policies(&mut out, palette);
        self.write_latencies(&mut out, palette);
        self.write_ledger(&mut out, palette);
        out
    }

    fn write_policies(&self, out: &mut String, palette: Palette) {
        if self.policies.is_empty() {
            return;
        }
        let heading = format!("{:<30}{:>16}{:>16}", "policy", "kept", "dropped");
        writeln!(out, "\n{}", palette.heading(&heading)).expect(INFALLIBLE);
        for policy in &self.policies {
            let [kept, dropped] = [policy.kept, policy.dropped].map(units::grouped);
            writeln!(out, "{:<30}{kept:>16}{dropped:>16}", policy.name).expect(INFALLIBLE);
        }
    }

    fn write_latencies(&self, out: &mut String, palette: Palette) {
        let names = ["p50", "p90", "p99", "p99.9", "max"].map(|name| format!("{name:>11}"));
        let heading = format!("{:<14}{}", "latency", names.concat());
        writeln!(out, "\n{}", palette.heading(&heading)).expect(INFALLIBLE);
        for (name, latency) in [("emit", self.emit_latency), ("export", self.export_latency)] {
            let Some(it) = latency else {
                writeln!(out, "{name:<14}{:>11}", "none").expect(INFALLIBLE);
                continue;
            };
            let values = [it.p50, it.p90, it.p99, it.p999, it.max];
            let cells = values.map(|value| format!("{:>11}", units::duration(value)));
            writeln!(out, "{name:<14}{}", cells.concat()).expect(INFALLIBLE);
        }
    }

    fn write_ledger(&self, out: &mut String, palette: Palette) {
        let heading = format!("{:<14}{:>16}{:>16}", "ledger", "spans", "log records");
        writeln!(out, "\n{}", palette.heading(&heading)).expect(INFALLIBLE);
        for fate in self
            .ledger
            .iter()
            .filter(|fate| fate.items != BySignal::default())
        {
            let line = format!(
                "{:<14}{:>16}{:>16}",
                fate.name,
                units::grouped(fate.items.traces),
                units::grouped(fate.items.logs)
            );
            let line = if fate.loss {
                palette.bad(&format!("{line}  lost"))
            } else {
                line
            };
            writeln!(out, "{line}").expect(INFALLIBLE);
        }
        let verdict = if self.is_lossless() {
            palette.good("nothing was lost")
        } else {
            let BySignal { traces, logs } = self.lost;
            let lost = format!(
                "lost: {} spans and {} log records",
                units::grouped(traces),
                units::grouped(logs)
            );
            palette.bad(&lost)
        };
        writeln!(out, "{verdict}").expect(INFALLIBLE);
    }
}

const INFALLIBLE: &str = "a string takes everything";

fn row(out: &mut String, name: &str, value: &str) {
    writeln!(out, "{name:<14}{value}").expect(INFALLIBLE);
}

fn as_seconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_secs_f64())
}

fn as_maybe_seconds<S: Serializer>(
    duration: &Option<Duration>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    duration.map(|it| it.as_secs_f64()).serialize(serializer)
}

#[cfg(test)]
mod tests;
