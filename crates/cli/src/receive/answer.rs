//! Answers one request: lets it in, reads it, has it taken, and says so in the client's protocol.
//!
//! Holds: nothing between requests. Waits: for the body, and for [`Take`]. Loses: nothing.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{ACCESS_CONTROL_REQUEST_METHOD, CONTENT_ENCODING, EXPECT};
use http::request::Parts;
use http::{HeaderName, Method, Request, Response, StatusCode, Version};
use hyper::body::Incoming;
use spanreel::Signal;
use tokio::time::timeout;

use crate::wire::inflate::Encoding;
use crate::wire::protocol::Wire;
use crate::wire::reply::{self, Reply};

use super::access::Access;
use super::body::{self, Bounds, Framing};
use super::budget::{Budget, Held};
use super::config::Limits;
use super::json;
use super::refusal::{Outcome, Refusal};
use super::response;
use super::stats::{Counters, Underway};
use super::take::{Take, Taken};

const GRPC_ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");

/// What all connections share.
pub(crate) struct Answerer<T> {
    pub(crate) take: T,
    pub(crate) access: Access,
    pub(crate) limits: Limits,
    pub(crate) budget: Arc<Budget>,
    pub(crate) counters: Arc<Counters>,
}

impl<T: Take> Answerer<T> {
    pub(crate) async fn answer(&self, request: Request<Incoming>) -> Response<Reply> {
        let (head, mut body) = request.into_parts();
        let wire = Wire::of(&head.headers);
        // Those whose protocol is unknown get the answer that OTLP/HTTP has by default.
        let speaks = wire.unwrap_or(Wire::HttpProtobuf);
        let origin = match self.access.origin(&head.headers) {
            Ok(origin) => origin,
            Err(refusal) => {
                self.counters.ended(speaks, refusal.outcome());
                return refusal.response(speaks);
            }
        };
        let mut response = match &origin {
            Some(origin) if is_asked_beforehand(&head) => {
                let mut response = reply::empty(StatusCode::NO_CONTENT);
                origin.clone().allow_beforehand(response.headers_mut());
                return response;
            }
            _ => self.receive(wire, &head, &mut body).await,
        };
        if let Some(origin) = origin {
            origin.allow(response.headers_mut());
        }
        response
    }

    async fn receive(
        &self,
        wire: Option<Wire>,
        head: &Parts,
        body: &mut Incoming,
    ) -> Response<Reply> {
        let speaks = wire.unwrap_or(Wire::HttpProtobuf);
        let underway = Underway::new(&self.counters, speaks);
        let outcome = match self.read(wire, head, body).await {
            Ok((signal, request, held)) => {
                let outcome = self.pass_on(speaks, signal, request).await;
                drop(held);
                outcome
            }
            Err(refusal) => {
                self.let_finish(head, body).await;
                Err(refusal)
            }
        };
        match outcome {
            Ok((outcome, response)) => {
                underway.settle(outcome);
                response
            }
            Err(refusal) => {
                underway.settle(refusal.outcome());
                refusal.response(speaks)
            }
        }
    }

    /// Judges the head, reads the body, and makes protobuf of it.
    async fn read(
        &self,
        wire: Option<Wire>,
        head: &Parts,
        body: &mut Incoming,
    ) -> Result<(Signal, Bytes, Held), Refusal> {
        self.access.admit(&head.headers)?;
        let wire = wire.ok_or(Refusal::UnknownContentType)?;
        let path = head.uri.path();
        let signal = wire.signal_at(path).ok_or(Refusal::UnknownPath)?;
        if head.method != Method::POST {
            return Err(Refusal::WrongMethod);
        }
        let (framing, header) = match wire {
            Wire::Grpc => (Framing::Grpc, GRPC_ENCODING),
            Wire::HttpProtobuf | Wire::HttpJson => (Framing::Plain, CONTENT_ENCODING),
        };
        let header = head.headers.get(header).map(AsRef::as_ref);
        let encoding = Encoding::parse(header).ok_or(Refusal::UnknownEncoding)?;
        let bounds = Bounds {
            wire: self.limits.wire_bytes.as_usize(),
            request: self.limits.request_bytes.as_usize(),
        };
        let read = body::read(
            body,
            framing,
            encoding,
            bounds,
            &self.budget,
            &self.counters,
        );
        let limit = self.limits.body_timeout;
        let (bytes, held) = (timeout(limit, read).await).map_err(|_| Refusal::Slow(limit))??;
        let (bytes, held) = match wire {
            Wire::HttpJson => json::into_protobuf(signal, bytes, held, bounds.request).await?,
            Wire::Grpc | Wire::HttpProtobuf => (bytes, held),
        };
        self.counters.request(bytes.len());
        Ok((signal, bytes, held))
    }

    /// Has the request taken and says what became of it.
    async fn pass_on(
        &self,
        wire: Wire,
        signal: Signal,
        request: Bytes,
    ) -> Result<(Outcome, Response<Reply>), Refusal> {
        let (outcome, message) = match self.take.take(signal, request).await {
            Taken::Accepted { items } => {
                self.counters.taken(signal, items, 0);
                (Outcome::Accepted, response::whole(wire))
            }
            Taken::Partial {
                accepted,
                rejected,
                message,
            } => {
                self.counters.taken(signal, accepted, rejected);
                let message = response::partial(wire, signal, rejected, message);
                (Outcome::Partial, message)
            }
            Taken::Malformed(what) => return Err(Refusal::Malformed(what)),
            Taken::TooLarge(what) => return Err(Refusal::TooLarge(what)),
            Taken::NotTaken(what) => return Err(Refusal::NotTaken(what)),
            Taken::Full { retry_after } => return Err(Refusal::Full { retry_after }),
            Taken::Closed => return Err(Refusal::Closed),
        };
        Ok((outcome, reply::success(wire, &message)))
    }

    /// Lets a client of HTTP/1 send what it is sending before it is told that it was in vain: it
    /// would not hear it otherwise. HTTP/2 can say so at any time, and who expects 100 has waited.
    async fn let_finish(&self, head: &Parts, body: &mut Incoming) {
        if head.version >= Version::HTTP_2 || head.headers.contains_key(EXPECT) {
            return;
        }
        let limit = self.limits.body_timeout.min(LINGER);
        if timeout(limit, body::discard(body)).await.is_err() {
            tracing::debug!(target: "spanreel", "a client goes on sending what was refused");
        }
    }
}

/// How long a client may go on sending what was refused.
const LINGER: std::time::Duration = std::time::Duration::from_secs(5);

/// Whether a browser asks what it may send.
fn is_asked_beforehand(head: &Parts) -> bool {
    head.method == Method::OPTIONS && head.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}
