//! A null receiver for OTLP: takes everything, counts it, keeps nothing.
//!
//! It is what a load test aims at when the pipeline is to be measured and not a backend. On one
//! port it speaks OTLP/gRPC (HTTP/2 with prior knowledge) and OTLP/HTTP (protobuf and JSON), takes
//! gzip, deflate and zstd, and can be told to answer late or to refuse some requests. Spans and log records
//! are counted while the bytes go by, without decoding them.
//!
//! Holds: per request, a decompressor's window at most (JSON: the body). Waits: for the sockets,
//! and before each answer as long as it is told. Loses: everything, which is its purpose.

mod body;
mod content;
mod grpc;
mod receiver;
mod refusal;
mod reply;
mod scan;
mod server;

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use spanreel::Signal;
use tokio::sync::oneshot;

/// The largest request that is taken, as sent and as unpacked: 64 MiB, the bound that the OTLP
/// specification (1.11, "Request size") asks of receivers.
pub const MAX_BODY_BYTES: usize = 64 * 1024 * 1024;

/// How a [`Sink`] behaves.
#[derive(Clone, Debug, PartialEq)]
pub struct SinkConfig {
    /// Where it listens. Default: `127.0.0.1:0`, a free port of this machine only.
    pub addr: SocketAddr,
    /// How long each request waits, once read, for its answer. Default: not at all. Timers have a
    /// resolution of 1 ms.
    pub latency: Duration,
    /// Which part of the requests is refused with HTTP 503 or gRPC `UNAVAILABLE`, from 0 (none,
    /// the default) to 1 (all).
    pub fail_rate: f64,
    /// Decides which requests are refused: the same seed refuses the same ones, counted in the
    /// order in which they were read. Default: 0.
    pub seed: u64,
}

impl Default for SinkConfig {
    fn default() -> Self {
        Self {
            addr: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            latency: Duration::ZERO,
            fail_rate: 0.0,
            seed: 0,
        }
    }
}

/// What a [`Sink`] has seen so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SinkCounts {
    /// Requests answered, accepted and refused.
    pub requests: u64,
    /// Requests answered with an error: on purpose, or because they were not OTLP.
    pub refused: u64,
    /// Spans in accepted requests. A request whose sender gave up waiting is not accepted.
    pub spans: u64,
    /// Log records in accepted requests.
    pub logs: u64,
    /// Bytes of all request bodies as they came over the wire: compressed, and with gRPC's five
    /// bytes per message, but without headers and HTTP/2 frames.
    pub bytes: u64,
}

/// A null receiver that is running, on a thread and a runtime of its own. Dropping it stops it.
///
/// ```
/// use spanreel_cli::sink::{Sink, SinkConfig};
///
/// let sink = Sink::start(SinkConfig::default())?;
/// assert!(sink.addr().ip().is_loopback());
/// let counts = sink.stop();
/// assert_eq!(counts.requests, 0);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Sink {
    addr: SocketAddr,
    counters: Arc<Counters>,
    /// Told, or dropped, the thread ends.
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Sink {
    /// Starts listening. When it returns, connections are taken.
    ///
    /// # Errors
    /// The address cannot be listened on, a thread cannot be had, or `fail_rate` is not between 0
    /// and 1 ([`io::ErrorKind::InvalidInput`]).
    pub fn start(config: SinkConfig) -> io::Result<Self> {
        if !(0.0..=1.0).contains(&config.fail_rate) {
            let advice = "the fail rate must be between 0 and 1";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, advice));
        }
        let listener = TcpListener::bind(config.addr)?;
        listener.set_nonblocking(true)?;
        let addr = listener.local_addr()?;
        let counters = Arc::new(Counters::default());
        let (stop, stopped) = oneshot::channel();
        let (started, outcome) = mpsc::sync_channel(1);
        let thread = std::thread::Builder::new()
            .name("spanreel-sink".into())
            .spawn({
                let counters = Arc::clone(&counters);
                move || server::run(listener, &config, counters, &started, stopped)
            })?;
        outcome
            .recv()
            .unwrap_or_else(|_| Err(io::Error::other("the thread of the sink has died")))?;
        Ok(Self {
            addr,
            counters,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// Where it listens, with the port that it was given.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// What it has seen so far.
    #[must_use]
    pub fn counts(&self) -> SinkCounts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        SinkCounts {
            requests: read(&self.counters.requests),
            refused: read(&self.counters.refused),
            spans: read(&self.counters.spans),
            logs: read(&self.counters.logs),
            bytes: read(&self.counters.bytes),
        }
    }

    /// Stops listening, cuts off what is not answered yet, and gives the final counts.
    pub fn stop(mut self) -> SinkCounts {
        self.end_thread();
        self.counts()
    }

    fn end_thread(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!(target: "spanreel", "the thread of the sink has panicked");
        }
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.end_thread();
    }
}

/// What the thread of the sink writes and everybody may read.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    requests: AtomicU64,
    refused: AtomicU64,
    spans: AtomicU64,
    logs: AtomicU64,
    bytes: AtomicU64,
}

impl Counters {
    fn read(&self, bytes: usize) {
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    fn accepted(&self, signal: Signal, items: u64) {
        let counter = if signal == Signal::Logs {
            &self.logs
        } else {
            &self.spans
        };
        counter.fetch_add(items, Ordering::Relaxed);
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    fn refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
        self.requests.fetch_add(1, Ordering::Relaxed);
    }
}
