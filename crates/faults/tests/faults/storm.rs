//! Faults at random, several at once, from seeds: networks that part and come together while backends
//! misbehave and the program is restarted.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use spanreel::{Otlp, Pipeline, SpoolMode};
use spanreel_faults::{Manner, Proxy, Sink, producer, seeds};

use crate::ledger::assert_settled;
use crate::{accept, deliver_all, spool};

fn start(path: &std::path::Path, exporter: Otlp, mode: SpoolMode) -> Pipeline {
    producer::prompt()
        .spool_with(spool(path).mode(mode))
        .export(exporter.name("oracle").timeout(Duration::from_millis(300)))
        .start()
        .expect("a pipeline")
}

/// One program in bad weather; what was acknowledged has arrived when it is over.
fn weather(seed: u64) {
    let _told = seeds::tell_when_failed("the storm", seed);
    let mut random = fastrand::Rng::with_seed(seed);
    let directory = tempfile::tempdir().expect("a directory");
    let sink = Sink::start(Manner::Accepts);
    let proxy = Proxy::to(sink.addr());
    let is_grpc = random.bool();
    let mode = [SpoolMode::Always, SpoolMode::Overflow][random.usize(..2)];
    let open = || {
        let exporter = match is_grpc {
            true => Otlp::grpc(proxy.url()),
            false => Otlp::http(proxy.url()),
        };
        start(directory.path(), exporter, mode)
    };
    let mut acknowledged = BTreeSet::new();
    let mut pipeline = open();
    for turn in 0..12_u64 {
        match random.u8(..8) {
            0 | 1 => sink.now(Manner::Accepts),
            2..=4 => {
                let manners = Manner::passing();
                sink.now(manners[random.usize(..manners.len())].clone());
            }
            5 => proxy.cut(),
            6 => proxy.silence(),
            _ => {
                let grace = Duration::from_millis(random.u64(..600));
                let report = pipeline.shutdown_blocking(grace);
                assert_settled(&report);
                // What was acknowledged is nothing that a deadline can cost.
                assert!(
                    report.is_lossless() || grace < Duration::from_millis(400),
                    "{report}"
                );
                pipeline = open();
            }
        }
        let first = 1 + 1000 * turn;
        // In overflow mode what is in memory is acknowledged when it is delivered or on disk.
        acknowledged.extend(accept(&pipeline, first..first + random.u64(1..60)));
        std::thread::sleep(Duration::from_millis(random.u64(..120)));
    }
    sink.now(Manner::Accepts);
    assert_settled(&pipeline.shutdown_blocking(Duration::from_millis(500)));
    deliver_all(directory.path(), &sink);
    sink.judge(&acknowledged).assert_whole();
}

/// Whatever the weather, what was acknowledged arrives unchanged, and every report adds up.
#[test]
fn whatever_the_weather_what_was_acknowledged_arrives() {
    let seeds = seeds::seeds(seeds::count("SPANREEL_STORMS", 12));
    let next = AtomicU64::new(seeds.start);
    let failed = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        return;
                    }
                    if std::panic::catch_unwind(|| weather(seed)).is_err() {
                        failed.lock().expect("no panic under it").push(seed);
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().expect("no panic under it");
    assert!(failed.is_empty(), "seeds that failed: {failed:?}");
}
