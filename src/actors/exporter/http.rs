//! OTLP over HTTP: protobuf or JSON in the body of a POST.
//!
//! Holds: a pool of connections. Waits: for a connection, for a thread that compresses or writes
//! JSON, for the answer. One call is one attempt; how often and how long is the lane's business.

use std::error::Error;
use std::time::{Duration, SystemTime};

use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION, RETRY_AFTER};
use http::{Response, StatusCode, Uri};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::ExportError;
use super::answer::{self, Judge, MAX_ANSWER, MAX_REQUEST, Oversized, ReadError};
use super::compress::Compression;
use super::connect::Connector;
use super::retry;
use crate::model::otlp::response::{self, PartialSuccess};
use crate::model::request::{Body, Request, Signal};

/// How long an unused connection is kept.
const IDLE: Duration = Duration::from_secs(60);

/// How much of an error's body is read for its words, and how long they may take: the status alone
/// says what to do.
const MAX_ERROR: usize = 64 << 10;
const ERROR_TIME: Duration = Duration::from_secs(1);

const PROTOBUF: &str = "application/x-protobuf";
#[cfg(feature = "proto")]
const JSON: &str = "application/json";

/// What the body is written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    Protobuf,
    #[cfg(feature = "proto")]
    Json,
}

/// Where the requests of a signal go.
pub(super) struct Target {
    pub(super) uri: Uri,
    pub(super) headers: HeaderMap,
}

/// The exporter.
pub(super) struct Http {
    client: Client<Connector, Full<Body>>,
    /// By signal, in the order of [`Signal::ALL`].
    targets: [Target; Signal::ALL.len()],
    encoding: Encoding,
    compression: Compression,
    judge: Judge,
}

/// The server answered with an error.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("http status {status}: {message}")]
    Status { status: StatusCode, message: String },
    /// To follow could mean to send telemetry and credentials to a place that nobody configured.
    #[error("http status {status}: redirects are not followed; set the address they lead to")]
    Redirect { status: StatusCode },
}

/// The request was lost on the way: whether the server took it is unknown.
#[derive(Debug, thiserror::Error)]
#[error("the request was lost")]
struct Lost(#[source] hyper_util::client::legacy::Error);

/// The server said yes in a way that OTLP does not know.
#[derive(Debug, thiserror::Error)]
#[error("the answer has a content type that otlp does not know")]
struct ForeignAnswer;

impl Http {
    pub(super) fn new(
        name: &str,
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
        // A request that was sent is never sent again by the pool: attempts are the lane's to count.
        let client = Client::builder(TokioExecutor::new())
            .retry_canceled_requests(false)
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .http2_keep_alive_interval(Duration::from_secs(20))
            .http2_keep_alive_timeout(Duration::from_secs(10))
            .http2_max_send_buf_size(2 << 20)
            .build(connector);
        Self {
            client,
            targets,
            encoding,
            compression,
            judge: Judge::new(name),
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
        let mut http_request = http::Request::post(target.uri.clone())
            .body(Full::new(self.encode(&request).await?))
            .map_err(ExportError::permanent)?;
        http_request.headers_mut().clone_from(&target.headers);

        let answer = self.client.request(http_request).await;
        let answer = answer.map_err(|error| ExportError::retryable(Lost(error)))?;
        if answer.status().is_success() {
            self.accepted(answer, sent).await
        } else {
            Err(refusal(answer).await)
        }
    }

    /// The body that is sent for a request.
    async fn encode(&self, request: &Request) -> Result<Body, ExportError> {
        match self.encoding {
            Encoding::Protobuf => self.compression.apply_elsewhere(request.body()).await,
            #[cfg(feature = "proto")]
            Encoding::Json => {
                let (request, compression) = (request.clone(), self.compression);
                let work = tokio::task::spawn_blocking(move || {
                    let json = super::json::write(&request)?;
                    Ok(compression.apply(Body::from(bytes::Bytes::from(json))))
                });
                let written: Result<_, super::json::JsonError> =
                    super::compress::done(work).await?;
                written.map_err(ExportError::permanent)
            }
        }
    }

    /// Judges an answer that says yes.
    async fn accepted(&self, answer: Response<Incoming>, sent: u64) -> Result<(), ExportError> {
        let (head, body) = answer.into_parts();
        let partial = match answer::read(body, MAX_ANSWER).await {
            Ok((body, _)) => partial_success(&head.headers, &body),
            Err(error @ ReadError::TooLarge { .. }) => return Err(ExportError::permanent(error)),
            Err(error @ ReadError::Lost(_)) => Err(error.into()),
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

/// The error of an answer that says no.
async fn refusal(answer: Response<Incoming>) -> ExportError {
    let (head, body) = answer.into_parts();
    let status = head.status;
    if status.is_redirection() && head.headers.contains_key(LOCATION) {
        return ExportError::permanent(Refused::Redirect { status });
    }
    let asked = head
        .headers
        .get(RETRY_AFTER)
        .and_then(|value| retry::retry_after(value, now()));
    let message = tokio::time::timeout(ERROR_TIME, answer::read(body, MAX_ERROR)).await;
    let message = match message {
        Ok(Ok((body, _))) => error_words(&head.headers, &body),
        Ok(Err(_)) | Err(_) => None,
    };
    let class = retry::http_class(status, asked);
    class.error(Refused::Status {
        status,
        message: message.unwrap_or_else(|| "without further words".to_owned()),
    })
}

/// What the body of an error says. It is for a reader alone: what cannot be read is left out.
fn error_words(headers: &HeaderMap, body: &[u8]) -> Option<String> {
    let text = match content_type(headers) {
        PROTOBUF => response::status_message(body).ok()?,
        #[cfg(feature = "proto")]
        JSON => super::json::status_message(body)?,
        "text/plain" => String::from_utf8_lossy(body).into_owned(),
        _ => return None,
    };
    let text = answer::words(&text);
    (!text.is_empty()).then_some(text)
}

/// The content type without its parameters; empty when there is none.
fn content_type(headers: &HeaderMap) -> &str {
    let value = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let essence = value.and_then(|value| value.split(';').next());
    essence.unwrap_or_default().trim()
}

#[expect(
    clippy::disallowed_methods,
    reason = "a Retry-After that is a date is one of the world's clock, which no test can fake"
)]
fn now() -> SystemTime {
    SystemTime::now()
}
