//! When there is no room: exact counts, a host that waits loses nothing, one that does not never
//! waits, and memory stays within its budget.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures::FutureExt;
use spanreel::testing::InMemory;
use spanreel::{
    BatchConfig, ByteSize, Closed, Export, ExportError, Fate, Pipeline, Request, Session, WhenFull,
};

use crate::peers::{Gate, Hangs, Slow};
use crate::support::ledger::{assert_adds_up, assert_settled};
use crate::{one_at_a_time, prompt, work};

const GRACE: Duration = Duration::from_secs(30);

/// A pipeline with little room, all of which has to pass the gate.
fn before(gate: &Gate) -> Pipeline {
    prompt()
        .budget(ByteSize::mib(8))
        .export(one_at_a_time(gate.clone()))
        .start()
        .expect("a pipeline")
}

/// What finds no room is dropped and counted exactly: all the rest arrives.
#[test]
fn what_finds_no_room_is_counted_exactly() {
    let gate = Gate::closed();
    let pipeline = before(&gate);
    let mut ended = 0;
    let sessions: Vec<_> = (0..4)
        .map(|number| pipeline.session(&number.to_string()).expect("open"))
        .collect();
    while pipeline.stats().traces.fates.of(Fate::QueueFull) < 1000 {
        for session in &sessions {
            work(session, 100);
            ended += 100;
        }
    }
    let stats = pipeline.stats();
    assert_adds_up(&stats);
    gate.open();
    let report = pipeline.shutdown_blocking(GRACE);
    assert_settled(&report);
    let refused = report.traces.fates.of(Fate::QueueFull);
    assert_eq!(report.lost(), refused, "{report}");
    assert_eq!(report.traces.ended, ended + 4);
    assert_eq!(gate.memory.spans().len() as u64, ended + 4 - refused);
}

/// Roots of sessions that have nothing else are counted exactly, too: what finds no room is dropped, and all the
/// rest arrives.
#[test]
fn roots_that_find_no_room_are_counted_exactly() {
    let gate = Gate::closed();
    let pipeline = before(&gate);
    let mut ended = 0;
    while pipeline.stats().traces.fates.of(Fate::QueueFull) < 1000 {
        for _ in 0..100 {
            ended += 1;
            pipeline.session(&format!("{ended}")).expect("open").end();
        }
    }
    assert_adds_up(&pipeline.stats());
    gate.open();
    let report = pipeline.shutdown_blocking(GRACE);
    assert_settled(&report);
    let refused = report.traces.fates.of(Fate::QueueFull);
    assert_eq!(report.lost(), refused, "{report}");
    assert_eq!(report.traces.ended, ended);
    assert_eq!(gate.memory.spans().len() as u64, ended - refused);
}

/// A host that awaits `ready` between its turns loses nothing, however slow the exporter is, in
/// long sessions as in short ones.
#[test]
fn a_host_that_awaits_room_loses_nothing() {
    let memory = InMemory::new();
    let slow = Slow {
        takes: Duration::from_millis(40),
        memory: memory.clone(),
    };
    let pipeline = prompt()
        .budget(ByteSize::mib(8))
        .batch(BatchConfig {
            schedule_delay: Duration::from_millis(10),
            max_export_batch_bytes: ByteSize::kib(512),
            ..BatchConfig::default()
        })
        .when_full(WhenFull::Block)
        .export(one_at_a_time(slow))
        .start()
        .expect("a pipeline");
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let pipeline = &pipeline;
            scope.spawn(move || {
                let long = pipeline.session(&format!("long {thread}")).expect("open");
                for turn in 0..60 {
                    for _ in 0..5 {
                        let mut large = long.child("large").start();
                        large.set("filling", "x".repeat(3000).as_str());
                        large.end();
                    }
                    let short = pipeline.session(&format!("short {thread} {turn}"));
                    let short = short.expect("open");
                    let mut large = short.child("large").start();
                    large.set("filling", "x".repeat(1000).as_str());
                    large.end();
                    short.end();
                    futures::executor::block_on(long.ready()).expect("open");
                }
            });
        }
    });
    let report = pipeline.shutdown_blocking(GRACE);
    assert_settled(&report);
    assert!(report.is_lossless(), "{report}");
    assert_eq!(memory.spans().len(), 8 * (60 * 7 + 1));
}

