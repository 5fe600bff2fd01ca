//! What the options of `spanreel load` mean together, or why they cannot.

use std::net::SocketAddr;
use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use super::args::{Compression, LoadArgs, Protocol};
use super::workload::WorkloadConfig;
use crate::endpoint::Endpoint;
use crate::sink::SinkConfig;

/// What a load test is to do, free of contradictions.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "named like the options")]
pub struct LoadPlan {
    pub target: Target,
    pub protocol: Protocol,
    pub compression: Compression,
    pub workload: WorkloadConfig,
    /// The configuration whose policies decide what is exported.
    pub sampling: Option<PathBuf>,
    /// `None`: until the time is up.
    pub sessions: Option<NonZeroU64>,
    pub concurrency: NonZeroUsize,
    /// Spans per second; `None`: as many as possible.
    pub rate: Option<NonZeroU64>,
    pub duration: Option<Duration>,
    /// How long to wait at the end for a receiver that takes nothing.
    pub patience: Duration,
    pub json: bool,
    pub plot: Option<PathBuf>,
}

/// Where a load test sends to.
#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    /// A receiver that is there.
    Endpoint(Endpoint),
    /// The built-in one, to be started.
    Sink(SinkConfig),
}

/// Options that do not go together, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum Conflict {
    #[error("nowhere to send to: give --endpoint URL, or --sink for the built-in receiver")]
    NoTarget,
    #[error("both --endpoint and --sink say where to send to: leave one of them out")]
    TwoTargets,
    #[error("{0} changes how the built-in receiver behaves: add --sink, or leave it out")]
    WithoutSink(&'static str),
    #[error(
        "grpc:// and grpcs:// are for gRPC: write http:// or https:// before the address, or leave \
         --protocol out"
    )]
    GrpcOverHttp,
    #[error("--duration 0s leaves no time to send anything: give a longer one")]
    NoTime,
    #[error("--plot writes SVG: give it a file name that ends in .svg")]
    NotSvg,
    #[error("--against speaks OTLP/gRPC in the clear: write grpc://HOST:PORT, or serve")]
    NotPlainGrpc,
    #[error("--against serve starts the process that it measures: leave --pid out")]
    PidOfServe,
    #[error(
        "so many sessions of so many spans are too much to encode beforehand (4 GiB at the most): give \
         fewer --sessions, or fewer --spans-per-session"
    )]
    TooMuchToEncode,
}

impl LoadArgs {
    /// Works out what the options mean together.
    ///
    /// # Errors
    /// Options contradict each other or leave out what is needed.
    pub fn plan(self) -> Result<LoadPlan, Conflict> {
        if self.duration.is_some_and(|it| it.is_zero()) {
            return Err(Conflict::NoTime);
        }
        let svg = |path: &PathBuf| {
            path.extension()
                .is_some_and(|it| it.eq_ignore_ascii_case("svg"))
        };
        if self.plot.as_ref().is_some_and(|path| !svg(path)) {
            return Err(Conflict::NotSvg);
        }
        let target = self.target()?;
        let protocol = protocol(&target, self.protocol)?;
        let unlimited = self.sessions.is_none() && self.duration.is_some();
        let default_sessions = const { NonZeroU64::new(1_000).unwrap() };
        Ok(LoadPlan {
            target,
            protocol,
            compression: self.compression,
            workload: WorkloadConfig {
                seed: self.seed,
                spans_per_session: self.spans_per_session.get(),
                payload_bytes: self.payload_bytes,
                failing: self.failing,
            },
            sampling: self.sampling,
            sessions: (!unlimited).then(|| self.sessions.unwrap_or(default_sessions)),
            concurrency: self.concurrency,
            rate: self.rate,
            duration: self.duration,
            patience: self.patience,
            json: self.json,
            plot: self.plot,
        })
    }

    fn target(&self) -> Result<Target, Conflict> {
        match (&self.endpoint, self.sink_config()) {
            (Some(_), Some(_)) => Err(Conflict::TwoTargets),
            (None, Some(config)) => Ok(Target::Sink(config)),
            (endpoint, None) => {
                self.refuse_options_of_sink()?;
                let endpoint = endpoint.clone().ok_or(Conflict::NoTarget)?;
                Ok(Target::Endpoint(endpoint))
            }
        }
    }

    /// The built-in receiver, where one is asked for.
    pub(super) fn sink_config(&self) -> Option<SinkConfig> {
        self.sink.map(|addr| self.sink_at(Some(addr)))
    }

    /// The built-in receiver at this address, or at a free port.
    pub(super) fn sink_at(&self, addr: Option<SocketAddr>) -> SinkConfig {
        SinkConfig {
            addr: addr.unwrap_or(SinkConfig::default().addr),
            latency: self.sink_latency.unwrap_or_default(),
            fail_rate: self.sink_fail_rate.unwrap_or_default(),
            seed: self.seed,
        }
    }

    /// Refuses what says how the built-in receiver behaves, where there is none.
    pub(super) fn refuse_options_of_sink(&self) -> Result<(), Conflict> {
        if self.sink_latency.is_some() {
            return Err(Conflict::WithoutSink("--sink-latency"));
        }
        if self.sink_fail_rate.is_some() {
            return Err(Conflict::WithoutSink("--sink-fail-rate"));
        }
        Ok(())
    }
}

fn protocol(target: &Target, chosen: Option<Protocol>) -> Result<Protocol, Conflict> {
    let Target::Endpoint(endpoint) = target else {
        return Ok(chosen.unwrap_or(Protocol::Grpc));
    };
    match (endpoint.scheme().is_grpc(), chosen) {
        (true, None | Some(Protocol::Grpc)) => Ok(Protocol::Grpc),
        (true, Some(_)) => Err(Conflict::GrpcOverHttp),
        (false, chosen) => Ok(chosen.unwrap_or(Protocol::Http)),
    }
}

#[cfg(test)]
mod tests;
