//! What `stats` says means what OpenTelemetry's SDK metrics mean.

use std::time::Duration;

use spanreel::testing::InMemory;
use spanreel::{BatchConfig, ByteSize, Fate};

use crate::peers::Gate;
use crate::support::ledger::{assert_adds_up, assert_settled};
use crate::{one_at_a_time, prompt, work};

const GRACE: Duration = Duration::from_secs(10);

/// `otel.sdk.span.started` and `.live`: what has started, and what of that has not ended; roots count
/// as the spans that they are.
#[test]
fn started_and_live_are_counted() {
    let pipeline = prompt()
        .export(InMemory::new())
        .start()
        .expect("a pipeline");
    let session = pipeline.session("life").expect("open");
    let open = session.child("open").start();
    work(&session, 3);
    session.log("a record").emit();
    let stats = pipeline.stats();
    assert_adds_up(&stats);
    assert_eq!((stats.traces.started, stats.traces.open), (5, 2));
    assert_eq!((stats.traces.ended, stats.logs.started), (3, 1));
    assert_eq!((stats.sessions, stats.logs.open), (1, 0));
    assert_eq!(stats.budget, ByteSize::mib(64));
    drop(open);
    session.end();
    let report = pipeline.shutdown_blocking(GRACE);
    assert_settled(&report);
    let stats = pipeline.stats();
    assert_eq!((stats.traces.started, stats.traces.open), (5, 0));
    assert_eq!((stats.sessions, stats.memory), (0, ByteSize::bytes(0)));
}

/// `otel.sdk.exporter.span.inflight` and `.exported`, and the lane's counters: what is under way is in
/// flight, what was accepted is exported.
#[test]
fn what_is_under_way_is_in_flight() {
    let gate = Gate::closed();
    let pipeline = prompt()
        .batch(BatchConfig {
            schedule_delay: Duration::ZERO,
            ..BatchConfig::default()
        })
        .export(one_at_a_time(gate.clone()))
        .start()
        .expect("a pipeline");
    let session = pipeline.session("life").expect("open");
    work(&session, 4);
    while pipeline.stats().lanes[0].under_way == 0 {
        std::thread::sleep(Duration::from_millis(1));
    }
    let lane = &pipeline.stats().lanes[0];
    assert_eq!((lane.requests, lane.retries, lane.bytes), (1, 0, 0));
    assert_eq!(lane.traces.in_flight(), 4);
    assert_eq!(lane.traces.of(Fate::Exported), 0);
    assert!(pipeline.stats().memory > ByteSize::bytes(0));

    gate.open();
    session.end();
    let report = pipeline.shutdown_blocking(GRACE);
    assert_settled(&report);
    let lane = &report.lanes[0];
    assert_eq!((lane.requests, lane.retries, lane.under_way), (2, 0, 0));
    assert_eq!(lane.traces.of(Fate::Exported), 5);
    assert!(lane.bytes > 0);
    assert_eq!(
        lane.latency.buckets().map(|(_, count)| count).sum::<u64>(),
        2
    );
    assert!(lane.latency.quantile(0.5) <= lane.latency.quantile(1.0));
}

/// `otel.sdk.processor.span.queue.size` and `.capacity`: the queues are told upstream first, and a
/// full one has as much as it takes.
#[test]
fn queues_are_told_with_their_capacity() {
    let gate = Gate::closed();
    let pipeline = prompt()
        .batch(BatchConfig {
            schedule_delay: Duration::ZERO,
            ..BatchConfig::default()
        })
        .export(one_at_a_time(gate.clone()))
        .start()
        .expect("a pipeline");
    let names: Vec<_> = pipeline
        .stats()
        .queues
        .into_iter()
        .map(|queue| queue.name)
        .collect();
    assert_eq!(names, ["sampler", "batcher"]);
    let session = pipeline.session("life").expect("open");
    while pipeline.stats().traces.fates.of(Fate::QueueFull) == 0 {
        work(&session, 100);
    }
    for queue in pipeline.stats().queues {
        assert_eq!(queue.size, queue.capacity, "{}", queue.name);
    }
    gate.open();
    assert_settled(&pipeline.shutdown_blocking(GRACE));
    for queue in pipeline.stats().queues {
        assert_eq!(queue.size, 0, "{}", queue.name);
    }
}
