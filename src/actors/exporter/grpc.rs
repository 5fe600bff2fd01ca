//! OTLP over gRPC: unary calls, framed directly on hyper's HTTP/2 because the message is already
//! encoded.
//!
//! Holds: one connection per server. Waits: for the connection, for a thread that compresses, for
//! the answer. One call is one attempt; how often and how long is the lane's business.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{HeaderMap, Response, StatusCode, Uri};
use http_body_util::Full;
use hyper::body::Incoming;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use super::answer::{self, Judge, MAX_ANSWER, MAX_REQUEST, Oversized, ReadError};
use super::channel::Channel;
use super::message::Message;
use super::retry::{self, Class};
use super::{ExportError, LaneSettings};
use crate::model::compression::Compression;
use crate::model::otlp::response;
use crate::model::request::{Request, Signal};

/// The path of a signal's only method.
pub(super) const fn path(signal: Signal) -> &'static str {
    match signal {
        Signal::Traces => "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
        Signal::Logs => "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
        Signal::Metrics => "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
    }
}

/// Where the requests of a signal go.
pub(super) struct Call {
    pub(super) channel: Arc<Channel>,
    pub(super) uri: Uri,
    pub(super) headers: HeaderMap,
}

/// The exporter.
pub(super) struct Grpc {
    /// By signal, in the order of [`Signal::ALL`].
    calls: [Call; Signal::ALL.len()],
    compression: Compression,
    judge: Judge,
}

/// The server answered with an error.
#[derive(Debug, thiserror::Error)]
#[error("grpc status {code:?}: {message}")]
struct Refused {
    code: Code,
    message: String,
}

