//! One connection to the collector: gRPC by hand on hyper's HTTP/2, since the message is encoded
//! already.
//!
//! Holds: the connection. Waits: for answers. Loses: nothing.

use std::sync::Arc;

use bytes::{Buf as _, Bytes};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Request, Uri, Version};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

use crate::load::args::Compression;
use crate::receive::response;
use crate::wire::prefix::PREFIX_BYTES;

/// What a request came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// It was taken, but for so many spans.
    Taken { rejected: u64 },
    /// It was refused, or answered with nonsense.
    Refused,
    /// The connection was lost.
    Lost,
}

/// A connection that is open. Cloning it is cheap.
#[derive(Clone, Debug)]
pub(super) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    head: Arc<(Uri, HeaderMap)>,
}

impl Connection {
    /// Opens one to `host`, a name or number, and `port`.
    pub(super) async fn open(
        host: &str,
        port: u16,
        compression: Compression,
    ) -> anyhow::Result<Self> {
        let stream = TcpStream::connect((host, port)).await?;
        stream.set_nodelay(true)?;
        let io = TokioIo::new(stream);
        let (sender, connection) = http2::handshake(TokioExecutor::new(), io).await?;
        run(connection);
        let authority = match host.contains(':') {
            true => format!("[{host}]:{port}"),
            false => format!("{host}:{port}"),
        };
        let path = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
        let uri = Uri::try_from(format!("http://{authority}{path}"))?;
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        headers.insert("te", HeaderValue::from_static("trailers"));
        let encoding = match compression {
            Compression::None => None,
            Compression::Gzip => Some("gzip"),
            Compression::Zstd => Some("zstd"),
        };
        if let Some(encoding) = encoding {
            headers.insert("grpc-encoding", HeaderValue::from_static(encoding));
        }
        let head = Arc::new((uri, headers));
        Ok(Self { sender, head })
    }

    /// Sends one request and reads its answer to the end.
    pub(super) async fn call(&mut self, body: Bytes) -> Answer {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = http::Method::POST;
        *request.version_mut() = Version::HTTP_2;
        request.uri_mut().clone_from(&self.head.0);
        request.headers_mut().clone_from(&self.head.1);
        if self.sender.ready().await.is_err() {
            return Answer::Lost;
        }
        let Ok(response) = self.sender.send_request(request).await else {
            return Answer::Lost;
        };
        let (head, body) = response.into_parts();
        let Ok(body) = body.collect().await else {
            return Answer::Lost;
        };
        let trailers = body.trailers().and_then(|it| it.get("grpc-status"));
        let status = trailers.or_else(|| head.headers.get("grpc-status"));
        if status.is_none_or(|status| status.as_bytes() != b"0") {
            return Answer::Refused;
        }
        let mut message = body.to_bytes();
        message.advance(PREFIX_BYTES.min(message.len()));
        match response::rejected(&message) {
            Some(rejected) => Answer::Taken { rejected },
            None => Answer::Refused,
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a connection of a load test, which ends with its senders"
)]
fn run(connection: impl Future<Output = hyper::Result<()>> + Send + 'static) {
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(target: "spanreel", %error, "a connection has ended early");
        }
    });
}
