//! Sessions that continue what a call brought along, and what they export of it.

use std::process::Command;

use spanreel::{
    EnvironmentCarrier, Propagator, Propagators, Sampling, SpanContext, TraceState, Value,
};

use super::{Pairs, get};
use crate::rig::Rig;

const W3C: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03";

/// The trace state of a foreign parent goes to every span, to links and to every call; the root says
/// that its parent is remote, other spans do not.
#[test]
fn a_trace_state_is_exported_and_passed_on() {
    let rig = Rig::start();
    let headers = [("traceparent", W3C), ("tracestate", "ot=th:8,congo=1")];
    let inbound = rig.pipeline.propagators().extract(&headers);
    let parent = inbound.parent.clone().expect("valid");
    let session = rig.pipeline.open_session("conv-1").extracted(inbound);
    let session = session
        .link(&parent, &[("why", Value::from("retry"))])
        .open()
        .expect("open");
    let mut work = session.child("work").start();
    work.link(&parent, &[]);
    let mut call = Pairs::new();
    work.inject(&mut call);
    assert_eq!(get(&call, "tracestate"), Some("ot=th:8,congo=1"));
    let expected = format!("00-{}-{}-03", parent.trace_id(), work.id());
    assert_eq!(get(&call, "traceparent"), Some(&*expected));
    let mut call = Pairs::new();
    session.inject(&mut call);
    assert_eq!(
        get(&call, "traceparent"),
        Some(&*session.context().traceparent())
    );
    work.end();
    session.end();
    let memory = rig.stop();
    let (root, work) = (memory.span("session"), memory.span("work"));
    for span in [&root, &work] {
        assert_eq!(span.trace_state, "ot=th:8,congo=1");
        assert_eq!(span.trace_id, parent.trace_id());
        assert_eq!(span.links[0].trace_state, "ot=th:8,congo=1");
    }
    assert_eq!(root.parent_span_id, Some(parent.span_id()));
    assert_eq!((root.flags, work.flags), (0x303, 0x103));
    assert_eq!(root.links[0].attributes.str("why"), Some("retry"));
}

/// A parent in this process is not remote.
#[test]
fn a_parent_of_this_process_is_not_remote() {
    let rig = Rig::start();
    let outer = rig.pipeline.session("outer").expect("open");
    let step = outer.child("step").start();
    let inner = rig
        .pipeline
        .open_session("inner")
        .name("inner")
        .parent(step.context());
    let inner = inner.open().expect("open");
    assert_eq!(inner.trace_id(), outer.trace_id());
    inner.end();
    step.end();
    outer.end();
    let memory = rig.stop();
    assert_eq!(memory.span("inner").flags & 0x300, 0x100);
    assert_eq!(
        memory.span("inner").parent_span_id,
        Some(memory.span("step").span_id)
    );
}

/// Links given at the opening obey the limit together with that to an earlier root, and what is over
/// it is counted.
#[test]
fn links_of_an_opening_obey_the_limit() {
    let rig = Rig::with(|builder| {
        builder.limits(spanreel::Limits {
            link_count: 2,
            ..spanreel::Limits::default()
        })
    });
    let parent = SpanContext::from_traceparent(W3C).expect("valid");
    rig.pipeline.session("conv-1").expect("open").end();
    let again = rig.pipeline.open_session("conv-1").name("again");
    let again = again
        .link(&parent, &[])
        .link(&parent, &[])
        .open()
        .expect("open");
    again.end();
    let root = rig.stop().span("again");
    assert_eq!((root.links.len(), root.dropped_links), (2, 1));
    assert_eq!(root.links[1].span_id, Some(parent.span_id()));
}

