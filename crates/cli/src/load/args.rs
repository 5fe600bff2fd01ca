//! The options of `spanreel load`, each by itself. What they mean together is a
//! [`LoadPlan`](super::plan::LoadPlan).

use std::net::SocketAddr;
use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::against::args::AgainstArgs;
use crate::endpoint::Endpoint;
use crate::units;

/// Send generated agent sessions to an OTLP receiver and measure what it costs
///
/// Plays sessions of agents that call models and tools, sends their spans and log records through
/// the whole pipeline, and reports throughput, latencies, CPU, memory, and what became of every
/// span. Exits with 3 when any was lost. Ctrl-C ends the run early; the report comes all the same.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct LoadArgs {
    /// Where to send: grpc://HOST:PORT, http://HOST:PORT; with TLS grpcs:// or https://
    #[arg(long, value_name = "URL", help_heading = "Target")]
    pub endpoint: Option<Endpoint>,

    /// Start a receiver that counts and forgets, and send there [default ADDR: a free port]
    #[arg(
        long,
        value_name = "ADDR",
        num_args = 0..=1,
        default_missing_value = "127.0.0.1:0",
        help_heading = "Target"
    )]
    pub sink: Option<SocketAddr>,

    /// Let the sink wait this long before each answer, such as 50ms
    #[arg(long, value_name = "TIME", value_parser = units::time, help_heading = "Target")]
    pub sink_latency: Option<Duration>,

    /// Let the sink refuse this part of the requests, from 0 to 1
    #[arg(long, value_name = "RATE", value_parser = rate, help_heading = "Target")]
    pub sink_fail_rate: Option<f64>,

    /// How to speak OTLP [default: grpc for grpc:// and --sink, otherwise http]
    #[arg(long, value_enum, help_heading = "Target")]
    pub protocol: Option<Protocol>,

    /// How to compress requests
    #[arg(long, value_enum, default_value_t, help_heading = "Target")]
    pub compression: Compression,

    /// How many sessions to play [default: 1000, or no limit with --duration]
    #[arg(long, value_name = "N", help_heading = "Load")]
    pub sessions: Option<NonZeroU64>,

    /// How many sessions to play at once
    #[arg(long, value_name = "N", default_value = "16", help_heading = "Load")]
    pub concurrency: NonZeroUsize,

    /// How many spans a session has, its root included
    #[arg(long, value_name = "N", default_value = "100", help_heading = "Load")]
    pub spans_per_session: NonZeroU64,

    /// How many spans to emit per second, all sessions together [default: as many as possible]
    #[arg(long, value_name = "SPANS", help_heading = "Load")]
    pub rate: Option<NonZeroU64>,

    /// Stop after this time, such as 30s, even when sessions are left
    #[arg(long, value_name = "TIME", value_parser = units::time, help_heading = "Load")]
    pub duration: Option<Duration>,

    /// How long a receiver may take nothing at the end before it is given up, such as 2m
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = units::time,
        help_heading = "Load")]
    pub patience: Duration,

    /// How many bytes of text each model and tool call carries on top
    #[arg(long, value_name = "BYTES", default_value = "0", value_parser = payload,
        help_heading = "Load")]
    pub payload_bytes: usize,

    /// Let this part of the sessions fail in the end, from 0 to 1
    #[arg(long, value_name = "RATE", default_value = "0", value_parser = rate, help_heading = "Load")]
    pub failing: f64,

    /// Export what the sampling table of this configuration of 'spanreel serve' keeps [default: all
    /// sessions]
    #[arg(long, value_name = "FILE", help_heading = "Load")]
    pub sampling: Option<PathBuf>,

    /// Another seed gives other sessions; the same gives the same ones
    #[arg(long, value_name = "N", default_value = "0", help_heading = "Load")]
    pub seed: u64,

    /// Print the report as one JSON object
    #[arg(long, help_heading = "Report")]
    pub json: bool,

    /// Draw throughput and latency over time into this file
    #[arg(long, value_name = "FILE.svg", help_heading = "Report")]
    pub plot: Option<PathBuf>,

    /// What is measured instead of the pipeline.
    #[command(flatten)]
    pub collector: AgainstArgs,
}

const EXAMPLES: &str = "\
Examples:
  spanreel load --sink
      Measures the pipeline alone: everything goes to a built-in receiver.
  spanreel load --endpoint grpc://127.0.0.1:4317 --rate 50000 --duration 30s --plot run.svg
      Sends 50,000 spans per second to a collector for half a minute and draws what happened.
  spanreel load --sink --sink-latency 50ms --sink-fail-rate 0.2 --json
      Measures how it copes with a slow receiver that refuses every fifth request.
  spanreel load --sink --sessions 10000 --failing 0.01 --sampling spanreel.toml
      Shows what the policies of a configuration keep of 10,000 sessions, 1 % of which fail.
  spanreel load --against serve --duration 20s
      Measures 'spanreel serve', which forwards to a built-in receiver.
  spanreel load --against grpc://127.0.0.1:4317 --sink 127.0.0.1:4327 --pid 4711
      Measures a collector with the process id 4711 that forwards to port 4327.";

/// How to speak OTLP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Protocol {
    /// OTLP/gRPC
    Grpc,
    /// OTLP/HTTP, protobuf
    Http,
    /// OTLP/HTTP, JSON
    HttpJson,
}

/// How to compress requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Compression {
    /// Not at all
    #[default]
    None,
    /// Taken by every OTLP receiver
    Gzip,
    /// Faster than gzip, where the receiver takes it
    Zstd,
}

/// Reads a part of the whole.
fn rate(text: &str) -> Result<f64, &'static str> {
    const ADVICE: &str = "write a number from 0 (none) to 1 (all)";
    let rate: f64 = text.parse().map_err(|_| ADVICE)?;
    if !(0.0..=1.0).contains(&rate) {
        return Err(ADVICE);
    }
    Ok(rate)
}

/// Reads the length of a payload, which must leave a request below what receivers take.
fn payload(text: &str) -> Result<usize, &'static str> {
    const MAX: usize = 16 * 1024 * 1024;
    const ADVICE: &str = "write a number of bytes from 0 to 16777216 (16 MiB)";
    text.parse()
        .ok()
        .filter(|bytes| *bytes <= MAX)
        .ok_or(ADVICE)
}
