//! OTLP exporters against real servers: tonic for gRPC, hyper for HTTP, bare sockets for those that
//! misbehave. All of them through the public API.

#![cfg(all(feature = "grpc", feature = "http", feature = "proto"))]
#![expect(
    clippy::disallowed_methods,
    reason = "each test starts servers of its own"
)]
#![expect(
    clippy::unwrap_used,
    reason = "what cannot be set up fails its test, in functions that tests share too"
)]

mod certificates;
mod collector;
mod connection;
mod grpc;
mod http;
mod tls;
mod web;

use std::io::Read;
use std::time::Duration;

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;
use spanreel::{Export, ExportError, OtlpExporter, Request, Signal};

/// Spans of recognisable names, `count` of them, each with `size` bytes that do not compress away.
fn traces(count: u64, size: usize) -> ExportTraceServiceRequest {
    let spans = (0..count).map(|n| Span {
        trace_id: vec![1; 16],
        span_id: (n + 1).to_be_bytes().to_vec(),
        name: format!("span {n} {}", noise(n, size)),
        start_time_unix_nano: 1_700_000_000_000_000_000 + n,
        end_time_unix_nano: 1_700_000_001_000_000_000 + n,
        ..Span::default()
    });
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            scope_spans: vec![ScopeSpans {
                spans: spans.collect(),
                ..ScopeSpans::default()
            }],
            ..ResourceSpans::default()
        }],
    }
}

fn logs(count: u64) -> ExportLogsServiceRequest {
    let log_records = (0..count).map(|n| LogRecord {
        time_unix_nano: 1_700_000_000_000_000_000 + n,
        event_name: format!("event {n}"),
        ..LogRecord::default()
    });
    ExportLogsServiceRequest {
        resource_logs: vec![ResourceLogs {
            scope_logs: vec![ScopeLogs {
                log_records: log_records.collect(),
                ..ScopeLogs::default()
            }],
            ..ResourceLogs::default()
        }],
    }
}

/// Letters that follow from the seed and repeat themselves little.
fn noise(seed: u64, size: usize) -> String {
    let mut state = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let letters = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        char::from(b'!' + (state % 90) as u8)
    });
    letters.take(size).collect()
}

fn span_request(count: u64) -> Request {
    let bytes = traces(count, 0).encode_to_vec();
    Request::from_bytes(Signal::Traces, count, bytes.into())
}

fn log_request(count: u64) -> Request {
    Request::from_bytes(Signal::Logs, count, logs(count).encode_to_vec().into())
}

/// One attempt, which no test lets hang.
async fn send(exporter: &OtlpExporter, request: Request) -> Result<(), ExportError> {
    tokio::time::timeout(Duration::from_secs(20), exporter.export(request))
        .await
        .expect("an attempt ends")
}

/// The class of a failed attempt, with all that its error says.
fn class(outcome: Result<(), ExportError>) -> (&'static str, String) {
    let error = outcome.expect_err("it fails");
    let class = match &error {
        ExportError::Retryable { after: None, .. } => "retryable",
        ExportError::Retryable { after: Some(_), .. } => "retryable after",
        ExportError::Permanent { .. } => "permanent",
        ExportError::Denied { .. } => "denied",
        ExportError::TooLarge { .. } => "too large",
        ExportError::Partial { .. } => "partial",
    };
    let mut says = error.to_string();
    let mut error: &dyn std::error::Error = &error;
    while let Some(source) = error.source() {
        says = format!("{says}: {source}");
        error = source;
    }
    (class, says)
}

/// What an encoding hides.
fn decompress(encoding: Option<&str>, body: &[u8]) -> Bytes {
    match encoding {
        None => Bytes::copy_from_slice(body),
        Some("gzip") => {
            let mut plain = Vec::new();
            flate2::read::GzDecoder::new(body)
                .read_to_end(&mut plain)
                .expect("valid gzip");
            plain.into()
        }
        Some("zstd") => zstd::decode_all(body).expect("valid zstd").into(),
        Some(other) => panic!("unknown encoding {other}"),
    }
}
