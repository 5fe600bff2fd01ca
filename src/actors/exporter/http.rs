//! OTLP over HTTP: protobuf or JSON in the body of a POST.
//!
//! Holds: nothing of its own between requests. Waits: for a thread that compresses or writes JSON,
//! for the answer. One call is one attempt; how often and how long is the lane's business.

use std::error::Error;
use std::time::Duration;

use http::Response;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue};
use hyper::body::Incoming;

use super::answer::{self, Judge, MAX_ANSWER, MAX_REQUEST, Oversized, ReadError};
use super::connect::Connector;
#[cfg(feature = "proto")]
use super::post::JSON;
use super::post::{PROTOBUF, Post, Target, content_type};
use super::{ExportError, LaneSettings};
use crate::model::compression::Compression;
#[cfg(feature = "proto")]
use crate::model::otlp::json::to_json;
use crate::model::otlp::response::{self, PartialSuccess};
#[cfg(feature = "proto")]
use crate::model::otlp::view::{RequestView, WireError};
use crate::model::request::{Body, Request, Signal};

/// What the body is written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    Protobuf,
    #[cfg(feature = "proto")]
    Json,
}

/// The exporter.
pub(super) struct Http {
    post: Post,
    /// By signal, in the order of [`Signal::ALL`].
    targets: [Target; Signal::ALL.len()],
    encoding: Encoding,
    compression: Compression,
    /// What one attempt may take.
    timeout: Duration,
    judge: Judge,
}

/// How long the body of a yes is waited for, and a quarter of what an attempt may take: the request is
/// taken, and to send it again would double it.
const MOST_PATIENCE: Duration = Duration::from_secs(1);

/// The server said yes and did not come to the end.
#[derive(Debug, thiserror::Error)]
#[error("the answer has no end within {0:?}")]
struct Endless(Duration);

/// The server said yes in a way that OTLP does not know.
#[derive(Debug, thiserror::Error)]
#[error("the answer has a content type that otlp does not know")]
struct ForeignAnswer;

impl Http {
    pub(super) fn new(
        lane: &LaneSettings,
        mut targets: [Target; Signal::ALL.len()],
        connector: Connector,
        encoding: Encoding,
        compression: Compression,
    ) -> Self {
        let content_type = match encoding {
            Encoding::Protobuf => PROTOBUF,
            #[cfg(feature = "proto")]
            Encoding::Json => JSON,
        };
        for target in &mut targets {
            let headers = &mut target.headers;
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
            if let Some(encoding) = compression.encoding() {
                headers.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
            }
        }
        Self {
            post: Post::new(connector),
            targets,
            encoding,
            compression,
            timeout: lane.timeout,
            judge: Judge::new(lane),
        }
    }

    /// Makes one attempt.
    pub(super) async fn export(&self, request: Request) -> Result<(), ExportError> {
        let sent = request.items();
        let size = request.encoded_len();
        if size > MAX_REQUEST {
            return Err(ExportError::too_large(Oversized { size }));
        }
        let target = &self.targets[request.signal() as usize];
        let body = self.encode(&request).await?;
        let answer = self.post.send(target, body).await?;
        self.accepted(answer, sent).await
    }

    /// The body that is sent for a request.
    async fn encode(&self, request: &Request) -> Result<Body, ExportError> {
        match self.encoding {
            Encoding::Protobuf => self.compression.apply_elsewhere(request.body()).await,
            #[cfg(feature = "proto")]
            Encoding::Json => {
                let (request, compression) = (request.clone(), self.compression);
                let work = tokio::task::spawn_blocking(move || {
                    let bytes = request.to_bytes();
                    let json = RequestView::new(request.signal(), &bytes).map(to_json)?;
                    Ok(compression.apply(Body::from(bytes::Bytes::from(json))))
                });
                let written: Result<_, WireError> = super::aside::done(work).await?;
                written.map_err(ExportError::permanent)
            }
        }
    }

    /// Judges an answer that says yes.
    async fn accepted(&self, answer: Response<Incoming>, sent: u64) -> Result<(), ExportError> {
        let (head, body) = answer.into_parts();
        let patience = MOST_PATIENCE.min(self.timeout / 4);
        let read = tokio::time::timeout(patience, answer::read(body, MAX_ANSWER)).await;
        let partial = match read {
            Ok(Ok((body, _))) => partial_success(&head.headers, &body),
            Ok(Err(error @ ReadError::TooLarge { .. })) => {
                return Err(ExportError::permanent(error));
            }
            Ok(Err(error @ ReadError::Lost(_))) => Err(error.into()),
            Err(_elapsed) => Err(Endless(patience).into()),
        };
        self.judge.delivered(partial, sent)
    }
}

/// Reads the body of an answer that says yes. Without a body there is nothing to say.
fn partial_success(
    headers: &HeaderMap,
    body: &[u8],
) -> Result<PartialSuccess, Box<dyn Error + Send + Sync>> {
    if body.is_empty() {
        return Ok(PartialSuccess::default());
    }
    match content_type(headers) {
        PROTOBUF => Ok(response::partial_success(body)?),
        #[cfg(feature = "proto")]
        JSON => Ok(super::json::partial_success(body)?),
        _ => Err(ForeignAnswer.into()),
    }
}
