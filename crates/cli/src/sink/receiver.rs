//! Answers one request: reads it, counts it, and says so in the client's protocol.
//!
//! Holds: nothing between requests but the dice. Waits: for the body, then as long as it is told.
//! Loses: the items of a request whose client goes away before the answer; they are not counted.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, Method, Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use spanreel::Signal;

use super::content::{Content, Format};
use super::grpc::UnaryCall;
use super::inflate::{Encoding, Inflate};
use super::refusal::Refusal;
use super::reply::{self, Reply, Wire};
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
        let Some(wire) = wire_of(request.headers()) else {
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
        let signal = signal_of(wire, head.uri.path())?;
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
    Http(Inflate),
}

impl Message {
    fn new(wire: Wire, signal: Signal, headers: &HeaderMap) -> Result<Self, Refusal> {
        let encoding = |name| Encoding::parse(headers.get(name).map(AsRef::as_ref));
        let format = match wire {
            Wire::Grpc => {
                let encoding = encoding(http::HeaderName::from_static("grpc-encoding"))?;
                return Ok(Self::Grpc(UnaryCall::new(encoding)));
            }
            Wire::HttpProtobuf => Format::Protobuf,
            Wire::HttpJson => Format::Json(signal),
        };
        let inflate = Inflate::new(encoding(CONTENT_ENCODING)?, Content::new(format))?;
        Ok(Self::Http(inflate))
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

/// Which protocol the client speaks, by the content type of its request.
fn wire_of(headers: &HeaderMap) -> Option<Wire> {
    let value = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    let essence = value.split(';').next()?.trim();
    match essence.to_ascii_lowercase().as_str() {
        "application/grpc" | "application/grpc+proto" => Some(Wire::Grpc),
        "application/x-protobuf" => Some(Wire::HttpProtobuf),
        "application/json" => Some(Wire::HttpJson),
        _ => None,
    }
}

/// Which signal is received at a path (OTLP 1.11; the services of `collector/*/v1/*.proto`).
fn signal_of(wire: Wire, path: &str) -> Result<Signal, Refusal> {
    let (traces, logs) = match wire {
        Wire::Grpc => (
            "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
            "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
        ),
        Wire::HttpProtobuf | Wire::HttpJson => ("/v1/traces", "/v1/logs"),
    };
    if path == traces {
        return Ok(Signal::Traces);
    }
    if path == logs {
        return Ok(Signal::Logs);
    }
    Err(Refusal::UnknownPath)
}
