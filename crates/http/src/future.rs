//! The response to come: what it says goes into the span, which then goes into its body.

use std::fmt::Display;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{HeaderMap, Response, StatusCode, Version};
use http_body::Body;
use pin_project_lite::pin_project;

use crate::body::ResponseBody;
use crate::grpc;
use crate::record::{Record, Running, step, type_name};
use crate::request::protocol_version;
use crate::semconv;

pin_project! {
    /// A response to come. Dropped before it has come, its span is `cancelled`.
    #[derive(Debug)]
    pub struct ResponseFuture<F, R: Record> {
        #[pin]
        inner: F,
        // None where there is no span.
        running: Option<Running<R>>,
        side: Side,
        is_head: bool,
    }
}

/// Which answers are failures (semantic conventions, "HTTP spans", "Status").
#[derive(Clone, Copy, Debug)]
pub(crate) enum Side {
    /// From 500 on: below, the server did what it should.
    Server,
    /// From 400 on: the caller did not get what it asked for.
    Client,
}

impl Side {
    pub(crate) fn is_failure(self, status: StatusCode) -> bool {
        match self {
            Self::Server => status.is_server_error(),
            Self::Client => status.is_server_error() || status.is_client_error(),
        }
    }
}

/// Notes how a call was answered. Returns who reads the trailers, where the rest stands in those.
pub(crate) fn answered<R: Record>(
    span: &mut R,
    side: Side,
    status: StatusCode,
    version: Version,
    headers: &HeaderMap,
) -> Option<Side> {
    // A client knows what is spoken when it is answered; a server when it is asked.
    if let (Side::Client, Some(version)) = (side, protocol_version(version)) {
        span.set(semconv::PROTOCOL_VERSION, version);
    }
    span.status_code(status.as_u16());
    if side.is_failure(status) {
        // The code says it all: no description (as the conventions have it).
        span.error(status.as_str(), "");
    }
    if !grpc::is_spoken(headers) {
        return None;
    }
    // An answer without a body has its status here.
    grpc::note_status(span, side, headers);
    Some(side)
}

impl<F, R: Record> ResponseFuture<F, R> {
    /// `is_head`: nothing of the response's body will be sent.
    pub(crate) fn new(inner: F, span: Option<R>, side: Side, is_head: bool) -> Self {
        Self {
            inner,
            running: span.map(Running::new),
            side,
            is_head,
        }
    }
}

impl<F, B, E, R> Future for ResponseFuture<F, R>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body,
    E: Display,
    R: Record,
{
    type Output = Result<Response<ResponseBody<B, R>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let inner = this.inner;
        let outcome = ready!(step(this.running, || inner.poll(cx)));
        Poll::Ready(match outcome {
            Ok(response) => {
                let grpc = this.running.as_mut().and_then(|running| {
                    answered(
                        running.span(),
                        *this.side,
                        response.status(),
                        response.version(),
                        response.headers(),
                    )
                });
                let is_bare = *this.is_head;
                let running = this.running;
                Ok(response.map(|body| ResponseBody::new(body, running, is_bare, grpc)))
            }
            Err(error) => {
                Running::fail(this.running, type_name::<E>(), &error);
                Err(error)
            }
        })
    }
}
