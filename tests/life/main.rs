//! How a pipeline lives: shutdown, flush, backpressure, lanes, deliveries, faults. All of it through
//! the public API.

#![cfg(all(feature = "grpc", feature = "http", feature = "proto"))]
#![expect(
    clippy::disallowed_methods,
    reason = "the tests are the hosts: they have threads and tasks of their own, and wait"
)]

mod backends;
mod backpressure;
mod delivery;
mod faults;
mod flush;
mod lanes;
mod peers;
mod shutdown;
mod stats;
#[path = "../support/mod.rs"]
mod support;

use std::num::NonZeroUsize;
use std::time::Duration;

use spanreel::{BatchConfig, Builder, Exporter, Pipeline, Session, SessionConfig};

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

/// One request at a time.
fn one_at_a_time(exporter: impl Into<Exporter>) -> Exporter {
    exporter.into().concurrency(NonZeroUsize::MIN)
}

/// Ends so many spans in a session and leaves it open.
fn work(session: &Session, spans: usize) {
    for _ in 0..spans {
        session.child("work").start().end();
    }
}
