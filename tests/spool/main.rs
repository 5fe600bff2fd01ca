//! The spool of a pipeline: what cannot be delivered waits on disk, and the next start delivers it. All of
//! it through the public API.

#![cfg(feature = "spool")]
#![expect(
    clippy::disallowed_methods,
    reason = "the tests are the hosts: they have threads of their own, and wait"
)]

mod backend;
mod delivery;
mod durable;
mod faults;
mod inspect;
mod killed;
#[path = "../support/ledger.rs"]
mod ledger;
mod life;
mod refused;
mod sessions;
mod undecided;

use std::num::NonZeroUsize;
use std::path::Path;
use std::time::{Duration, Instant};

use spanreel::{BatchConfig, Builder, ByteSize, Exporter, Pipeline, Session, SessionConfig, Spool};

/// A pipeline that sends what it is given soon.
fn prompt() -> Builder {
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

/// A spool with room for what a test has.
fn spool(path: &Path) -> Spool {
    Spool::at(path, ByteSize::mib(64))
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

/// Waits until something is so, for long: the machine may be busy.
#[track_caller]
fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(120), "never: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}
