//! The backend of the bench, in a process of its own: takes OTLP over gRPC, counts the spans of each
//! request that has arrived whole, and forgets them.
//!
//! It prints its port when it listens. When its standard input is closed, it prints what it has
//! counted and ends. Windows are large and messages unlimited, so that no contestant waits for it.

mod count;
mod inspect;

use std::convert::Infallible;
use std::io::{Read, Write, stdin, stdout};
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

use crate::contestant::Failure;
use count::SpanCounter;
pub(crate) use inspect::Contents;

/// The path of the method that takes spans.
pub(crate) const EXPORT: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

/// What has arrived.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Arrived {
    pub(crate) requests: u64,
    pub(crate) spans: u64,
    pub(crate) bytes: u64,
    /// What the spans contain, where it was asked for.
    pub(crate) contents: Option<Contents>,
}

/// Serves until standard input is closed.
pub(crate) fn serve(answer_after: Duration, inspect: bool) -> Result<(), Failure> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let arrived = Arc::new(Mutex::new(Arrived {
        contents: inspect.then(Contents::default),
        ..Arrived::default()
    }));
    let (closed, stop) = oneshot::channel();
    thread::spawn(move || {
        // To be cut off is an end too, and nobody waiting any longer no error.
        let end = stdin().read_to_end(&mut Vec::new());
        drop(closed.send(end));
    });
    runtime.block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        writeln!(stdout(), "{}", listener.local_addr()?.port())?;
        tokio::select! {
            failed = accept(listener, answer_after, Arc::clone(&arrived)) => failed,
            _ = stop => Ok(()),
        }
    })?;
    let mut arrived = arrived.lock().map_err(|_| "the receiver panicked")?;
    if let Some(contents) = &mut arrived.contents {
        contents.relate();
    }
    writeln!(stdout(), "{}", serde_json::to_string(&*arrived)?)?;
    Ok(())
}

async fn accept(
    listener: TcpListener,
    answer_after: Duration,
    arrived: Arc<Mutex<Arrived>>,
) -> Result<(), Failure> {
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let arrived = Arc::clone(&arrived);
        let connection = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .initial_stream_window_size(16 << 20)
            .initial_connection_window_size(64 << 20)
            .max_frame_size(1 << 20)
            .max_concurrent_streams(1_024)
            .serve_connection(
                TokioIo::new(stream),
                service_fn(move |request| take(request, answer_after, Arc::clone(&arrived))),
            );
        Handle::current().spawn(connection);
    }
}

async fn take(
    request: Request<Incoming>,
    answer_after: Duration,
    arrived: Arc<Mutex<Arrived>>,
) -> Result<Response<impl Body<Data = Bytes, Error = Infallible>>, Infallible> {
    const INTERNAL: u32 = 13;
    const UNIMPLEMENTED: u32 = 12;
    if request.uri().path() != EXPORT {
        return Ok(answer(UNIMPLEMENTED));
    }
    let inspect = {
        let arrived = arrived.lock().expect("nobody panics with the counts");
        arrived.contents.is_some()
    };
    let mut body = request.into_body();
    let mut counter = SpanCounter::default();
    let mut message = Vec::new();
    while let Some(frame) = body.frame().await {
        let Some(data) = frame.ok().map(|frame| frame.into_data()) else {
            return Ok(answer(INTERNAL));
        };
        let Ok(data) = data else { continue };
        counter.take(&data);
        if inspect {
            message.extend_from_slice(&data);
        }
    }
    if answer_after > Duration::ZERO {
        tokio::time::sleep(answer_after).await;
    }
    let Some(spans) = counter.spans() else {
        return Ok(answer(INTERNAL));
    };
    let mut arrived = arrived.lock().expect("nobody panics with the counts");
    arrived.requests += 1;
    arrived.spans += spans;
    arrived.bytes += counter.bytes();
    if let Some(contents) = &mut arrived.contents
        && contents.take(&message).is_err()
    {
        return Ok(answer(INTERNAL));
    }
    Ok(answer(0))
}

/// An empty `ExportTraceServiceResponse`, or none, and the status.
fn answer(status: u32) -> Response<impl Body<Data = Bytes, Error = Infallible>> {
    const EMPTY_MESSAGE: &[u8] = &[0; 5];
    let message = if status == 0 { EMPTY_MESSAGE } else { &[] };
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from(status));
    let body = Full::new(Bytes::from_static(message));
    let mut response = Response::new(body.with_trailers(async { Some(Ok(trailers)) }));
    let headers = response.headers_mut();
    headers.insert("content-type", HeaderValue::from_static("application/grpc"));
    response
}