/// What a session had put aside while there was no room is handed on when there is some, also when the
/// session has nothing more to say.
#[test]
fn what_was_put_aside_does_not_wait_for_its_session() {
    let gate = Gate::closed();
    let pipeline = prompt()
        .when_full(WhenFull::Block)
        .export(one_at_a_time(gate.clone()))
        .start()
        .expect("a pipeline");
    let mut ended = 0;
    let mut sessions = Vec::new();
    // Sessions that come when there is no room find that from their first chunk on.
    for number in 0..20 {
        let session = pipeline.session(&number.to_string()).expect("open");
        let mut has_room = true;
        while has_room {
            work(&session, 10);
            ended += 10;
            has_room = session.ready().now_or_never().is_some();
        }
        sessions.push(session);
    }
    gate.open();
    let waiting = Instant::now();
    while gate.memory.spans().len() < ended {
        let arrived = gate.memory.spans().len();
        assert!(waiting.elapsed() < GRACE, "{arrived} of {ended}");
        std::thread::sleep(Duration::from_millis(10));
    }
    let report = pipeline.shutdown_blocking(GRACE);
    assert!(report.is_lossless(), "{report}");
    drop(sessions);
}

/// Short sessions, whose leftovers travel together, lose nothing when the queue is full long before
/// the budget is.
#[test]
fn short_sessions_lose_nothing_when_the_queue_is_full() {
    let gate = Gate::closed();
    let pipeline = prompt()
        .when_full(WhenFull::Block)
        .batch(BatchConfig {
            schedule_delay: Duration::ZERO,
            ..BatchConfig::default()
        })
        .export(one_at_a_time(gate.clone()))
        .start()
        .expect("a pipeline");
    let mut sessions = 0;
    let mut short_session = |filling: usize| {
        let session = pipeline.session(&sessions.to_string()).expect("open");
        let mut span = session.child("work").start();
        span.set("filling", "x".repeat(filling).as_str());
        span.end();
        session.end();
        sessions += 1;
    };
    let is_full = || {
        let queues = pipeline.stats().queues;
        queues.iter().all(|queue| queue.size == queue.capacity)
    };
    while !is_full() {
        short_session(9000);
    }
    for _ in 0..1000 {
        short_session(1);
    }
    gate.open();
    let report = pipeline.shutdown_blocking(GRACE);
    assert_settled(&report);
    assert!(report.is_lossless(), "{report}");
    assert_eq!(gate.memory.spans().len(), 2 * sessions);
}

/// What sessions left when they ended has hosts wait as soon as it finds no room, long before memory is used up;
/// they go on when there is some.
#[test]
fn what_short_sessions_left_makes_hosts_wait() {
    let gate = Gate::closed();
    let budget = ByteSize::mib(256);
    let pipeline = prompt()
        .budget(budget)
        .when_full(WhenFull::Block)
        .export(one_at_a_time(gate.clone()))
        .start()
        .expect("a pipeline");
    let host = pipeline.session("host").expect("open");
    let mut sessions = 0;
    while host.ready().now_or_never().is_some() {
        sessions += 1;
        let session = pipeline.session(&sessions.to_string()).expect("open");
        work(&session, 50);
        session.end();
    }
    let held = pipeline.stats().memory;
    assert!(held < ByteSize::mib(64), "{held} of {budget}");
    gate.open();
    futures::executor::block_on(host.ready()).expect("open");
    let report = pipeline.shutdown_blocking(GRACE);
    assert_settled(&report);
    assert!(report.is_lossless(), "{report}");
    assert_eq!(gate.memory.spans().len(), sessions * 51 + 1);
}

/// Who waits for room is told at once when the pipeline is shut down.
#[test]
fn a_shutdown_ends_the_wait_for_room() {
    let pipeline = prompt()
        .budget(ByteSize::mib(8))
        .when_full(WhenFull::Block)
        .export(one_at_a_time(Hangs))
        .start()
        .expect("a pipeline");
    let session = pipeline.session("waits").expect("open");
    let about_to_wait = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            while pipeline.stats().traces.fates.of(Fate::QueueFull) == 0 {
                work(&session, 1000);
            }
            about_to_wait.store(true, Ordering::Relaxed);
            let outcome = futures::executor::block_on(session.ready());
            (outcome, Instant::now())
        });
        while !about_to_wait.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_millis(100));
        assert!(!waiting.is_finished(), "there is no room");
        let begun = Instant::now();
        let report = pipeline.shutdown_blocking(Duration::from_secs(1));
        let (outcome, at) = waiting.join().expect("no panic");
        assert_eq!(outcome, Err(Closed));
        assert!(at - begun < Duration::from_millis(500));
        assert_settled(&report);
    });
}

/// Never takes anything.
struct Down;

impl Export for Down {
    fn name(&self) -> &str {
        "down"
    }

    async fn export(&self, _: Request) -> Result<(), ExportError> {
        tokio::time::sleep(Duration::from_millis(3)).await;
        Err(ExportError::retryable("it is down"))
    }
}

