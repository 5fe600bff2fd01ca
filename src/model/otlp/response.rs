//! Reads the answers to OTLP requests: what of a request was refused, and why.
//!
//! `ExportTraceServiceResponse` and `ExportLogsServiceResponse` have the same shape. Fields that
//! are unknown here are passed over, as protobuf demands.

use super::cursor::{Field, Fields, WireError};
use super::fields as f;

/// The `partial_success` of an answer. Without one in the answer: nothing refused, no words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PartialSuccess {
    /// How many items were refused, as the server says: it may be wrong, even negative.
    pub(crate) rejected: i64,
    /// Why, or a warning when nothing was refused.
    pub(crate) message: String,
}

/// Reads the answer to a request. No bytes at all are a valid answer: everything was taken.
pub(crate) fn partial_success(answer: &[u8]) -> Result<PartialSuccess, WireError> {
    let mut partial = PartialSuccess::default();
    let mut answer = Fields::of(answer)?;
    while let Some(field) = answer.read()? {
        if field.number != f::response::PARTIAL_SUCCESS {
            continue;
        }
        let mut message = field.message()?;
        while let Some(field) = message.read()? {
            match field.number {
                f::partial_success::REJECTED => partial.rejected = field.varint()?.cast_signed(),
                f::partial_success::MESSAGE => partial.message = words(field)?,
                _ => {}
            }
        }
    }
    Ok(partial)
}

/// Reads the words of a `google.rpc.Status`, which is the body of an OTLP/HTTP error.
#[cfg(feature = "http")]
pub(crate) fn status_message(status: &[u8]) -> Result<String, WireError> {
    let mut message = String::new();
    let mut status = Fields::of(status)?;
    while let Some(field) = status.read()? {
        if field.number == f::rpc_status::MESSAGE {
            message = words(field)?;
        }
    }
    Ok(message)
}

/// A text for people: what is not UTF-8 in it is no reason to lose the rest.
fn words(field: Field<'_>) -> Result<String, WireError> {
    Ok(String::from_utf8_lossy(field.bytes()?).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partial(rejected: i64, message: &str) -> PartialSuccess {
        PartialSuccess {
            rejected,
            message: message.to_owned(),
        }
    }

    /// An answer of no bytes, and one whose `partial_success` is empty, refuse nothing.
    #[test]
    fn an_empty_answer_refuses_nothing() {
        for answer in [&b""[..], b"\x0a\x00"] {
            assert_eq!(partial_success(answer), Ok(PartialSuccess::default()));
        }
    }

    /// Every answer that the reference encodes is read as it was meant, in both signals.
    #[test]
    fn what_the_reference_writes_is_read_back() {
        use opentelemetry_proto::tonic::collector::{logs, trace};
        use prost::Message;
        for rejected in [0, 1, 127, 128, 1 << 40, i64::MAX, -1, i64::MIN] {
            for message in ["", "too old", "\u{fc}ber"] {
                let traces = trace::v1::ExportTraceServiceResponse {
                    partial_success: Some(trace::v1::ExportTracePartialSuccess {
                        rejected_spans: rejected,
                        error_message: message.to_owned(),
                    }),
                };
                let logs = logs::v1::ExportLogsServiceResponse {
                    partial_success: Some(logs::v1::ExportLogsPartialSuccess {
                        rejected_log_records: rejected,
                        error_message: message.to_owned(),
                    }),
                };
                for answer in [traces.encode_to_vec(), logs.encode_to_vec()] {
                    assert_eq!(partial_success(&answer), Ok(partial(rejected, message)));
                }
            }
        }
    }

    /// Fields of a later version of OTLP, of every wire type, are passed over.
    #[test]
    fn unknown_fields_are_passed_over() {
        let inner = b"\x08\x03\x18\x01\x12\x02no\x21abcdefgh\x2d1234\x32\x01x";
        let mut answer = vec![0x10, 0x96, 0x01, 0x0a, inner.len() as u8];
        answer.extend_from_slice(inner);
        answer.extend_from_slice(b"\x1a\x01x");
        assert_eq!(partial_success(&answer), Ok(partial(3, "no")));
    }

    /// An answer cut anywhere inside a field, and every other thing that is no answer, is refused
    /// without a panic.
    #[test]
    fn garbage_is_refused() {
        let answer = b"\x0a\x06\x08\x03\x12\x02no";
        for cut in 1..answer.len() {
            assert!(partial_success(&answer[..cut]).is_err(), "{cut}");
        }
        for garbage in [
            &b"<!DOCTYPE html><html></html>"[..],
            b"\x00",
            b"\x08\x01",
            b"\x0a\x02\x0a\x00",
            b"\x0a\x02\x10\x01",
            b"\x0b\x0c",
            b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
            b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
        ] {
            assert!(partial_success(garbage).is_err(), "{garbage:?}");
        }
    }

    /// Words that are not UTF-8 are read as far as they are.
    #[test]
    fn words_that_are_not_utf8_are_kept_as_far_as_they_are() {
        let read = partial_success(b"\x0a\x05\x12\x03a\xffb");
        assert_eq!(read, Ok(partial(0, "a\u{fffd}b")));
    }

    /// The words of an HTTP error are read; what is no `Status` is refused.
    #[cfg(feature = "http")]
    #[test]
    fn the_words_of_an_error_are_read() {
        let status = b"\x08\x03\x12\x03bad\x1a\x01x";
        assert_eq!(status_message(status), Ok("bad".to_owned()));
        assert!(status_message(b"Bad Request").is_err());
    }
}
