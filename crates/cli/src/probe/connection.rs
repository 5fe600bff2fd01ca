//! One connection to a receiver, over whatever carries bytes.
//!
//! Holds: the connection, until it is dropped. Waits: for the receiver. Loses: of an answer, what is
//! behind 64 KiB.

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinHandle;

/// The most that is read of an answer: OTLP's answers are short.
const ANSWER_BYTES: usize = 64 * 1024;

/// A connection that requests are sent over, one after the other.
pub(crate) struct Connection {
    sender: Sender,
    driver: JoinHandle<()>,
}

enum Sender {
    Http1(http1::SendRequest<Full<Bytes>>),
    Http2(http2::SendRequest<Full<Bytes>>),
}

/// What came back.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// What gRPC says behind the body.
    pub(crate) trailers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Connection {
    /// Begins to speak HTTP/2 (as gRPC does) or HTTP/1.1 over a stream.
    ///
    /// # Errors
    /// The other side does not speak it, or has gone.
    pub(crate) async fn open<S>(stream: S, is_http2: bool) -> hyper::Result<Self>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let stream = TokioIo::new(stream);
        if is_http2 {
            let (sender, driver) = http2::handshake(TokioExecutor::new(), stream).await?;
            let driver = drive(driver);
            let sender = Sender::Http2(sender);
            return Ok(Self { sender, driver });
        }
        let (sender, driver) = http1::handshake(stream).await?;
        Ok(Self {
            sender: Sender::Http1(sender),
            driver: drive(driver),
        })
    }

    /// Sends a request and reads its answer to the end.
    ///
    /// # Errors
    /// The connection broke, or what came is no HTTP.
    pub(crate) async fn ask(&mut self, request: Request<Full<Bytes>>) -> hyper::Result<Answer> {
        let response = match &mut self.sender {
            Sender::Http1(sender) => {
                sender.ready().await?;
                sender.send_request(request).await?
            }
            Sender::Http2(sender) => {
                sender.ready().await?;
                sender.send_request(request).await?
            }
        };
        Ok(read(response).await)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// A body that breaks off or is too long counts as empty: the status says enough.
async fn read(response: Response<Incoming>) -> Answer {
    let (parts, body) = response.into_parts();
    let mut answer = Answer {
        status: parts.status,
        headers: parts.headers,
        ..Answer::default()
    };
    if let Ok(collected) = Limited::new(body, ANSWER_BYTES).collect().await {
        answer.trailers = collected.trailers().cloned().unwrap_or_default();
        answer.body = collected.to_bytes();
    }
    answer
}

#[expect(
    clippy::disallowed_methods,
    reason = "the connection ends with its owner"
)]
fn drive(connection: impl Future<Output = hyper::Result<()>> + Send + 'static) -> JoinHandle<()> {
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(target: "spanreel", %error, "a connection broke");
        }
    })
}
