//! When something is on disk: flushes until then, and requests that are not accepted while the disk takes
//! nothing.

use std::collections::HashSet;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::executor::block_on;
use spanreel::{BatchId, ByteSize, Export, ExportError, IntakeError, Request, Signal, SpoolMode};

use crate::backend::{Backend, Manner};
use crate::killed::request;
use crate::{prompt, spool, wait_until, work};

const GRACE: Duration = Duration::from_secs(10);
const LONG: Duration = Duration::from_secs(30);

/// The files of a spool as they are now, in another directory: what a process would find that starts after
/// this one was killed.
fn as_if_killed(path: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().expect("a directory");
    for entry in std::fs::read_dir(path).expect("a directory") {
        let entry = entry.expect("an entry");
        if entry.file_type().expect("a type").is_file() {
            std::fs::copy(entry.path(), copy.path().join(entry.file_name())).expect("copied");
        }
    }
    copy
}

/// What had ended before a durable flush survives the process, in both modes, though the backend is away;
/// and the flush does not wait for that.
#[test]
fn what_was_flushed_survives_the_process() {
    for mode in [SpoolMode::Always, SpoolMode::Overflow] {
        let directory = tempfile::tempdir().expect("a directory");
        let pipeline = prompt()
            .spool_with(spool(directory.path()).mode(mode))
            .export(Backend::new(Manner::Away))
            .start()
            .expect("a pipeline");
        let session = pipeline.session("s").expect("open");
        for round in 1..=3 {
            work(&session, 10);
            let begun = Instant::now();
            let report = block_on(pipeline.flush_durable(LONG)).expect("open");
            assert!(report.complete, "{mode:?} {report:?}");
            assert!(begun.elapsed() < Duration::from_secs(10), "{mode:?}");
            assert_eq!(report.pending, [("backend".to_owned(), 10 * round, 0)]);
            let copy = as_if_killed(directory.path());
            let backend = Backend::new(Manner::Accepts);
            let next = prompt()
                .spool_with(spool(copy.path()))
                .export(backend.clone());
            let next = next.start().expect("a pipeline");
            wait_until("all is delivered", || backend.spans() == 10 * round);
            next.shutdown_blocking(GRACE);
        }
        let settled = block_on(pipeline.flush(Duration::from_millis(50))).expect("open");
        assert!(!settled.complete, "nothing is delivered");
        session.end();
        pipeline.shutdown_blocking(GRACE);
    }
}

/// A durable flush does not wait for a backend that hangs where everything is on disk first.
#[test]
fn a_backend_that_hangs_does_not_hold_a_durable_flush_back() {
    let directory = tempfile::tempdir().expect("a directory");
    let pipeline = prompt()
        .spool_with(spool(directory.path()).mode(SpoolMode::Always))
        .export(Backend::new(Manner::Hangs))
        .start()
        .expect("a pipeline");
    let session = pipeline.session("s").expect("open");
    work(&session, 10);
    let report = block_on(pipeline.flush_durable(Duration::from_secs(5))).expect("open");
    assert!(report.complete, "{report:?}");
    session.end();
    pipeline.shutdown_blocking(Duration::from_secs(2));
}

/// While the spool is full nothing is accepted that would wait for it; when there is room again, those who
/// wait are served.
#[test]
fn nothing_is_accepted_while_the_disk_takes_nothing() {
    let directory = tempfile::tempdir().expect("a directory");
    let backend = Backend::new(Manner::Away);
    let small = spanreel::Spool::at(directory.path(), ByteSize::mib(8)).mode(SpoolMode::Always);
    let pipeline = prompt().spool_with(small).export(backend.clone()).start();
    let pipeline = pipeline.expect("a pipeline");
    let intake = pipeline.intake();
    // An unknown field makes it large.
    let large = |id: u64| {
        let mut large = request(id).to_vec();
        large.extend([0x82, 0x7d, 0x80, 0x80, 0x20]);
        large.extend(vec![0; 0x80000]);
        Bytes::from(large)
    };
    let mut accepted: u64 = 0;
    wait_until("it is full", || {
        match intake.try_accept(Signal::Traces, large(accepted + 1)) {
            Ok(_receipt) => accepted += 1,
            Err(IntakeError::Full { .. }) => return pipeline.stats().spool_stuck,
            Err(other) => panic!("{other}"),
        }
        false
    });
    assert!(
        pipeline.stats().memory < ByteSize::mib(32),
        "the budget has room"
    );
    let waiting = intake.clone();
    let waits = std::thread::spawn(move || {
        let receipt = block_on(waiting.accept(Signal::Traces, request(u64::MAX)));
        block_on(receipt.expect("accepted").durable()).is_lossless()
    });
    std::thread::sleep(Duration::from_millis(100));
    assert!(!waits.is_finished());
    backend.now(Manner::Accepts);
    assert!(waits.join().expect("no panic"), "it is on disk");
    wait_until("all is delivered", || backend.spans() == accepted + 1);
    assert!(!pipeline.stats().spool_stuck);
    let report = pipeline.shutdown_blocking(GRACE);
    assert!(report.is_lossless(), "{report}");
}

/// Notes the id of each request, and takes them or not.
#[derive(Clone)]
struct Ids {
    seen: Arc<Mutex<Vec<BatchId>>>,
    takes: bool,
}

impl Export for Ids {
    fn name(&self) -> &str {
        "ids"
    }

    async fn export(&self, request: Request) -> Result<(), ExportError> {
        self.seen.lock().expect("no panic").push(request.batch_id());
        match self.takes {
            true => Ok(()),
            false => Err(ExportError::retryable("away")),
        }
    }
}

/// A request has the same id in each attempt and after a restart, and no other has it.
#[test]
fn a_request_has_the_same_id_in_each_attempt() {
    let directory = tempfile::tempdir().expect("a directory");
    let run = |takes: bool, work: bool| {
        let seen: Arc<Mutex<Vec<BatchId>>> = Arc::default();
        let exporter = Ids {
            seen: Arc::clone(&seen),
            takes,
        };
        let pipeline = prompt()
            .spool_with(spool(directory.path()).mode(SpoolMode::Always))
            .export(crate::one_at_a_time(exporter))
            .start()
            .expect("a pipeline");
        if work {
            let receipt = pipeline.intake().try_accept(Signal::Traces, request(7));
            block_on(receipt.expect("room").durable());
        }
        wait_until("it is tried", || {
            seen.lock().expect("no panic").len() >= if takes { 1 } else { 3 }
        });
        pipeline.shutdown_blocking(GRACE);
        seen.lock().expect("no panic").clone()
    };
    let before = run(false, true);
    let after = run(true, false);
    let ids: HashSet<_> = before.iter().chain(&after).collect();
    assert_eq!(ids.len(), 1, "{before:?} {after:?}");
}
