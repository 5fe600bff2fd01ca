//! One connection, from its first byte to its end.
//!
//! Holds: what hyper holds of it. Waits: for the client, never without a time limit. Loses: nothing.

use std::convert::Infallible;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{MissedTickBehavior, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::answer::Answerer;
use super::config::Limits;
use super::stats::{Counters, add};
use super::take::Take;
use super::tasks::Tasks;

/// How much of one request, and of all requests of a connection, may be on its way before the
/// client waits for us. What is on its way lies in the socket's buffer, and with more than this (4
/// to 16 MiB) and several requests at once TCP's own window closes; it opens again so late that
/// the throughput over loopback falls to a third.
const WINDOW_BYTES: u32 = 1024 * 1024;

/// The largest HTTP/2 frame that clients may send. Against the default of 16 KiB this saves half of
/// the CPU time of both ends.
const FRAME_BYTES: u32 = 512 * 1024;

/// The largest head of a request: of HTTP/1 as it is sent, of HTTP/2 unpacked. hyper reads HTTP/1
/// bodies through the same buffer.
const HEAD_BYTES: u32 = 64 * 1024;

/// How many streams that a client has reset may wait to be taken note of; beyond that it floods
/// (CVE-2023-44487). The default of `h2`, said here because it is relied on.
const MOST_RESET_BY_CLIENT: usize = 20;

/// How many streams may have been reset for the client's mistakes; beyond that the connection ends.
const MOST_RESET_FOR_MISTAKES: usize = 256;

/// The first byte of a TLS handshake: no HTTP begins so (RFC 8446, 5.1).
const TLS_HANDSHAKE: u8 = 0x16;

/// What a client that speaks plain HTTP to a TLS port can understand.
const SPEAK_TLS: &[u8] = b"HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain\r\n\
    connection: close\r\ncontent-length: 35\r\n\r\nthis port speaks TLS; use https://\n";

/// What a connection needs to know.
pub(crate) struct Connection<T> {
    pub(crate) tls: Option<TlsAcceptor>,
    pub(crate) limits: Limits,
    pub(crate) answerer: Arc<Answerer<T>>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) stop: CancellationToken,
    pub(crate) tasks: Tasks,
}

impl<T: Take> Connection<T> {
    /// Answers requests until the client leaves, idles too long, or the receiver stops.
    pub(crate) async fn serve(self, stream: TcpStream) {
        let counters = Arc::clone(&self.counters);
        let counters = &counters.connections;
        let first = tokio::select! {
            first = timeout(self.limits.header_timeout, first_byte(&stream)) => first,
            // It has not asked for anything.
            () = self.stop.cancelled() => return,
        };
        let first = match first {
            Ok(Ok(Some(first))) => first,
            // A port scan, or a health check.
            Ok(Ok(None)) => return,
            Ok(Err(error)) => return self.broken(&error),
            Err(_) => return add(&counters.idle, 1),
        };
        let Some(acceptor) = &self.tls else {
            if first == TLS_HANDSHAKE {
                add(&counters.tls_to_plain, 1);
                tracing::debug!(target: "spanreel", "a client speaks TLS to a port without");
                return;
            }
            return self.talk(stream).await;
        };
        if first != TLS_HANDSHAKE {
            add(&counters.plain_to_tls, 1);
            return self.say_tls(stream).await;
        }
        match timeout(self.limits.handshake_timeout, acceptor.accept(stream)).await {
            Ok(Ok(stream)) => self.talk(stream).await,
            Ok(Err(error)) => {
                add(&counters.handshake_failed, 1);
                tracing::debug!(target: "spanreel", %error, "a TLS handshake has failed");
            }
            Err(_) => add(&counters.handshake_failed, 1),
        }
    }

    async fn say_tls(&self, mut stream: TcpStream) {
        let limit = self.limits.handshake_timeout;
        if !matches!(
            timeout(limit, stream.write_all(SPEAK_TLS)).await,
            Ok(Ok(()))
        ) {
            tracing::debug!(target: "spanreel", "a client without TLS has left unadvised");
        }
    }

