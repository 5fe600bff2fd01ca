//! A shutdown delivers what it can, books the rest, and ends in time: from any place, in any manner.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use spanreel::testing::InMemory;
use spanreel::{Closed, Exit, Export, ExportError, Fate, Pipeline, Request, ShutdownReport};
use tokio::runtime::{Builder as RuntimeBuilder, Runtime};

use crate::peers::{Gate, Hangs, Slow};
use crate::support::ledger::{assert_adds_up, assert_settled};
use crate::{prompt, work};

const GRACE: Duration = Duration::from_secs(10);

fn multi_thread() -> Runtime {
    RuntimeBuilder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime")
}

fn current_thread() -> Runtime {
    RuntimeBuilder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
}

fn start(memory: &InMemory) -> Pipeline {
    prompt().export(memory.clone()).start().expect("a pipeline")
}

/// A session with four spans that have ended, and itself open.
fn record(pipeline: &Pipeline) {
    work(&pipeline.session("life").expect("open"), 4);
}

/// All of it arrived: the root of the session, too, as incomplete.
#[track_caller]
fn assert_delivered(report: &ShutdownReport, memory: &InMemory) {
    assert_settled(report);
    assert!(report.is_lossless(), "{report}");
    assert_eq!(report.incomplete, 1);
    assert!(!report.exits.is_empty());
    for (actor, exit) in &report.exits {
        assert_eq!(*exit, Exit::Drained, "{actor}");
    }
    assert_eq!(memory.spans().len(), 5);
    assert_eq!(
        memory.span("session").bool("spanreel.incomplete"),
        Some(true)
    );
}

/// On a runtime of many threads or of one, the own or the host's, everything is delivered.
#[test]
fn everything_is_delivered_on_every_runtime() {
    for runtime in [multi_thread(), current_thread()] {
        for on_hosts in [false, true] {
            let memory = InMemory::new();
            let report = runtime.block_on(async {
                let builder = prompt().export(memory.clone());
                let pipeline = match on_hosts {
                    true => builder.start_on(runtime.handle()),
                    false => builder.start(),
                };
                let pipeline = pipeline.expect("a pipeline");
                record(&pipeline);
                pipeline.shutdown(GRACE).await
            });
            assert_delivered(&report, &memory);
        }
    }
}

/// A program without a runtime can start a pipeline and shut it down.
#[test]
fn no_runtime_is_needed() {
    let memory = InMemory::new();
    let pipeline = start(&memory);
    record(&pipeline);
    assert_delivered(&pipeline.shutdown_blocking(GRACE), &memory);
}

/// A pipeline on a host's runtime of many threads can be shut down from outside of it.
#[test]
fn a_pipeline_on_the_hosts_runtime_is_shut_down_from_outside() {
    let runtime = multi_thread();
    let memory = InMemory::new();
    let pipeline = prompt().export(memory.clone()).start_on(runtime.handle());
    let pipeline = pipeline.expect("a pipeline");
    record(&pipeline);
    assert_delivered(&pipeline.shutdown_blocking(GRACE), &memory);
}

/// A task can shut the pipeline down, and so can blocking code inside of one.
#[test]
fn a_task_can_shut_down() {
    for runtime in [multi_thread(), current_thread()] {
        for blocking in [false, true] {
            let memory = InMemory::new();
            let pipeline = start(&memory);
            record(&pipeline);
            let task = runtime.spawn(async move {
                match blocking {
                    true => pipeline.shutdown_blocking(GRACE),
                    false => pipeline.shutdown(GRACE).await,
                }
            });
            let report = runtime.block_on(task).expect("no panic");
            assert_delivered(&report, &memory);
        }
    }
}

/// An executor that is not tokio's can shut down a pipeline of either kind.
#[test]
fn any_executor_can_shut_down() {
    let runtime = multi_thread();
    for on_hosts in [false, true] {
        let memory = InMemory::new();
        let builder = prompt().export(memory.clone());
        let pipeline = match on_hosts {
            true => builder.start_on(runtime.handle()),
            false => builder.start(),
        };
        let pipeline = pipeline.expect("a pipeline");
        record(&pipeline);
        let report = futures::executor::block_on(pipeline.shutdown(GRACE));
        assert_delivered(&report, &memory);
    }
}

/// A pipeline of its own outlives the runtime that it was started in.
#[test]
fn the_hosts_runtime_may_go_first() {
    let memory = InMemory::new();
    let runtime = multi_thread();
    let pipeline = runtime.block_on(async { start(&memory) });
    record(&pipeline);
    drop(runtime);
    work(&pipeline.session("life").expect("open"), 0);
    assert_delivered(&pipeline.shutdown_blocking(GRACE), &memory);
}

