//! The faults of `spanreel_faults::rows`, one after the other, each put to a real pipeline with a real
//! receiver at the other end.
//!
//! Choices at random follow from seeds; `SPANREEL_FAULT_SEED` runs one alone. `SPANREEL_KILLS` is how often
//! processes are killed (200).

#![cfg(unix)]
#![expect(
    clippy::disallowed_methods,
    reason = "the tests are the hosts: they have threads of their own, and wait"
)]

mod answers;
mod damage;
mod disk;
mod format;
mod killed;
#[path = "../../../../tests/support/ledger.rs"]
mod ledger;
mod network;
mod panics;
mod storm;
mod table;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod traced;

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;
use std::time::{Duration, Instant};

use futures::executor::block_on;
use spanreel::{
    ByteSize, Export, ExportError, Exporter, Otlp, Pipeline, Request, Signal, Spool, SpoolMode,
};
use spanreel_faults::{Sink, producer};

/// Long enough for everything on a busy machine.
const GRACE: Duration = Duration::from_secs(20);

/// The harness's own program.
const ORACLE: &str = env!("CARGO_BIN_EXE_spanreel-oracle");

/// An exporter to an address.
type ToBackend = fn(String) -> Otlp;

/// Both protocols.
const PROTOCOLS: [(&str, ToBackend); 2] = [("grpc", Otlp::grpc), ("http", Otlp::http)];

/// A spool with room for what a test has.
fn spool(path: &Path) -> Spool {
    Spool::at(path, ByteSize::mib(64))
}

/// A pipeline with a spool that writes everything, and one exporter.
fn start(path: &Path, exporter: impl Into<Exporter>) -> Pipeline {
    let spool = spool(path).mode(SpoolMode::Always);
    producer::prompt()
        .spool_with(spool)
        .export(exporter)
        .start()
        .expect("a pipeline")
}

/// Has the spans of these numbers accepted, one to a request, and waits until all are on disk.
fn accept(pipeline: &Pipeline, numbers: Range<u64>) -> BTreeSet<u64> {
    let intake = pipeline.intake();
    let accepted: Vec<_> = numbers
        .map(|number| {
            let request = producer::request_bytes([number]);
            let receipt = block_on(intake.accept(Signal::Traces, request));
            (number, receipt.expect("accepted"))
        })
        .collect();
    let durable = accepted.into_iter().filter_map(|(number, receipt)| {
        let durable = block_on(receipt.durable());
        durable.is_lossless().then_some(number)
    });
    durable.collect()
}

/// Starts a pipeline on a spool that others left, has everything delivered and returns how much was
/// recovered.
fn deliver_all(path: &Path, sink: &Sink) -> u64 {
    let pipeline = start(path, Otlp::http(sink.url()).name("oracle"));
    let recovered = pipeline.stats().lanes[0].recovered;
    wait_until("all is delivered", || {
        pipeline.stats().lanes[0].on_disk == 0
    });
    let report = pipeline.shutdown_blocking(GRACE);
    ledger::assert_settled(&report);
    assert!(report.is_lossless(), "{report}");
    recovered
}

/// Waits until something is so, for long: the machine may be busy.
#[track_caller]
fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(60), "never: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// A destination that is away.
struct Away;

impl Export for Away {
    fn name(&self) -> &str {
        "oracle"
    }

    async fn export(&self, _request: Request) -> Result<(), ExportError> {
        Err(ExportError::retryable("away"))
    }
}