/// What a caller decided about sampling counts, with a span or without; what it left open is decided
/// here; whoever ignores parents ignores it.
#[test]
fn a_callers_decision_counts() {
    const XRAY: &str = "X-Amzn-Trace-Id";
    const DEFERRED: &str =
        "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=?";
    const DENIED: &str = "0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0";
    let none = || Sampling::ratio(0.0);
    for (sampling, header, sampled) in [
        (Sampling::default(), ("b3", "0"), false),
        (Sampling::default(), ("b3", "1"), true),
        (none(), ("b3", "1"), true),
        (none(), ("b3", "d"), true),
        (Sampling::always_on(), ("b3", "0"), true),
        (Sampling::default(), ("b3", DENIED), false),
        (Sampling::default(), (XRAY, DEFERRED), true),
        (none(), (XRAY, DEFERRED), false),
        (none().ignoring_parent(), ("b3", "1"), false),
        (Sampling::default(), ("b3", "nothing"), true),
    ] {
        let propagators = Propagators::new([Propagator::B3, Propagator::XRay]);
        let said = format!("{sampling:?} {header:?}");
        let rig = Rig::with(|builder| builder.sampling(sampling).propagators(propagators));
        let inbound = rig.pipeline.propagators().extract(&[header]);
        let session = rig.pipeline.open_session("conv-1").extracted(inbound);
        let session = session.open().expect("open");
        assert_eq!(session.is_sampled(), sampled, "{said}");
        let mut call = Pairs::new();
        session.inject(&mut call);
        let state = if sampled { "-1" } else { "-0" };
        assert!(
            get(&call, "b3").expect("sent").ends_with(state),
            "{header:?}"
        );
        session.end();
        rig.settle();
    }
}

/// B3's debug flag goes on to what the session calls.
#[test]
fn debug_is_passed_on() {
    let rig = Rig::with(|builder| builder.propagators(Propagators::new([Propagator::B3Multi])));
    let headers = [
        ("X-B3-TraceId", "8448eb211c80319c"),
        ("X-B3-SpanId", "b7ad6b7169203331"),
        ("X-B3-Flags", "1"),
    ];
    let inbound = rig.pipeline.propagators().extract(&headers);
    let session = rig
        .pipeline
        .open_session("")
        .extracted(inbound)
        .open()
        .expect("open");
    let mut call = Pairs::new();
    session.child("call").start().inject(&mut call);
    assert_eq!(
        get(&call, "X-B3-TraceId"),
        Some("00000000000000008448eb211c80319c")
    );
    assert_eq!(
        (get(&call, "X-B3-Flags"), get(&call, "X-B3-Sampled")),
        (Some("1"), None)
    );
    session.end();
    rig.stop();
}

/// What is invalid starts a new trace, and shows in the stats.
#[test]
fn what_is_invalid_shows_in_the_stats() {
    let rig = Rig::start();
    let inbound = rig
        .pipeline
        .propagators()
        .extract(&[("traceparent", "00-no"), ("baggage", "x")]);
    assert_eq!(rig.pipeline.stats().ignored_contexts, 2);
    let session = rig
        .pipeline
        .open_session("")
        .extracted(inbound)
        .open()
        .expect("open");
    assert_eq!(session.context().trace_state(), &TraceState::EMPTY);
    session.end();
    rig.stop();
}

/// A child process reads from its environment what its parent wrote there.
#[test]
fn a_child_process_is_continued() {
    let rig = Rig::start();
    let session = rig.pipeline.session("conv-1").expect("open");
    let tool = session.tool("worker").start();
    let mut child = Command::new("worker");
    tool.inject_to("localhost", &mut child);
    let set = child
        .get_envs()
        .filter_map(|(name, value)| Some((name.to_str()?.to_owned(), value?.to_str()?.to_owned())));
    let environment: EnvironmentCarrier = set.collect();
    let parent = SpanContext::extract(&environment).expect("written");
    assert_eq!((parent.span_id(), parent.is_remote()), (tool.id(), true));
    let removed: Vec<_> = child
        .get_envs()
        .filter(|(_, value)| value.is_none())
        .collect();
    assert_eq!(removed.len(), 2, "TRACESTATE and BAGGAGE are not inherited");
    tool.end();
    session.end();
    rig.stop();
}

/// What this process was started with is read from its own environment.
#[test]
fn the_own_environment_is_read() {
    let names: Vec<_> = EnvironmentCarrier::current()
        .iter()
        .map(|(name, _)| name.to_owned())
        .collect();
    assert!(
        names.iter().all(|name| name != "PATH"),
        "no other variable: {names:?}"
    );
}
