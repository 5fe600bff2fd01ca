//! Reads what servers answer in JSON (OTLP 1.11, "JSON Protobuf Encoding").

use serde_json::Value;

use crate::model::otlp::response::PartialSuccess;

/// The JSON is no answer of an OTLP server.
#[derive(Debug, thiserror::Error)]
#[error("the answer is not the json that otlp expects")]
pub(super) struct UnreadableJson;

/// Reads the answer to a request.
pub(super) fn partial_success(answer: &[u8]) -> Result<PartialSuccess, UnreadableJson> {
    let answer: Value = serde_json::from_slice(answer).map_err(|_| UnreadableJson)?;
    let answer = answer.as_object().ok_or(UnreadableJson)?;
    let partial = match answer.get("partialSuccess") {
        None | Some(Value::Null) => return Ok(PartialSuccess::default()),
        Some(partial) => partial.as_object().ok_or(UnreadableJson)?,
    };
    let count = ["rejectedSpans", "rejectedLogRecords"]
        .iter()
        .find_map(|key| partial.get(*key));
    Ok(PartialSuccess {
        rejected: match count {
            None | Some(Value::Null) => 0,
            // 64-bit integers are decimal strings; numbers are taken too.
            Some(Value::String(digits)) => digits.parse().map_err(|_| UnreadableJson)?,
            Some(count) => count.as_i64().ok_or(UnreadableJson)?,
        },
        message: match partial.get("errorMessage") {
            None | Some(Value::Null) => String::new(),
            Some(message) => message.as_str().ok_or(UnreadableJson)?.to_owned(),
        },
    })
}

/// Reads the words of an error, which is a `google.rpc.Status`.
pub(super) fn status_message(status: &[u8]) -> Option<String> {
    let status: Value = serde_json::from_slice(status).ok()?;
    Some(status.get("message")?.as_str()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts are read as strings and as numbers, of both signals; what is absent or unknown does
    /// not count.
    #[test]
    fn partial_success_is_read() {
        for (answer, rejected, message) in [
            ("{}", 0, ""),
            (r#"{"partialSuccess":null}"#, 0, ""),
            (r#"{"partialSuccess":{}}"#, 0, ""),
            (
                r#"{"partialSuccess":{"rejectedSpans":"3","errorMessage":"old"}}"#,
                3,
                "old",
            ),
            (r#"{"partialSuccess":{"rejectedLogRecords":4}}"#, 4, ""),
            (
                r#"{"partialSuccess":{"rejectedSpans":-1,"errorMessage":null}}"#,
                -1,
                "",
            ),
            (
                r#"{"new":1,"partialSuccess":{"new":1,"rejectedSpans":null}}"#,
                0,
                "",
            ),
        ] {
            let read = partial_success(answer.as_bytes()).unwrap();
            assert_eq!((read.rejected, read.message.as_str()), (rejected, message));
        }
    }

    /// What is no answer is refused.
    #[test]
    fn garbage_is_refused() {
        for answer in [
            "<html>",
            "",
            "[]",
            "3",
            r#"{"partialSuccess":3}"#,
            r#"{"partialSuccess":{"rejectedSpans":"x"}}"#,
            r#"{"partialSuccess":{"rejectedSpans":1.5}}"#,
            r#"{"partialSuccess":{"errorMessage":1}}"#,
        ] {
            assert!(partial_success(answer.as_bytes()).is_err(), "{answer}");
        }
    }
}
