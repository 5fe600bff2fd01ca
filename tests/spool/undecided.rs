//! Sessions that tail sampling has not decided when their process ends: the next one goes on with them.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use bytes::Bytes;
use futures::executor::block_on;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use prost::Message;
use spanreel::testing::InMemory;
use spanreel::{
    ByteSize, Fate, Pipeline, Policy, Rule, Sample, Sampling, SessionFacts, Signal, SpoolMode,
    Verdict,
};

use crate::ledger::{assert_adds_up, assert_settled};
use crate::{prompt, spool, wait_until};

const GRACE: Duration = Duration::from_secs(10);
/// Where the child is told its directory.
const DIRECTORY: &str = "SPANREEL_TEST_UNDECIDED";

/// Keeps sessions that failed.
fn failures() -> Sampling {
    Sampling::always_off().always_keep(Rule::Errors)
}

/// A request with one span of a trace; without a parent it ends it.
fn span(trace: u8, id: u8, ends: bool, fails: bool) -> Bytes {
    let status = Status {
        code: 2,
        ..Status::default()
    };
    let span = Span {
        trace_id: vec![trace; 16],
        span_id: vec![id; 8],
        parent_span_id: if ends { Vec::new() } else { vec![99; 8] },
        status: fails.then_some(status),
        ..Span::default()
    };
    let request = ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            scope_spans: vec![ScopeSpans {
                spans: vec![span],
                ..ScopeSpans::default()
            }],
            ..ResourceSpans::default()
        }],
    };
    request.encode_to_vec().into()
}

fn send(pipeline: &Pipeline, request: Bytes) {
    let receipt = block_on(pipeline.intake().accept(Signal::Traces, request));
    let told = block_on(receipt.expect("accepted").durable());
    assert!(told.is_lossless(), "{told:?}");
}

/// Sends without waiting for what becomes of it.
fn hand_in(pipeline: &Pipeline, request: Bytes) {
    let receipt = block_on(pipeline.intake().accept(Signal::Traces, request));
    drop(receipt.expect("accepted"));
}

/// What was not decided at a shutdown is on disk, which is no loss, and is decided when the rest of it has come
/// to the next process: whole or not at all. What was decided before is remembered.
#[test]
fn what_is_undecided_outlives_a_shutdown() {
    for mode in [SpoolMode::Overflow, SpoolMode::Always] {
        let directory = tempfile::tempdir().expect("a directory");
        let memory = InMemory::new();
        let start = || {
            let builder = prompt().sampling(failures()).export(memory.clone());
            let pipeline = builder
                .spool_with(spool(directory.path()).mode(mode))
                .start();
            pipeline.expect("a pipeline")
        };
        let pipeline = start();
        let is_eager = mode == SpoolMode::Always;
        for trace in [1, 2] {
            let request = span(trace, 1, false, false);
            if is_eager {
                send(&pipeline, request);
            } else {
                hand_in(&pipeline, request);
            }
        }
        send(&pipeline, span(3, 1, true, true));
        send(&pipeline, span(4, 1, true, false));
        let report = pipeline.shutdown_blocking(GRACE);
        assert_settled(&report);
        assert!(report.is_lossless(), "{report}");
        assert_eq!(report.traces.fates.of(Fate::Spooled), 2);
        assert!(report.spooled > ByteSize::bytes(0), "{report}");
        assert_eq!(memory.spans().len(), 1);

        let pipeline = start();
        wait_until("they are held", || pipeline.stats().sampling.undecided == 2);
        assert_adds_up(&pipeline.stats());
        assert_eq!(pipeline.stats().traces.recovered, 2);
        // The first fails at the end, the second does not; the others are late.
        send(&pipeline, span(1, 2, true, true));
        send(&pipeline, span(2, 2, true, false));
        if is_eager {
            send(&pipeline, span(3, 2, false, false));
            send(&pipeline, span(4, 2, false, true));
        }
        let report = pipeline.shutdown_blocking(GRACE);
        assert_settled(&report);
        assert!(report.is_lossless(), "{report}");
        assert_eq!(report.spooled, ByteSize::bytes(0), "{report}");
        let mut exported: Vec<_> = memory
            .spans()
            .iter()
            .map(|span| (span.trace_id.to_bytes()[0], span.span_id.to_bytes()[0]))
            .collect();
        exported.sort_unstable();
        let expected = [(1, 1), (1, 2), (3, 1), (3, 2)];
        let expected = if is_eager {
            &expected[..]
        } else {
            &expected[..3]
        };
        assert_eq!(exported, expected, "{mode:?}");
    }
}

/// What was left is taken up before anything that is new, however soon that comes: a root that decides of its
/// session finds what an earlier process held of it.
#[test]
fn what_was_left_comes_before_what_is_new() {
    let directory = tempfile::tempdir().expect("a directory");
    let memory = InMemory::new();
    let start = || {
        let builder = Pipeline::builder().sampling(failures());
        let spool = spool(directory.path());
        let started = builder.export(memory.clone()).spool_with(spool).start();
        started.expect("valid")
    };
    for trace in 1..=40 {
        let pipeline = start();
        hand_in(&pipeline, span(trace, 1, false, false));
        pipeline.shutdown_blocking(GRACE);
        let pipeline = start();
        hand_in(&pipeline, span(trace, 2, true, true));
        let report = pipeline.shutdown_blocking(GRACE);
        assert_settled(&report);
        assert_eq!(memory.spans().len(), 2 * usize::from(trace));
    }
}

