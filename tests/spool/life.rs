//! Flush, receipts, shutdown and names of exporters, with a spool.

use std::fs;
use std::time::{Duration, Instant};

use futures::executor::block_on;
use spanreel::{ByteSize, Exporter, Fate, Signal, Spool, SpoolMode, WhenFull};

use crate::backend::{Backend, Manner};
use crate::killed::request;
use crate::ledger::{assert_adds_up, assert_settled};
use crate::{prompt, spool, wait_until, work};

const GRACE: Duration = Duration::from_secs(10);

/// A flush waits for what goes by way of the disk, and says what is there when its time is up.
#[test]
fn a_flush_waits_for_the_disk() {
    for mode in [SpoolMode::Overflow, SpoolMode::Always] {
        let directory = tempfile::tempdir().expect("a directory");
        let backend = Backend::new(Manner::Accepts);
        let spool = spool(directory.path()).mode(mode);
        let pipeline = prompt().spool_with(spool).export(backend.clone()).start();
        let pipeline = pipeline.expect("a pipeline");
        let session = pipeline.session("conv-1").expect("open");
        for round in 1..=20 {
            work(&session, 50);
            let report = block_on(pipeline.flush(GRACE)).expect("open");
            assert!(report.complete, "{mode:?} {report:?}");
            assert_eq!(backend.spans(), 50 * round, "{mode:?}");
        }
        backend.now(Manner::Away);
        work(&session, 50);
        let report = block_on(pipeline.flush(Duration::from_millis(300))).expect("open");
        assert!(!report.complete, "{mode:?} {report:?}");
        assert_eq!(report.pending[0].1, 50, "{mode:?} {report:?}");
        backend.now(Manner::Accepts);
        let report = block_on(pipeline.flush(GRACE)).expect("open");
        assert!(report.complete, "{mode:?} {report:?}");
        assert_eq!(backend.spans(), 1050, "{mode:?}");
        assert_adds_up(&pipeline.stats());
        assert_settled(&pipeline.shutdown_blocking(GRACE));
    }
}

/// A receipt is durable when its request is on disk, though the backend is away; what is left there at the
/// end is told to be.
#[test]
fn a_receipt_is_durable_before_it_is_delivered() {
    for mode in [SpoolMode::Overflow, SpoolMode::Always] {
        let directory = tempfile::tempdir().expect("a directory");
        let backend = Backend::new(Manner::Away);
        let spool = spool(directory.path()).mode(mode);
        let pipeline = prompt().spool_with(spool).export(backend.clone()).start();
        let pipeline = pipeline.expect("a pipeline");
        let intake = pipeline.intake();
        let mut receipts: Vec<_> = (1..=50)
            .map(|id| block_on(intake.accept(Signal::Traces, request(id))).expect("accepted"))
            .collect();
        for receipt in &receipts {
            let durable = block_on(receipt.durable());
            assert!(durable.is_lossless(), "{mode:?} {durable:?}");
            assert_eq!(durable.of(Fate::Exported), 0);
        }
        assert_eq!(pipeline.stats().lanes[0].on_disk, 50);
        let left = receipts.pop().expect("one");
        let delivered = std::thread::spawn(move || block_on(left.delivered()));
        assert_settled(&pipeline.shutdown_blocking(GRACE));
        let delivered = delivered.join().expect("no panic");
        assert!(delivered.is_lossless(), "{mode:?} {delivered:?}");
        assert_eq!(delivered.of(Fate::Spooled), 1, "{mode:?} {delivered:?}");
    }
}

/// Without a spool, a receipt is durable when it is delivered.
#[test]
fn without_a_spool_durable_means_delivered() {
    let backend = Backend::new(Manner::Accepts);
    let pipeline = prompt()
        .export(backend.clone())
        .start()
        .expect("a pipeline");
    let intake = pipeline.intake();
    let receipt = block_on(intake.accept(Signal::Traces, request(1))).expect("accepted");
    let durable = block_on(receipt.durable());
    assert_eq!(durable.of(Fate::Exported), 1);
    assert_eq!(backend.spans(), 1);
    assert_settled(&pipeline.shutdown_blocking(GRACE));
}

/// A shutdown ends in its time whatever the grace, with the backend hanging or the spool full, and accounts
/// for everything.
#[test]
fn a_shutdown_ends_in_its_time() {
    for grace in [0, 100, 500, 1500].map(Duration::from_millis) {
        for manner in [Manner::Hangs, Manner::Away] {
            let directory = tempfile::tempdir().expect("a directory");
            let small = Spool::at(directory.path(), ByteSize::mib(8));
            let pipeline = prompt()
                .spool_with(small)
                .budget(ByteSize::mib(8))
                .when_full(WhenFull::DropNewest)
                .export(Backend::new(manner))
                .start()
                .expect("a pipeline");
            let session = pipeline.session("conv-1").expect("open");
            let text = "x".repeat(16 << 10);
            for _ in 0..1500 {
                session
                    .child("heavy")
                    .attribute("text", text.as_str())
                    .start()
                    .end();
            }
            let begun = Instant::now();
            let report = pipeline.shutdown_blocking(grace);
            let took = begun.elapsed();
            let most = grace + Duration::from_secs(2);
            assert!(took < most, "{manner:?} {grace:?} {took:?}");
            assert_adds_up(&report);
        }
    }
}

