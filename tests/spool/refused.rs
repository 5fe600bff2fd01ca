//! What a running pipeline tells of its destinations, and what can be done with what they refused.

use std::time::Duration;

use futures::executor::block_on;
use spanreel::{Fate, LaneState, Pipeline, SpoolError, SpoolMode};

use super::backend::{Backend, Manner};
use super::ledger::assert_adds_up;
use super::{prompt, spool, wait_until, work};

const GRACE: Duration = Duration::from_secs(20);

/// Ends so many spans, and waits until the lane has seen to them.
fn record(pipeline: &Pipeline, name: &str, spans: usize) {
    let session = pipeline.session(name).expect("open");
    work(&session, spans - 1);
    session.end();
}

/// Once its destination is mended, what was refused is sent again by the running pipeline, counted as recovered,
/// and the books add up; what is dropped is gone.
#[test]
fn what_was_refused_is_sent_again_while_running() {
    let directory = tempfile::tempdir().expect("a directory");
    let backend = Backend::new(Manner::RefusesAll);
    let pipeline = prompt()
        .spool_with(spool(directory.path()))
        .export(backend.clone())
        .start()
        .expect("a pipeline");
    record(&pipeline, "s", 3);
    let refused = || pipeline.stats().lanes[0].traces.of(Fate::Quarantined);
    wait_until("it is refused", || refused() == 3);

    let found = pipeline.quarantine(2).expect("a spool");
    assert_eq!((found.requests, found.newest.len()), (3, 2));
    assert!(found.newest[0].id > found.newest[1].id, "the newest first");
    assert!(found.newest[0].answer.contains("no"), "{found:?}");
    let [first, second] = [0, 1].map(|number| found.newest[number].id.clone());

    backend.now(Manner::Accepts);
    let sent = block_on(pipeline.deliver_again(&first)).expect("it is there");
    assert_eq!((sent.id.as_str(), sent.items), (first.as_str(), 1));
    wait_until("it is delivered", || backend.spans() == 1);
    block_on(pipeline.drop_refused(&second)).expect("it is there");
    assert_eq!(pipeline.quarantine(9).expect("a spool").requests, 1);
    for unknown in [&*first, &*second, "../lock", ""] {
        for error in [
            block_on(pipeline.deliver_again(unknown)),
            block_on(pipeline.drop_refused(unknown)),
        ] {
            assert!(
                matches!(&error, Err(SpoolError::Unknown { path, .. }) if path.is_absolute()),
                "{error:?}"
            );
        }
    }
    let report = pipeline.shutdown_blocking(GRACE);
    assert_adds_up(&report);
    let lane = &report.lanes[0];
    assert_eq!((lane.recovered, lane.traces.of(Fate::Exported)), (1, 1));
    assert_eq!(lane.on_disk, 0);
    assert_eq!(backend.duplicates(), 0);
    let gone = block_on(pipeline.deliver_again(&first));
    assert!(matches!(gone, Err(SpoolError::NoSpool)), "{gone:?}");
}

/// Without a spool there is nothing to look at, and that is said.
#[test]
fn without_a_spool_there_is_no_quarantine() {
    let backend = Backend::new(Manner::Accepts);
    let pipeline = prompt().export(backend).start().expect("a pipeline");
    assert!(matches!(pipeline.quarantine(1), Err(SpoolError::NoSpool)));
    let asked = block_on(pipeline.deliver_again("1"));
    assert!(matches!(asked, Err(SpoolError::NoSpool)));
    pipeline.shutdown_blocking(GRACE);
}

/// A lane tells how it stands with its destination, since when something waits and how much, and what went wrong
/// last; when all is delivered, only that is left.
#[test]
fn a_lane_tells_how_it_stands() {
    let directory = tempfile::tempdir().expect("a directory");
    let backend = Backend::new(Manner::Away);
    let pipeline = prompt()
        .spool_with(spool(directory.path()).mode(SpoolMode::Always))
        .export(backend.clone())
        .start()
        .expect("a pipeline");
    let lane = || pipeline.stats().lanes[0].clone();
    let idle = lane();
    assert_eq!((idle.state, idle.lag), (LaneState::Delivering, None));
    assert_eq!((idle.last_error, idle.on_disk_bytes), (None, 0));

    record(&pipeline, "s", 3);
    wait_until("it is away", || lane().state == LaneState::Away);
    wait_until("bytes wait", || lane().on_disk_bytes > 100);
    let first = lane().lag.expect("something waits");
    wait_until("the lag grows", || {
        lane().lag.is_some_and(|lag| lag > first)
    });
    let error = lane().last_error.expect("an error");
    assert!(error.message.contains("cannot take it now"), "{error:?}");

    backend.now(Manner::Accepts);
    wait_until("it is delivered", || backend.spans() == 3);
    wait_until("nothing waits", || {
        lane().on_disk_bytes == 0 && lane().lag.is_none()
    });
    assert_eq!(lane().state, LaneState::Delivering);
    assert_eq!(lane().last_error, Some(error));
    assert_adds_up(&pipeline.shutdown_blocking(GRACE));
}

/// Where the credentials are refused, the lane says so, and all waits on disk.
#[test]
fn refused_credentials_are_told_apart() {
    let directory = tempfile::tempdir().expect("a directory");
    let pipeline = prompt()
        .spool_with(spool(directory.path()))
        .export(Backend::new(Manner::Denies))
        .start()
        .expect("a pipeline");
    record(&pipeline, "s", 2);
    let lane = || pipeline.stats().lanes[0].clone();
    wait_until("it is denied", || lane().state == LaneState::Denied);
    let error = lane().last_error.expect("an error");
    assert!(error.message.contains("credentials"), "{error:?}");
    let report = pipeline.shutdown_blocking(GRACE);
    assert_adds_up(&report);
    assert_eq!(report.lanes[0].traces.of(Fate::Spooled), 2);
}
