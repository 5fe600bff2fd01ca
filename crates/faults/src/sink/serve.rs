//! Serves connections in the manner that is told.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::Request;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;

use super::answer::{self, Answer};
use super::manner::Manner;
use super::{Order, Shared, seen, socket};

/// Bytes before a message of gRPC: whether it is compressed, and its length.
const PREFIX: usize = 5;

/// Listens and stops listening, as it is told.
pub(crate) async fn serve(
    addr: SocketAddr,
    shared: Arc<Shared>,
    mut orders: mpsc::Receiver<Order>,
) {
    let mut listener = None;
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            order = orders.recv() => {
                let Some(Order { manner, kept }) = order else { return };
                let refuses = manner == Manner::Refuses;
                shared.lock().manner = manner;
                if refuses {
                    listener = None;
                    connections.shutdown().await;
                } else if listener.is_none() {
                    listener = Some(socket(addr).listen(1024).expect("its port is its own"));
                }
                // Who ordered may have gone.
                let _waits = kept.send(());
            }
            socket = accept(listener.as_ref()) => {
                let shared = Arc::clone(&shared);
                #[expect(clippy::disallowed_methods, reason = "a server has its connections")]
                connections.spawn(converse(socket, shared));
            }
            Some(ended) = connections.join_next() => {
                if let Err(error) = ended && error.is_panic() {
                    std::panic::resume_unwind(error.into_panic());
                }
            }
        }
    }
}

async fn accept(listener: Option<&TcpListener>) -> TcpStream {
    match listener {
        None => std::future::pending().await,
        Some(listener) => listener.accept().await.expect("a connection").0,
    }
}

/// One connection, until it ends or is reset.
async fn converse(mut socket: TcpStream, shared: Arc<Shared>) {
    match shared.manner() {
        Manner::Closes => return,
        Manner::Garbage => return garbage(&mut socket).await,
        _ => {}
    }
    let socket = socket.into_std().expect("a socket");
    let same = socket.try_clone().and_then(TcpStream::from_std);
    let (same, socket) = (same.expect("a socket"), TcpStream::from_std(socket));
    let reset = Arc::new(Notify::new());
    let cutter = Arc::clone(&reset);
    let service =
        service_fn(move |request| answer_to(request, Arc::clone(&shared), Arc::clone(&cutter)));
    let server = auto::Builder::new(TokioExecutor::new());
    let serving = server.serve_connection(TokioIo::new(socket.expect("a socket")), service);
    tokio::select! {
        // Clients leave as they like.
        _ended = serving => {}
        () = reset.notified() => {
            same.set_zero_linger().expect("an option of sockets");
        }
    }
}

/// Reads a little and says what no protocol knows.
async fn garbage(socket: &mut TcpStream) {
    let noise: Vec<u8> = (0..20_000_u32).map(|n| ((n * 7919) >> 3) as u8).collect();
    let mut some = [0; 16];
    // The client may have gone before or after.
    let _read = socket.read(&mut some).await;
    let _written = socket.write_all(&noise).await;
}

/// Counts a request as under way while it lives.
struct UnderWay<'a>(&'a Shared);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.lock().seen.is_over();
    }
}

async fn answer_to(
    request: Request<Incoming>,
    shared: Arc<Shared>,
    reset: Arc<Notify>,
) -> Result<Answer, Infallible> {
    let kind = request.headers().get("content-type");
    let is_grpc = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"));
    let path = request.uri().path();
    let is_traces = path == "/v1/traces" || path.ends_with(".TraceService/Export");
    let manner = shared.manner();
    let Ok(body) = request.into_body().collect().await else {
        // The client went away in the middle: nothing has come.
        return Ok(answer::never(is_grpc));
    };
    let body = body.to_bytes();
    shared.lock().seen.came(&body);
    let _under_way = UnderWay(&shared);
    let message = match is_traces {
        true => message(is_grpc, &body),
        // What is no trace has no numbers: it is taken like the others, and forgotten.
        false => ExportTraceServiceRequest::default(),
    };
    let take = || shared.lock().seen.accept(&message);
    let answer = match manner {
        Manner::Accepts | Manner::Refuses => {
            take();
            answer::yes(is_grpc, None)
        }
        Manner::Slow(takes) => {
            take();
            tokio::time::sleep(takes).await;
            answer::yes(is_grpc, None)
        }
        Manner::Hangs => std::future::pending().await,
        Manner::TakesAndHangs => {
            take();
            std::future::pending().await
        }
        Manner::Status(code, retry_after) => answer::status(code, retry_after),
        Manner::Code(code, wait) => answer::code(code, "told to refuse", wait),
        Manner::Partial(rejected, words) => {
            take();
            answer::yes(is_grpc, Some((rejected, words)))
        }
        Manner::RefusesSpan(bad) => {
            if seen::spans(&message).any(|span| seen::number(span) == Some(bad)) {
                answer::never(is_grpc)
            } else {
                take();
                answer::yes(is_grpc, None)
            }
        }
        Manner::Limits(most) if body.len() > most => answer::too_large(is_grpc),
        Manner::Limits(_) => {
            take();
            answer::yes(is_grpc, None)
        }
        Manner::ResetsAfter => {
            take();
            cut(&reset).await
        }
        Manner::Garbage | Manner::Closes | Manner::ResetsBefore => cut(&reset).await,
        Manner::Html => {
            take();
            answer::html()
        }
        Manner::Endless => {
            take();
            answer::endless(is_grpc)
        }
    };
    Ok(answer)
}

/// Has the connection reset, and never answers.
async fn cut(reset: &Notify) -> Answer {
    reset.notify_one();
    std::future::pending().await
}

/// The request in a body. The exporters of this harness compress nothing.
fn message(is_grpc: bool, body: &Bytes) -> ExportTraceServiceRequest {
    let start = if is_grpc { PREFIX } else { 0 };
    let message = ExportTraceServiceRequest::decode(body.slice(start..));
    message.expect("a pipeline sends requests")
}
