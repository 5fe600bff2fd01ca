//! Answers one request: reads it, counts it, and says so in the client's protocol.
//!
//! Holds: nothing between requests but the dice. Waits: for the body, then as long as it is told.
//! Loses: the items of a request whose client goes away before the answer; they are not counted.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::header::CONTENT_ENCODING;
use http::{HeaderMap, Method, Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use spanreel::Signal;

use crate::wire::inflate::Encoding;
use crate::wire::protocol::Wire;
use crate::wire::reply::Reply;

use super::body::Body;
use super::content::{Content, Format};
use super::grpc::UnaryCall;
use super::refusal::Refusal;
use super::reply;
use super::{Counters, SinkConfig};

/// What all connections of a sink share.
#[derive(Debug)]
pub(crate) struct Receiver {
    counters: Arc<Counters>,
    latency: Duration,
    fail_rate: f64,
    dice: Mutex<fastrand::Rng>,
}

impl Receiver {
    pub(crate) fn new(config: &SinkConfig, counters: Arc<Counters>) -> Self {
        Self {
            counters,
            latency: config.latency,
            fail_rate: config.fail_rate,
            dice: Mutex::new(fastrand::Rng::with_seed(config.seed)),
        }
    }

    /// Reads the request and answers it.
    pub(crate) async fn answer(&self, request: Request<Incoming>) -> Response<Reply> {
        let Some(wire) = Wire::of(request.headers()) else {
            self.counters.refused();
            return reply::refused(Wire::HttpProtobuf, Refusal::UnknownContentType);
        };
        match self.receive(wire, request).await {
            Ok((signal, items)) => {
                self.counters.accepted(signal, items);
                reply::accepted(wire)
            }
            Err(refusal) => {
                self.counters.refused();
                reply::refused(wire, refusal)
            }
        }
    }

    async fn receive(
        &self,
        wire: Wire,
        request: Request<Incoming>,
    ) -> Result<(Signal, u64), Refusal> {
        let (head, mut body) = request.into_parts();
        let signal = wire
            .signal_at(head.uri.path())
            // Their items are one level deeper than those that it counts.
            .filter(|signal| *signal != Signal::Metrics)
            .ok_or(Refusal::UnknownPath)?;
        if head.method != Method::POST {
            return Err(Refusal::NotPost);
        }
        let mut message = Message::new(wire, signal, &head.headers)?;
        while let Some(frame) = body.frame().await {
            // A body that breaks off is a request that was never whole.
            let frame = frame.map_err(|_| Refusal::Malformed)?;
            if let Ok(data) = frame.into_data() {
                self.counters.read(data.len());
                message.push(&data)?;
            }
        }
        let items = message.finish()?;

        let refused_on_purpose = self.roll();
        if !self.latency.is_zero() {
            tokio::time::sleep(self.latency).await;
        }
        if refused_on_purpose {
            return Err(Refusal::OnPurpose);
        }
        Ok((signal, items))
    }

    /// Whether the next request is to be refused.
    fn roll(&self) -> bool {
        if self.fail_rate <= 0.0 {
            return false;
        }
        let mut dice = self.dice.lock().unwrap_or_else(PoisonError::into_inner);
        dice.f64() < self.fail_rate
    }
}

/// A body in either framing.
#[derive(Debug)]
enum Message {
    Grpc(UnaryCall),
    Http(Body),
}

impl Message {
    fn new(wire: Wire, signal: Signal, headers: &HeaderMap) -> Result<Self, Refusal> {
        let encoding = |name| {
            Encoding::parse(headers.get(name).map(AsRef::as_ref)).ok_or(Refusal::UnknownEncoding)
        };
        let format = match wire {
            Wire::Grpc => {
                let encoding = encoding(http::HeaderName::from_static("grpc-encoding"))?;
                return Ok(Self::Grpc(UnaryCall::new(encoding)));
            }
            Wire::HttpProtobuf => Format::Protobuf,
            Wire::HttpJson => Format::Json(signal),
        };
        let body = Body::new(encoding(CONTENT_ENCODING)?, Content::new(format))?;
        Ok(Self::Http(body))
    }

    fn push(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        match self {
            Self::Grpc(call) => call.push(bytes),
            Self::Http(body) => body.push(bytes),
        }
    }

    fn finish(self) -> Result<u64, Refusal> {
        match self {
            Self::Grpc(call) => call.finish(),
            Self::Http(body) => body.finish(),
        }
    }
}
