//! Which trace a session is.

use spanreel::SpanContext;

use super::foreign;
use crate::rig::Rig;

const UUID: &str = "c56a4180-65aa-42ec-a945-5fd21dec0538";

/// A random UUID and 32 digits are the trace id; any other id maps to the first half of its SHA-256.
#[test]
fn the_trace_id_follows_from_the_session_id() {
    let rig = Rig::start();
    for (id, trace_id) in [
        (UUID, "c56a418065aa42eca9455fd21dec0538"),
        (
            "0AF7651916CD43DD8448EB211C80319C",
            "0af7651916cd43dd8448eb211c80319c",
        ),
        // printf %s conv-1 | sha256sum
        ("conv-1", "36524fd8f6747fc2712506d01fee0e18"),
    ] {
        let session = rig.pipeline.session(id).expect("open");
        assert_eq!(session.trace_id().to_string(), trace_id, "{id}");
        assert_eq!(session.id(), id);
        session.end();
    }
    rig.stop();
}

/// The same id lands in the same trace in another pipeline, and thereby in another process.
#[test]
fn two_pipelines_agree_on_the_trace() {
    let (one, other) = (Rig::start(), Rig::start());
    for id in [UUID, "conv-1", "", "ä"] {
        let first = one.pipeline.session(id).expect("open");
        let second = other.pipeline.session(id).expect("open");
        assert_eq!(
            first.trace_id() == second.trace_id(),
            !id.is_empty(),
            "{id:?}: equal but where there is no id"
        );
        assert_ne!(first.context().span_id(), second.context().span_id());
    }
    one.stop();
    other.stop();
}

/// The random flag is set where the id is a random UUID and nowhere else, on spans and in contexts.
#[test]
fn the_random_flag_is_set_where_the_id_is_random() {
    let rig = Rig::start();
    let digits = "1f".repeat(16);
    let ids = [(UUID, 3), ("conv-1", 1), (&digits, 1), ("", 3)];
    for (id, flags) in ids {
        let session = rig.pipeline.session(id).expect("open");
        let span = session.child(&format!("in {id}")).start();
        assert_eq!(span.context().flags().bits(), flags, "{id:?}");
        assert_eq!(session.context().flags().bits(), flags, "{id:?}");
        span.end();
        session.end();
    }
    let memory = rig.stop();
    for (id, flags) in ids {
        let span = memory.span(&format!("in {id}"));
        assert_eq!(span.flags, 0x100 | u32::from(flags), "{id:?}");
    }
}

/// Opening finds a session that is open, and opens one that is not; what is said of one that is
/// found is ignored.
#[test]
fn opening_finds_what_is_open() {
    let rig = Rig::start();
    let first = rig.pipeline.open_session("conv-1").agent("first").open();
    let first = first.expect("open");
    let again = rig.pipeline.open_session("conv-1").agent("second").open();
    let again = again.expect("open");
    assert_eq!(first.context(), again.context());
    assert_eq!(rig.pipeline.sessions().len(), 1);
    again.child("of either").start().end();
    first.end();
    again.end();
    rig.stop().assert_tree(
        "
        invoke_agent first
          of either
        ",
    );
}

/// Many threads that open the same session get the same session.
#[test]
fn a_session_is_opened_once() {
    let rig = Rig::start();
    let start = std::sync::Barrier::new(8);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                start.wait();
                for number in 0..100 {
                    let session = rig.pipeline.session(&format!("conv-{number}"));
                    session.expect("open").child("work").start().end();
                }
            });
        }
    });
    assert_eq!(rig.pipeline.sessions().len(), 100);
    for session in rig.pipeline.sessions() {
        assert_eq!(session.totals.spans, 8);
        rig.pipeline.session(&session.id).expect("open").end();
    }
    let memory = rig.stop();
    assert_eq!(memory.spans().len(), 900);
}

