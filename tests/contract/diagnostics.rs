//! What a pipeline says of itself through `tracing`, and that a host which records what is said does
//! not make it talk without end.
//!
//! A subscriber is a matter of the whole process: each test runs a program of its own, which is an
//! ignored test of this file.

use std::cell::Cell;
use std::process::Command;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use spanreel::testing::InMemory;
use spanreel::{Export, ExportError, Otlp, Request, Session};
use tokio::runtime::{Builder, Runtime};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

use crate::prompt;
use crate::receiver::Receiver;
use crate::support::ledger::assert_settled;

/// Runs a program and asserts that it ended well.
fn run(program: &str) {
    let test = std::env::current_exe().expect("this program");
    let program = format!("diagnostics::{program}");
    let output = Command::new(test)
        .args(["--exact", &program, "--ignored", "--nocapture"])
        .output()
        .expect("it runs");
    let said = String::from_utf8_lossy(&output.stdout);
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}{complained}");
    assert!(said.contains("1 passed"), "{said}");
}

/// Keeps what is said under the target of the pipeline.
#[derive(Clone, Default)]
struct Said(Arc<Mutex<Vec<(Level, String)>>>);

impl Said {
    /// The events of a level that hold these words.
    fn count(&self, level: Level, words: &str) -> usize {
        let said = self.0.lock().expect("no panic under it");
        let with_words = said
            .iter()
            .filter(|(of, text)| *of == level && text.contains(words));
        with_words.count()
    }
}

struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.0.push_str(&format!("{field}={value:?} "));
    }
}

impl<S: Subscriber> Layer<S> for Said {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() != "spanreel" {
            return;
        }
        let mut text = Text(String::new());
        event.record(&mut text);
        let mut said = self.0.lock().expect("no panic under it");
        said.push((*event.metadata().level(), text.0));
    }
}

fn listen() -> Said {
    let said = Said::default();
    let registry = tracing_subscriber::registry().with(said.clone());
    tracing::subscriber::set_global_default(registry).expect("the first");
    said
}

/// Always refuses.
struct Refuses;

impl Export for Refuses {
    fn name(&self) -> &str {
        "refuses"
    }

    async fn export(&self, _: Request) -> Result<(), ExportError> {
        Err(ExportError::Retryable {
            after: Some(Duration::from_millis(2)),
            source: "told to".into(),
        })
    }
}

/// Start and shutdown are told once each: how much it may hold, how long it took, what was lost.
#[test]
fn start_and_shutdown_are_told() {
    run("start_and_shutdown_program");
}

#[test]
#[ignore = "a program that the test before runs"]
fn start_and_shutdown_program() {
    let said = listen();
    let pipeline = prompt()
        .export(InMemory::new())
        .start()
        .expect("a pipeline");
    assert_eq!(said.count(Level::INFO, "budget=64 MiB"), 1);
    assert!(
        pipeline
            .shutdown_blocking(Duration::from_secs(5))
            .is_lossless()
    );
    assert_eq!(said.count(Level::INFO, "nothing was lost"), 1);

    let pipeline = prompt().export(Refuses).start().expect("a pipeline");
    pipeline.session("lost").expect("open").end();
    assert_eq!(pipeline.shutdown_blocking(Duration::ZERO).lost(), 1);
    assert_eq!(said.count(Level::WARN, "lost=1"), 1);

    drop(
        prompt()
            .export(InMemory::new())
            .start()
            .expect("a pipeline"),
    );
    assert_eq!(said.count(Level::WARN, "dropped without shutdown"), 1);
}

/// A failure that repeats is told once, not every time, with the name of the exporter and the cause.
#[test]
fn a_failure_that_repeats_is_told_once() {
    run("repeated_failure_program");
}

#[test]
#[ignore = "a program that the test before runs"]
fn repeated_failure_program() {
    let said = listen();
    let pipeline = prompt().export(Refuses).start().expect("a pipeline");
    let session = pipeline.session("refused").expect("open");
    session.child("turn").start().end();
    while pipeline.stats().lanes[0].retries < 50 {
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(said.count(Level::WARN, "exporter=\"refuses\""), 1);
    assert_eq!(said.count(Level::WARN, "told to"), 1);
    assert_settled(&pipeline.shutdown_blocking(Duration::ZERO));
}

thread_local! {
    /// A thread of the receiver, which stands for another process.
    static ELSEWHERE: Cell<bool> = const { Cell::new(false) };
}

/// Makes a log record of everything that is said in the process, at every level.
#[derive(Clone, Default)]
struct RecordsAll {
    session: Arc<OnceLock<Session>>,
}

impl<S: Subscriber> Layer<S> for RecordsAll {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if ELSEWHERE.get() {
            return;
        }
        if let Some(session) = self.session.get() {
            let record = session.log(event.metadata().name());
            record.attribute("target", event.metadata().target()).emit();
            session.child("said").start().end();
        }
    }
}

/// A host whose subscriber records everything that is said, by exporters and their libraries too,
/// does not make the pipeline export for ever: it falls silent when the host does.
#[test]
fn a_host_that_records_what_is_said_does_not_make_it_talk() {
    run("recording_host_program");
}

#[test]
#[ignore = "a program that the test before runs"]
fn recording_host_program() {
    let records = RecordsAll::default();
    let registry = tracing_subscriber::registry().with(records.clone());
    tracing::subscriber::set_global_default(registry).expect("the first");
    let elsewhere = elsewhere();
    let address = "127.0.0.1:0".parse().expect("an address");
    let grpc = elsewhere.block_on(Receiver::grpc(address));
    let http = elsewhere.block_on(Receiver::http(address));
    let pipeline = prompt()
        .export(Otlp::grpc(grpc.url()))
        .export(Otlp::http(http.url()).gzip())
        .export(Refuses)
        .start()
        .expect("a pipeline");
    let session = pipeline.session("host").expect("open");
    records.session.set(session.clone()).expect("the first");
    for _ in 0..10 {
        session.child("turn").start().end();
        tracing::info!("a word of the host");
    }
    std::thread::sleep(Duration::from_millis(700));
    let requests = || {
        let stats = pipeline.stats();
        [stats.lanes[0].requests, stats.lanes[1].requests]
    };
    let before = requests();
    std::thread::sleep(Duration::from_millis(700));
    assert_eq!(requests(), before);
    assert!(
        before.iter().all(|requests| (1..10).contains(requests)),
        "{before:?}"
    );
    for receiver in [&grpc, &http] {
        let names = receiver.names();
        assert_eq!(names.iter().filter(|name| *name == "turn").count(), 10);
        let said = names.iter().filter(|name| *name == "said").count();
        assert!(said >= 10, "{said}");
        assert_eq!(receiver.records(), said);
    }
    let stats = pipeline.stats();
    assert_eq!(stats.logs.ended, grpc.records() as u64);
    assert_settled(&pipeline.shutdown_blocking(Duration::ZERO));
}

/// A runtime that stands for another process.
fn elsewhere() -> Runtime {
    Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .on_thread_start(|| ELSEWHERE.set(true))
        .build()
        .expect("a runtime")
}