/// The call was lost on the way: whether the server took it is unknown.
#[derive(Debug, thiserror::Error)]
#[error("the connection was lost")]
struct Lost(#[source] hyper::Error);

/// The server said yes in a way that gRPC does not know.
#[derive(Debug, thiserror::Error)]
#[error("the answer holds no whole message")]
struct NoMessage;

impl Grpc {
    pub(super) fn new(
        lane: &LaneSettings,
        mut calls: [Call; Signal::ALL.len()],
        compression: Compression,
        timeout: Duration,
    ) -> Self {
        for call in &mut calls {
            let headers = &mut call.headers;
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
            headers.insert("te", HeaderValue::from_static("trailers"));
            headers.insert("grpc-timeout", timeout_header(timeout));
            if let Some(encoding) = compression.encoding() {
                headers.insert("grpc-encoding", HeaderValue::from_static(encoding));
            }
        }
        Self {
            calls,
            compression,
            judge: Judge::new(lane),
        }
    }

    /// Makes one attempt.
    pub(super) async fn export(&self, request: Request) -> Result<(), ExportError> {
        let sent = request.items();
        let size = request.encoded_len();
        let too_large = || ExportError::too_large(Oversized { size });
        if size > MAX_REQUEST {
            return Err(too_large());
        }
        let call = &self.calls[request.signal() as usize];
        let compressed = self.compression.encoding().is_some();
        let body = self.compression.apply_elsewhere(request.body()).await?;
        let message = Message::new(body, compressed).ok_or_else(too_large)?;

        let mut http_request = http::Request::post(call.uri.clone())
            .version(http::Version::HTTP_2)
            .body(Full::new(message))
            .map_err(ExportError::permanent)?;
        http_request.headers_mut().clone_from(&call.headers);

        let sender = call.channel.sender().await;
        let mut sender = sender.map_err(ExportError::retryable)?;
        let answer = sender.send_request(http_request).await;
        self.conclude(
            answer.map_err(|error| ExportError::retryable(Lost(error)))?,
            sent,
        )
        .await
    }

    /// Reads an answer to its end and says what became of the `sent` items.
    async fn conclude(&self, answer: Response<Incoming>, sent: u64) -> Result<(), ExportError> {
        let (head, body) = answer.into_parts();
        // An error comes without a body most often: its status stands among the headers.
        let (message, status) = match status(head.headers) {
            Some(status) => (Bytes::new(), Some(status)),
            None if head.status != StatusCode::OK => {
                let code = retry::grpc_code_of_http(head.status);
                let status = Status::new(code, format!("http status {}", head.status));
                (Bytes::new(), Some(status))
            }
            None => {
                let (message, trailers) =
                    answer::read(body, MAX_ANSWER).await.map_err(|error| {
                        let class = match error {
                            ReadError::TooLarge { .. } => Class::Permanent,
                            ReadError::Lost(_) => Class::Retryable(None),
                        };
                        class.error(error)
                    })?;
                (message, status(trailers))
            }
        };
        let status = status.unwrap_or_else(|| Status::unknown("the answer has no grpc status"));
        if status.code() != Code::Ok {
            return Err(refusal(&status));
        }
        let partial = Message::first(&message).ok_or_else(|| NoMessage.into());
        let partial: Result<_, Box<dyn std::error::Error + Send + Sync>> =
            partial.and_then(|message| Ok(response::partial_success(message)?));
        self.judge.delivered(partial, sent)
    }
}

/// The error of a status that is not OK.
fn refusal(status: &Status) -> ExportError {
    // Without a delay, `RetryInfo` still says that trying again makes sense.
    let asked = status
        .get_details_retry_info()
        .map(|info| info.retry_delay.unwrap_or_default());
    retry::grpc_class(status.code(), status.message(), asked).error(Refused {
        code: status.code(),
        message: answer::words(status.message()),
    })
}

/// Reads a status from headers or trailers.
fn status(mut headers: HeaderMap) -> Option<Status> {
    const DETAILS: &str = "grpc-status-details-bin";
    // tonic takes for granted that a server writes base64, and panics otherwise.
    if headers
        .get(DETAILS)
        .is_some_and(|details| !is_base64(details.as_bytes()))
    {
        headers.remove(DETAILS);
    }
    Status::from_header_map(&headers)
}

/// Whether bytes are base64 of the standard alphabet, padded in full or not at all, without stray
/// bits at the end (RFC 4648, sections 3.2 and 3.5).
fn is_base64(bytes: &[u8]) -> bool {
    let padding = bytes.iter().rev().take_while(|&&byte| byte == b'=').count();
    let digits = &bytes[..bytes.len() - padding];
    let last = digits.last().unwrap_or(&b'A');
    let ends_well = match digits.len() % 4 {
        0 => padding == 0,
        2 => matches!(padding, 0 | 2) && b"AQgw".contains(last),
        3 => matches!(padding, 0 | 1) && b"AEIMQUYcgkosw048".contains(last),
        _ => false,
    };
    ends_well
        && digits
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'))
}

/// Writes a duration as `grpc-timeout` does: at most eight digits and a unit.
fn timeout_header(timeout: Duration) -> HeaderValue {
    const MOST: u128 = 99_999_999;
    let text = match timeout.as_millis() {
        0 => format!("{}n", timeout.as_nanos()),
        millis @ ..=MOST => format!("{millis}m"),
        millis => format!("{}S", (millis / 1_000).min(MOST)),
    };
    HeaderValue::try_from(text).expect("digits and a letter are a header value")
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;
    use hyper::service::service_fn;
    use hyper_util::rt::{TokioExecutor, TokioIo};

    use super::*;
    use crate::actors::exporter::connect::Connector;
    use crate::model::request::Body;

    /// A request of many small pieces leaves in large frames, and arrives as it was.
    #[tokio::test]
    async fn small_pieces_do_not_become_small_frames() {
        const PIECES: usize = 10_000;
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = format!("http://{}", listener.local_addr().unwrap());
        let serve = async move {
            let (socket, _) = listener.accept().await.unwrap();
            let (tell, told) = tokio::sync::oneshot::channel();
            let tell = std::sync::Mutex::new(Some(tell));
            let service = service_fn(|request: http::Request<Incoming>| {
                let tell = tell.lock().unwrap().take().unwrap();
                async move {
                    let mut body = request.into_body();
                    let mut frames = Vec::new();
                    while let Some(frame) = body.frame().await {
                        frames.push(frame.unwrap().into_data().unwrap());
                    }
                    tell.send(frames).unwrap();
                    let mut answer = Response::new(Full::new(Bytes::new()));
                    let status = HeaderValue::from_static("0");
                    answer.headers_mut().insert("grpc-status", status);
                    Ok::<_, hyper::Error>(answer)
                }
            });
            hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                .serve_connection(TokioIo::new(socket), service)
                .await
                .unwrap();
            told.await.unwrap()
        };
        let uri: Uri = server.parse().unwrap();
        let channel = Arc::new(Channel::new(uri.clone(), Connector::new(None)));
        let calls = Signal::ALL.map(|_| Call {
            channel: Arc::clone(&channel),
            uri: uri.clone(),
            headers: HeaderMap::new(),
        });
        drop(channel);
        let grpc = Grpc::new(
            &LaneSettings::of("test"),
            calls,
            Compression::None,
            Duration::from_secs(5),
        );
        let piece = |n: usize| Bytes::from(vec![n as u8; 1 + n % 127]);
        let body = Body::new((0..PIECES).map(piece).collect());
        let request = Request::new(Signal::Traces, 1, body);
        let whole = request.to_bytes();
        let export = async move {
            grpc.export(request).await.unwrap();
            // Dropped here, it closes the connection, which ends the server.
        };
        let ((), frames) = tokio::join!(export, serve);
        assert_eq!(frames.concat()[Message::PREFIX..], whole);
        assert!(
            frames.len() <= whole.len() / 16_384 * 2 + 2,
            "{}",
            frames.len()
        );
    }

    /// A time-out fits into eight digits, in a unit that keeps it.
    #[test]
    fn a_timeout_fits_into_eight_digits() {
        for (timeout, text) in [
            (Duration::from_secs(10), "10000m"),
            (Duration::from_micros(15), "15000n"),
            (Duration::from_millis(99_999_999), "99999999m"),
            (Duration::from_secs(100_000), "100000S"),
            (Duration::MAX, "99999999S"),
        ] {
            assert_eq!(timeout_header(timeout), text);
        }
    }

    /// Whatever a server writes as details of its status, reading them does not panic, and the
    /// code and the words remain.
    #[test]
    fn details_that_are_no_base64_are_passed_over() {
        for details in [
            "", "=", "==", "A", "AA", "AA=", "AA==", "AAA", "AAA=", "AAA==", "AAAA", "AAAA=",
            "AAAA====", "A-_A", "AB==CD==", "!!!!", "AAAAA", "AAAAA===", "/+9/", "AB==", "AAB=",
            "AQ==", "Ag", "AAE=", "AA8",
        ] {
            let mut headers = HeaderMap::new();
            headers.insert("grpc-status", HeaderValue::from_static("14"));
            headers.insert("grpc-message", HeaderValue::from_static("away"));
            headers.insert(
                "grpc-status-details-bin",
                HeaderValue::from_str(details).unwrap(),
            );
            let status = status(headers).unwrap();
            assert_eq!(
                (status.code(), status.message()),
                (Code::Unavailable, "away")
            );
        }
    }
}
