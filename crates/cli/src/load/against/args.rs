//! The options of `spanreel load --against`, and what they mean together.

use std::num::{NonZeroU64, NonZeroUsize};
use std::str::FromStr;
use std::time::Duration;

use clap::Args;

use crate::endpoint::{Endpoint, InvalidEndpoint, Scheme};
use crate::load::args::{Compression, LoadArgs};
use crate::load::plan::Conflict;
use crate::load::workload::WorkloadConfig;
use crate::sink::SinkConfig;

/// How long it goes on where nothing says so.
const DURATION: Duration = Duration::from_secs(10);

/// The most bytes of spans that are encoded beforehand.
const MOST_ENCODED: u64 = 4 << 30;

/// The most bytes of one span, about, without payload.
const SPAN_BYTES: u64 = 700;

/// What is measured.
#[derive(Clone, Debug, PartialEq)]
pub enum Against {
    /// `spanreel serve` of this executable, started for it, with a receiver behind it.
    Serve,
    /// A collector that runs.
    Collector(Endpoint),
}

impl FromStr for Against {
    type Err = InvalidEndpoint;

    fn from_str(text: &str) -> Result<Self, InvalidEndpoint> {
        match text {
            "serve" => Ok(Self::Serve),
            url => url.parse().map(Self::Collector),
        }
    }
}

/// The options that only `--against` has.
#[derive(Clone, Debug, Args)]
pub struct AgainstArgs {
    /// Measure a collector with requests that were encoded beforehand, flat out: grpc://HOST:PORT, or
    /// 'serve' for one of ours that forwards to the sink
    ///
    /// Each connection sends its next request as soon as an answer has come; what a pipeline of ours
    /// would cost is not in it. With --sink ADDR a receiver that counts and forgets listens at ADDR, for
    /// the collector to forward to, and the report compares. The spans of --concurrency sessions take
    /// turns, --spans-per-session of each; after --sessions all begin anew.
    #[arg(
        long,
        value_name = "URL",
        conflicts_with_all = ["endpoint", "protocol", "rate", "plot", "sampling", "failing"],
        help_heading = "Collector"
    )]
    pub against: Option<Against>,

    /// How many connections to open
    #[arg(
        long,
        value_name = "N",
        default_value = "2",
        requires = "against",
        help_heading = "Collector"
    )]
    pub connections: NonZeroUsize,

    /// How many requests each connection has under way
    #[arg(
        long,
        value_name = "N",
        default_value = "4",
        requires = "against",
        help_heading = "Collector"
    )]
    pub in_flight: NonZeroUsize,

    /// How many spans a request has
    #[arg(
        long,
        value_name = "SPANS",
        default_value = "512",
        requires = "against",
        help_heading = "Collector"
    )]
    pub batch: NonZeroUsize,

    /// Stop after so many requests [default: after --duration, which is then 10s]
    #[arg(
        long,
        value_name = "N",
        requires = "against",
        help_heading = "Collector"
    )]
    pub requests: Option<NonZeroU64>,

    /// Report CPU time and peak memory of this process: the collector, on this machine
    #[arg(
        long,
        value_name = "PID",
        requires = "against",
        help_heading = "Collector"
    )]
    pub pid: Option<u32>,
}

/// What is to be measured and how, free of contradictions.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "named like the options")]
pub struct AgainstPlan {
    pub against: Against,
    /// The receiver behind the collector.
    pub sink: Option<SinkConfig>,
    pub connections: NonZeroUsize,
    pub in_flight: NonZeroUsize,
    pub batch: NonZeroUsize,
    pub requests: Option<NonZeroU64>,
    pub duration: Option<Duration>,
    pub pid: Option<u32>,
    pub compression: Compression,
    pub workload: WorkloadConfig,
    pub sessions: NonZeroU64,
    pub spans_per_session: NonZeroU64,
    pub concurrency: NonZeroUsize,
    pub patience: Duration,
    pub json: bool,
}

impl LoadArgs {
    /// What `--against` and the options beside it mean together; `None` without it.
    ///
    /// # Errors
    /// Options contradict each other.
    pub fn plan_against(&self) -> Option<Result<AgainstPlan, Conflict>> {
        let against = self.collector.against.as_ref()?;
        Some(self.plan_of(against))
    }

    fn plan_of(&self, against: &Against) -> Result<AgainstPlan, Conflict> {
        let options = &self.collector;
        if self.duration.is_some_and(|it| it.is_zero()) {
            return Err(Conflict::NoTime);
        }
        match against {
            Against::Serve if options.pid.is_some() => return Err(Conflict::PidOfServe),
            Against::Collector(it) if it.scheme() != Scheme::Grpc => {
                return Err(Conflict::NotPlainGrpc);
            }
            _ => {}
        }
        let sessions = self
            .sessions
            .unwrap_or(NonZeroU64::new(1_000).expect("some"));
        let per_span = SPAN_BYTES + self.payload_bytes as u64;
        let whole_round = sessions.get().saturating_mul(self.spans_per_session.get());
        let encoded = whole_round
            .max(options.batch.get() as u64)
            .saturating_mul(per_span);
        if encoded > MOST_ENCODED {
            return Err(Conflict::TooMuchToEncode);
        }
        let is_serve = *against == Against::Serve;
        let sink = self
            .sink_config()
            .or_else(|| is_serve.then(|| self.sink_at(None)));
        if sink.is_none() {
            self.refuse_options_of_sink()?;
        }
        Ok(AgainstPlan {
            against: against.clone(),
            sink,
            connections: options.connections,
            in_flight: options.in_flight,
            batch: options.batch,
            requests: options.requests,
            duration: match (self.duration, options.requests) {
                (None, None) => Some(DURATION),
                (duration, _) => duration,
            },
            pid: options.pid,
            compression: self.compression,
            workload: WorkloadConfig {
                seed: self.seed,
                // One agent without end: what a span costs must not depend on whose it is.
                spans_per_session: u64::MAX,
                payload_bytes: self.payload_bytes,
                failing: 0.0,
            },
            sessions,
            spans_per_session: self.spans_per_session,
            concurrency: self.concurrency,
            patience: self.patience,
            json: self.json,
        })
    }
}

#[cfg(test)]
pub(super) mod tests;