    /// Speaks HTTP/1 or HTTP/2, as the client does.
    async fn talk(self, stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) {
        let activity = Arc::new(Activity::default());
        let service = service_fn(|request| {
            let answerer = Arc::clone(&self.answerer);
            let underway = Activity::begin(&activity);
            async move {
                let response = answerer.answer(request).await;
                drop(underway);
                Ok::<_, Infallible>(response)
            }
        });
        let builder = self.builder();
        let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
        let mut watch = tokio::time::interval(self.limits.idle_timeout);
        watch.set_missed_tick_behavior(MissedTickBehavior::Delay);
        watch.tick().await;
        let mut seen = 0;
        let mut is_ending = false;
        loop {
            tokio::select! {
                outcome = connection.as_mut() => {
                    if let Err(error) = outcome {
                        self.broken(&*error);
                    }
                    return;
                }
                () = self.stop.cancelled(), if !is_ending => {
                    connection.as_mut().graceful_shutdown();
                    is_ending = true;
                }
                _ = watch.tick() => {
                    if activity.is_idle_since(&mut seen) {
                        if is_ending {
                            // It was asked to leave one idle time ago.
                            return;
                        }
                        add(&self.counters.connections.idle, 1);
                        connection.as_mut().graceful_shutdown();
                        is_ending = true;
                    }
                }
            }
        }
    }

    fn builder(&self) -> auto::Builder<Tasks> {
        let limits = &self.limits;
        let mut builder = auto::Builder::new(self.tasks.clone());
        builder
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.header_timeout)
            .max_buf_size(HEAD_BYTES as usize);
        builder
            .http2()
            .timer(TokioTimer::new())
            .initial_stream_window_size(WINDOW_BYTES)
            .initial_connection_window_size(WINDOW_BYTES)
            .max_frame_size(FRAME_BYTES)
            .max_header_list_size(HEAD_BYTES)
            .max_concurrent_streams(limits.streams)
            .max_pending_accept_reset_streams(MOST_RESET_BY_CLIENT)
            .max_local_error_reset_streams(MOST_RESET_FOR_MISTAKES)
            .keep_alive_interval(limits.header_timeout);
        builder
    }

    fn broken(&self, error: &(dyn std::error::Error + 'static)) {
        add(&self.counters.connections.broken, 1);
        tracing::debug!(target: "spanreel", %error, "a connection has ended early");
    }
}

/// Looks at the first byte without taking it. `None`: the client has left.
async fn first_byte(stream: &TcpStream) -> io::Result<Option<u8>> {
    stream.set_nodelay(true)?;
    let mut first = [0];
    let count = stream.peek(&mut first).await?;
    Ok((count > 0).then_some(first[0]))
}

/// Whether a connection has requests.
#[derive(Debug, Default)]
struct Activity {
    /// How many requests have begun.
    begun: AtomicU64,
    /// How many of them are not answered yet.
    underway: AtomicUsize,
}

/// One request that is not answered yet.
struct Underway(Arc<Activity>);

impl Activity {
    fn begin(activity: &Arc<Self>) -> Underway {
        activity.begun.fetch_add(1, Ordering::Relaxed);
        activity.underway.fetch_add(1, Ordering::Relaxed);
        Underway(Arc::clone(activity))
    }

    /// Whether there is no request, and there was none since `seen` was last set.
    fn is_idle_since(&self, seen: &mut u64) -> bool {
        let begun = self.begun.load(Ordering::Relaxed);
        let is_idle = self.underway.load(Ordering::Relaxed) == 0 && begun == *seen;
        *seen = begun;
        is_idle
    }
}

impl Drop for Underway {
    fn drop(&mut self) {
        self.0.underway.fetch_sub(1, Ordering::Relaxed);
    }
}