/// While the backend is down for the whole run and producers run flat out, memory never exceeds the
/// budget, no producer ever waits, and the report is exact.
#[test]
fn a_backend_that_is_down_costs_the_budget_and_no_time() {
    for (budget, when_full) in [
        (ByteSize::mib(64), WhenFull::DropNewest),
        (ByteSize::mib(8), WhenFull::DropNewest),
        (ByteSize::mib(8), WhenFull::Block),
    ] {
        let pipeline = prompt()
            .budget(budget)
            .when_full(when_full)
            .export(Down)
            .start()
            .expect("a pipeline");
        let (mut most, mut ended) = (0, 0);
        let mut longest = Duration::ZERO;
        let go_on = AtomicBool::new(true);
        let filling = "x".repeat(2000);
        std::thread::scope(|scope| {
            let producers: Vec<_> = (0..8)
                .map(|thread| {
                    let (pipeline, go_on, filling) = (&pipeline, &go_on, filling.as_str());
                    scope.spawn(move || {
                        let (mut ended, mut busy) = (0, Duration::ZERO);
                        while go_on.load(Ordering::Relaxed) {
                            let id = format!("{thread} {}", ended / 2000);
                            let session = pipeline.session(&id).expect("open");
                            let begun = Instant::now();
                            for _ in 0..100 {
                                let mut span = session.child("work").start();
                                span.set("filling", filling);
                                span.end();
                                session.log("a record").emit();
                            }
                            ended += 100;
                            busy = busy.max(begun.elapsed());
                        }
                        (ended, busy)
                    })
                })
                .collect();
            let begun = Instant::now();
            while begun.elapsed() < Duration::from_millis(1200) {
                most = most.max(pipeline.stats().memory.as_u64());
                std::thread::sleep(Duration::from_millis(1));
            }
            go_on.store(false, Ordering::Relaxed);
            for producer in producers {
                let (spans, busy) = producer.join().expect("no panic");
                ended += spans;
                longest = longest.max(busy);
            }
        });
        let stats = pipeline.stats();
        assert_adds_up(&stats);
        let begun = Instant::now();
        let report = pipeline.shutdown_blocking(Duration::from_millis(300));
        assert!(begun.elapsed() < Duration::from_secs(2));
        println!(
            "budget {budget}: at most {}, {ended} spans, a hundred in {longest:?} at most",
            ByteSize::bytes(most)
        );
        assert!(most <= budget.as_u64(), "{most} of {budget}");
        let refused = report.traces.fates.of(Fate::QueueFull);
        assert!(refused > 0, "it was full: {report}");
        // The machine may be busy: waiting for the backend would have taken all of the run.
        assert!(longest < Duration::from_secs(1), "{longest:?}");
        assert_settled(&report);
        assert_eq!(report.logs.ended, ended);
        assert_eq!(report.lost(), report.traces.ended + report.logs.ended);
        assert_eq!(pipeline.stats().memory, ByteSize::bytes(0));
    }
}

/// Sessions that are quiet share their memory: each holds no more than what it has said, not a buffer. What they
/// said is counted as held until it is handed on, and delivered in the order in which each said it.
#[test]
fn quiet_sessions_share_their_memory() {
    const SESSIONS: usize = 5000;
    let memory = InMemory::new();
    let pipeline = Pipeline::builder()
        .when_full(WhenFull::Block)
        .export(memory.clone())
        .start()
        .expect("a pipeline");
    let open = |number| pipeline.session(&format!("quiet {number}")).expect("open");
    let sessions: Vec<_> = (0..SESSIONS).map(open).collect();
    for turn in 0..3_i64 {
        for session in &sessions {
            let mut span = session.child("turn").start();
            span.set("number", turn);
            span.end();
            session.log("a record").emit();
        }
        assert_adds_up(&pipeline.stats());
    }
    // As many buffers of the smallest size would take 10 MiB: one for the spans and one for the records of each.
    let bytes = pipeline.stats().memory;
    assert!(bytes < ByteSize::mib(8), "{bytes}");
    sessions.iter().for_each(Session::end);
    let report = pipeline.shutdown_blocking(Duration::from_secs(30));
    assert_settled(&report);
    assert!(report.is_lossless(), "{report}");
    assert_eq!(report.traces.ended, 4 * SESSIONS as u64);
    assert_eq!(report.logs.ended, 3 * SESSIONS as u64);
    let mut next: HashMap<_, i64> = HashMap::new();
    for span in memory.spans().iter().filter(|span| span.name == "turn") {
        let next = next.entry(span.trace_id).or_default();
        assert_eq!(span.int("number"), Some(*next));
        *next += 1;
    }
    assert_eq!(next.len(), SESSIONS);
}
