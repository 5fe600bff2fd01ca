//! The thread of the sink: takes connections and lets [`Receiver`] answer their requests.
//!
//! Holds: the listener. Waits: for connections. Loses: what is not answered when it is stopped.

use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::TcpStream;
use tokio::sync::oneshot;

use super::receiver::Receiver;
use super::{Counters, SinkConfig};

/// How long a client may take to send the head of a request, counted from the last answer: longer
/// than exporters pause between two batches.
const HEADER_TIMEOUT: Duration = Duration::from_secs(60);

/// How much of one request, and of all requests of a connection, may be on its way before the
/// client waits for us. What is on its way lies in the socket's buffer, and with more than this (4
/// to 16 MiB) and several requests at once TCP's own window closes; it opens again so late that
/// the throughput over loopback falls to a third.
const WINDOW_BYTES: u32 = 1024 * 1024;

/// The largest HTTP/2 frame that clients may send. Against the default of 16 KiB this saves half of
/// the CPU time of both ends.
const FRAME_BYTES: u32 = 256 * 1024;

/// Runs until `stopped` is told or its sender is dropped. Says through `started` whether it could
/// begin.
pub(crate) fn run(
    listener: TcpListener,
    config: &SinkConfig,
    counters: Arc<Counters>,
    started: &SyncSender<io::Result<()>>,
    stopped: oneshot::Receiver<()>,
) {
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return report(started, Err(error)),
    };
    let receiver = Arc::new(Receiver::new(config, counters));
    runtime.block_on(async {
        let listener = match tokio::net::TcpListener::from_std(listener) {
            Ok(listener) => listener,
            Err(error) => return report(started, Err(error)),
        };
        report(started, Ok(()));
        tokio::select! {
            () = accept(&listener, &receiver) => {}
            _ = stopped => {}
        }
    });
}

fn report(started: &SyncSender<io::Result<()>>, outcome: io::Result<()>) {
    started
        .send(outcome)
        .expect("the starter waits for this one message");
}

async fn accept(listener: &tokio::net::TcpListener, receiver: &Arc<Receiver>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => serve(stream, Arc::clone(receiver)),
            Err(error) => {
                tracing::warn!(target: "spanreel", %error, "cannot take a connection");
                // No file descriptors left, mostly: the next attempt would fail at once.
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "connections end with the runtime of the sink"
)]
fn serve(stream: TcpStream, receiver: Arc<Receiver>) {
    tokio::spawn(async move {
        if let Err(error) = talk(stream, receiver).await {
            tracing::debug!(target: "spanreel", %error, "a connection has ended early");
        }
    });
}

async fn talk(
    stream: TcpStream,
    receiver: Arc<Receiver>,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    stream.set_nodelay(true)?;
    // The timer for headers starts when the protocol is known, which takes a first byte.
    tokio::time::timeout(HEADER_TIMEOUT, stream.readable()).await??;

    let mut server = auto::Builder::new(TokioExecutor::new());
    server
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT);
    server
        .http2()
        .timer(TokioTimer::new())
        .initial_stream_window_size(WINDOW_BYTES)
        .initial_connection_window_size(WINDOW_BYTES)
        .max_frame_size(FRAME_BYTES)
        .keep_alive_interval(HEADER_TIMEOUT);
    let service = service_fn(|request| {
        let receiver = Arc::clone(&receiver);
        async move { Ok::<_, std::convert::Infallible>(receiver.answer(request).await) }
    });
    server.serve_connection(TokioIo::new(stream), service).await
}
