//! Times that a host gives itself, in whatever order.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use spanreel::EndState;

use crate::rig::Rig;

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

/// Recordings keep their times, told in whatever order.
#[test]
fn recordings_keep_their_times() {
    let rig = Rig::start();
    let session = rig
        .pipeline
        .open_session("recorded")
        .started_at(at(100))
        .open();
    let session = session.expect("open");
    session.record("last", at(300), at(400)).end();
    session.record("first", at(100), at(150)).end();
    let mut middle = session.child("middle").started_at(at(200)).start();
    middle.event_at("noted", at(250), &[]);
    middle.event_at("told early", at(50), &[]);
    middle.end_at(at(260));
    session.finish_at(EndState::Success, at(500));
    let memory = rig.stop();
    memory.assert_tree(
        "
        session
          first
          middle
          last
        ",
    );
    for (name, start, end) in [
        ("session", 100, 500),
        ("first", 100, 150),
        ("middle", 200, 260),
        ("last", 300, 400),
    ] {
        let span = memory.span(name);
        let times = (span.start_unix_nanos, span.end_unix_nanos);
        assert_eq!(
            times,
            (start * 1_000_000_000, end * 1_000_000_000),
            "{name}"
        );
    }
    let middle = memory.span("middle");
    let events: Vec<_> = middle
        .events
        .iter()
        .map(|event| (&*event.name, event.time_unix_nanos / 1_000_000_000))
        .collect();
    assert_eq!(events, [("noted", 250), ("told early", 50)]);
}

/// An end before the start counts as the start, for spans, records and sessions.
#[test]
fn no_span_ends_before_it_starts() {
    let rig = Rig::start();
    let session = rig
        .pipeline
        .open_session("backwards")
        .started_at(at(100))
        .open();
    let session = session.expect("open");
    session
        .child("span")
        .started_at(at(200))
        .start()
        .end_at(at(100));
    session.record("record", at(300), at(100)).end();
    session.finish_at(EndState::Unset, at(50));
    let memory = rig.stop();
    for (name, time) in [("session", 100), ("span", 200), ("record", 300)] {
        let span = memory.span(name);
        assert_eq!(span.start_unix_nanos, time * 1_000_000_000, "{name}");
        assert_eq!(span.end_unix_nanos, span.start_unix_nanos, "{name}");
    }
}

/// Times beyond what OTLP can carry are the nearest it can, and nothing panics.
#[test]
fn absurd_times_are_clamped() {
    let rig = Rig::start();
    let ancient = UNIX_EPOCH - Duration::from_secs(1 << 40);
    let distant = UNIX_EPOCH + Duration::from_secs(1 << 40);
    let session = rig
        .pipeline
        .open_session("absurd")
        .started_at(ancient)
        .open();
    let session = session.expect("open");
    session
        .child("long")
        .started_at(ancient)
        .start()
        .end_at(distant);
    let open = session.child("distant").started_at(distant).start();
    assert_eq!(rig.pipeline.sessions()[0].open_spans.len(), 1);
    open.end();
    session.end();
    let memory = rig.stop();
    assert_eq!(memory.span("session").start_unix_nanos, 0);
    let long = memory.span("long");
    assert_eq!((long.start_unix_nanos, long.end_unix_nanos), (0, u64::MAX));
    assert_eq!(memory.span("distant").duration_nanos(), 0);
}

/// A span that ends when it is dropped, after it was given an end, ends once and when it was told.
#[test]
fn an_end_that_was_told_is_kept() {
    let rig = Rig::start();
    let session = rig.pipeline.session("conv-1").expect("open");
    drop(session.record("recorded", at(1), at(2)));
    session
        .child("told")
        .started_at(at(1))
        .start()
        .end_at(at(2));
    session.end();
    let memory = rig.stop();
    assert_eq!(memory.spans().len(), 3);
    for name in ["recorded", "told"] {
        assert_eq!(memory.span(name).end_unix_nanos, 2_000_000_000, "{name}");
    }
}

/// Spans take their time from a clock that never runs backwards: a child starts no earlier and ends
/// no later than what encloses it.
#[test]
fn measured_times_enclose_each_other() {
    let rig = Rig::start();
    let session = rig.pipeline.session("conv-1").expect("open");
    for _ in 0..1000 {
        let outer = session.child("outer").start();
        outer.child("inner").start().end();
        outer.end();
    }
    session.end();
    let memory = rig.stop();
    let root = memory.span("session");
    let spans = memory.spans();
    let pairs: Vec<_> = spans.iter().filter(|span| span.name == "inner").collect();
    assert_eq!(pairs.len(), 1000);
    for inner in pairs {
        let mut outer = spans
            .iter()
            .filter(|it| Some(it.span_id) == inner.parent_span_id);
        let outer = outer.next().expect("its parent");
        let times = [
            root.start_unix_nanos,
            outer.start_unix_nanos,
            inner.start_unix_nanos,
            inner.end_unix_nanos,
            outer.end_unix_nanos,
            root.end_unix_nanos,
        ];
        assert!(times.is_sorted(), "{times:?}");
    }
}
