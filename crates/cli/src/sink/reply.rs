//! What the null receiver answers.

use http::header::ALLOW;
use http::{HeaderValue, Response};
use tonic::Status;

use crate::wire::protocol::Wire;
use crate::wire::reply::{Reply, failure, success};

use super::refusal::Refusal;

/// Everything was taken: an empty export response.
pub(crate) fn accepted(wire: Wire) -> Response<Reply> {
    let message: &[u8] = if wire == Wire::HttpJson { b"{}" } else { b"" };
    success(wire, message)
}

/// Nothing was taken.
pub(crate) fn refused(wire: Wire, refusal: Refusal) -> Response<Reply> {
    let status = Status::new(refusal.grpc_code(), refusal.to_string());
    let mut response = failure(wire, refusal.http_status(), &status);
    if refusal == Refusal::NotPost && wire != Wire::Grpc {
        response
            .headers_mut()
            .insert(ALLOW, HeaderValue::from_static("POST"));
    }
    response
}

#[cfg(test)]
mod tests {
    use http::header::CONTENT_TYPE;

    use super::*;

    /// Every refusal.
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