/// A session that was ended and is opened again is a second root in the same trace, linked to the
/// one before.
#[test]
fn a_session_that_comes_back_has_a_root_of_its_own() {
    let rig = Rig::start();
    let mut roots = Vec::new();
    for name in ["first", "second", "third"] {
        let session = rig.pipeline.open_session("conv-1").name(name).open();
        let session = session.expect("open");
        session.child("work").start().end();
        roots.push(session.context());
        session.end();
    }
    let memory = rig.stop();
    memory.assert_tree(
        "
        first
          work
        second
          work
        third
          work
        ",
    );
    assert_eq!(memory.span("first").links, []);
    for (name, before) in [("second", &roots[0]), ("third", &roots[1])] {
        let link = &memory.span(name).links[0];
        assert_eq!(link.trace_id, Some(before.trace_id()));
        assert_eq!(link.span_id, Some(before.span_id()));
    }
}

/// A session with a foreign parent goes on in the parent's trace: its root is a child of the parent
/// and says that the parent is remote, its other spans say that theirs is not.
#[test]
fn a_foreign_parent_keeps_its_trace() {
    for (flags, expected) in [("01", 1), ("03", 3)] {
        let rig = Rig::start();
        let parent = foreign(flags);
        let session = rig
            .pipeline
            .open_session(UUID)
            .parent(parent.clone())
            .open();
        let session = session.expect("open");
        assert_eq!(session.trace_id(), parent.trace_id());
        assert_eq!(session.id(), UUID);
        assert_eq!(session.context().flags().bits(), expected);
        session.chat("openai", "gpt").start().end();
        session.end();
        let memory = rig.stop();
        let root = memory.span("session");
        assert_eq!(root.trace_id, parent.trace_id());
        assert_eq!(root.parent_span_id, Some(parent.span_id()));
        assert_eq!(root.flags, 0x300 | u32::from(expected));
        assert!(root.has_remote_parent() && root.is_local_root());
        let child = memory.span("chat gpt");
        assert_eq!(child.flags, 0x100 | u32::from(expected));
        assert_eq!(child.str("session.id"), Some(UUID));
        assert_eq!(child.parent_span_id, Some(root.span_id));
    }
}

/// Sessions that go on in the same foreign trace are still sessions of their own.
#[test]
fn two_sessions_may_share_a_foreign_trace() {
    let rig = Rig::start();
    for id in ["one", "other"] {
        let session = rig.pipeline.open_session(id).name(id).parent(foreign("01"));
        session.open().expect("open").child("work").start().end();
    }
    assert_eq!(rig.pipeline.sessions().len(), 2);
    for id in ["one", "other"] {
        rig.pipeline.session(id).expect("open").end();
    }
    let memory = rig.stop();
    let mut ids: Vec<_> = memory
        .trace(foreign("01").trace_id())
        .iter()
        .map(|span| {
            format!(
                "{} of {}",
                span.name,
                span.str("session.id").expect("an id")
            )
        })
        .collect();
    ids.sort();
    assert_eq!(
        ids,
        [
            "one of one",
            "other of other",
            "work of one",
            "work of other"
        ]
    );
}

/// Without a parent nothing changes.
#[test]
fn no_parent_is_no_parent() {
    let rig = Rig::start();
    let session = rig
        .pipeline
        .open_session("conv-1")
        .parent(None::<SpanContext>);
    session.open().expect("open").end();
    assert_eq!(rig.stop().span("session").parent_span_id, None);
}

/// The context of a span travels as a `traceparent` and comes back as a remote one.
#[test]
fn a_context_travels() {
    let rig = Rig::start();
    let session = rig.pipeline.session("caller").expect("open");
    let call = session.child("call").start();
    let header = call.context().traceparent();
    let received = SpanContext::from_traceparent(&header).expect("a traceparent");
    assert!(received.is_remote() && received.is_sampled());
    let callee = rig.pipeline.open_session("callee").parent(received).open();
    callee.expect("open").end();
    call.end();
    session.end();
    let memory = rig.stop();
    let traces: std::collections::BTreeSet<_> =
        memory.spans().iter().map(|span| span.trace_id).collect();
    assert_eq!(traces.len(), 1);
    assert_eq!(
        memory
            .spans()
            .iter()
            .filter(|span| span.parent_span_id == Some(memory.span("call").span_id))
            .count(),
        1
    );
}
