//! Starts everything: addresses first, so that nothing begins where one cannot be had, then the pipeline,
//! the receiver and the operations.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, Instant};

use spanreel::{
    BatchConfig, BuildError, Exporter, Limits, Pipeline, Resource, Seal, SessionConfig,
    SessionEvents, Spool, SpoolFull, SpoolMode, WhenFull,
};
use spanreel_http::llm::{Llm, Prices};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::arrivals::Arrivals;
use super::banner::Addresses;
use super::bind;
use super::calls::Calls;
use super::doors::Doors;
use super::health::Health;
use super::metrics::Snapshot;
use super::nowhere::Nowhere;
use super::operations::{self, Operations};
use super::page;
use super::watching::Watching;
use crate::config::Config;
use crate::config::value::{Ack, Keep, WhenSpoolFull};
use crate::gateway::{self, Gateway, Place, Proxy, Upstreams};
use crate::receive::{self, BindError, IntoPipeline, Outcome, Receiver, Stats, StatsReader};

/// The longest that one request may be given, whatever an export says.
const LONGEST_ATTEMPT: Duration = Duration::from_secs(24 * 60 * 60);

/// Everything that runs.
#[derive(Debug)]
pub(crate) struct Started {
    pub(crate) pipeline: Pipeline,
    pub(crate) arrivals: Arc<Arrivals>,
    pub(crate) health: Arc<Health>,
    pub(crate) addresses: Addresses,
    /// What the receiver counts.
    pub(crate) receiver: StatsReader,
    /// Cancelled, the receiver takes nothing new and ends.
    pub(crate) stop: CancellationToken,
    pub(crate) receiving: JoinHandle<Stats>,
    /// The server of `--http`, unless it is off.
    pub(crate) operations: Option<JoinHandle<std::io::Result<()>>>,
    /// The gateway, unless it is off.
    pub(crate) gateway: Option<gateway::Started>,
    /// Everything that asks for the token.
    pub(crate) doors: Doors,
    /// What measures calls of models, unless nothing is to be measured.
    pub(crate) calls: Option<Calls>,
}

/// Starts it, within a runtime.
///
/// # Errors
/// An address cannot be listened on, or a thread cannot be had.
pub(crate) fn start(config: &Config) -> anyhow::Result<Started> {
    let listener = bind::bind(config.http, "http")?;
    let gateway = bind::bind(config.gateway, "gateway")?;
    let token = config
        .token
        .as_ref()
        .map(|token| receive::Token::new(token.reveal()))
        .transpose()?;
    let ports =
        receive::listen(receiving(config, token.clone())).map_err(|error| advise(error, config))?;
    let kept = page::open(config)?;
    let (kept, lane) = kept
        .map(|(kept, lane)| (Some(kept), Some(lane)))
        .unwrap_or_default();
    let calls = Calls::new(config);
    let measured = calls.as_ref().and_then(Calls::exporter);
    let pipeline = pipeline(config, lane.into_iter().chain(measured))?;
    if let Some(calls) = &calls {
        calls.send_to(&pipeline);
    }
    let arrivals = Arc::new(Arrivals::new(config.sessions));
    let watching = Watching::new(Arc::clone(&arrivals));
    let ack = match config.ack {
        Ack::Accepted => receive::Ack::Accepted,
        // What goes nowhere is not kept, and nobody waits for it.
        Ack::Durable if config.exports.is_empty() => receive::Ack::Accepted,
        Ack::Durable => receive::Ack::Durable,
        Ack::Delivered => receive::Ack::Delivered,
    };
    let intake = pipeline.intake().watch(watching.clone());
    let take = IntoPipeline::new(intake, ack).patience(config.patience);
    let receiver = ports.receiver(take);
    let gateway =
        gateway.map(|listener| passing_on(listener, config, &pipeline, watching, calls.as_ref()));
    let gateway = gateway.transpose()?;
    let addresses = Addresses {
        grpc: receiver.grpc_addr(),
        http: receiver.http_addr(),
        gateway: gateway.as_ref().map(|gateway| gateway.addr),
        operations: listener.as_ref().map(TcpListener::local_addr).transpose()?,
    };
    let health = Arc::new(Health::new(config.spool_dir().is_some()));
    let reader = receiver.stats_reader();
    let web = kept.map(|kept| page::web(config, kept, &pipeline, &reader, &addresses));
    let doors = Doors::new(token.clone(), web.clone());
    let operations = listener.map(|listener| {
        let asked = Operations {
            health: Arc::clone(&health),
            lane_down_after: config.lane_down_after,
            allowed_host: config.allowed_host.clone(),
            token,
            snapshot: snapshots(
                config,
                &pipeline,
                &arrivals,
                &health,
                &reader,
                calls.clone(),
            ),
            web,
        };
        spawn(operations::serve(listener, Arc::new(asked)))
    });
    let stop = CancellationToken::new();
    Ok(Started {
        receiving: spawn(run(receiver, stop.clone(), config.grace / 2)),
        receiver: reader,
        pipeline,
        arrivals,
        health,
        addresses,
        stop,
        operations,
        gateway,
        doors,
        calls,
    })
}

/// The gateway, whose spans go the way of all others.
fn passing_on(
    listener: TcpListener,
    config: &Config,
    pipeline: &Pipeline,
    watching: Watching,
    calls: Option<&Calls>,
) -> anyhow::Result<gateway::Started> {
    let measure = calls.map(|calls| calls.listener(&config.redaction));
    let llm = Llm::new()
        .prices(Prices::bundled())
        .measure_by(move |call| {
            watching.called(call);
            if let Some(measure) = &measure {
                measure(call);
            }
        });
    let upstreams = Upstreams::new(&config.upstream);
    let gateway = Gateway {
        listener,
        proxy: Proxy::new(upstreams, &llm, &config.allowed_host)?,
        place: Place::by_request(pipeline),
    };
    Ok(gateway.start(config.grace / 2)?)
}

