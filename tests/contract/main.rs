//! The contract of exporters: one suite, run for each of them against what stands at its other end,
//! and whole pipelines against real receivers.

#![cfg(all(feature = "grpc", feature = "http", feature = "proto"))]
#![expect(
    clippy::disallowed_methods,
    reason = "each test starts receivers of its own, and waits"
)]

mod diagnostics;
mod exporters;
mod receiver;
mod suite;
#[path = "../support/mod.rs"]
mod support;
mod whole;

use std::time::Duration;

use spanreel::{BatchConfig, Builder, Pipeline, SessionConfig};

/// A pipeline that sends what it is given soon.
fn prompt() -> Builder {
    let batch = BatchConfig {
        schedule_delay: Duration::from_millis(10),
        ..BatchConfig::default()
    };
    let sessions = SessionConfig {
        linger: Duration::from_millis(5),
        ..SessionConfig::default()
    };
    Pipeline::builder()
        .batch(batch.clone())
        .log_batch(batch)
        .sessions(sessions)
}
