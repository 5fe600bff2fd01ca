//! Reads the answers to OTLP requests: what of a request was refused, and why.
//!
//! `ExportTraceServiceResponse` and `ExportLogsServiceResponse` have the same shape: field 1 is
//! `partial_success`, in which field 1 counts the refused items and field 2 holds the server's
//! words. Fields that are unknown here are passed over, as protobuf demands.

/// The `partial_success` of an answer. Without one in the answer: nothing refused, no words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PartialSuccess {
    /// How many items were refused, as the server says: it may be wrong, even negative.
    pub(crate) rejected: i64,
    /// Why, or a warning when nothing was refused.
    pub(crate) message: String,
}

/// The bytes are no protobuf message of the expected shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the answer is not the protobuf message that OTLP expects")]
pub(crate) struct Unreadable;

/// Reads the answer to a request. No bytes at all are a valid answer: everything was taken.
pub(crate) fn partial_success(answer: &[u8]) -> Result<PartialSuccess, Unreadable> {
    let mut partial = PartialSuccess::default();
    let mut answer = Fields(answer);
    while let Some((number, field)) = answer.next()? {
        if number != 1 {
            continue;
        }
        let Field::Bytes(message) = field else {
            return Err(Unreadable);
        };
        let mut message = Fields(message);
        while let Some(field) = message.next()? {
            match field {
                (1, Field::Varint(count)) => partial.rejected = count.cast_signed(),
                (2, Field::Bytes(text)) => {
                    partial.message = String::from_utf8_lossy(text).into_owned();
                }
                (1 | 2, _) => return Err(Unreadable),
                _ => {}
            }
        }
    }
    Ok(partial)
}

/// Reads the words of a `google.rpc.Status` (field 2), which is the body of an OTLP/HTTP error.
#[cfg(feature = "http")]
pub(crate) fn status_message(status: &[u8]) -> Result<String, Unreadable> {
    let mut message = String::new();
    let mut status = Fields(status);
    while let Some(field) = status.next()? {
        match field {
            (2, Field::Bytes(text)) => message = String::from_utf8_lossy(text).into_owned(),
            (2, _) => return Err(Unreadable),
            _ => {}
        }
    }
    Ok(message)
}

/// The fields of a message, one after the other.
struct Fields<'a>(&'a [u8]);

/// The value of one field, by wire type.
enum Field<'a> {
    Varint(u64),
    Bytes(&'a [u8]),
    Fixed,
}

impl<'a> Fields<'a> {
    fn next(&mut self) -> Result<Option<(u64, Field<'a>)>, Unreadable> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let tag = self.varint()?;
        let number = tag >> 3;
        if number == 0 {
            return Err(Unreadable);
        }
        let field = match tag & 7 {
            0 => Field::Varint(self.varint()?),
            1 => self.take(8).map(|_| Field::Fixed)?,
            2 => {
                let length = usize::try_from(self.varint()?).map_err(|_| Unreadable)?;
                Field::Bytes(self.take(length)?)
            }
            5 => self.take(4).map(|_| Field::Fixed)?,
            _ => return Err(Unreadable),
        };
        Ok(Some((number, field)))
    }

    fn varint(&mut self) -> Result<u64, Unreadable> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.take(1)?[0];
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(Unreadable)
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], Unreadable> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(Unreadable)?;
        self.0 = rest;
        Ok(taken)
    }
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
    #[cfg(feature = "proto")]
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
            assert_eq!(partial_success(&answer[..cut]), Err(Unreadable), "{cut}");
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
            assert_eq!(partial_success(garbage), Err(Unreadable), "{garbage:?}");
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
        assert_eq!(status_message(b"Bad Request"), Err(Unreadable));
    }
}
