//! The listener of the gateway.
//!
//! Holds: a bounded number of connections. Waits: for clients; at the end for calls that are under way, at
//! most for the grace. Loses: calls that are cut off then, which are told as cancelled.

use std::convert::Infallible;
use std::net::{SocketAddr, TcpListener};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::place::{Connection, Place};
use super::proxy::Proxy;

/// How many connections may be open at once; others wait.
const MAX_CONNECTIONS: usize = 1024;

/// How long a client may wait before it says something, and how long the head of a request may take.
const HEADER_TIMEOUT: Duration = Duration::from_secs(75);

/// How often sessions that were quiet for long are looked for.
const SWEEP: Duration = Duration::from_secs(10);

/// A gateway that has not started.
#[derive(Debug)]
pub(crate) struct Gateway {
    pub(crate) listener: TcpListener,
    pub(crate) proxy: Proxy,
    pub(crate) place: Place,
}

/// One that runs.
#[derive(Debug)]
pub(crate) struct Started {
    pub(crate) addr: SocketAddr,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Gateway {
    /// Starts it, within a runtime.
    ///
    /// # Errors
    /// The listener cannot be used within this runtime.
    pub(crate) fn start(self, grace: Duration) -> std::io::Result<Started> {
        let addr = self.listener.local_addr()?;
        let listener = tokio::net::TcpListener::from_std(self.listener)?;
        let stop = CancellationToken::new();
        let (proxy, place) = (self.proxy, self.place);
        let task = spawn(run(listener, proxy, place, stop.clone(), grace));
        Ok(Started { addr, stop, task })
    }
}

impl Started {
    /// Where it listens, as clients are told.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Takes nothing new, and waits for what is under way, at most for the grace.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        if let Err(error) = self.task.await {
            tracing::error!(target: "spanreel", %error, "the gateway has died");
        }
    }
}

async fn run(
    listener: tokio::net::TcpListener,
    proxy: Proxy,
    place: Place,
    stop: CancellationToken,
    grace: Duration,
) {
    let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let open = GracefulShutdown::new();
    let cut = CancellationToken::new();
    let mut sweep = tokio::time::interval(SWEEP);
    loop {
        let accepted = async {
            let permit = Arc::clone(&room).acquire_owned().await;
            let permit = permit.expect("the semaphore is never closed");
            (listener.accept().await, permit)
        };
        let (stream, permit) = tokio::select! {
            () = stop.cancelled() => break,
            _ = sweep.tick() => {
                place.sweep(false);
                continue;
            }
            (accepted, permit) = accepted => match accepted {
                Ok((stream, _)) => (stream, permit),
                Err(error) => {
                    tracing::warn!(target: "spanreel", %error, "the gateway cannot take a connection");
                    // No file descriptors left, mostly: the next attempt would fail at once.
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
        };
        let talk = talk(stream, proxy.clone(), place.clone(), &open);
        let cut = cut.clone();
        spawn(async move {
            tokio::select! {
                () = talk => {}
                () = cut.cancelled() => {}
            }
            drop(permit);
        });
    }
    drop(listener);
    if tokio::time::timeout(grace, open.shutdown()).await.is_err() {
        tracing::warn!(target: "spanreel", "calls that were under way are cut off");
        cut.cancel();
        // Each ends its call as it is dropped.
        let all = u32::try_from(MAX_CONNECTIONS).expect("it is small");
        drop(room.acquire_many(all).await);
    }
    place.sweep(true);
}

/// Answers one connection until it ends. Its session ends with it.
fn talk(
    stream: TcpStream,
    proxy: Proxy,
    place: Place,
    open: &GracefulShutdown,
) -> impl Future<Output = ()> + Send + 'static {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(target: "spanreel", %error, "small chunks may wait");
    }
    let connection = Arc::new(Connection::new(place));
    let has_asked = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&has_asked);
    let service = service_fn(move |request: Request<Incoming>| {
        asked.store(true, Ordering::Relaxed);
        let (proxy, connection) = (proxy.clone(), Arc::clone(&connection));
        async move { Ok::<_, Infallible>(proxy.answer(request, &connection).await) }
    });
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(HEADER_TIMEOUT);
    let connection = builder
        .serve_connection(TokioIo::new(stream), service)
        .into_owned();
    let connection = open.watch(connection);
    async move {
        let mut connection = pin!(connection);
        let ended = match tokio::time::timeout(HEADER_TIMEOUT, connection.as_mut()).await {
            Ok(ended) => ended,
            Err(_) if has_asked.load(Ordering::Relaxed) => connection.await,
            // Until a client has said which protocol it speaks, nothing else limits how long it takes.
            Err(_) => {
                tracing::debug!(target: "spanreel", "a client of the gateway has asked for nothing");
                return;
            }
        };
        if let Err(error) = ended {
            tracing::debug!(target: "spanreel", %error, "a connection to the gateway has ended early");
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "connections end with the gateway, which is waited for"
)]
fn spawn(task: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
    tokio::spawn(task)
}

#[cfg(test)]
mod tests {
    use spanreel::Pipeline;
    use spanreel_http::llm::Llm;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;
    use crate::gateway::Upstreams;

    /// Clients that say nothing, or nothing but that they speak HTTP/2, do not hold a place for ever.
    #[tokio::test(start_paused = true)]
    async fn the_silent_are_cut_off() {
        let pipeline = Pipeline::builder().start().expect("it starts");
        let proxy = Proxy::new(Upstreams::new(&[]), &Llm::new(), &[]).expect("certificates");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.set_nonblocking(true).expect("it can");
        let gateway = Gateway {
            listener,
            proxy,
            place: Place::by_request(&pipeline),
        };
        let started = gateway.start(Duration::from_secs(1)).expect("it starts");
        for said in [&b""[..], b"PRI * HTTP/2"] {
            let mut stream = TcpStream::connect(started.addr).await.expect("it listens");
            stream.write_all(said).await.expect("it takes it");
            let mut rest = Vec::new();
            stream.read_to_end(&mut rest).await.expect("it closes");
            assert!(rest.is_empty(), "{rest:?}");
        }
        started.stop().await;
    }
}
