//! Sends bodies by HTTP POST: what every exporter over HTTP shares.
//!
//! Holds: a pool of connections. Waits: for a connection and for the answer. One call is one
//! attempt; how often and how long is the lane's business.

use std::time::{Duration, SystemTime};

use http::header::{CONTENT_TYPE, HeaderMap, LOCATION, RETRY_AFTER};
use http::{Response, StatusCode, Uri};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::ExportError;
use super::answer;
use super::connect::Connector;
use super::retry;
use crate::model::otlp::response;
use crate::model::request::Body;

/// How long an unused connection is kept.
const IDLE: Duration = Duration::from_secs(60);

/// How much of an error's body is read for its words, and how long they may take: the status alone
/// says what to do.
const MAX_ERROR: usize = 64 << 10;
const ERROR_TIME: Duration = Duration::from_secs(1);

pub(super) const PROTOBUF: &str = "application/x-protobuf";
#[cfg(feature = "proto")]
pub(super) const JSON: &str = "application/json";

/// The application protocols that it speaks over TLS, the best first.
pub(super) const PROTOCOLS: [&str; 2] = ["h2", "http/1.1"];

/// Where requests go, and the headers that all of them have. No `Debug`: both may hold secrets.
pub(super) struct Target {
    pub(super) uri: Uri,
    pub(super) headers: HeaderMap,
}

/// Sends requests.
pub(super) struct Post {
    client: Client<Connector, Full<Body>>,
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

impl Post {
    pub(super) fn new(connector: Connector) -> Self {
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
        Self { client }
    }

    /// Makes one attempt, and returns an answer that says yes.
    pub(super) async fn send(
        &self,
        target: &Target,
        body: Body,
    ) -> Result<Response<Incoming>, ExportError> {
        let mut request = http::Request::post(target.uri.clone())
            .body(Full::new(body))
            .map_err(ExportError::permanent)?;
        request.headers_mut().clone_from(&target.headers);
        let answer = self.client.request(request).await;
        let answer = answer.map_err(|error| ExportError::retryable(Lost(error)))?;
        if answer.status().is_success() {
            Ok(answer)
        } else {
            Err(refusal(answer).await)
        }
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
pub(super) fn content_type(headers: &HeaderMap) -> &str {
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
