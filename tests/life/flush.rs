//! A flush settles what had ended before it, and nothing can overtake it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use spanreel::testing::InMemory;
use spanreel::{Builder, Closed, Exporter, Pipeline, SessionConfig, WhenFull};
use tokio::runtime::Runtime;

use crate::peers::{Gate, Hangs, Slow};
use crate::support::ledger::{assert_adds_up, assert_settled};
use crate::{one_at_a_time, work};

const LONG: Duration = Duration::from_secs(20);

/// A pipeline that sends nothing of itself for an hour.
fn leisurely() -> Builder {
    let hour = Duration::from_secs(3600);
    let batch = spanreel::BatchConfig {
        schedule_delay: hour,
        ..spanreel::BatchConfig::default()
    };
    Pipeline::builder()
        .batch(batch.clone())
        .log_batch(batch)
        .sessions(SessionConfig {
            linger: hour,
            ..SessionConfig::default()
        })
}

/// Everything that has ended arrives, of sessions that ended and of those that go on; what is open
/// stays open.
#[test]
fn it_settles_what_ended_before() {
    let memory = InMemory::new();
    let pipeline = leisurely().export(memory.clone()).start();
    let pipeline = pipeline.expect("a pipeline");
    let session = pipeline.session("goes on").expect("open");
    work(&session, 3);
    session.log("a record").emit();
    let open = session.child("open").start();
    let ended = pipeline.session("ended").expect("open");
    let outlives = ended.child("outlives").start();
    ended.end();
    work(&ended, 1);
    std::thread::sleep(Duration::from_millis(50));
    assert!(memory.spans().is_empty(), "it is not sent of itself");

    let report = futures::executor::block_on(pipeline.flush(LONG)).expect("open");
    assert!(report.complete);
    assert_eq!(report.pending, [("memory".to_owned(), 0, 0)]);
    // Three and one of work, the root that ended, and what outlived it as incomplete.
    assert_eq!(memory.spans().len(), 6);
    assert_eq!(memory.logs().len(), 1);
    let stats = pipeline.stats();
    assert_adds_up(&stats);
    assert_eq!((stats.traces.open, stats.traces.held), (2, 0));
    drop((open, outlives));
    let report = pipeline.shutdown_blocking(LONG);
    assert_settled(&report);
    assert_eq!(memory.spans().len(), 8);
}

/// With nothing to settle, it is over at once.
#[tokio::test]
async fn without_anything_to_settle_it_is_over_at_once() {
    let pipeline = leisurely().export(InMemory::new()).start();
    let pipeline = pipeline.expect("a pipeline");
    for _ in 0..100 {
        assert!(pipeline.flush(LONG).await.expect("open").complete);
    }
    let took = pipeline.flush(LONG).await.expect("open").took;
    assert!(took < Duration::from_secs(1), "{took:?}");
}

/// When a flush is over, whatever the caller had ended has arrived, however many others record,
/// flush and end sessions at the same time.
#[test]
fn nothing_overtakes_it() {
    let runtime = Runtime::new().expect("a runtime");
    for (on_hosts, when_full) in [
        (false, WhenFull::DropNewest),
        (false, WhenFull::Block),
        (true, WhenFull::Block),
    ] {
        let memory = InMemory::new();
        let slow = Slow {
            takes: Duration::from_millis(1),
            memory: memory.clone(),
        };
        let builder = crate::prompt().when_full(when_full).export(slow);
        let pipeline = match on_hosts {
            true => builder.start_on(runtime.handle()),
            false => builder.start(),
        };
        let pipeline = pipeline.expect("a pipeline");
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let (pipeline, memory) = (&pipeline, &memory);
                scope.spawn(move || {
                    for round in 0..12 {
                        let mine = format!("{thread} {round}");
                        let session = pipeline.session(&mine).expect("open");
                        for _ in 0..50 {
                            session.child(&mine).start().end();
                        }
                        if round % 2 == 0 {
                            session.end();
                        }
                        let flush = pipeline.flush(LONG);
                        assert!(futures::executor::block_on(flush).expect("open").complete);
                        let spans = memory.spans();
                        let arrived = spans.iter().filter(|span| span.name == mine).count();
                        assert_eq!(arrived, 50, "{mine}");
                    }
                });
            }
        });
        let report = pipeline.shutdown_blocking(LONG);
        assert_settled(&report);
        assert!(report.is_lossless(), "{report}");
    }
}

