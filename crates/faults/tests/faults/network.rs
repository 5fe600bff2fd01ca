//! Faults of the network and of backends that are away: rows 1 to 5 and 31.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use spanreel::{Fate, Otlp, SpoolMode};
use spanreel_faults::process::Program;
use spanreel_faults::producer::{self, record};
use spanreel_faults::{Manner, Proxy, Sink};

use crate::ledger::{assert_adds_up, assert_settled};
use crate::{GRACE, ORACLE, PROTOCOLS, ToBackend, accept, spool, start, wait_until};

/// A backend that is away at the start, in the middle and at the end gets everything; the shutdown without
/// it ends in time with the rest on disk, and the next start delivers that.
#[test]
fn a_backend_that_is_away_gets_everything_when_it_is_back() {
    for (protocol, exporter) in PROTOCOLS {
        for mode in [SpoolMode::Overflow, SpoolMode::Always] {
            let directory = tempfile::tempdir().expect("a directory");
            let sink = Sink::start(Manner::Refuses);
            let start = || {
                producer::prompt()
                    .spool_with(spool(directory.path()).mode(mode))
                    .export(exporter(sink.url()))
                    .start()
                    .expect("a pipeline")
            };
            let pipeline = start();
            let session = pipeline.session("conv-1").expect("open");
            let mut next = 1..;
            for manner in [Manner::Refuses, Manner::Accepts, Manner::Refuses] {
                sink.now(manner);
                for _ in 0..30 {
                    next.by_ref()
                        .take(20)
                        .for_each(|number| record(&session, number));
                    std::thread::sleep(Duration::from_millis(5));
                }
            }
            sink.now(Manner::Accepts);
            let ended = next.start - 1;
            wait_until("all is delivered", || sink.spans() == ended);
            assert_adds_up(&pipeline.stats());

            sink.now(Manner::Refuses);
            next.by_ref()
                .take(500)
                .for_each(|number| record(&session, number));
            let grace = Duration::from_secs(2);
            let report = pipeline.shutdown_blocking(grace);
            assert!(report.took < grace + Duration::from_millis(200), "{report}");
            assert_settled(&report);
            assert!(report.is_lossless(), "{report}");
            // With the root of the session.
            assert_eq!(report.lanes[0].traces.of(Fate::Spooled), 501, "{report}");

            sink.now(Manner::Accepts);
            let pipeline = start();
            wait_until("the rest is delivered", || sink.spans() == ended + 500);
            assert_settled(&pipeline.shutdown_blocking(GRACE));
            let verdict = sink.judge(&(1..=ended + 500).collect());
            verdict.assert_whole();
            // What the backend had taken when it cut the connection, before its answer was read, comes again.
            assert!(verdict.twice <= ended / 10, "{protocol} {mode:?} {verdict}");
        }
    }
}