/// A flush that makes everything last makes undecided sessions last, too, in any mode, and a receipt does in the
/// mode that writes everything.
#[test]
fn a_durable_flush_takes_in_what_is_undecided() {
    for mode in [SpoolMode::Overflow, SpoolMode::Always] {
        let directory = tempfile::tempdir().expect("a directory");
        let builder = prompt().sampling(failures()).export(InMemory::new());
        let pipeline = builder
            .spool_with(spool(directory.path()).mode(mode))
            .start();
        let pipeline = pipeline.expect("a pipeline");
        let request = span(1, 1, false, false);
        let receipt = block_on(pipeline.intake().accept(Signal::Traces, request));
        let report = block_on(pipeline.flush_durable(GRACE)).expect("open");
        assert!(report.complete);
        let told = block_on(receipt.expect("accepted").durable());
        assert!(told.is_lossless(), "{told:?}");
        assert_eq!(pipeline.stats().sampling.undecided, 1);
        let found = spanreel::spool::inspect(directory.path()).expect("a spool");
        assert_eq!(
            found
                .undecided
                .iter()
                .map(|file| file.requests)
                .sum::<u64>(),
            1
        );
        assert!(found.is_whole());
        pipeline.shutdown_blocking(GRACE);
    }
}

/// Waits for the end of each session.
struct Patient;

impl Sample for Patient {
    fn sample(&mut self, session: &SessionFacts) -> Verdict {
        match session.ended {
            true if session.spans == 2 => Verdict::Keep,
            true => Verdict::Drop,
            false => Verdict::Wait,
        }
    }
}

/// A sampler of the user's own is asked again about what an earlier process held, with all that was known of it.
#[test]
fn a_sampler_of_ones_own_is_asked_again() {
    let directory = tempfile::tempdir().expect("a directory");
    let memory = InMemory::new();
    let start = || {
        let builder = prompt().sample(Patient).export(memory.clone());
        let pipeline = builder.spool_with(spool(directory.path())).start();
        pipeline.expect("a pipeline")
    };
    let pipeline = start();
    for trace in [1, 2] {
        hand_in(&pipeline, span(trace, 1, false, false));
    }
    let report = pipeline.shutdown_blocking(GRACE);
    assert_eq!(report.traces.fates.of(Fate::Spooled), 2);
    let pipeline = start();
    wait_until("they are held", || pipeline.stats().sampling.undecided == 2);
    for (id, ends) in [(2, false), (3, true)] {
        hand_in(&pipeline, span(1, id, ends, false));
    }
    hand_in(&pipeline, span(2, 2, true, false));
    let report = pipeline.shutdown_blocking(GRACE);
    assert_settled(&report);
    let kept: Vec<_> = memory
        .spans()
        .iter()
        .map(|span| span.trace_id.to_bytes()[0])
        .collect();
    assert_eq!(kept, [2, 2], "the first has three");
}

/// Works in sessions that stay open, waits until they are noted, and is killed. It is run by the test below alone.
#[test]
fn child() {
    let Some(directory) = std::env::var_os(DIRECTORY) else {
        return;
    };
    let pipeline = own_sessions(Path::new(&directory), &InMemory::new());
    let open = |id: &str, agent: &str| {
        let session = pipeline.open_session(id).agent(agent).open().expect("open");
        for _ in 0..2 {
            session.child("work").start().end();
        }
        session
    };
    let sessions = [
        open("fine", "planner"),
        open("other", "critic"),
        open("failed", "critic"),
    ];
    sessions[2]
        .tool("search")
        .start()
        .error("timeout", "no answer");
    std::thread::sleep(Duration::from_millis(2500));
    let report = block_on(pipeline.flush_durable(GRACE)).expect("open");
    assert!(report.complete);
    let mut out = std::io::stdout().lock();
    writeln!(out, "noted").expect("a parent");
    out.flush().expect("a parent");
    drop(out);
    std::thread::sleep(Duration::from_secs(3600));
}

/// Keeps sessions that failed, as soon as they did, and those of the planner that did not, at their end.
fn own_sessions(directory: &Path, memory: &InMemory) -> Pipeline {
    let fine = Rule::all([Rule::Agent("planner".into()), !Rule::Errors]);
    let sampling = failures().policy(Policy::keep(fine).named("fine"));
    let spool = spool(directory).mode(SpoolMode::Always);
    let builder = prompt().sampling(sampling).spool_with(spool);
    builder.export(memory.clone()).start().expect("a pipeline")
}

/// Sessions of a process that was killed are decided by the next one: they are over, and are judged by all
/// that was known of them. One that was kept early keeps its root, too.
#[test]
fn own_sessions_are_decided_after_a_kill() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut child = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "undecided::child", "--nocapture"])
        .env(DIRECTORY, directory.path())
        .stdout(Stdio::piped())
        .spawn()
        .expect("a child");
    let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    assert!(lines.map_while(Result::ok).any(|line| line == "noted"));
    child.kill().expect("it runs");
    child.wait().expect("it ended");

    let memory = InMemory::new();
    let pipeline = own_sessions(directory.path(), &memory);
    wait_until("all are decided", || {
        let stats = pipeline.stats();
        stats.sampling.undecided == 0 && memory.spans().len() >= 4
    });
    let report = pipeline.shutdown_blocking(GRACE);
    assert_settled(&report);
    assert!(report.is_lossless(), "{report}");
    assert_eq!(report.traces.recovered, 4, "{report}");
    let mut names: Vec<_> = memory.spans().into_iter().map(|span| span.name).collect();
    names.sort_unstable();
    let expected = [
        "invoke_agent critic",
        "invoke_agent planner",
        "work",
        "work",
    ];
    assert_eq!(names, expected);
}