/// When the time is over, it tells what each lane still has in flight.
#[test]
fn it_tells_what_is_pending() {
    let pipeline = leisurely()
        .export(InMemory::new())
        .export(Hangs)
        .start()
        .expect("a pipeline");
    let session = pipeline.session("life").expect("open");
    work(&session, 7);
    session.log("a record").emit();
    let begun = Instant::now();
    let flush = pipeline.flush(Duration::from_millis(300));
    let report = futures::executor::block_on(flush).expect("open");
    assert!(!report.complete);
    assert!(report.took >= Duration::from_millis(300));
    assert!(begun.elapsed() < Duration::from_secs(1));
    let expected = [("memory".to_owned(), 0, 0), ("hangs".to_owned(), 7, 1)];
    assert_eq!(report.pending, expected);
    assert_settled(&pipeline.shutdown_blocking(Duration::ZERO));
}

/// A flush whose time is over while the pipeline is full loses nothing.
#[test]
fn a_flush_that_is_given_up_loses_nothing() {
    let gate = Gate::closed();
    let pipeline = crate::prompt()
        .when_full(WhenFull::Block)
        .batch(spanreel::BatchConfig {
            schedule_delay: Duration::ZERO,
            ..spanreel::BatchConfig::default()
        })
        .export(one_at_a_time(gate.clone()))
        .start()
        .expect("a pipeline");
    let mut sessions = Vec::new();
    for number in 0..600 {
        let session = pipeline.session(&number.to_string()).expect("open");
        let mut large = session.child("large").start();
        large.set("filling", "x".repeat(9000).as_str());
        large.end();
        sessions.push(session);
        if number % 20 == 0 {
            let flush = pipeline.flush(Duration::from_millis(2));
            let report = futures::executor::block_on(flush).expect("open");
            assert!(!report.complete);
        }
    }
    gate.open();
    let report = futures::executor::block_on(pipeline.flush(LONG)).expect("open");
    assert!(report.complete);
    assert_eq!(gate.memory.spans().len(), 600);
    let report = pipeline.shutdown_blocking(LONG);
    assert_settled(&report);
    assert!(report.is_lossless(), "{report}");
}

/// After a shutdown there is nothing to flush: it says so at once. One that was under way ends.
#[test]
fn after_a_shutdown_it_is_closed() {
    for patient in [false, true] {
        let exporter: Exporter = match patient {
            true => Hangs.into(),
            false => InMemory::new().into(),
        };
        let pipeline = leisurely().export(exporter).start().expect("a pipeline");
        work(&pipeline.session("life").expect("open"), 3);
        let under_way = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let flush = scope.spawn(|| {
                under_way.store(true, Ordering::Relaxed);
                futures::executor::block_on(pipeline.flush(LONG))
            });
            while !under_way.load(Ordering::Relaxed) {
                std::thread::yield_now();
            }
            let report = pipeline.shutdown_blocking(Duration::from_millis(200));
            assert_settled(&report);
            let begun = Instant::now();
            // Closed where it came too late, over otherwise: that all is settled is true then.
            let flushed = flush.join().expect("no panic");
            assert!(flushed.is_err() || flushed.is_ok_and(|report| report.complete));
            assert!(begun.elapsed() < Duration::from_secs(1));
        });
        let late = futures::executor::block_on(pipeline.flush(LONG));
        assert_eq!(late.err(), Some(Closed));
    }
}