async fn run(receiver: Receiver<IntoPipeline>, stop: CancellationToken, grace: Duration) -> Stats {
    receiver.run(stop, grace).await
}

#[expect(
    clippy::disallowed_methods,
    reason = "the servers of the command, which ends with them"
)]
fn spawn<T: Send + 'static>(task: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
    tokio::spawn(task)
}

/// A pipeline that depends on nothing but the configuration: the environment of this process says where
/// programs send to, which may be here.
fn pipeline(
    config: &Config,
    early: impl IntoIterator<Item = Exporter>,
) -> anyhow::Result<Pipeline> {
    let batch = BatchConfig {
        schedule_delay: config.batch_delay,
        max_export_batch_size: config.batch_size.get(),
        export_timeout: LONGEST_ATTEMPT,
        // Senders that wait for delivery send little at once: what they send leaves as soon as it can.
        seal: match config.ack {
            Ack::Accepted | Ack::Durable => Seal::WhenDue,
            Ack::Delivered => Seal::WhenLanesIdle,
        },
        ..BatchConfig::default()
    };
    let mut builder = Pipeline::builder()
        .disabled(false)
        .resource(Resource::empty().service("spanreel"))
        .sampling(config.sampling.sampling.clone())
        .limits(Limits::default())
        .log_batch(batch.clone())
        .batch(batch)
        .sessions(sessions(config))
        .budget(config.memory)
        .when_full(WhenFull::Block);
    if let Some(redaction) = &config.redaction.redaction {
        builder = builder.redact(redaction.clone());
    }
    if config.exports.is_empty() {
        builder = builder.export(Nowhere);
    }
    for export in &config.exports {
        builder = builder.export(export.exporter());
    }
    for exporter in early {
        builder = builder.export_before_sampling(exporter);
    }
    if let Some(directory) = config.spool_dir() {
        let when_full = match config.spool_full {
            WhenSpoolFull::Block => SpoolFull::Block,
            WhenSpoolFull::DropOldest => SpoolFull::DropOldest,
        };
        let spool = Spool::at(directory, config.spool_size)
            .mode(SpoolMode::Always)
            .when_full(when_full);
        builder = builder.spool_with(spool);
    }
    builder.start().map_err(|error| match error {
        BuildError::Spool(error) => anyhow::Error::new(error)
            .context("cannot use the spool; give --data-dir another directory, or off"),
        error => error.into(),
    })
}

/// The sessions of calls that pass the gateway. Where they are shown, they are from their beginning on.
fn sessions(config: &Config) -> SessionConfig {
    let is_shown = config.store != Keep::Off && config.http.addr().is_some();
    SessionConfig {
        events: SessionEvents {
            session: false,
            span_start: is_shown && config.gateway.addr().is_some(),
        },
        ..SessionConfig::default()
    }
}

fn receiving(config: &Config, token: Option<receive::Token>) -> receive::Config {
    let tls = config.tls_certificate.clone().zip(config.tls_key.clone());
    receive::Config {
        grpc: config.otlp_grpc.addr(),
        http: config.otlp_http.addr(),
        token,
        tls: tls.map(|(certificate, key)| receive::Tls {
            certificate,
            key,
            client_ca: config.tls_client_ca.clone(),
        }),
        origins: config.cors_origin.clone(),
        limits: receive::Limits {
            wire_bytes: config.max_wire_bytes,
            request_bytes: config.max_request_bytes,
            budget: config.receive_budget,
            connections: config.max_connections.get(),
            streams: config.max_streams.get(),
            handshake_timeout: config.handshake_timeout,
            header_timeout: config.header_timeout,
            body_timeout: config.body_timeout,
            idle_timeout: config.idle_timeout,
            patience: config.patience,
        },
    }
}

/// Says which option moves an address that cannot be had.
fn advise(error: BindError, config: &Config) -> anyhow::Error {
    match error {
        BindError::Address { addr, source } => {
            let is_grpc = config.otlp_grpc.addr() == Some(addr);
            let setting = if is_grpc { "otlp-grpc" } else { "otlp-http" };
            bind::Unbound::new(addr, setting, source).into()
        }
        error => error.into(),
    }
}

/// Takes all numbers at once, whenever it is asked.
fn snapshots(
    config: &Config,
    pipeline: &Pipeline,
    arrivals: &Arc<Arrivals>,
    health: &Arc<Health>,
    receiver: &StatsReader,
    calls: Option<Calls>,
) -> Box<dyn Fn() -> Snapshot + Send + Sync> {
    let begun = Instant::now();
    let patience = config.lane_down_after;
    let (pipeline, receiver) = (pipeline.clone(), receiver.clone());
    let (arrivals, health) = (Arc::clone(arrivals), Arc::clone(health));
    Box::new(move || {
        let now = Instant::now();
        Snapshot {
            stats: pipeline.stats(),
            received: receiver.stats(),
            arrived: arrivals.totals(now),
            stuck: health.stuck(now),
            is_ready: health.reasons(now, patience).is_empty(),
            uptime: now.saturating_duration_since(begun),
            calls: calls.as_ref().map(Calls::text).unwrap_or_default(),
        }
    })
}

/// How many requests were answered with an error, or not at all.
pub(crate) fn refused(stats: &Stats) -> u64 {
    let taken = [Outcome::Accepted, Outcome::Partial];
    let refused = Outcome::ALL
        .into_iter()
        .filter(|outcome| !taken.contains(outcome));
    refused.map(|outcome| stats.total(outcome)).sum()
}
