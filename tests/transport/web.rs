//! Servers that answer as told: an HTTP server (1.1 and 2) made by hyper, and a bare socket.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures::stream;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, Version};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

use crate::decompress;

/// A request as it arrived, its body decompressed.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) version: Version,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// Which connection it came on.
    pub(crate) connection: usize,
}

/// What the server answers. A body of `Err` breaks the connection there.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<Result<Bytes, ()>>,
    trailers: HeaderMap,
    hangs: bool,
}

impl Answer {
    pub(crate) fn new(status: u16) -> Self {
        Self {
            status: StatusCode::from_u16(status).unwrap(),
            ..Self::default()
        }
    }

    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        let value = HeaderValue::from_str(value).unwrap();
        self.headers.insert(HeaderName::from_static(name), value);
        self
    }

    pub(crate) fn body(mut self, bytes: impl Into<Bytes>) -> Self {
        self.body.push(Ok(bytes.into()));
        self
    }

    pub(crate) fn then_break(mut self) -> Self {
        self.body.push(Err(()));
        self
    }

    pub(crate) fn trailer(mut self, name: &'static str, value: &str) -> Self {
        let value = HeaderValue::from_str(value).unwrap();
        self.trailers.insert(HeaderName::from_static(name), value);
        self
    }

    /// Never ends its body.
    pub(crate) fn then_hang(mut self) -> Self {
        self.hangs = true;
        self
    }
}

pub(crate) struct Web {
    pub(crate) address: SocketAddr,
    pub(crate) seen: Arc<Mutex<Vec<Seen>>>,
    task: JoinHandle<()>,
}

impl Drop for Web {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Web {
    pub(crate) async fn answering(answer: Answer) -> Self {
        Self::serve(answer, None).await
    }

    pub(crate) async fn serve(answer: Answer, tls: Option<TlsAcceptor>) -> Self {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&seen);
        let (address, task) = listen(move |socket, connection| {
            let (answer, log, tls) = (answer.clone(), Arc::clone(&log), tls.clone());
            async move {
                match tls {
                    None => converse(socket, connection, answer, log).await,
                    Some(tls) => {
                        if let Ok(socket) = tls.accept(socket).await {
                            converse(socket, connection, answer, log).await;
                        }
                    }
                }
            }
        })
        .await;
        Self {
            address,
            seen,
            task,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

/// Hands each connection, with its number, to `serve`. Dropping the task's handle does not end it;
/// aborting it ends it with all of its connections.
pub(crate) async fn listen<S>(
    mut serve: impl FnMut(TcpStream, usize) -> S + Send + 'static,
) -> (SocketAddr, JoinHandle<()>)
where
    S: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let task = tokio::spawn(async move {
        let mut connections = JoinSet::new();
        for number in 0.. {
            let (socket, _) = listener.accept().await.unwrap();
            connections.spawn(serve(socket, number));
        }
    });
    (address, task)
}

async fn converse(
    socket: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    connection: usize,
    answer: Answer,
    log: Arc<Mutex<Vec<Seen>>>,
) {
    let service = service_fn(move |request: http::Request<Incoming>| {
        let (answer, log) = (answer.clone(), Arc::clone(&log));
        async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await?.to_bytes();
            let encoding = head.headers.get("content-encoding");
            let encoding = encoding.map(|encoding| encoding.to_str().unwrap());
            log.lock().unwrap().push(Seen {
                method: head.method,
                uri: head.uri,
                version: head.version,
                body: decompress(encoding, &body),
                headers: head.headers,
                connection,
            });
            Ok::<_, hyper::Error>(response(answer))
        }
    });
    // A client that goes away, or an answer that breaks off, ends the conversation.
    let _ended = auto::Builder::new(TokioExecutor::new())
        .serve_connection(TokioIo::new(socket), service)
        .await;
}

fn response(
    answer: Answer,
) -> http::Response<StreamBody<impl futures::Stream<Item = io::Result<Frame<Bytes>>>>> {
    use futures::StreamExt;
    let broken = |()| io::Error::other("told to break off");
    let mut frames: Vec<io::Result<Frame<Bytes>>> = answer
        .body
        .into_iter()
        .map(|part| part.map(Frame::data).map_err(broken))
        .collect();
    if !answer.trailers.is_empty() {
        frames.push(Ok(Frame::trailers(answer.trailers)));
    }
    let rest = match answer.hangs {
        true => stream::pending().left_stream(),
        false => stream::empty().right_stream(),
    };
    let body = StreamBody::new(stream::iter(frames).chain(rest));
    let mut response = http::Response::new(body);
    *response.status_mut() = answer.status;
    *response.headers_mut() = answer.headers;
    response
}
