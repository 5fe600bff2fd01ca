//! The receiver and the pipeline of one run.
//!
//! Holds: the pipeline with its budget, and the receiver with its own, both as `serve` has them by default.
//! Waits: in the end, for what is still coming and for what is forwarded. Loses: what the report tells.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use spanreel::{
    BaggagePolicy, BatchConfig, ByteSize, Limits, Pipeline, Propagator, Propagators, Redaction,
    Resource, Sampling, SessionConfig, ShutdownReport, Signal, WhenFull,
};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::gather::Gather;
use super::seen::Seen;
use crate::config::export::ExportConfig;
use crate::drain::drain;
use crate::receive::{self, Ack, IntoPipeline, Stats, StatsReader};

/// Longer than any command.
const NEVER: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// How soon what was received is forwarded.
const BATCH_TIME: Duration = Duration::from_millis(500);

/// How long nobody must be connected until it is believed that nothing more comes: longer than it takes
/// to accept a connection that was made in a command's last moment.
const QUIET: Duration = Duration::from_millis(150);

/// How often that is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// How long requests that have begun may take after that.
const GRACE: Duration = Duration::from_secs(1);

/// A receiver on this machine that feeds a pipeline.
#[derive(Debug)]
pub(crate) struct Station {
    pub(crate) pipeline: Pipeline,
    pub(crate) gather: Gather,
    pub(crate) seen: Seen,
    addr: SocketAddr,
    stats: StatsReader,
    stop: CancellationToken,
    receiving: JoinHandle<Stats>,
}

impl Station {
    /// Starts them, within a runtime. The pipeline depends on nothing in the environment; `service` is
    /// whose the root of the session is, `redaction` what is taken out of everything.
    ///
    /// # Errors
    /// A port or a thread cannot be had, or an export cannot be right.
    pub(crate) fn start(
        exports: &[ExportConfig],
        service: &str,
        redaction: Option<&Redaction>,
    ) -> anyhow::Result<Self> {
        let (gather, seen) = (Gather::default(), Seen::default());
        let pipeline = pipeline(exports, service, redaction, &gather)?;
        let intake = pipeline.intake().watch(seen.clone());
        // Both protocols are understood on one port.
        let config = receive::Config {
            grpc: None,
            http: Some((Ipv4Addr::LOCALHOST, 0).into()),
            ..receive::Config::default()
        };
        let receiver = receive::bind(config, IntoPipeline::new(intake, Ack::Accepted))?;
        let addr = receiver.http_addr().expect("it listens for HTTP");
        let stats = receiver.stats_reader();
        let stop = CancellationToken::new();
        Ok(Self {
            receiving: spawn(receiver.run(stop.clone(), GRACE)),
            pipeline,
            gather,
            seen,
            addr,
            stats,
            stop,
        })
    }

    /// Where it listens, as exporters are told.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// How many data points of metrics were received.
    pub(crate) fn data_points(&self) -> u64 {
        self.stats.stats().items(Signal::Metrics)
    }

    /// Waits until nobody has been connected for a moment, at most for `most`.
    pub(crate) async fn linger(&self, most: Duration) {
        let deadline = Instant::now() + most;
        let mut quiet_since: Option<Instant> = None;
        let mut before = 0;
        loop {
            let now = Instant::now();
            let connections = self.stats.stats().connections;
            let is_quiet = connections.open == 0 && connections.accepted == before;
            before = connections.accepted;
            match (is_quiet, quiet_since) {
                (true, Some(since)) if now.saturating_duration_since(since) >= QUIET => return,
                (true, Some(_)) => {}
                (true, None) => quiet_since = Some(now),
                (false, _) => quiet_since = None,
            }
            let left = deadline.saturating_duration_since(now);
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(left.min(LOOK)).await;
        }
    }

    /// Takes nothing new, forwards what there is, and tells what became of everything. Receivers that
    /// take nothing for as long as `patience` are given up.
    pub(crate) async fn close(&mut self, patience: Duration) -> ShutdownReport {
        self.stop.cancel();
        if let Err(error) = (&mut self.receiving).await {
            tracing::error!(target: "spanreel", %error, "the receiver has died");
        }
        drain(&self.pipeline, patience).await
    }
}

fn pipeline(
    exports: &[ExportConfig],
    service: &str,
    redaction: Option<&Redaction>,
    gather: &Gather,
) -> anyhow::Result<Pipeline> {
    let batch = BatchConfig {
        schedule_delay: BATCH_TIME,
        ..BatchConfig::default()
    };
    // The session is as long as the command.
    let sessions = SessionConfig {
        idle_timeout: NEVER,
        max_age: NEVER,
        max_spans: u64::MAX,
        max_bytes: ByteSize::bytes(u64::MAX),
        ..SessionConfig::default()
    };
    // The command gets the baggage that this process got.
    let baggage = BaggagePolicy::new().send_all_members().to_host("localhost");
    let mut builder = Pipeline::builder()
        .disabled(false)
        .resource(Resource::empty().service(service))
        .sampling(Sampling::always_on())
        .limits(Limits::default())
        .log_batch(batch.clone())
        .batch(batch)
        .sessions(sessions)
        .propagators(Propagators::new([
            Propagator::TraceContext,
            Propagator::Baggage,
        ]))
        .baggage(baggage)
        .budget(ByteSize::mib(64))
        .when_full(WhenFull::Block)
        .export(gather.exporter());
    if let Some(redaction) = redaction {
        builder = builder.redact(redaction.clone());
    }
    for export in exports {
        builder = builder.export(export.exporter());
    }
    Ok(builder.start()?)
}

#[expect(
    clippy::disallowed_methods,
    reason = "the server of the command, which ends with it"
)]
fn spawn<T: Send + 'static>(task: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
    tokio::spawn(task)
}
