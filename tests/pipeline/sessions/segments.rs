//! Endless sessions go on in a next segment.

use std::collections::HashSet;
use std::time::Duration;

use spanreel::record::RecordedSpan;
use spanreel::testing::InMemory;
use spanreel::{ByteSize, Limits, SessionConfig, TraceId};

use crate::rig::{Rig, eventually};

fn rolling(sessions: SessionConfig) -> Rig {
    Rig::with(|builder| {
        builder.sessions(sessions).limits(Limits {
            span_bytes: 16 << 10,
            value_hard_limit: 16 << 10,
            ..Limits::default()
        })
    })
}

/// The roots of all segments, in their order.
fn roots(memory: &InMemory) -> Vec<RecordedSpan> {
    let mut roots = memory.spans();
    roots.retain(|span| span.name.starts_with("invoke_agent"));
    roots.sort_by_key(|span| span.start_unix_nanos);
    roots
}

/// A session goes on in a next segment after so many spans: a trace of its own, linked to the one
/// before, with the same agent and conversation. The handle that the host has goes on with it.
#[test]
fn a_session_goes_on_after_so_many_spans() {
    let uuid = "c56a4180-65aa-42ec-a945-5fd21dec0538";
    let rig = rolling(SessionConfig {
        max_spans: 3,
        ..SessionConfig::default()
    });
    let session = rig.pipeline.open_session(uuid).agent("endless").user("u-1");
    let session = session.open().expect("open");
    for number in 0..7 {
        session.chat("openai", &number.to_string()).start().end();
    }
    assert_eq!(session.id(), format!("{uuid}~3"));
    assert_eq!(rig.pipeline.sessions().len(), 1);
    let again = rig.pipeline.session(uuid).expect("open");
    assert_eq!(
        again.context(),
        session.context(),
        "its id finds the segment"
    );
    session.succeed();
    assert!(rig.pipeline.sessions().is_empty());
    let memory = rig.stop();
    let roots = roots(&memory);
    let ids: Vec<_> = roots.iter().map(|root| root.str("session.id")).collect();
    let (second, third) = (format!("{uuid}~2"), format!("{uuid}~3"));
    assert_eq!(ids, [Some(uuid), Some(&second), Some(&third)]);
    for (number, root) in roots.iter().enumerate() {
        assert_eq!(root.str("gen_ai.conversation.id"), Some(uuid));
        assert_eq!(root.str("user.id"), Some("u-1"));
        let state = if number == 2 { "success" } else { "unset" };
        assert_eq!(root.str("spanreel.session.end_state"), Some(state));
        assert_eq!(root.bool("spanreel.incomplete"), None);
        let calls = [3, 3, 1][number];
        assert_eq!(root.int("spanreel.session.llm_calls"), Some(calls));
        let children = memory.trace(root.trace_id).len() - 1;
        assert_eq!(children, usize::try_from(calls).expect("small"));
        let random = if number == 0 { 2 } else { 0 };
        assert_eq!(root.flags, 0x101 | random, "hashed ids are not random");
    }
    for (before, after) in roots.iter().zip(&roots[1..]) {
        assert_ne!(before.trace_id, after.trace_id);
        assert_eq!(after.links[0].trace_id, Some(before.trace_id));
        assert_eq!(after.links[0].span_id, Some(before.span_id));
        assert_eq!(
            after.str("session.previous_id"),
            before.str("session.id"),
            "by id, too"
        );
    }
    assert_eq!(roots[0].str("session.previous_id"), None);
}

/// A host may keep the handle of a session that never ends: what it holds is the segment that is open, and neither
/// using nor dropping it goes through all that came before.
#[test]
fn a_handle_of_old_holds_the_segment_that_is_open() {
    const SEGMENTS: u64 = 50_000;
    let rig = rolling(SessionConfig {
        max_spans: 1,
        ..SessionConfig::default()
    });
    let session = rig.pipeline.session("endless").expect("open");
    let older = session.clone();
    let middle = std::iter::repeat_with(|| {
        for _ in 0..SEGMENTS / 10 {
            session.child("work").start().end();
        }
        rig.pipeline.session("endless").expect("open")
    });
    let handles: Vec<_> = middle.take(10).collect();
    for handle in handles.iter().chain([&older, &session]) {
        assert_eq!(handle.id(), format!("endless~{}", SEGMENTS + 1));
        assert_eq!(handle.context(), session.context());
    }
    older.end();
    drop((handles, older, session));
    assert!(rig.pipeline.sessions().is_empty());
    rig.stop();
}

/// Sessions whose ids begin alike for longer than an id may be have traces of their own in all segments, the same
/// whenever such a session is opened.
#[test]
fn long_ids_that_begin_alike_share_no_segment() {
    let traces_of = |id: &str| {
        let rig = rolling(SessionConfig {
            max_spans: 1,
            ..SessionConfig::default()
        });
        let session = rig.pipeline.session(id).expect("open");
        let traces: Vec<_> = (0..3)
            .map(|_| {
                session.child("work").start().end();
                session.trace_id()
            })
            .collect();
        session.end();
        rig.stop();
        traces
    };
    let begins = "https://example.com/".repeat(20);
    let (one, other) = (format!("{begins}one"), format!("{begins}other"));
    let all = [traces_of(&one), traces_of(&other), traces_of("short")].concat();
    let different: HashSet<_> = all.iter().collect();
    assert_eq!(different.len(), all.len(), "{all:?}");
    assert_eq!(traces_of(&one), all[..3]);
    assert_eq!(all[6], TraceId::of_session("short~2"), "as its id says");
}

