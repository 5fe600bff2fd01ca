//! Sessions that end with the last work in them.

use std::time::{Duration, Instant};

use spanreel::{EndState, Entered, Pipeline, SessionConfig, StatusCode, Visit};

use crate::rig::Rig;

/// Enters a session, which must not be somebody else's. The name is that of its root, where the work is that.
fn enter(pipeline: &Pipeline, id: &str, name: &str) -> (Visit, bool) {
    match pipeline.open_session(id).name(name).enter().expect("open") {
        Entered::Root(visit) => (visit, true),
        Entered::Joined(visit) => (visit, false),
        Entered::Foreign(session) => panic!("{session:?} is somebody else's"),
    }
}

/// A session ends with the last work in it, its root as and when the work ended that is its root.
#[test]
fn a_session_ends_with_the_last_work_in_it() {
    let rig = Rig::start();
    let (mut first, is_root) = enter(&rig.pipeline, "order-7", "receive");
    assert!(is_root);
    let (mut second, is_root) = enter(&rig.pipeline, "order-7", "ignored");
    assert!(!is_root);
    let span = second.place().child("pack").start();
    first.finish(EndState::Error("too late"), &[("code", 503.into())]);
    // Only the first end counts, and that of other work says nothing of the root.
    first.finish(EndState::Success, &[("code", 200.into())]);
    drop(first);
    assert_eq!(rig.pipeline.sessions().len(), 1);
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_millis(20) {
        std::thread::yield_now();
    }
    span.end();
    second.finish(EndState::Success, &[("code", 201.into())]);
    assert!(rig.pipeline.sessions().is_empty());
    let memory = rig.stop();
    memory.assert_tree_with(
        &["code", "spanreel.session.end_state"],
        "
        receive code=503 spanreel.session.end_state=error ! too late
          pack
        ",
    );
    let (root, pack) = (memory.span("receive"), memory.span("pack"));
    assert_eq!(root.status, StatusCode::Error);
    assert!(root.end_unix_nanos + 10_000_000 < pack.end_unix_nanos);
}

/// A session that a host opened is ended by the host, whatever work enters it.
#[test]
fn whoever_opened_a_session_ends_it() {
    let rig = Rig::start();
    let session = rig.pipeline.session("conv-1").expect("open");
    let entered = rig.pipeline.open_session("conv-1").enter().expect("open");
    let Entered::Foreign(same) = entered else {
        panic!("{entered:?} is the host's");
    };
    assert_eq!(same.context(), session.context());
    drop(same);
    assert_eq!(rig.pipeline.sessions().len(), 1);
    session.end();
    assert_eq!(rig.stop().spans().len(), 1);
}

/// Work that comes when a session has ended opens it again, whatever is still under way in the one before.
#[test]
fn work_that_comes_later_opens_the_session_again() {
    let rig = Rig::start();
    let (before, _) = enter(&rig.pipeline, "conv-1", "first");
    before.place().session().end();
    let (again, is_root) = enter(&rig.pipeline, "conv-1", "second");
    assert!(is_root);
    drop(before);
    assert_eq!(rig.pipeline.sessions().len(), 1, "it was of the one before");
    drop(again);
    assert!(rig.pipeline.sessions().is_empty());
    let memory = rig.stop();
    let (first, second) = (memory.span("first"), memory.span("second"));
    assert_eq!(first.trace_id, second.trace_id);
    assert_eq!(second.links[0].span_id, Some(first.span_id));
}

/// Work goes on in the next segment of its session, which ends with it, too.
#[test]
fn work_goes_on_when_its_session_rolls_over() {
    let rig = Rig::with(|builder| {
        builder.sessions(SessionConfig {
            max_spans: 3,
            ..SessionConfig::default()
        })
    });
    let (mut first, _) = enter(&rig.pipeline, "conv-1", "endless");
    let (second, _) = enter(&rig.pipeline, "conv-1", "ignored");
    let step = || second.place().session().child("step").start().end();
    (0..4).for_each(|_| step());
    first.finish(EndState::Success, &[]);
    (0..3).for_each(|_| step());
    assert_eq!(rig.pipeline.sessions().len(), 1);
    drop(second);
    assert!(rig.pipeline.sessions().is_empty());
    let mut roots = rig.stop().spans();
    roots.retain(|span| span.name != "step");
    roots.sort_by_key(|span| span.start_unix_nanos);
    let states: Vec<_> = roots
        .iter()
        .map(|root| root.str("spanreel.session.end_state"))
        .collect();
    assert_eq!(states, [Some("unset"), Some("unset"), Some("success")]);
}

/// However work enters and leaves on many threads, while the session rolls over and hosts end it, all of it is
/// recorded once and whole.
#[test]
fn work_on_many_threads_loses_nothing() {
    const EACH: usize = 500;
    let rig = Rig::with(|builder| {
        builder.sessions(SessionConfig {
            max_spans: 7,
            ..SessionConfig::default()
        })
    });
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let pipeline = &rig.pipeline;
            scope.spawn(move || {
                for number in 0..EACH {
                    let (visit, _) = enter(pipeline, "conv-1", "session");
                    visit.place().session().child("work").start().end();
                    if (number + thread) % 50 == 0 {
                        visit.place().session().end();
                    }
                }
            });
        }
    });
    assert!(rig.pipeline.sessions().is_empty());
    let spans = rig.stop().spans();
    let works = spans.iter().filter(|span| span.name == "work").count();
    assert_eq!(works, 8 * EACH);
    // What was open in another thread when the session was ended is incomplete, as it is for any host's end.
    for root in spans.iter().filter(|span| span.name != "work") {
        assert_eq!(root.bool("spanreel.incomplete"), None, "{}", root.name);
    }
}
