//! Spans that are known by a handle, and spans of which something is learned late.

use std::cell::RefCell;
use std::collections::HashSet;

use spanreel::{
    Delegation, Operation, Sampling, Session, SessionConfig, Span, SpanKind, SpanRef, Value,
};

use crate::rig::{PATIENCE, Rig};

/// Spans below a handle lie below its span, also in other tasks and after its end; log records are
/// its own, its context and session the span's.
#[test]
fn a_handle_stands_for_its_span() {
    let rig = Rig::with(|builder| builder);
    let session = rig.pipeline.session("conv-1").expect("open");
    let turn = session.child("turn").start();
    let handle = SpanRef::from(&turn);
    assert_eq!((handle.id(), handle.context()), (turn.id(), turn.context()));
    assert_eq!(handle.session().id(), "conv-1");
    assert!(handle.is_recording());
    let elsewhere = handle.clone();
    std::thread::spawn(move || elsewhere.tool("search").start().end())
        .join()
        .expect("it does not panic");
    turn.end();
    handle.child("late").start().end();
    handle.log("said").emit();
    session.end();
    let memory = rig.stop();
    memory.assert_tree(
        "
        session
          turn
            execute_tool search
            late
        ",
    );
    assert_eq!(memory.logs()[0].span_id, Some(memory.span("turn").span_id));
}

/// A handle stays in the segment of its span, as the span does, when its session goes on in the next.
#[test]
fn a_handle_stays_in_its_segment() {
    let rig = Rig::with(|builder| {
        builder.sessions(SessionConfig {
            max_spans: 2,
            ..SessionConfig::default()
        })
    });
    let session = rig.pipeline.session("conv-1").expect("open");
    let turn = session.child("turn").start();
    let handle = SpanRef::from(&turn);
    for _ in 0..3 {
        session.child("round").start().end();
    }
    assert_eq!(session.id(), "conv-1~2");
    handle.child("below").start().end();
    turn.end();
    session.end();
    let memory = rig.stop();
    let (turn, below) = (memory.span("turn"), memory.span("below"));
    assert_eq!(below.trace_id, turn.trace_id);
    assert_eq!(below.parent_span_id, Some(turn.span_id));
}

/// A name, a kind and an operation that are learned late replace those of the start, and the session
/// counts by them.
#[test]
fn what_is_learned_late_replaces_what_was_known() {
    let rig = Rig::with(|builder| builder);
    let session = rig.pipeline.session("conv-1").expect("open");
    let mut span = session.child("request").attribute("key", "value").start();
    span.tokens(7, 2).error("timeout", "no answer");
    span.rename("chat gpt-5-mini")
        .kind(SpanKind::Client)
        .operation(Operation::Chat);
    span.set("last", true);
    span.end();
    session.end();
    let memory = rig.stop();
    let chat = memory.span("chat gpt-5-mini");
    assert_eq!(chat.kind, SpanKind::Client);
    assert_eq!(chat.str("gen_ai.operation.name"), Some("chat"));
    assert_eq!(chat.str("gen_ai.conversation.id"), Some("conv-1"));
    assert_eq!(
        (chat.str("key"), chat.bool("last")),
        (Some("value"), Some(true))
    );
    assert_eq!(chat.status_message, "no answer");
    let keys: Vec<_> = chat.attributes.iter().map(|(key, _)| key.clone()).collect();
    let distinct: HashSet<_> = keys.iter().collect();
    assert_eq!(distinct.len(), keys.len(), "{keys:?}");
    let root = memory.span("session");
    assert_eq!(root.int("spanreel.session.llm_calls"), Some(1));
    assert_eq!(root.int("spanreel.session.input_tokens"), Some(7));
}

/// In a session that is not sampled, handles carry context and what is learned late is counted alone.
#[test]
fn an_unsampled_span_has_a_handle_too() {
    let rig = Rig::with(|builder| builder.sampling(Sampling::always_off()));
    let session = rig.pipeline.session("conv-1").expect("open");
    let mut span = session.child("request").start();
    let handle = SpanRef::from(&span);
    assert!(!handle.is_recording() && !handle.context().is_sampled());
    span.rename("chat")
        .kind(SpanKind::Client)
        .operation(Operation::Chat);
    span.end();
    handle.tool("search").start().end();
    assert_eq!(
        (session.totals().llm_calls, session.totals().tool_calls),
        (1, 1)
    );
    session.end();
    assert!(rig.stop().spans().is_empty());
}

/// A host's value that looks at its session as it is made.
struct Spans<'a>(&'a Session);

impl<'v> From<Spans<'_>> for Value<'v> {
    fn from(spans: Spans<'_>) -> Self {
        spans.0.totals().spans.into()
    }
}

/// The same of a delegation.
struct IsInFlight<'a>(&'a Delegation);

impl<'v> From<IsInFlight<'_>> for Value<'v> {
    fn from(of: IsInFlight<'_>) -> Self {
        of.0.is_in_flight().into()
    }
}

/// A host's value may look at what it is set on: nothing is locked while it is made.
#[test]
fn a_value_may_look_at_what_it_is_set_on() {
    let rig = Rig::start();
    let session = rig.pipeline.session("conv-1").expect("open");
    let (done, is_done) = std::sync::mpsc::sync_channel(1);
    let sets = std::thread::spawn(move || {
        session.child("work").start().end();
        session.set("spans", Spans(&session));
        let delegation = session.delegate("agent-b").start();
        delegation.set("in_flight", IsInFlight(&delegation));
        delegation.answered(None);
        session.end();
        done.send(()).expect("a test");
    });
    is_done.recv_timeout(PATIENCE).expect("nothing is locked");
    sets.join().expect("no panic");
    let memory = rig.stop();
    assert_eq!(memory.span("session").int("spans"), Some(1));
    let delegation = memory.span("invoke_agent agent-b");
    assert_eq!(delegation.bool("in_flight"), Some(true));
}

thread_local! {
    /// What the thread ends with.
    static LAST: RefCell<Option<(Session, Delegation, Span)>> = const { RefCell::new(None) };
}

/// Handles that a thread keeps in a store of its own end with it, in whatever order its stores go.
#[test]
fn handles_may_go_with_their_thread() {
    let rig = Rig::start();
    let session = rig.pipeline.session("conv-1").expect("open");
    let thread = std::thread::spawn(move || {
        // Made before those of the pipeline on this thread, it goes after them.
        LAST.with_borrow_mut(|last| assert!(last.is_none()));
        let delegation = session.delegate("agent-b").start();
        let span = session.child("work").start();
        session.set("last", "words");
        LAST.set(Some((session, delegation, span)));
    });
    thread.join().expect("no panic");
    rig.pipeline.session("conv-1").expect("open").end();
    let memory = rig.stop();
    assert_eq!(memory.spans().len(), 3);
    let delegation = memory.span("invoke_agent agent-b");
    assert_eq!(delegation.str("error.type"), Some("cancelled"));
}
