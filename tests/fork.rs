//! A process that is forked off: its copy of the pipeline is closed and holds nothing up, one of its own works,
//! and the parent's goes on as if nothing had happened.

#![cfg(all(unix, feature = "spool"))]

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures::executor::block_on;
use spanreel::testing::InMemory;
use spanreel::{ByteSize, IntakeError, Pipeline, Signal, SpanId};

const GRACE: Duration = Duration::from_secs(10);

/// Held by the test that runs: a child has copies of the locks that the threads of another would hold.
static ALONE: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs `work` in a forked process; tells what it exited with: 0 where `work` did not panic.
#[expect(unsafe_code, reason = "there is no other way to fork")]
fn in_child(work: impl FnOnce() + std::panic::UnwindSafe) -> i32 {
    // SAFETY: the child runs nothing but `work`, which takes no lock that another thread of this process may
    // hold, and leaves by `_exit`.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let failed = std::panic::catch_unwind(work).is_err();
        // SAFETY: it ends the process without running what the parent's threads would.
        unsafe { libc::_exit(i32::from(failed)) };
    }
    assert!(child > 0, "it was forked");
    let mut status = 0;
    // SAFETY: the child is this process's own and `status` lives until the call returns.
    let waited = unsafe { libc::waitpid(child, &raw mut status, 0) };
    assert_eq!(waited, child);
    assert!(libc::WIFEXITED(status), "it was killed: {status}");
    libc::WEXITSTATUS(status)
}

/// In the child the parent's pipeline is closed: whatever is asked of it is answered at once, nothing of it is
/// delivered twice, its spool stays the parent's, and a pipeline of the child's own works.
#[test]
fn a_forked_child_begins_anew() {
    let _alone = alone();
    let directory = tempfile::tempdir().expect("a directory");
    let memory = InMemory::new();
    let pipeline = Pipeline::builder()
        .spool(directory.path(), ByteSize::mib(64))
        .export(memory.clone())
        .start()
        .expect("a pipeline");
    let session = pipeline.session("parent").expect("open");
    session.child("before").start().end();
    let copy = pipeline.clone();
    let path = directory.path().to_owned();
    let exited = in_child(std::panic::AssertUnwindSafe(move || {
        let begun = Instant::now();
        assert!(copy.session("new").is_err());
        assert!(block_on(copy.flush(GRACE)).is_err());
        assert!(block_on(copy.flush_durable(GRACE)).is_err());
        let refused = copy.intake().try_accept(
            Signal::Traces,
            Vec::from([0x0a, 4, 0x12, 2, 0x12, 0]).into(),
        );
        assert_eq!(refused.expect_err("closed"), IntakeError::Closed);
        let report = copy.shutdown_blocking(GRACE);
        assert!(report.is_lossless() && report.traces.ended == 0, "{report}");
        drop(copy);
        assert!(begun.elapsed() < Duration::from_secs(5));

        let memory = InMemory::new();
        let own = Pipeline::builder()
            .spool(&path, ByteSize::mib(64))
            .export(memory.clone())
            .start()
            .expect("a pipeline");
        own.session("child").expect("open").end();
        let report = own.shutdown_blocking(GRACE);
        assert!(report.is_lossless(), "{report}");
        assert_eq!(memory.spans().len(), 1);
    }));
    assert_eq!(exited, 0);
    session.end();
    let report = pipeline.shutdown_blocking(GRACE);
    assert!(report.is_lossless(), "{report}");
    assert_eq!(report.traces.ended, 2);
    assert_eq!(memory.spans().len(), 2);
}

/// Children that were forked off the same thread, one after the other, have neither each other's ids nor those of
/// the parent: with a pipeline of their own, and with nothing but the parent's, which they find closed.
#[test]
fn no_two_processes_have_the_same_ids() {
    let _alone = alone();
    let directory = tempfile::tempdir().expect("a directory");
    let pipeline = Pipeline::builder()
        .export(InMemory::new())
        .start()
        .expect("a pipeline");
    // From here on the thread has numbers that its copies would go on with.
    let mut ids = vec![SpanId::random().to_string()];
    for child in 0..4 {
        let path = directory.path().join(child.to_string());
        let (copy, file) = (pipeline.clone(), path.clone());
        let exited = in_child(std::panic::AssertUnwindSafe(move || {
            let has_its_own = child % 2 == 0;
            let own = has_its_own.then(|| {
                let builder = Pipeline::builder().export(InMemory::new());
                builder.start().expect("a pipeline")
            });
            if !has_its_own {
                assert!(copy.session("new").is_err());
            }
            let made: Vec<_> = (0..8).map(|_| SpanId::random().to_string()).collect();
            std::fs::write(file, made.join("\n")).expect("written");
            if let Some(own) = own {
                assert!(own.shutdown_blocking(GRACE).is_lossless());
            }
        }));
        assert_eq!(exited, 0);
        let made = std::fs::read_to_string(path).expect("the child wrote it");
        ids.extend(made.lines().map(str::to_owned));
    }
    ids.extend((0..8).map(|_| SpanId::random().to_string()));
    let all = ids.len();
    assert_eq!(all, 1 + 4 * 8 + 8);
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), all, "{ids:?}");
    assert!(pipeline.shutdown_blocking(GRACE).is_lossless());
}
