//! The suite: what a pipeline and any exporter promise together.

use std::time::{Duration, Instant};

use spanreel::testing::InMemory;
use spanreel::{Exporter, Fate, Pipeline, ShutdownReport, Signal};

use crate::prompt;
use crate::receiver::Answer;
use crate::support::ledger::assert_settled;

const GRACE: Duration = Duration::from_secs(20);

/// What stands at the other end of an exporter.
pub(crate) trait Sink {
    /// The names of the spans that arrived.
    fn names(&self) -> Vec<String>;
}

/// A sink that does as it is told.
pub(crate) trait Told: Sink {
    /// Does this with the next requests, and accepts those beyond.
    fn will(&self, answers: &[Answer]);
}

/// What every exporter promises: `make` gives one with a new sink.
pub(crate) fn check<S: Sink>(make: impl Fn() -> (Exporter, S)) {
    what_is_accepted_arrives_once(&make);
    after_the_shutdown_nothing_arrives(&make);
}

/// What those promise besides whose sink may refuse.
pub(crate) fn check_refusals<S: Told>(make: impl Fn() -> (Exporter, S)) {
    what_is_refused_for_now_arrives_later(&make);
    what_is_refused_for_good_is_rejected(&make);
    what_takes_its_time_is_waited_for(&make);
    what_hangs_is_cut_and_stops_no_other(&make);
}

/// What those promise besides whose sink may refuse some items of a request.
pub(crate) fn check_partial_success<S: Told>(make: impl Fn() -> (Exporter, S)) {
    let (exporter, sink) = make();
    sink.will(&[Answer::Partial(2)]);
    let report = deliver(exporter);
    assert_fates(&report, &[(Fate::Exported, 3), (Fate::Rejected, 2)]);
    assert_eq!(report.lanes[0].requests, 1);
    assert_eq!(sink.names().len(), 3);
}

fn start(exporter: Exporter) -> Pipeline {
    let exporter = exporter.signals(&[Signal::Traces]);
    prompt().export(exporter).start().expect("a pipeline")
}

/// Five spans: a session, three turns and a tool call in the last of them, in one request.
fn record(pipeline: &Pipeline) {
    let session = pipeline.session("contract").expect("open");
    session.child("turn 1").start().end();
    session.child("turn 2").start().end();
    let turn = session.child("turn 3").start();
    turn.tool("search").start().end();
    turn.end();
    session.end();
}

const NAMES: [&str; 5] = [
    "execute_tool search",
    "session",
    "turn 1",
    "turn 2",
    "turn 3",
];

fn deliver(exporter: Exporter) -> ShutdownReport {
    let pipeline = start(exporter);
    record(&pipeline);
    let report = pipeline.shutdown_blocking(GRACE);
    assert_settled(&report);
    report
}

#[track_caller]
fn assert_fates(report: &ShutdownReport, expected: &[(Fate, u64)]) {
    let fates: Vec<_> = report.lanes[0].traces.fates().collect();
    assert_eq!(fates, expected, "{report}");
}

#[track_caller]
fn assert_arrived_once(sink: &impl Sink) {
    let mut names = sink.names();
    names.sort();
    assert_eq!(names, NAMES);
}

fn what_is_accepted_arrives_once<S: Sink>(make: &impl Fn() -> (Exporter, S)) {
    let (exporter, sink) = make();
    let report = deliver(exporter);
    assert_fates(&report, &[(Fate::Exported, 5)]);
    assert!(report.is_lossless(), "{report}");
    let lane = &report.lanes[0];
    assert_eq!((lane.requests, lane.retries), (1, 0));
    assert!(lane.bytes > 0);
    assert_arrived_once(&sink);
}

fn after_the_shutdown_nothing_arrives<S: Sink>(make: &impl Fn() -> (Exporter, S)) {
    let (exporter, sink) = make();
    let pipeline = start(exporter);
    let kept = pipeline.session("kept").expect("open");
    record(&pipeline);
    kept.end();
    assert_settled(&pipeline.shutdown_blocking(GRACE));
    let arrived = sink.names().len();
    assert_eq!(arrived, 6);
    kept.child("late").start().end();
    kept.log("late").emit();
    assert!(pipeline.session("late").is_err());
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(sink.names().len(), arrived);
    assert_eq!(pipeline.stats().traces.fates.of(Fate::AfterShutdown), 1);
}

fn what_is_refused_for_now_arrives_later<S: Told>(make: &impl Fn() -> (Exporter, S)) {
    let (exporter, sink) = make();
    sink.will(&[Answer::RefuseForNow, Answer::RefuseForNow]);
    let report = deliver(exporter);
    assert_fates(&report, &[(Fate::Exported, 5)]);
    assert_eq!(report.lanes[0].retries, 2);
    assert_arrived_once(&sink);
}

fn what_is_refused_for_good_is_rejected<S: Told>(make: &impl Fn() -> (Exporter, S)) {
    let (exporter, sink) = make();
    sink.will(&[Answer::RefuseForGood]);
    let report = deliver(exporter);
    assert_fates(&report, &[(Fate::Rejected, 5)]);
    assert_eq!(report.lost(), 5);
    assert_eq!(report.lanes[0].requests, 1);
    assert!(sink.names().is_empty());
}

fn what_takes_its_time_is_waited_for<S: Told>(make: &impl Fn() -> (Exporter, S)) {
    let (exporter, sink) = make();
    let takes = Duration::from_millis(400);
    sink.will(&[Answer::AcceptAfter(takes)]);
    let report = deliver(exporter);
    assert_fates(&report, &[(Fate::Exported, 5)]);
    assert!(report.took >= takes / 2, "{report}");
    assert_arrived_once(&sink);
}

fn what_hangs_is_cut_and_stops_no_other<S: Told>(make: &impl Fn() -> (Exporter, S)) {
    let (exporter, sink) = make();
    sink.will(&[Answer::Hang]);
    let memory = InMemory::new();
    let never = Duration::from_secs(3600);
    let exporter = exporter.timeout(never).signals(&[Signal::Traces]);
    let pipeline = prompt().export(exporter).export(memory.clone()).start();
    let pipeline = pipeline.expect("a pipeline");
    record(&pipeline);
    let begun = Instant::now();
    while memory.spans().len() < 5 {
        assert!(begun.elapsed() < GRACE, "the other gets it");
        std::thread::sleep(Duration::from_millis(1));
    }
    let report = pipeline.shutdown_blocking(Duration::ZERO);
    assert_settled(&report);
    assert_eq!(report.lanes[0].traces.of(Fate::Abandoned), 5, "{report}");

    let (exporter, sink) = make();
    sink.will(&[Answer::Hang]);
    let time = Duration::from_millis(400);
    let begun = Instant::now();
    let report = deliver(exporter.timeout(time).signals(&[Signal::Traces]));
    assert!(begun.elapsed() >= time);
    assert_fates(&report, &[(Fate::Exported, 5)]);
    assert_eq!(report.lanes[0].retries, 1);
    assert_arrived_once(&sink);
}
