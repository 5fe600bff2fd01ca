//! Several exporters: what one of them does is no concern of the others.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use spanreel::testing::InMemory;
use spanreel::{
    BatchConfig, ByteSize, Export, ExportError, Exporter, Fate, Otlp, OtlpFile, Request, Signal,
};

use crate::peers::Hangs;
use crate::support::ledger::{assert_adds_up, assert_settled};
use crate::{prompt, work};

const GRACE: Duration = Duration::from_secs(10);

/// Waits until so many spans have arrived.
fn wait_for(memory: &InMemory, spans: usize) {
    let begun = Instant::now();
    while memory.spans().len() < spans {
        assert!(
            begun.elapsed() < GRACE,
            "{} of {spans}",
            memory.spans().len()
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// An exporter that hangs for ever costs its own lane alone: the others get everything, promptly, and
/// flushes in between hold nobody up.
#[test]
fn one_that_hangs_costs_its_own_lane_alone() {
    let (first, last) = (InMemory::new(), InMemory::new());
    let pipeline = prompt()
        .budget(ByteSize::mib(16))
        .batch(BatchConfig {
            schedule_delay: Duration::ZERO,
            ..BatchConfig::default()
        })
        .export(first.clone())
        .export(Exporter::from(Hangs).timeout(Duration::from_secs(3600)))
        .export(last.clone())
        .start()
        .expect("a pipeline");
    let session = pipeline.session("life").expect("open");
    for turn in 1..=200 {
        work(&session, 5);
        if turn % 50 == 0 {
            let flush = pipeline.flush(Duration::from_millis(20));
            let report = futures::executor::block_on(flush).expect("open");
            assert!(!report.complete);
        }
        let begun = Instant::now();
        wait_for(&first, turn * 5);
        wait_for(&last, turn * 5);
        assert!(begun.elapsed() < Duration::from_secs(1), "promptly");
    }
    let report = pipeline.shutdown_blocking(Duration::from_millis(300));
    assert_settled(&report);
    let [first_lane, stuck, last_lane] = &report.lanes[..] else {
        panic!("three lanes");
    };
    for lane in [first_lane, last_lane] {
        assert_eq!(lane.traces.lost(), 0, "{report}");
        assert_eq!(lane.traces.of(Fate::Exported), 1001);
    }
    assert!(stuck.traces.of(Fate::LaneFull) > 0, "{report}");
    assert!(stuck.traces.of(Fate::Abandoned) > 0, "{report}");
    assert_eq!(stuck.traces.lost(), 1001);
    assert_eq!(report.traces.fates.lost(), 0);
}

/// A file that nobody reads, a pipe here, costs its own lane alone, however many of its requests are given up
/// and come again: the threads for blocking work are there for the others.
#[cfg(target_os = "linux")]
#[test]
fn a_pipe_that_nobody_reads_costs_its_own_lane_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let (pipe, file) = (folder.path().join("pipe"), folder.path().join("file"));
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.expect("the tool").success());
    // With both ends open, nothing waits for a reader, and nothing reads.
    let mut both = std::fs::OpenOptions::new();
    let both = both.read(true).write(true).open(&pipe).expect("the pipe");
    let many = NonZeroUsize::new(16).expect("not zero");
    let pipeline = prompt()
        .batch(BatchConfig {
            schedule_delay: Duration::ZERO,
            max_export_batch_bytes: ByteSize::kib(64),
            ..BatchConfig::default()
        })
        .export(Exporter::from(OtlpFile::append(&pipe)).concurrency(many))
        .export(OtlpFile::append(&file))
        .start()
        .expect("a pipeline");
    let session = pipeline.session("life").expect("open");
    let text = "x".repeat(32 << 10);
    let (mut turn, begun) = (0, Instant::now());
    // As many requests stand before the pipe as would take every thread that there is.
    while pipeline.stats().lanes[0].under_way < 8 || turn < 20 {
        turn += 1;
        let span = session.child("heavy").attribute("text", text.as_str());
        span.start().end();
        let marked = format!("turn {turn} ");
        session.child(&marked).start().end();
        let is_there = || {
            let text = std::fs::read_to_string(&file).expect("text");
            text.contains(&marked)
        };
        while !is_there() {
            assert!(begun.elapsed() < Duration::from_secs(60), "{turn}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
    let report = pipeline.shutdown_blocking(Duration::from_millis(300));
    assert_settled(&report);
    assert_eq!(report.lanes[1].traces.lost(), 0, "{report}");
    assert!(report.lanes[0].traces.of(Fate::Abandoned) > 0, "{report}");
    drop(both);
}

/// When the only taker of a signal hangs, those of other signals get theirs.
#[test]
fn the_only_taker_of_a_signal_holds_up_no_other_signal() {
    let memory = InMemory::new();
    let pipeline = prompt()
        .batch(BatchConfig {
            schedule_delay: Duration::ZERO,
            ..BatchConfig::default()
        })
        .export(Exporter::from(Hangs).signals(&[Signal::Traces]))
        .export(Exporter::from(memory.clone()).signals(&[Signal::Logs]))
        .start()
        .expect("a pipeline");
    let session = pipeline.session("life").expect("open");
    for turn in 1..=150 {
        work(&session, 1);
        session.log("a record").emit();
        let begun = Instant::now();
        while memory.logs().len() < turn {
            assert!(begun.elapsed() < GRACE, "{turn}");
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    let report = pipeline.shutdown_blocking(Duration::ZERO);
    assert_settled(&report);
    assert_eq!(report.lanes[1].logs.of(Fate::Exported), 150);
    assert_eq!(report.lanes[0].logs.entered(), 0);
    assert_eq!(report.lanes[1].traces.entered(), 0);
    assert!(memory.spans().is_empty());
}

/// A signal that no exporter takes is not recorded and not counted.
#[test]
fn a_signal_that_nobody_takes_is_not_recorded() {
    let memory = InMemory::new();
    let pipeline = prompt()
        .export(Exporter::from(memory.clone()).signals(&[Signal::Traces]))
        .start()
        .expect("a pipeline");
    let session = pipeline.session("life").expect("open");
    work(&session, 2);
    session.log("nobody takes it").emit();
    let report = pipeline.shutdown_blocking(GRACE);
    assert_settled(&report);
    assert_eq!((report.traces.ended, report.logs.ended), (3, 0));
    assert!(memory.logs().is_empty());
}

/// Counts how many requests it has at the same time.
#[derive(Clone, Default)]
struct Counts {
    now: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

impl Export for Counts {
    fn name(&self) -> &str {
        "counts"
    }

    async fn export(&self, _: Request) -> Result<(), ExportError> {
        let now = self.now.fetch_add(1, Ordering::Relaxed) + 1;
        self.most.fetch_max(now, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(10)).await;
        self.now.fetch_sub(1, Ordering::Relaxed);
        Ok(())
    }
}

/// No exporter has more requests at once than it asked for, and as many where there are enough.
#[test]
fn concurrency_is_respected() {
    for concurrency in [1, 3] {
        let counts = Counts::default();
        let wanted = NonZeroUsize::new(concurrency).expect("at least one");
        let pipeline = prompt()
            .batch(BatchConfig {
                schedule_delay: Duration::ZERO,
                ..BatchConfig::default()
            })
            .export(Exporter::from(counts.clone()).concurrency(wanted))
            .start()
            .expect("a pipeline");
        for number in 0..30 {
            let session = pipeline.session(&number.to_string()).expect("open");
            let mut large = session.child("large").start();
            large.set("filling", "x".repeat(9000).as_str());
            large.end();
        }
        assert_settled(&pipeline.shutdown_blocking(GRACE));
        assert_eq!(counts.most.load(Ordering::Relaxed), concurrency);
    }
}

/// Exporters of one name get numbers, whatever names users have given.
#[test]
fn names_are_unique() {
    let named = |name| Otlp::http("http://127.0.0.1:9").name(name);
    let names = ["a", "a", "a-2", "a", "a-2-2"];
    let builder = names.into_iter().fold(prompt(), |builder, name| {
        builder.export(named(name).timeout(Duration::from_millis(50)))
    });
    let pipeline = builder.start().expect("a pipeline");
    let stats = pipeline.stats();
    let names: Vec<_> = stats.lanes.iter().map(|lane| lane.name.as_str()).collect();
    assert_eq!(names, ["a", "a-2", "a-2-2", "a-3", "a-2-2-2"]);
    assert_adds_up(&stats);
    assert_settled(&pipeline.shutdown_blocking(Duration::ZERO));
}

/// A disabled pipeline has no lanes and records nothing; everything else works.
#[test]
fn a_disabled_pipeline_records_nothing() {
    let memory = InMemory::new();
    let pipeline = prompt().disabled(true).export(memory.clone()).start();
    let pipeline = pipeline.expect("a pipeline");
    let session = pipeline.session("life").expect("open");
    assert!(!session.is_sampled());
    work(&session, 5);
    session.log("a record").emit();
    let flush = futures::executor::block_on(pipeline.flush(GRACE));
    assert!(flush.expect("open").complete);
    let report = pipeline.shutdown_blocking(GRACE);
    assert_settled(&report);
    assert!(report.is_lossless(), "{report}");
    assert!(report.lanes.is_empty() && memory.spans().is_empty());
}