/// A pipeline on the host's runtime that has gone before books what was lost, at once, and takes
/// recording and every kind of shutdown without a panic.
#[test]
fn a_runtime_that_is_gone_costs_what_it_held() {
    for runtime in [multi_thread(), current_thread()] {
        let builder = prompt().export(Hangs);
        let pipeline = builder.start_on(runtime.handle()).expect("a pipeline");
        let session = pipeline.session("life").expect("open");
        let open = session.child("open").start();
        work(&session, 3);
        drop(runtime);
        work(&session, 3);
        session.log("too late").emit();
        let begun = Instant::now();
        assert!(futures::executor::block_on(pipeline.flush(GRACE)).is_err());
        let report = futures::executor::block_on(pipeline.shutdown(GRACE));
        drop(open);
        assert!(begun.elapsed() < Duration::from_secs(1));
        assert_settled(&report);
        // Six of work, one open, one root; the log record.
        assert_eq!(report.traces.ended, 8);
        assert_eq!(report.lost(), 9, "{report}");
        assert!(report.exits.is_empty());
        assert_eq!(pipeline.shutdown_blocking(GRACE).lost(), 9);
    }
}

/// A second shutdown, at the same time or later, waits for the same end and tells the same.
#[test]
fn all_shutdowns_tell_the_same() {
    let memory = InMemory::new();
    let slow = Slow {
        takes: Duration::from_millis(200),
        memory: memory.clone(),
    };
    let pipeline = prompt().export(slow).start().expect("a pipeline");
    record(&pipeline);
    let reports: Vec<_> = std::thread::scope(|scope| {
        let shutdowns: Vec<_> = (0..4)
            .map(|number| {
                let pipeline = &pipeline;
                scope.spawn(move || match number % 2 {
                    0 => pipeline.shutdown_blocking(GRACE),
                    _ => futures::executor::block_on(pipeline.shutdown(GRACE)),
                })
            })
            .collect();
        let joined = shutdowns.into_iter().map(|it| it.join().expect("no panic"));
        joined.collect()
    });
    for report in reports
        .iter()
        .chain([&pipeline.shutdown_blocking(Duration::ZERO)])
    {
        assert_delivered(report, &memory);
    }
}

/// The first shutdown decides the deadline: a later one cannot extend it.
#[test]
fn the_first_shutdown_decides_the_deadline() {
    let pipeline = prompt().export(Hangs).start().expect("a pipeline");
    record(&pipeline);
    let begun = Instant::now();
    pipeline.shutdown_blocking(Duration::ZERO);
    let report = pipeline.shutdown_blocking(Duration::from_secs(60));
    assert!(begun.elapsed() < Duration::from_secs(1));
    assert_settled(&report);
}

/// A shutdown that nobody waits for goes on all the same.
#[tokio::test]
async fn a_shutdown_that_is_dropped_goes_on() {
    let memory = InMemory::new();
    let pipeline = start(&memory);
    record(&pipeline);
    let waited = tokio::time::timeout(Duration::ZERO, pipeline.shutdown(GRACE)).await;
    drop(waited);
    assert!(pipeline.session("late").is_err());
    assert_delivered(&pipeline.shutdown(GRACE).await, &memory);
}

/// Dropping the last handle outside of async code delivers, if that takes a second at most.
#[test]
fn dropping_the_last_handle_delivers() {
    let memory = InMemory::new();
    let slow = Slow {
        takes: Duration::from_millis(50),
        memory: memory.clone(),
    };
    let pipeline = prompt().export(slow).start().expect("a pipeline");
    record(&pipeline);
    let other = pipeline.clone();
    drop(pipeline);
    assert!(other.session("life").is_ok(), "a handle is left");
    drop(other);
    assert_eq!(memory.spans().len(), 5);
}

/// Dropping the last handle outside of async code waits a second at most for an exporter that
/// hangs.
#[test]
fn dropping_the_last_handle_waits_a_second_at_most() {
    let pipeline = prompt().export(Hangs).start().expect("a pipeline");
    record(&pipeline);
    let begun = Instant::now();
    drop(pipeline);
    let waited = begun.elapsed();
    assert!(waited >= Duration::from_millis(950), "{waited:?}");
    assert!(waited < Duration::from_secs(3), "{waited:?}");
}

