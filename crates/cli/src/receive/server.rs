//! The receiver as a whole: takes connections, watches over them, and ends them in time.
//!
//! Holds: the listeners and the tasks of connections. Waits: for connections. Loses: what is not
//! answered when a stop runs out of time; the clients were told nothing.

use std::fmt;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::access::Access;
use super::answer::Answerer;
use super::budget::Budget;
use super::config::{Config, Limits};
use super::connection::Connection;
use super::stats::{Counters, OpenConnection, Stats, StatsReader, add};
use super::take::Take;
use super::tasks::Tasks;

/// How long no connection is taken after the operating system refused one: no file descriptors are
/// left, mostly, and the next attempt would fail at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Servers for OTLP that listen, and serve while [`Receiver::run`] is polled.
pub struct Receiver<T> {
    grpc: Option<(TcpListener, SocketAddr)>,
    http: Option<(TcpListener, SocketAddr)>,
    /// Whether the listener for gRPC is the one for HTTP too.
    is_shared: bool,
    tls: Option<TlsAcceptor>,
    limits: Limits,
    answerer: Arc<Answerer<T>>,
    counters: Arc<Counters>,
    reader: StatsReader,
}

impl<T: Take> Receiver<T> {
    pub(crate) fn new(
        config: Config,
        take: T,
        grpc: Option<(TcpListener, SocketAddr)>,
        http: Option<(TcpListener, SocketAddr)>,
        tls: Option<Arc<ServerConfig>>,
    ) -> Self {
        let counters = Arc::new(Counters::default());
        let budget = Budget::new(config.limits.budget.as_usize(), config.limits.patience);
        let reader = StatsReader::new(Arc::clone(&counters), Arc::clone(&budget));
        let answerer = Answerer {
            take,
            access: Access::new(config.token, config.origins),
            limits: config.limits.clone(),
            budget,
            counters: Arc::clone(&counters),
        };
        Self {
            grpc,
            is_shared: http.is_none() && config.http.is_some(),
            http,
            tls: tls.map(TlsAcceptor::from),
            limits: config.limits,
            answerer: Arc::new(answerer),
            counters,
            reader,
        }
    }

    /// Where OTLP/gRPC is listened for, with the port that it was given.
    #[must_use]
    pub fn grpc_addr(&self) -> Option<SocketAddr> {
        self.grpc.as_ref().map(|(_, addr)| *addr)
    }

    /// Where OTLP/HTTP is listened for, with the port that it was given.
    #[must_use]
    pub fn http_addr(&self) -> Option<SocketAddr> {
        let own = self.http.as_ref().map(|(_, addr)| *addr);
        own.or_else(|| self.grpc_addr().filter(|_| self.is_shared))
    }

    /// For reading what the receiver has seen while it runs, and after it.
    #[must_use]
    pub fn stats_reader(&self) -> StatsReader {
        self.reader.clone()
    }

    /// Serves until `stop` is cancelled, on the runtime that polls it, which needs timers and
    /// sockets. Then takes no more connections and requests, finishes what is under way within
    /// `grace`, cuts off the rest, and gives the final numbers.
    ///
    /// Dropping the future cuts off everything at once.
    pub async fn run(self, stop: CancellationToken, grace: Duration) -> Stats {
        let tasks = Tasks::new();
        let _cut_when_dropped = tasks.guard();
        let grpc = self
            .grpc
            .as_ref()
            .and_then(|(listener, _)| register(listener));
        let http = self
            .http
            .as_ref()
            .and_then(|(listener, _)| register(listener));
        loop {
            let outcome = tokio::select! {
                () = stop.cancelled() => break,
                outcome = accept(grpc.as_ref()) => outcome,
                outcome = accept(http.as_ref()) => outcome,
            };
            match outcome {
                Ok(stream) => self.serve(stream, &stop, &tasks),
                Err(error) => {
                    tracing::warn!(target: "spanreel", %error, "cannot take a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        drop((grpc, http));
        let Self {
            grpc, http, reader, ..
        } = self;
        // Nobody can connect from here on.
        drop((grpc, http));
        tasks.end(grace).await;
        reader.stats()
    }

    /// Starts the task of a connection, unless too many are open.
    fn serve(&self, stream: TcpStream, stop: &CancellationToken, tasks: &Tasks) {
        if self.counters.open_connections() >= self.limits.connections as u64 {
            add(&self.counters.connections.over_limit, 1);
            return;
        }
        let open = OpenConnection::new(Arc::clone(&self.counters));
        let connection = Connection {
            tls: self.tls.clone(),
            limits: self.limits.clone(),
            answerer: Arc::clone(&self.answerer),
            counters: Arc::clone(&self.counters),
            stop: stop.clone(),
            tasks: tasks.clone(),
        };
        tasks.start(async move {
            connection.serve(stream).await;
            open.end();
        });
    }
}

/// Makes the runtime watch a listener.
fn register(listener: &TcpListener) -> Option<tokio::net::TcpListener> {
    let outcome = listener
        .try_clone()
        .and_then(tokio::net::TcpListener::from_std);
    if let Err(error) = &outcome {
        tracing::error!(target: "spanreel", %error, "cannot watch a port that is listened on");
    }
    outcome.ok()
}

/// The next connection; never, where nothing is listened for.
async fn accept(listener: Option<&tokio::net::TcpListener>) -> std::io::Result<TcpStream> {
    match listener {
        Some(listener) => listener.accept().await.map(|(stream, _)| stream),
        None => std::future::pending().await,
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver")
            .field("grpc", &self.grpc)
            .field("http", &self.http)
            .field("tls", &self.tls.is_some())
            .finish_non_exhaustive()
    }
}
