//! Responses in the three forms of OTLP.

use std::convert::Infallible;
use std::future::{Ready, ready};

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Response};
use http_body_util::combinators::WithTrailers;
use http_body_util::{BodyExt, Full};

use super::grpc::EMPTY_MESSAGE;
use super::refusal::Refusal;

/// How a client speaks OTLP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wire {
    Grpc,
    HttpProtobuf,
    HttpJson,
}

impl Wire {
    fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Grpc => "application/grpc",
            Self::HttpProtobuf => "application/x-protobuf",
            Self::HttpJson => "application/json",
        })
    }
}

const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
const GRPC_ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");

/// The body of a response: a few bytes, and gRPC's status behind them.
pub(crate) type Reply = WithTrailers<Full<Bytes>, Ready<Option<Result<HeaderMap, Infallible>>>>;

/// Everything was taken: an empty export response.
pub(crate) fn accepted(wire: Wire) -> Response<Reply> {
    match wire {
        Wire::Grpc => {
            let trailers = HeaderMap::from_iter([(GRPC_STATUS, HeaderValue::from_static("0"))]);
            respond(wire, EMPTY_MESSAGE.into(), Some(trailers))
        }
        Wire::HttpProtobuf => respond(wire, Bytes::new(), None),
        Wire::HttpJson => respond(wire, Bytes::from_static(b"{}"), None),
    }
}

/// Nothing was taken. gRPC says so in the headers alone; HTTP carries a `google.rpc.Status`
/// (OTLP 1.11, "Failures").
pub(crate) fn refused(wire: Wire, refusal: Refusal) -> Response<Reply> {
    let message = refusal.to_string();
    if wire == Wire::Grpc {
        let mut response = respond(wire, Bytes::new(), None);
        let headers = response.headers_mut();
        headers.insert(GRPC_STATUS, u16::from(refusal.grpc_code()).into());
        let message = HeaderValue::try_from(message).expect("refusals are plain ASCII");
        headers.insert(GRPC_MESSAGE, message);
        let accepted = HeaderValue::from_static("identity,gzip,zstd");
        headers.insert(GRPC_ACCEPT_ENCODING, accepted);
        return response;
    }
    let body = match wire {
        Wire::HttpJson => json_status(refusal.grpc_code(), &message),
        _ => protobuf_status(refusal.grpc_code(), &message),
    };
    let mut response = respond(wire, body, None);
    *response.status_mut() = refusal.http_status();
    if refusal == Refusal::NotPost {
        response
            .headers_mut()
            .insert(ALLOW, HeaderValue::from_static("POST"));
    }
    response
}

fn respond(wire: Wire, body: Bytes, trailers: Option<HeaderMap>) -> Response<Reply> {
    let body = Full::new(body).with_trailers(ready(trailers.map(Ok)));
    let mut response = Response::new(body);
    response
        .headers_mut()
        .insert(CONTENT_TYPE, wire.content_type());
    response
}

/// `google.rpc.Status { code = 1, message = 2 }`; both lengths fit one byte.
fn protobuf_status(code: u8, message: &str) -> Bytes {
    let length = u8::try_from(message.len()).expect("refusals are short");
    assert!(code < 0x80 && length < 0x80, "one-byte varints");
    let mut status = vec![0x08, code, 0x12, length];
    status.extend_from_slice(message.as_bytes());
    status.into()
}

fn json_status(code: u8, message: &str) -> Bytes {
    serde_json::json!({ "code": code, "message": message })
        .to_string()
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every refusal, so that the limits which `refused` relies on hold for each.
    const ALL: [Refusal; 7] = [
        Refusal::Malformed,
        Refusal::TooLarge,
        Refusal::UnknownEncoding,
        Refusal::UnknownContentType,
        Refusal::UnknownPath,
        Refusal::NotPost,
        Refusal::OnPurpose,
    ];

    /// The answers of OTLP 1.11 that a client acts upon: of all refusals only the one on purpose
    /// may be tried again.
    #[test]
    fn only_a_refusal_on_purpose_is_retryable() {
        for refusal in ALL {
            let http = refused(Wire::HttpProtobuf, refusal);
            let retryable = matches!(http.status().as_u16(), 429 | 502 | 503 | 504);
            assert_eq!(retryable, refusal == Refusal::OnPurpose, "{refusal:?}");
            assert!(http.status().is_client_error() || retryable);

            let grpc = refused(Wire::Grpc, refusal);
            assert_eq!(grpc.status(), 200);
            let retryable = grpc.headers()["grpc-status"] == "14";
            assert_eq!(retryable, refusal == Refusal::OnPurpose, "{refusal:?}");
            assert_eq!(
                refused(Wire::HttpJson, refusal).headers()[CONTENT_TYPE],
                "application/json"
            );
        }
    }
}
