//! How a call over gRPC was answered: its status stands in the trailers, whatever HTTP says (gRPC over
//! HTTP/2, "Responses"; semantic conventions 1.41, "gRPC").

use std::borrow::Cow;

use http::HeaderMap;
use http::header::CONTENT_TYPE;

use crate::future::Side;
use crate::record::Record;
use crate::semconv;

/// As much as is kept of a message.
const MOST_OF_MESSAGE: usize = 1024;

/// The names of the codes from 0 on.
const NAMES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

/// Whether this is a message of gRPC.
pub(crate) fn is_spoken(headers: &HeaderMap) -> bool {
    let content_type = headers.get(CONTENT_TYPE);
    content_type.is_some_and(|value| value.as_bytes().starts_with(b"application/grpc"))
}

/// Notes the status, if it stands here: in the trailers, or in the headers of an answer without a body.
pub(crate) fn note_status<R: Record>(span: &mut R, side: Side, headers: &HeaderMap) {
    let Some(code) = headers.get("grpc-status") else {
        return;
    };
    let code: Option<usize> = code.to_str().ok().and_then(|code| code.parse().ok());
    // What is no code is to be taken for UNKNOWN (gRPC, "Status codes and their use").
    let name = code
        .and_then(|code| NAMES.get(code))
        .copied()
        .unwrap_or("UNKNOWN");
    span.set(semconv::RPC_SYSTEM, "grpc");
    span.set(semconv::RPC_STATUS_CODE, name);
    if is_failure(side, name) {
        span.error(name, &message(headers));
    }
}

/// Which codes are failures: of a service only those that tell of itself, of a caller all others but OK.
fn is_failure(side: Side, name: &str) -> bool {
    match side {
        Side::Client => name != "OK",
        Side::Server => matches!(
            name,
            "UNKNOWN"
                | "DEADLINE_EXCEEDED"
                | "UNIMPLEMENTED"
                | "INTERNAL"
                | "UNAVAILABLE"
                | "DATA_LOSS"
        ),
    }
}

/// What the status says for people, of which the wire escapes all but printable ASCII.
fn message(headers: &HeaderMap) -> Cow<'_, str> {
    let Some(message) = headers.get("grpc-message") else {
        return Cow::Borrowed("");
    };
    let bytes = message.as_bytes();
    let bytes = &bytes[..bytes.len().min(MOST_OF_MESSAGE)];
    percent_encoding::percent_decode(bytes).decode_utf8_lossy()
}
