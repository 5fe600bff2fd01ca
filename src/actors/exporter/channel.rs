//! One HTTP/2 connection, shared by all calls to a server and opened again when it is lost.
//!
//! Holds: the connection and the task that drives it. Waits: for a connection, while one is being
//! opened; only one is at a time. Loses: the calls on a connection that breaks, which each caller
//! sees as an error of its own call.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::Uri;
use http_body_util::Full;
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::sync::Mutex;
use tokio::task::AbortHandle;

use super::connect::{ConnectError, Connector};
use super::message::Message;

/// How often a connection with calls under way is asked whether it still lives.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(20);

/// How long it has to answer.
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(10);

/// How much of one call's body may wait inside HTTP/2: a whole batch of the usual size, so that
/// its sending never pauses for anything but the server.
const SEND_BUFFER: usize = 2 << 20;

/// A server and the connection to it.
#[derive(Debug)]
pub(super) struct Channel {
    server: Uri,
    connector: Connector,
    /// How many attempts to connect have failed. Read without the lock by those who come, so that
    /// they can tell a failure they waited for from an older one.
    failures: AtomicU64,
    /// Locked while a connection is being opened.
    slot: Mutex<Slot>,
}

#[derive(Debug, Default)]
struct Slot {
    live: Option<Live>,
    /// Why the last attempt failed.
    failure: Option<Arc<ConnectError>>,
}

#[derive(Debug)]
struct Live {
    sender: SendRequest<Full<Message>>,
    driver: AbortHandle,
}

impl Drop for Live {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Channel {
    /// Connects when it is first used.
    pub(super) fn new(server: Uri, connector: Connector) -> Self {
        Self {
            server,
            connector,
            failures: AtomicU64::new(0),
            slot: Mutex::default(),
        }
    }

    /// The connection, opened now if there is none. Who waits while another opens it shares the
    /// outcome, good or bad: a server that is away is not asked once more by each of the callers.
    pub(super) async fn sender(&self) -> Result<SendRequest<Full<Message>>, Arc<ConnectError>> {
        let failures = self.failures.load(Ordering::Acquire);
        let mut slot = self.slot.lock().await;
        if let Some(live) = &slot.live
            && !live.sender.is_closed()
        {
            return Ok(live.sender.clone());
        }
        slot.live = None;
        if let Some(failure) = &slot.failure
            && self.failures.load(Ordering::Acquire) != failures
        {
            return Err(Arc::clone(failure));
        }
        match self.connect().await {
            Ok(live) => {
                let sender = live.sender.clone();
                *slot = Slot {
                    live: Some(live),
                    failure: None,
                };
                Ok(sender)
            }
            Err(error) => {
                let error = Arc::new(error);
                slot.failure = Some(Arc::clone(&error));
                self.failures.fetch_add(1, Ordering::Release);
                Err(error)
            }
        }
    }

    async fn connect(&self) -> Result<Live, ConnectError> {
        let stream = self.connector.clone().connect(self.server.clone()).await?;
        let (sender, connection) = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .keep_alive_interval(KEEP_ALIVE_INTERVAL)
            .keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
            .keep_alive_while_idle(false)
            .max_send_buf_size(SEND_BUFFER)
            .handshake(stream)
            .await
            .map_err(ConnectError::Http2)?;
        #[expect(
            clippy::disallowed_methods,
            reason = "the connection's own driver, aborted with it"
        )]
        let driver = tokio::spawn(async move {
            if let Err(error) = connection.await {
                // Each call on it learns of this as its own error.
                tracing::debug!(target: "spanreel", %error, "connection lost");
            }
        });
        Ok(Live {
            sender,
            driver: driver.abort_handle(),
        })
    }
}
