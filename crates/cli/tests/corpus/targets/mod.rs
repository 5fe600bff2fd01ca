//! What is done with bytes of strangers: one function per fuzz target. They are called by the tests here
//! with the files of `fuzz/corpus`, and by `fuzz/fuzz_targets` with whatever the fuzzer thinks of.
//!
//! Each panics where what it calls panics, and where an answer contradicts another one.

mod body;
mod configuration;
mod intake;
mod json;
mod propagation;
mod recording;
mod recovery;
mod segment;
mod token;

use std::future::Future;

use bytes::Buf;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::{DecodeError, Message};
use spanreel::Signal;

/// A target: takes any bytes.
pub type Target = fn(&[u8]);

/// All of them, by the names of their corpora.
pub const ALL: [(&str, Target); 9] = [
    ("body", body::run),
    ("configuration", configuration::run),
    ("intake", intake::run),
    ("json", json::run),
    ("propagation", propagation::run),
    ("recording", recording::run),
    ("recovery", recovery::run),
    ("segment", segment::run),
    ("token", token::run),
];

/// Runs the target of that name.
///
/// # Panics
/// There is none, or something is wrong with what it tests.
pub fn run(name: &str, bytes: &[u8]) {
    let target = ALL.iter().find(|(known, _)| *known == name);
    target.expect("a target's name").1(bytes);
}

/// The signal that a byte stands for.
fn signal(byte: u8) -> Signal {
    Signal::ALL[byte as usize % Signal::ALL.len()]
}

/// How many items a request has, as the reference decodes it.
fn count(signal: Signal, request: impl Buf) -> Result<u64, DecodeError> {
    let items = match signal {
        Signal::Traces => {
            let request = ExportTraceServiceRequest::decode(request)?;
            let groups = request.resource_spans.iter();
            let scopes = groups.flat_map(|group| &group.scope_spans);
            scopes.map(|scope| scope.spans.len()).sum()
        }
        Signal::Logs => {
            let request = ExportLogsServiceRequest::decode(request)?;
            let groups = request.resource_logs.iter();
            let scopes = groups.flat_map(|group| &group.scope_logs);
            scopes.map(|scope| scope.log_records.len()).sum()
        }
        _ => {
            ExportMetricsServiceRequest::decode(request)?;
            0
        }
    };
    Ok(items as u64)
}

/// Waits on this thread.
fn wait<T>(work: impl Future<Output = T>) -> T {
    thread_local! {
        static RUNTIME: tokio::runtime::Runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .expect("a runtime of this thread");
    }
    RUNTIME.with(|runtime| runtime.block_on(work))
}
