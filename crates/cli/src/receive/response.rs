//! What OTLP answers to a request that was taken, whole or in part.
//!
//! The three response messages have the same shape (`collector/*/v1/*.proto`, OTLP 1.11); only the
//! JSON name of the count differs.

use prost::Message;
use spanreel::Signal;

use crate::wire::protocol::Wire;

/// `ExportTraceServiceResponse`, and those of the other signals.
#[derive(Clone, PartialEq, Message)]
struct ExportResponse {
    #[prost(message, optional, tag = "1")]
    partial_success: Option<PartialSuccess>,
}

/// `ExportTracePartialSuccess`, and those of the other signals.
#[derive(Clone, PartialEq, Message)]
struct PartialSuccess {
    #[prost(int64, tag = "1")]
    rejected: i64,
    #[prost(string, tag = "2")]
    error_message: String,
}

/// Everything was taken: the message is empty.
pub(crate) fn whole(wire: Wire) -> Vec<u8> {
    if wire == Wire::HttpJson {
        return b"{}".to_vec();
    }
    Vec::new()
}

/// A part was taken: says how many items were not, and why.
pub(crate) fn partial(wire: Wire, signal: Signal, rejected: u64, message: String) -> Vec<u8> {
    let rejected = i64::try_from(rejected).unwrap_or(i64::MAX);
    if wire == Wire::HttpJson {
        let count = match signal {
            Signal::Logs => "rejectedLogRecords",
            Signal::Traces => "rejectedSpans",
            _ => "rejectedDataPoints",
        };
        let json = serde_json::json!({
            "partialSuccess": { count: rejected.to_string(), "errorMessage": message }
        });
        return json.to_string().into_bytes();
    }
    let response = ExportResponse {
        partial_success: Some(PartialSuccess {
            rejected,
            error_message: message,
        }),
    };
    response.encode_to_vec()
}
