//! The oracle that produces: spans with numbers, whose every byte follows from the number.
//!
//! So the other oracle can tell of each span that arrives whether it is what was sent, without being told.

use std::time::Duration;

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;
use spanreel::{BatchConfig, Builder, Pipeline, Session, SessionConfig};

/// The attribute that carries the number of a span.
pub const NUMBER: &str = "oracle.number";
/// The attribute whose text follows from the number.
pub const TEXT: &str = "oracle.text";
/// Spans with this bit in their number are heavy: 8 KiB each.
pub const HEAVY: u64 = 1 << 40;

/// The text of a span.
#[must_use]
pub fn text(number: u64) -> String {
    let repeats = if number & HEAVY == 0 {
        1 + number % 5
    } else {
        512
    };
    format!("{number:016x}").repeat(usize::try_from(repeats).expect("a few"))
}

/// The span of a number, as a program that speaks OTLP sends it.
///
/// # Panics
/// The number is 0, which is no id.
#[must_use]
pub fn span(number: u64) -> Span {
    assert!(number > 0, "a span id is not zero");
    let attribute = |key: &str, value| KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue { value: Some(value) }),
        ..KeyValue::default()
    };
    let known = i64::try_from(number).expect("numbers are small");
    Span {
        trace_id: [[7; 8], number.to_be_bytes()].concat(),
        span_id: number.to_be_bytes().to_vec(),
        name: "received".to_owned(),
        start_time_unix_nano: 1_700_000_000_000_000_000 + number,
        end_time_unix_nano: 1_700_000_000_000_001_000 + number,
        attributes: vec![
            attribute(NUMBER, Value::IntValue(known)),
            attribute(TEXT, Value::StringValue(text(number))),
        ],
        ..Span::default()
    }
}

/// A request with the spans of these numbers, as it is sent to a receiver.
#[must_use]
pub fn request(numbers: impl IntoIterator<Item = u64>) -> ExportTraceServiceRequest {
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: Some(Resource::default()),
            scope_spans: vec![ScopeSpans {
                spans: numbers.into_iter().map(span).collect(),
                ..ScopeSpans::default()
            }],
            ..ResourceSpans::default()
        }],
    }
}

/// The same as bytes, for an intake.
#[must_use]
pub fn request_bytes(numbers: impl IntoIterator<Item = u64>) -> Bytes {
    request(numbers).encode_to_vec().into()
}

/// Records the span of a number in a session, as an embedding program does.
pub fn record(session: &Session, number: u64) {
    let mut span = session.child("recorded").start();
    span.set(NUMBER, i64::try_from(number).expect("numbers are small"));
    span.set(TEXT, text(number).as_str());
    span.end();
}

/// A pipeline that sends what it is given soon.
pub fn prompt() -> Builder {
    let batch = BatchConfig {
        schedule_delay: Duration::from_millis(5),
        ..BatchConfig::default()
    };
    let sessions = SessionConfig {
        linger: Duration::from_millis(2),
        ..SessionConfig::default()
    };
    Pipeline::builder()
        .batch(batch.clone())
        .log_batch(batch)
        .sessions(sessions)
}
