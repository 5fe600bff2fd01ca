//! Opens connections, plain or over TLS.
//!
//! Waits: at most [`LIMIT`] for name, socket and handshake together.

use std::error::Error;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::BoxFuture;
use http::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tower_service::Service;

use super::tls::server_name;

/// How long it may take until a connection stands.
const LIMIT: Duration = Duration::from_secs(5);

/// How long sent bytes may stay unacknowledged by the other machine before the kernel gives the
/// connection up: without it, a machine that vanished is noticed after many minutes.
#[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
const UNACKNOWLEDGED: Duration = Duration::from_secs(30);

/// Opens connections. Cloning is cheap.
#[derive(Clone, Debug)]
pub(super) struct Connector {
    tcp: HttpConnector,
    /// What `https` addresses are spoken to with; none when there is no such address.
    tls: Option<Arc<ClientConfig>>,
}

/// No connection came about. It may come about later: servers come back and certificates are
/// mended.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectError {
    /// It took too long.
    #[error("no connection within {} s", LIMIT.as_secs())]
    TimedOut,
    /// The name is unknown, or nobody answered.
    #[error("cannot connect")]
    Socket(#[source] Box<dyn Error + Send + Sync>),
    /// The server is not the right one, does not trust us, or speaks no TLS.
    #[error("no agreement on tls")]
    Tls(#[source] io::Error),
    /// The server does not speak HTTP/2.
    #[cfg(feature = "grpc")]
    #[error("no agreement on http/2")]
    Http2(#[source] hyper::Error),
}

impl Connector {
    pub(super) fn new(tls: Option<Arc<ClientConfig>>) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_keepalive(Some(Duration::from_secs(60)));
        tcp.set_connect_timeout(Some(LIMIT));
        #[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
        tcp.set_tcp_user_timeout(Some(UNACKNOWLEDGED));
        Self { tcp, tls }
    }

    /// Opens a connection to the authority of an address.
    pub(super) async fn connect(self, uri: Uri) -> Result<Stream, ConnectError> {
        tokio::time::timeout(LIMIT, self.open(uri))
            .await
            .unwrap_or(Err(ConnectError::TimedOut))
    }

    async fn open(mut self, uri: Uri) -> Result<Stream, ConnectError> {
        let name = uri.host().and_then(server_name);
        let encrypted = uri.scheme() == Some(&http::uri::Scheme::HTTPS);
        let socket = self.tcp.call(uri).await;
        let socket = socket.map_err(|error| ConnectError::Socket(error.into()))?;
        if !encrypted {
            return Ok(Stream::Plain(socket));
        }
        let config = self.tls.expect("an exporter with an https address has one");
        let name = name.expect("an exporter's https address has a name for certificates");
        let stream = TlsConnector::from(config)
            .connect(name, socket.into_inner())
            .await
            .map_err(ConnectError::Tls)?;
        Ok(Stream::Tls(Box::new(TokioIo::new(stream))))
    }
}

/// How hyper's pool asks for a connection.
impl Service<Uri> for Connector {
    type Response = Stream;
    type Error = ConnectError;
    type Future = BoxFuture<'static, Result<Stream, ConnectError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        Box::pin(self.clone().connect(uri))
    }
}

/// An open connection.
#[derive(Debug)]
pub(super) enum Stream {
    Plain(TokioIo<TcpStream>),
    Tls(Box<TokioIo<TlsStream<TcpStream>>>),
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        match self {
            Self::Tls(stream) if stream.inner().get_ref().1.alpn_protocol() == Some(b"h2") => {
                Connected::new().negotiated_h2()
            }
            Self::Plain(_) | Self::Tls(_) => Connected::new(),
        }
    }
}

impl Read for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl Write for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