/// Dropping the last handle inside async code does not wait; what it held is delivered beside it.
#[test]
fn dropping_the_last_handle_in_async_code_does_not_wait() {
    for on_hosts in [false, true] {
        let runtime = current_thread();
        let gate = Gate::closed();
        runtime.block_on(async {
            let builder = prompt().export(gate.clone());
            let pipeline = match on_hosts {
                true => builder.start_on(runtime.handle()),
                false => builder.start(),
            };
            let pipeline = pipeline.expect("a pipeline");
            record(&pipeline);
            // Had it waited, it would have given up what stands before the gate.
            drop(pipeline);
            gate.open();
            let begun = Instant::now();
            while gate.memory.spans().len() < 5 {
                assert!(begun.elapsed() < Duration::from_secs(5), "it is delivered");
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        });
    }
}

/// A panic that drops the last handle delivers too, and does not become an abort.
#[test]
fn a_panic_that_drops_the_last_handle_delivers() {
    let memory = InMemory::new();
    let pipeline = start(&memory);
    let panicked = std::thread::spawn(move || {
        let session = pipeline.session("life").expect("open");
        let _open = session.child("open").start();
        work(&session, 3);
        panic!("told to");
    });
    assert!(panicked.join().is_err());
    assert_eq!(memory.spans().len(), 5);
}

/// What a user keeps does not hold the shutdown back; spans that were open were exported as
/// incomplete, and their real end is superseded.
#[test]
fn handles_that_a_user_keeps_do_not_hold_it_back() {
    let memory = InMemory::new();
    let pipeline = start(&memory);
    let session = pipeline.session("life").expect("open");
    let mut open = session.tool("search").start();
    open.set("lost", "with the span");
    let ended = pipeline.session("ended").expect("open");
    let outlives = ended.child("outlives its session").start();
    ended.end();
    let begun = Instant::now();
    let report = pipeline.shutdown_blocking(GRACE);
    assert!(begun.elapsed() < Duration::from_secs(1));
    assert_settled(&report);
    assert!(report.is_lossless(), "{report}");
    // Both spans were incomplete when the pipeline or their session ended; one root was.
    assert_eq!(report.incomplete, 2);
    for name in ["execute_tool search", "outlives its session"] {
        assert_eq!(memory.span(name).bool("spanreel.incomplete"), Some(true));
    }

    drop(open);
    outlives.end();
    session.end();
    session.log("too late").emit();
    work(&session, 2);
    let unfinished = session.child("too late").start();
    assert_eq!(pipeline.session("life").err(), Some(Closed));
    let stats = pipeline.stats();
    assert_adds_up(&stats);
    assert_eq!(stats.traces.fates.of(Fate::Superseded), 2);
    assert_eq!(stats.traces.fates.of(Fate::AfterShutdown), 2);
    assert_eq!(stats.logs.fates.of(Fate::AfterShutdown), 1);
    drop(unfinished);
    assert_eq!(memory.spans().len(), 4, "nothing is exported twice");
}

/// Threads that go on recording while the pipeline is shut down lose only what ends after that, and
/// all of it is booked.
#[test]
fn recording_may_go_on_while_it_is_shut_down() {
    for round in 0..10 {
        let memory = InMemory::new();
        let pipeline = start(&memory);
        let shared = pipeline.session("shared").expect("open");
        let go_on = AtomicBool::new(true);
        std::thread::scope(|scope| {
            let recorders: Vec<_> = (0..4)
                .map(|number| {
                    let (pipeline, shared, go_on) = (&pipeline, &shared, &go_on);
                    scope.spawn(move || {
                        let mut ended = 0;
                        while go_on.load(Ordering::Relaxed) {
                            shared.log("goes on").emit();
                            shared.child("goes on").start().end();
                            ended += 1;
                            let own = format!("{number}-{ended}");
                            let Ok(own) = pipeline.session(&own) else {
                                continue;
                            };
                            work(&own, 1);
                            own.end();
                            ended += 2;
                        }
                        ended
                    })
                })
                .collect();
            std::thread::sleep(Duration::from_millis(5 * round));
            let report = pipeline.shutdown_blocking(GRACE);
            std::thread::sleep(Duration::from_millis(20));
            go_on.store(false, Ordering::Relaxed);
            let ended: u64 = recorders
                .into_iter()
                .map(|recorder| recorder.join().expect("no panic"))
                .sum();
            for counts in [report.traces.fates, report.logs.fates] {
                assert_eq!(counts.lost(), counts.of(Fate::AfterShutdown), "{report}");
            }
            let stats = pipeline.stats();
            assert_settled(&stats);
            // The root of the shared session, and of each that a thread was about to end; a span
            // that was open then counts twice, as incomplete and as superseded.
            let fates = stats.traces.fates;
            let extra = stats.traces.ended - ended - fates.of(Fate::Superseded);
            assert!((1..=5).contains(&extra), "{extra} {report}");
            let exported = stats.lanes[0].traces.of(Fate::Exported);
            assert_eq!(memory.spans().len() as u64, exported);
            let exported = stats.lanes[0].logs.of(Fate::Exported);
            assert_eq!(memory.logs().len() as u64, exported);
        });
    }
}

/// Without any grace the shutdown ends at once, and what was not delivered is booked.
#[test]
fn without_grace_it_ends_at_once() {
    for round in 0..20 {
        let memory = InMemory::new();
        let pipeline = start(&memory);
        let session = pipeline.session("life").expect("open");
        work(&session, 100);
        let _open = session.child("open").start();
        std::thread::sleep(Duration::from_millis(round));
        let begun = Instant::now();
        let report = pipeline.shutdown_blocking(Duration::ZERO);
        assert!(begun.elapsed() < Duration::from_secs(2));
        assert_settled(&report);
        assert_eq!(report.traces.ended, 102);
        let exported = report.lanes[0].traces.of(Fate::Exported);
        assert_eq!(memory.spans().len() as u64, exported);
        assert_eq!(exported + report.lost(), 102, "{report}");
    }
}

/// A grace beyond all clocks is a long one, not a panic.
#[test]
fn a_huge_grace_is_a_long_one() {
    for grace in [Duration::MAX, Duration::from_secs(i64::MAX as u64)] {
        let memory = InMemory::new();
        let pipeline = start(&memory);
        record(&pipeline);
        let report = futures::executor::block_on(pipeline.shutdown(grace));
        assert_delivered(&report, &memory);
        let memory = InMemory::new();
        let pipeline = start(&memory);
        record(&pipeline);
        assert_delivered(&pipeline.shutdown_blocking(grace), &memory);
    }
}

/// An exporter that hangs cannot hold the shutdown beyond its grace; what it was given is booked as
/// abandoned.
#[test]
fn an_exporter_that_hangs_does_not_hold_it() {
    let runtime = multi_thread();
    for on_hosts in [false, true] {
        let builder = prompt().export(Hangs);
        let pipeline = match on_hosts {
            true => builder.start_on(runtime.handle()),
            false => builder.start(),
        };
        let pipeline = pipeline.expect("a pipeline");
        record(&pipeline);
        let begun = Instant::now();
        let report = runtime.block_on(pipeline.shutdown(Duration::from_secs(1)));
        let took = begun.elapsed();
        assert!(took >= Duration::from_secs(1), "{took:?}");
        assert!(took < Duration::from_secs(3), "{took:?}");
        assert_settled(&report);
        assert_eq!(report.lanes[0].traces.of(Fate::Abandoned), 5, "{report}");
        let cut = ("hangs".to_owned(), Exit::DeadlinePassed);
        assert!(report.exits.contains(&cut), "{:?}", report.exits);
    }
}

/// An exporter that blocks its thread, against its contract, cannot hold the shutdown either; what
/// it was given is still in flight, which counts as lost.
#[test]
fn an_exporter_that_blocks_its_thread_does_not_hold_it() {
    struct Blocks(Arc<AtomicBool>);

    impl Export for Blocks {
        fn name(&self) -> &str {
            "blocks"
        }

        async fn export(&self, _: Request) -> Result<(), ExportError> {
            while !self.0.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(5));
            }
            Ok(())
        }
    }

    let free = Arc::new(AtomicBool::new(false));
    let exporter = Blocks(Arc::clone(&free));
    let pipeline = prompt().export(exporter).start().expect("a pipeline");
    record(&pipeline);
    std::thread::sleep(Duration::from_millis(100));
    let begun = Instant::now();
    let report = futures::executor::block_on(pipeline.shutdown(Duration::from_millis(500)));
    let took = begun.elapsed();
    assert!(took >= Duration::from_millis(500), "{took:?}");
    assert!(took < Duration::from_secs(3), "{took:?}");
    assert_adds_up(&report);
    assert_eq!(report.lost(), 5, "{report}");
    assert!(!report.is_lossless());
    free.store(true, Ordering::Relaxed);
}

/// A host that is in the middle of ending many sessions, with a full pipeline, loses nothing of
/// what had ended when the shutdown began.
#[test]
fn a_full_pipeline_is_delivered_whole() {
    let memory = InMemory::new();
    let slow = Slow {
        takes: Duration::from_millis(1),
        memory: memory.clone(),
    };
    let pipeline = prompt()
        .when_full(spanreel::WhenFull::Block)
        .batch(spanreel::BatchConfig {
            schedule_delay: Duration::ZERO,
            ..spanreel::BatchConfig::default()
        })
        .export(crate::one_at_a_time(slow))
        .start()
        .expect("a pipeline");
    for number in 0..900 {
        let session = pipeline.session(&number.to_string()).expect("open");
        let mut large = session.child("large").start();
        large.set("filling", "x".repeat(9000).as_str());
        large.end();
        if number % 2 == 0 {
            session.end();
        }
    }
    let report = pipeline.shutdown_blocking(Duration::from_secs(30));
    assert_settled(&report);
    assert!(report.is_lossless(), "{report}");
    assert_eq!(memory.spans().len(), 1800);
}