/// What was for an exporter that has another name now is not lost: it is in quarantine, once.
#[test]
fn what_is_for_an_exporter_that_is_gone_is_in_quarantine() {
    let directory = tempfile::tempdir().expect("a directory");
    let start = |name, manner| {
        let exporter: Exporter = Backend::named(name, manner).into();
        let spool = spool(directory.path());
        prompt()
            .spool_with(spool)
            .export(exporter)
            .start()
            .expect("a pipeline")
    };
    let pipeline = start("old", Manner::Away);
    work(&pipeline.session("conv-1").expect("open"), 10);
    assert_settled(&pipeline.shutdown_blocking(GRACE));
    let in_quarantine = || {
        let entries = fs::read_dir(directory.path().join("quarantine")).expect("it is there");
        entries
            .filter(|entry| {
                let name = entry.as_ref().expect("an entry").file_name();
                name.to_string_lossy().ends_with(".otlp")
            })
            .count()
    };
    assert_eq!(in_quarantine(), 0);
    for _ in 0..2 {
        let pipeline = start("new", Manner::Accepts);
        assert_eq!(pipeline.stats().lanes[0].recovered, 0);
        assert!(in_quarantine() > 0);
        assert_settled(&pipeline.shutdown_blocking(GRACE));
    }
    let once = in_quarantine();
    let pipeline = start("new", Manner::Accepts);
    assert_eq!(in_quarantine(), once);
    wait_until("the log is empty", || {
        pipeline.stats().spool == ByteSize::bytes(0)
    });
    assert_settled(&pipeline.shutdown_blocking(GRACE));
}

/// What was delivered behind a request that hangs does not come again after a restart: only that request does.
#[test]
fn what_was_delivered_behind_a_hanging_request_does_not_come_again() {
    let directory = tempfile::tempdir().expect("a directory");
    let backend = Backend::new(Manner::HangsBad);
    let start = || {
        let spool = spool(directory.path()).mode(SpoolMode::Always);
        let pipeline = prompt().spool_with(spool).export(backend.clone()).start();
        pipeline.expect("a pipeline")
    };
    let pipeline = start();
    let session = pipeline.session("conv-1").expect("open");
    session.child("bad").start().end();
    wait_until("it hangs", || backend.attempts() == 1);
    for round in 1..=5 {
        work(&session, 20);
        wait_until("what came later is delivered", || {
            backend.spans() == 20 * round
        });
    }
    session.end();
    wait_until("the root is delivered", || backend.spans() == 101);
    let report = pipeline.shutdown_blocking(Duration::from_secs(1));
    assert_settled(&report);
    assert_eq!(report.lanes[0].traces.of(Fate::Spooled), 1, "{report}");

    backend.now(Manner::Accepts);
    let pipeline = start();
    wait_until("the one is delivered", || backend.spans() == 102);
    let report = pipeline.shutdown_blocking(GRACE);
    assert_settled(&report);
    assert_eq!(report.lanes[0].recovered, 1, "{report}");
    assert_eq!(backend.duplicates(), 0);
}

/// A slow backend is asked seldom for much: what gathers on disk while it works leaves as one, so that a
/// shutdown has little to wait for.
#[test]
fn what_gathers_for_a_slow_backend_leaves_as_one() {
    let directory = tempfile::tempdir().expect("a directory");
    let takes = Duration::from_millis(500);
    let backend = Backend::new(Manner::Slow(takes));
    let spool = spool(directory.path()).mode(SpoolMode::Always);
    let exporter = crate::one_at_a_time(backend.clone());
    let pipeline = prompt().spool_with(spool).export(exporter).start();
    let pipeline = pipeline.expect("a pipeline");
    let session = pipeline.session("conv-1").expect("open");
    for _ in 0..40 {
        work(&session, 10);
        let flushed = block_on(pipeline.flush_durable(GRACE)).expect("open");
        assert!(flushed.complete, "{flushed:?}");
    }
    session.end();
    let report = pipeline.shutdown_blocking(Duration::from_secs(20));
    assert_settled(&report);
    assert_eq!(report.lanes[0].traces.of(Fate::Exported), 401, "{report}");
    // Far more were written than it was asked for; one by one they would have taken 20 s.
    assert!(report.took < Duration::from_secs(8), "{report}");
    assert_eq!(backend.duplicates(), 0);
}