/// A slow or hanging backend gets no more requests at once than it was said to take, and costs those who end
/// spans nothing.
#[test]
fn a_slow_backend_costs_those_who_record_nothing() {
    let slowest = |manner| {
        let directory = tempfile::tempdir().expect("a directory");
        let sink = Sink::start(manner);
        let exporter = Otlp::grpc(sink.url())
            .concurrency(NonZeroUsize::new(3).expect("three"))
            .timeout(Duration::from_secs(1));
        let pipeline = start(directory.path(), exporter);
        let session = pipeline.session("conv-1").expect("open");
        let mut took = Vec::new();
        for number in 1..=20_000 {
            let begun = Instant::now();
            record(&session, number);
            took.push(begun.elapsed());
            if number % 500 == 0 {
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        assert!(sink.most_at_once() <= 3, "{}", sink.most_at_once());
        let report = pipeline.shutdown_blocking(Duration::from_secs(3));
        assert_settled(&report);
        assert!(report.is_lossless(), "{report}");
        took.sort_unstable();
        took[took.len() * 95 / 100]
    };
    let healthy = slowest(Manner::Accepts);
    for manner in [Manner::Slow(Duration::from_millis(700)), Manner::Hangs] {
        let ill = slowest(manner.clone());
        // Others use the machine as well; what waits for the network takes a thousand times as long.
        assert!(
            ill < healthy * 20 + Duration::from_millis(1),
            "{manner:?}: {ill:?}, else {healthy:?}"
        );
    }
}

/// Whatever passes over the wire for a while, in the end everything has arrived unchanged; nothing comes
/// twice but what the backend may have taken without a word.
fn faults_pass(exporter: ToBackend) {
    for manner in Manner::passing() {
        let directory = tempfile::tempdir().expect("a directory");
        let sink = Sink::start(Manner::Accepts);
        let exporter = exporter(sink.url()).timeout(Duration::from_millis(400));
        let pipeline = start(directory.path(), exporter);
        let session = pipeline.session("conv-1").expect("open");
        let mut acknowledged = accept(&pipeline, 1..20);
        sink.now(manner.clone());
        for round in 0..20 {
            (0..10).for_each(|n| record(&session, 1000 + 10 * round + n));
            std::thread::sleep(Duration::from_millis(10));
        }
        acknowledged.extend(accept(&pipeline, 20..40));
        acknowledged.extend(1000..1200);
        let refused = sink.attempts();
        sink.now(Manner::Accepts);
        // It lives: what comes after the fault arrives, too.
        acknowledged.extend(accept(&pipeline, 40..60));
        wait_until("all is delivered", || {
            sink.spans() == acknowledged.len() as u64
        });
        let report = pipeline.shutdown_blocking(GRACE);
        assert_settled(&report);
        assert!(report.is_lossless(), "{manner:?} {report}");
        let verdict = sink.judge(&acknowledged);
        verdict.assert_whole();
        assert!(
            verdict.twice == 0 || manner.may_double(),
            "{manner:?} {verdict}"
        );
        // What comes again has the same bytes: who keeps ids of requests can tell.
        if manner == Manner::ResetsAfter {
            assert!(verdict.twice > 0, "{verdict}");
            assert!(sink.different_requests() < sink.attempts(), "{refused}");
        }
    }
}

#[test]
fn faults_that_pass_lose_nothing_over_grpc() {
    faults_pass(Otlp::grpc);
}

#[test]
fn faults_that_pass_lose_nothing_over_http() {
    faults_pass(Otlp::http);
}

/// Sends through a line that falls silent without a word, with attempts of some length, and must find another
/// within this time.
fn a_line_falls_silent(exporter: ToBackend, attempt: Duration, within: Duration) {
    let directory = tempfile::tempdir().expect("a directory");
    let sink = Sink::start(Manner::Accepts);
    let proxy = Proxy::to(sink.addr());
    let exporter = exporter(proxy.url()).timeout(attempt);
    let pipeline = start(directory.path(), exporter);
    let mut acknowledged = accept(&pipeline, 1..50);
    wait_until("it works", || sink.spans() == 49);
    let before = proxy.connections();
    proxy.silence();
    acknowledged.extend(accept(&pipeline, 50..100));
    let begun = Instant::now();
    wait_until("all is delivered", || sink.spans() == 99);
    assert!(begun.elapsed() < within, "{:?}", begun.elapsed());
    assert!(proxy.connections() > before);
    let report = pipeline.shutdown_blocking(GRACE);
    assert_settled(&report);
    assert!(report.is_lossless(), "{report}");
    sink.judge(&acknowledged).assert_whole();
}

/// A gRPC connection whose other end has vanished is found by its keep-alive, 20 s and 10 s, which runs while
/// an attempt is under way: 10 s each by default.
#[test]
fn a_half_open_connection_is_left_by_grpc() {
    a_line_falls_silent(Otlp::grpc, Duration::from_secs(10), Duration::from_secs(50));
}

/// An HTTP connection whose other end has vanished is left with the attempt that times out on it.
#[test]
fn a_half_open_connection_is_left_by_http() {
    a_line_falls_silent(Otlp::http, Duration::from_secs(2), Duration::from_secs(15));
}

/// A backend that is stopped where it is (as a machine that swaps, or a debugger does) and goes on later
/// gets everything.
#[test]
fn a_frozen_backend_gets_everything_when_it_thaws() {
    for (protocol, exporter) in PROTOCOLS {
        let directory = tempfile::tempdir().expect("a directory");
        let (mut backend, addr) = Program::sink(ORACLE);
        let exporter = exporter(format!("http://{addr}")).timeout(Duration::from_millis(300));
        let pipeline = start(directory.path(), exporter);
        assert_eq!(accept(&pipeline, 1..100).len(), 99);
        backend.freeze(true);
        let begun = Instant::now();
        // Nobody who has something on disk waits for it.
        assert_eq!(accept(&pipeline, 100..300).len(), 200, "{protocol}");
        assert!(
            begun.elapsed() < Duration::from_secs(10),
            "{:?}",
            begun.elapsed()
        );
        std::thread::sleep(Duration::from_secs(1));
        backend.freeze(false);
        wait_until("all is delivered", || backend.ask("how many") == "299");
        let report = pipeline.shutdown_blocking(GRACE);
        assert_settled(&report);
        assert!(report.is_lossless(), "{protocol} {report}");
    }
}

/// A backend that comes and goes every 100 ms gets everything, and is not run over by attempts.
#[test]
fn a_backend_that_flaps_is_not_run_over() {
    let directory = tempfile::tempdir().expect("a directory");
    let sink = Sink::start(Manner::Accepts);
    let pipeline = start(directory.path(), Otlp::grpc(sink.url()));
    let mut acknowledged = BTreeSet::new();
    for round in 0..30_u64 {
        sink.now(match round % 2 {
            0 => Manner::Status(503, None),
            _ => Manner::Accepts,
        });
        let first = 1 + 10 * round;
        acknowledged.extend(accept(&pipeline, first..first + 10));
        std::thread::sleep(Duration::from_millis(100));
    }
    sink.now(Manner::Accepts);
    wait_until("all is delivered", || sink.spans() == 300);
    // Each turn has its batches, and no more than some attempts beside them.
    assert!(sink.attempts() < 600, "{}", sink.attempts());
    let report = pipeline.shutdown_blocking(GRACE);
    assert_settled(&report);
    assert!(report.is_lossless(), "{report}");
    sink.judge(&acknowledged).assert_whole();
}