/// Spans that are open when their session goes on stay in the segment where they started, as do
/// their children, and are not incomplete.
#[test]
fn open_spans_stay_in_their_segment() {
    let rig = rolling(SessionConfig {
        max_spans: 1,
        ..SessionConfig::default()
    });
    let session = rig.pipeline.open_session("conv-1").agent("endless").open();
    let session = session.expect("open");
    let first = session.trace_id();
    let work = session.child("work").start();
    session.child("filler").start().end();
    assert_ne!(session.trace_id(), first);
    work.child("step").start().end();
    work.end();
    session.end();
    let memory = rig.stop();
    for name in ["work", "filler", "step"] {
        let span = memory.span(name);
        assert_eq!(span.trace_id, first, "{name}");
        assert_eq!(span.bool("spanreel.incomplete"), None, "{name}");
        assert_eq!(span.str("session.id"), Some("conv-1"), "{name}");
    }
}

/// A session goes on after so many bytes, of spans or of log records.
#[test]
fn a_session_goes_on_after_so_many_bytes() {
    for logs in [false, true] {
        let rig = rolling(SessionConfig {
            max_bytes: ByteSize::kib(32),
            ..SessionConfig::default()
        });
        let session = rig.pipeline.open_session("conv-1").agent("endless").open();
        let session = session.expect("open");
        let text = "x".repeat(10_000);
        for _ in 0..9 {
            if logs {
                session.log(&text).emit();
            } else {
                session.child("work").attribute("text", &text).start().end();
            }
        }
        session.end();
        assert_eq!(roots(&rig.stop()).len(), 3, "logs: {logs}");
    }
}

/// A session goes on when it is so old.
#[test]
fn a_session_goes_on_when_it_is_old() {
    let rig = rolling(SessionConfig {
        max_age: Duration::from_millis(50),
        ..SessionConfig::default()
    });
    let session = rig.pipeline.open_session("conv-1").agent("endless").open();
    let session = session.expect("open");
    let first = session.trace_id();
    eventually("the session went on", || session.trace_id() != first);
    session.child("after").start().end();
    session.end();
    let memory = rig.stop();
    assert!(roots(&memory).len() >= 2);
    assert_ne!(memory.span("after").trace_id, first);
}

/// A foreign trace is left when the session goes on: the next segment has no parent.
#[test]
fn a_next_segment_leaves_a_foreign_trace() {
    let rig = rolling(SessionConfig {
        max_spans: 1,
        ..SessionConfig::default()
    });
    let parent = super::foreign("03");
    let session = rig.pipeline.open_session("conv-1").agent("endless");
    let session = session.parent(parent.clone()).open().expect("open");
    session.child("work").start().end();
    session.end();
    let memory = rig.stop();
    let roots = roots(&memory);
    assert_eq!(roots.len(), 2);
    assert_eq!(roots[0].trace_id, parent.trace_id());
    assert_ne!(roots[1].trace_id, parent.trace_id());
    assert_eq!(roots[1].parent_span_id, None);
    assert_eq!(roots[1].flags, 0x101);
    assert_eq!(roots[1].links[0].span_id, Some(roots[0].span_id));
}

/// A session that rolled over and ended comes back in its first trace, linked to its last segment.
#[test]
fn a_session_of_many_segments_comes_back() {
    let rig = rolling(SessionConfig {
        max_spans: 1,
        ..SessionConfig::default()
    });
    let session = rig.pipeline.open_session("conv-1").agent("endless").open();
    let session = session.expect("open");
    let first = session.trace_id();
    session.child("work").start().end();
    let last = session.context();
    session.end();
    let again = rig.pipeline.open_session("conv-1").name("again").open();
    again.expect("open").end();
    let again = rig.stop().span("again");
    assert_eq!(again.trace_id, first);
    assert_eq!(again.links[0].trace_id, Some(last.trace_id()));
    assert_eq!(again.links[0].span_id, Some(last.span_id()));
}

/// Segments that many threads fill lose and double nothing.
#[test]
fn segments_are_changed_under_load() {
    let rig = rolling(SessionConfig {
        max_spans: 50,
        ..SessionConfig::default()
    });
    let session = rig.pipeline.open_session("conv-1").agent("endless").open();
    let session = session.expect("open");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..500 {
                    let work = session.child("work").start();
                    work.child("step").start().end();
                    work.end();
                }
            });
        }
    });
    session.end();
    let memory = rig.stop();
    let spans = memory.spans();
    let distinct: HashSet<_> = spans.iter().map(|span| span.span_id).collect();
    assert_eq!(distinct.len(), spans.len());
    let roots = roots(&memory);
    assert_eq!(spans.len() - roots.len(), 4000);
    // Each but the last has 50 spans at least, and the last may have none.
    assert!((20..=81).contains(&roots.len()), "{} segments", roots.len());
}
