//! Work that one agent hands to another: in flight until it is answered, abandoned or cut off.

#![expect(
    clippy::disallowed_methods,
    reason = "what must not happen meanwhile is waited for; the clock of the host is compared"
)]

use std::time::{Duration, SystemTime};

use spanreel::record::{RecordedLog, RecordedSpan};
use spanreel::testing::InMemory;
use spanreel::{
    Delegated, DelegationConfig, Fate, Sampling, SessionConfig, Severity, SpanContext, SpanKind,
    StatusCode, TraceId,
};

use crate::rig::{PATIENCE, Rig, eventually};

/// A pipeline whose delegations are abandoned and say that they are in flight so soon.
fn with(delegations: DelegationConfig) -> Rig {
    Rig::with(|builder| {
        builder.sessions(SessionConfig {
            delegations,
            linger: Duration::from_millis(5),
            ..SessionConfig::default()
        })
    })
}

fn beating(every: Duration) -> DelegationConfig {
    DelegationConfig {
        heartbeat: every,
        ..DelegationConfig::default()
    }
}

const SOON: Duration = Duration::from_millis(30);

fn span(memory: &InMemory) -> RecordedSpan {
    memory.span("invoke_agent agent-b")
}

fn sub_session() -> SpanContext {
    let text = "00-12345678901234567890123456789012-1234567890123456-01";
    SpanContext::from_traceparent(text).expect("valid")
}

/// In the order of their times: they may come in several requests.
fn in_time(mut logs: Vec<RecordedLog>) -> Vec<RecordedLog> {
    logs.sort_by_key(|log| log.time_unix_nanos);
    logs
}

fn events(logs: &[RecordedLog]) -> Vec<&str> {
    let names = logs.iter().map(|log| &*log.event_name);
    names
        .map(|name| name.strip_prefix("spanreel.delegation.").expect(name))
        .collect()
}

/// What is known of a delegation stands in its span: whom it is for, how it was sent, and the answer.
#[test]
fn a_delegation_is_a_span() {
    let rig = Rig::start();
    let session = rig.pipeline.session("conv-1").expect("open");
    let turn = session.child("turn").start();
    let delegation = turn
        .delegate("agent-b")
        .agent_id("b-7")
        .attribute("step", 1)
        .start();
    delegation.set("task.id", "t-1");
    let mut carrier = Vec::<(String, String)>::new();
    delegation.inject(&mut carrier);
    let traceparent = delegation.context().traceparent();
    assert_eq!(carrier, [("traceparent".to_owned(), traceparent)]);
    let id = delegation.id();
    delegation.answered(sub_session());
    let parent = turn.id();
    drop(turn);
    session.succeed();
    let stats = rig.pipeline.stats().delegations;
    assert_eq!((stats.started, stats.in_flight, stats.answered), (1, 0, 1));
    let memory = rig.stop();
    let span = span(&memory);
    assert_eq!((span.span_id, span.parent_span_id), (id, Some(parent)));
    assert_eq!(span.kind, SpanKind::Client);
    assert_eq!(span.str("gen_ai.operation.name"), Some("invoke_agent"));
    assert_eq!(span.str("gen_ai.agent.name"), Some("agent-b"));
    assert_eq!(span.str("gen_ai.agent.id"), Some("b-7"));
    assert_eq!(span.str("gen_ai.conversation.id"), Some("conv-1"));
    assert_eq!(span.str("task.id"), Some("t-1"));
    assert_eq!(span.int("step"), Some(1));
    assert_eq!(span.str("spanreel.delegation.outcome"), Some("answered"));
    assert_eq!(span.status, StatusCode::Unset);
    assert_eq!(span.links.len(), 1);
    assert_eq!(span.links[0].trace_id, Some(sub_session().trace_id()));
    assert_eq!(
        span.links[0].attributes.str("spanreel.link"),
        Some("sub_session")
    );
}

/// Start, heartbeats and end are log records of the delegation's own span, in this order.
#[test]
fn a_delegation_in_flight_says_so() {
    let rig = with(beating(SOON));
    let session = rig.pipeline.session("conv-1").expect("open");
    let delegation = session.delegate("agent-b").start();
    let id = delegation.id();
    eventually("two heartbeats", || {
        let live = rig.pipeline.sessions();
        live[0].delegations[0].heartbeats >= 2
    });
    delegation.accepted(&sub_session());
    delegation.answered(None);
    session.end();
    let memory = rig.stop();
    let logs = in_time(memory.logs());
    let told = events(&logs);
    assert_eq!(told[..3], ["start", "heartbeat", "heartbeat"]);
    assert_eq!(told.last(), Some(&"end"));
    for log in &logs {
        assert_eq!(log.trace_id, Some(session.trace_id()));
        assert_eq!(log.span_id, Some(id));
        assert_eq!(log.str("gen_ai.agent.name"), Some("agent-b"));
        assert_eq!(log.str("session.id"), Some("conv-1"));
    }
    assert_eq!(logs[0].double("spanreel.delegation.timeout"), Some(1800.0));
    assert_eq!(
        logs[0].bool("spanreel.delegation.asynchronous"),
        Some(false)
    );
    assert_eq!(logs[2].int("spanreel.delegation.heartbeat"), Some(2));
    let elapsed = logs[2].double("spanreel.delegation.elapsed");
    assert!(
        elapsed.is_some_and(|seconds| seconds >= 0.06),
        "{elapsed:?}"
    );
    let end = logs.last().expect("there is one");
    assert_eq!(end.str("spanreel.delegation.outcome"), Some("answered"));
    let sub_trace = sub_session().trace_id().to_string();
    assert_eq!(
        end.str("spanreel.delegation.sub_trace_id"),
        Some(&*sub_trace)
    );
}

/// The live view shows what is in flight, and since when, until it ends.
#[test]
fn the_live_view_shows_what_is_in_flight() {
    let rig = Rig::start();
    let before = SystemTime::now();
    let session = rig.pipeline.session("conv-1").expect("open");
    let other = rig.pipeline.session("conv-2").expect("open");
    let delegation = session.delegate("agent-b").asynchronous().start();
    delegation.accepted(&sub_session());
    let of = |id: &str| {
        let mut live = rig.pipeline.sessions();
        live.retain(|session| session.id == id);
        live.remove(0).delegations
    };
    let live = of("conv-1");
    assert_eq!(live.len(), 1);
    assert_eq!((&*live[0].agent, live[0].id), ("agent-b", delegation.id()));
    assert!(live[0].asynchronous);
    assert_eq!(live[0].sub_session, Some(sub_session()));
    assert!(live[0].started >= before - Duration::from_secs(1));
    assert_eq!(live[0].deadline, delegation.deadline());
    let patience = live[0].deadline.duration_since(live[0].started);
    assert_eq!(patience.expect("later"), Duration::from_secs(30 * 60));
    assert!(of("conv-2").is_empty());
    delegation.answered(None);
    assert!(of("conv-1").is_empty());
    session.end();
    other.end();
    rig.stop();
}

/// What is never answered is abandoned at its deadline, in error, with a link to the sub-session that
/// took it on.
#[test]
fn what_is_never_answered_is_abandoned() {
    let rig = Rig::start();
    let session = rig.pipeline.session("conv-1").expect("open");
    let delegation = session.delegate("agent-b").asynchronous();
    let delegation = delegation.deadline(SOON).start();
    delegation.accepted(&sub_session());
    drop(delegation);
    eventually("abandoned", || {
        rig.pipeline.stats().delegations.abandoned == 1
    });
    session.succeed();
    let memory = rig.stop();
    let span = span(&memory);
    assert_eq!(span.kind, SpanKind::Producer);
    assert_eq!(span.status, StatusCode::Error);
    assert_eq!(span.str("error.type"), Some("abandoned"));
    assert_eq!(span.str("spanreel.delegation.outcome"), Some("abandoned"));
    assert!(span.duration_nanos() >= 30_000_000);
    assert_eq!(span.links[0].span_id, Some(sub_session().span_id()));
    let logs = in_time(memory.logs());
    assert_eq!(events(&logs), ["start", "end"]);
    assert_eq!(logs[1].severity_number, Severity::Warn as i32);
    let root = memory.span("session");
    assert_eq!(root.int("spanreel.session.errors"), Some(1));
}

/// A shutdown that begins while the sweeper abandons a delegation costs nothing: it is exported, as
/// abandoned or as incomplete, and once it is seen to have ended, as abandoned.
#[test]
fn a_shutdown_does_not_lose_what_is_being_abandoned() {
    for round in 0..60_u64 {
        let rig = Rig::start();
        let session = rig.pipeline.session("conv-1").expect("open");
        let delegation = session.delegate("agent-b");
        let delegation = delegation.deadline(Duration::from_millis(1)).start();
        let is_seen = round % 2 == 0;
        if is_seen {
            while delegation.is_in_flight() {
                std::hint::spin_loop();
            }
        } else {
            let sweep = Duration::from_millis(5);
            std::thread::sleep(sweep + Duration::from_micros(20 * round));
        }
        let memory = rig.stop();
        let span = span(&memory);
        let outcome = span.str("spanreel.delegation.outcome");
        assert!(matches!(outcome, Some("abandoned" | "interrupted")));
        assert!(!is_seen || outcome == Some("abandoned"), "round {round}");
        drop(delegation);
    }
}

/// An answer after the deadline is told by a record of its own; the span stays as it was exported.
#[test]
fn a_late_answer_is_told() {
    let rig = Rig::start();
    let session = rig.pipeline.session("conv-1").expect("open");
    let delegation = session.delegate("agent-b").deadline(SOON).start();
    eventually("abandoned", || !delegation.is_in_flight());
    delegation.answered(sub_session());
    session.end();
    let stats = rig.pipeline.stats().delegations;
    assert_eq!((stats.abandoned, stats.answered, stats.late), (1, 0, 1));
    let memory = rig.stop();
    assert_eq!(events(&in_time(memory.logs())), ["start", "end", "late"]);
    let outcome = span(&memory)
        .str("spanreel.delegation.outcome")
        .map(str::to_owned);
    assert_eq!(outcome.as_deref(), Some("abandoned"));
}

/// A synchronous delegation that nobody waits for any more is cancelled; one that is said to have
/// failed says why.
#[test]
fn what_is_dropped_is_cancelled_and_what_failed_says_why() {
    let rig = Rig::start();
    let session = rig.pipeline.session("conv-1").expect("open");
    drop(session.delegate("agent-b").start());
    let refused = session.delegate("agent-c").start();
    refused.failed("503", "agent-c is overloaded");
    session.end();
    let stats = rig.pipeline.stats().delegations;
    assert_eq!((stats.started, stats.cancelled, stats.failed), (2, 1, 1));
    let memory = rig.stop();
    assert_eq!(span(&memory).str("error.type"), Some("cancelled"));
    let failed = memory.span("invoke_agent agent-c");
    assert_eq!(failed.str("error.type"), Some("503"));
    assert_eq!(failed.status_message, "agent-c is overloaded");
}

/// An asynchronous delegation outlives its handle and its session, and is found again by its id; its
/// span is exported once, whole.
#[test]
fn an_asynchronous_delegation_outlives_its_session() {
    let rig = with(beating(SOON));
    let session = rig.pipeline.session("conv-1").expect("open");
    let delegation = session.delegate("agent-b").asynchronous().start();
    let id = delegation.id();
    drop(delegation);
    session.succeed();
    let stats = rig.pipeline.stats();
    assert_eq!((stats.traces.open, stats.delegations.in_flight), (1, 1));
    // A look at it ends nothing.
    drop(rig.pipeline.delegation(id).expect("in flight"));
    std::thread::sleep(3 * SOON);
    let found = rig.pipeline.delegation(id).expect("in flight");
    found.answered(None);
    assert!(rig.pipeline.delegation(id).is_none());
    let memory = rig.stop();
    let span = span(&memory);
    assert_eq!(span.trace_id, session.trace_id());
    assert_eq!(span.bool("spanreel.incomplete"), None);
    assert_eq!(span.str("spanreel.delegation.outcome"), Some("answered"));
}

/// A synchronous delegation is not found by its id: its handle alone ends it.
#[test]
fn a_synchronous_delegation_has_one_handle() {
    let rig = Rig::start();
    let session = rig.pipeline.session("conv-1").expect("open");
    let delegation = session.delegate("agent-b").start();
    assert!(rig.pipeline.delegation(delegation.id()).is_none());
    delegation.answered(None);
    session.end();
    rig.stop();
}

/// So many sessions come and are idle, one after the other, until one is left: what was opened before them has
/// had the time to be idle, too.
fn one_after_the_other_is_idle(rig: &Rig, sessions: usize) {
    for number in 0..sessions {
        let idle = rig.pipeline.session(&format!("idle-{number}"));
        let _idle = idle.expect("open");
        eventually("idle", || rig.pipeline.sessions().len() == 1);
    }
}

/// A session that waits for an answer is not idle, whatever the interval of heartbeats.
#[test]
fn a_session_that_waits_is_not_idle() {
    let idle = Duration::from_millis(400);
    let rig = Rig::with(|builder| {
        builder.sessions(SessionConfig {
            idle_timeout: idle,
            linger: Duration::from_millis(5),
            ..SessionConfig::default()
        })
    });
    let waiting = rig.pipeline.session("waiting").expect("open");
    let delegation = waiting.delegate("agent-b").start();
    one_after_the_other_is_idle(&rig, 2);
    let open: Vec<_> = rig.pipeline.sessions();
    assert_eq!(
        open.iter().map(|it| &*it.id).collect::<Vec<_>>(),
        ["waiting"]
    );
    delegation.answered(None);
    waiting.end();
    rig.stop();
}

/// What is in flight when the pipeline shuts down is exported as incomplete, with all it says,
/// whether its session is open or ended; its real end then counts for nothing.
#[test]
fn the_shutdown_exports_what_is_in_flight() {
    let rig = Rig::start();
    let open = rig.pipeline.session("open").expect("open");
    let ended = rig.pipeline.session("ended").expect("open");
    let kept = open.delegate("agent-b").start();
    kept.set("task.id", "t-1");
    let sent = ended.delegate("agent-c").asynchronous().start();
    drop(sent);
    ended.succeed();
    let report = rig.settle();
    assert!(report.is_lossless(), "{report}");
    // The root of the open session is the third.
    assert_eq!(report.incomplete, 3);
    kept.answered(None);
    let again = rig.pipeline.stats();
    assert_eq!(
        (again.delegations.interrupted, again.delegations.in_flight),
        (2, 0)
    );
    assert_eq!(again.traces, report.traces);
    assert_eq!(rig.memory.spans().len(), 4);
    for name in ["invoke_agent agent-b", "invoke_agent agent-c"] {
        let span = rig.memory.span(name);
        assert_eq!(span.bool("spanreel.incomplete"), Some(true));
        let outcome = span.str("spanreel.delegation.outcome");
        assert_eq!(outcome, Some("interrupted"));
    }
    assert_eq!(span(&rig.memory).str("task.id"), Some("t-1"));
    let mut told = events(&in_time(rig.memory.logs())).join(" ");
    told.retain(|c| c != ' ');
    assert_eq!(told.matches("start").count(), 2);
    assert_eq!(told.matches("end").count(), 2);
}

/// One that is too many is a plain span: nothing waits for it, and all of them add up.
#[test]
fn one_that_is_too_many_is_a_plain_span() {
    let rig = with(DelegationConfig {
        max_in_flight: 2,
        ..DelegationConfig::default()
    });
    let session = rig.pipeline.session("conv-1").expect("open");
    let start = || session.delegate("agent-b").asynchronous().start();
    let kept: Vec<_> = (0..2).map(|_| start()).collect();
    assert_eq!(rig.pipeline.stats().traces.open, 3);
    let surplus = start();
    assert_eq!(rig.pipeline.stats().traces.open, 4);
    assert!(rig.pipeline.delegation(surplus.id()).is_none());
    drop(surplus);
    start().answered(None);
    drop(kept);
    let stats = rig.pipeline.stats().delegations;
    assert_eq!((stats.started, stats.in_flight), (4, 2));
    assert_eq!((stats.untracked, stats.answered), (1, 1));
    session.end();
    let memory = rig.stop();
    let spans = memory.spans();
    let outcomes = spans.iter().map(|it| it.str("spanreel.delegation.outcome"));
    let mut outcomes: Vec<_> = outcomes.flatten().collect();
    outcomes.sort_unstable();
    assert_eq!(
        outcomes,
        ["answered", "interrupted", "interrupted", "untracked"]
    );
}

/// In a session that is not sampled nothing is written, and the context is carried on.
#[test]
fn an_unsampled_delegation_is_counted() {
    let rig = Rig::with(|builder| builder.sampling(Sampling::always_off()));
    let session = rig.pipeline.session("conv-1").expect("open");
    let delegation = session.delegate("agent-b").start();
    assert!(!delegation.context().is_sampled());
    delegation.accepted(&sub_session());
    assert_eq!(rig.pipeline.sessions()[0].delegations.len(), 1);
    delegation.answered(None);
    let dropped = session.delegate("agent-c").asynchronous().start();
    drop(dropped);
    session.end();
    let report = rig.settle();
    assert!(rig.memory.spans().is_empty() && rig.memory.logs().is_empty());
    assert_eq!(report.traces.fates.of(Fate::SampledOut), 3);
}

/// Who wants no log records about delegations gets none.
#[test]
fn the_records_can_be_left_out() {
    let rig = with(DelegationConfig {
        events: false,
        ..beating(SOON)
    });
    let session = rig.pipeline.session("conv-1").expect("open");
    let delegation = session.delegate("agent-b").start();
    std::thread::sleep(3 * SOON);
    delegation.answered(None);
    session.end();
    assert!(rig.stop().logs().is_empty());
}

/// Of the answer and the deadline exactly one ends the span, however close they are.
#[test]
fn exactly_one_ends_it() {
    let rig = with(DelegationConfig {
        deadline: Duration::from_millis(1),
        ..DelegationConfig::default()
    });
    let session = rig.pipeline.session("conv-1").expect("open");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..250 {
                    let delegation = session.delegate("agent-b").start();
                    if delegation.id().to_bytes()[0] < 64 {
                        std::thread::park_timeout(Duration::from_millis(1));
                    }
                    delegation.answered(None);
                }
            });
        }
    });
    session.end();
    let stats = rig.pipeline.stats().delegations;
    assert_eq!(stats.started, 1000);
    assert_eq!(stats.answered + stats.abandoned, 1000, "{stats:?}");
    assert_eq!(stats.late, stats.abandoned);
    let memory = rig.stop();
    assert_eq!(memory.spans().len(), 1001);
}

/// Ten thousand delegations in as many sessions say that they are in flight, and are abandoned, and
/// every span and record of them is accounted for.
#[test]
fn ten_thousand_are_in_flight_at_once() {
    let rig = Rig::with(|builder| {
        builder.sessions(SessionConfig {
            delegations: DelegationConfig {
                heartbeat: Duration::from_secs(1),
                deadline: Duration::from_secs(3),
                ..DelegationConfig::default()
            },
            ..SessionConfig::default()
        })
    });
    for number in 0..10_000 {
        let session = rig
            .pipeline
            .session(&format!("conv-{number}"))
            .expect("open");
        let delegation = session.delegate("agent-b").asynchronous();
        drop(delegation.start());
        if number % 2 == 0 {
            session.succeed();
        }
    }
    assert_eq!(rig.pipeline.stats().delegations.started, 10_000);
    eventually("all abandoned", || {
        rig.pipeline.stats().delegations.abandoned == 10_000
    });
    let report = rig.settle();
    assert!(report.is_lossless(), "{report}");
    let beats = in_time(rig.memory.logs());
    let beats = beats
        .iter()
        .filter(|log| log.event_name.ends_with("heartbeat"));
    assert!(beats.count() >= 10_000, "each said so once at least");
    assert_eq!(report.traces.fates.of(Fate::Handed), 20_000);
}

/// A session opened from a delegation is a child of it, in its trace.
#[test]
fn a_sub_session_is_a_child_of_the_delegation() {
    let rig = Rig::start();
    let a = rig
        .pipeline
        .open_session("conv-1")
        .agent("agent-a")
        .open()
        .expect("open");
    let delegation = a.delegate("agent-b").start();
    let mut carrier = Vec::<(String, String)>::new();
    delegation.inject(&mut carrier);
    let context = SpanContext::extract(&carrier).expect("what was written");
    let b = rig.pipeline.open_session("conv-b").agent("agent-b-here");
    let b = b.from_delegation(context).open().expect("open");
    b.tool("search").start().end();
    b.succeed();
    delegation.answered(b.context());
    a.succeed();
    let memory = rig.stop();
    memory.assert_tree(
        "
        invoke_agent agent-a
          invoke_agent agent-b
            invoke_agent agent-b-here
              execute_tool search
        ",
    );
    let root = memory.span("invoke_agent agent-b-here");
    assert_eq!(root.kind, SpanKind::Server);
    assert!(root.has_remote_parent());
    assert_eq!(root.str("spanreel.trust"), None);
}

/// A verified context is adopted and says who vouched; an unverified one becomes a link, which says
/// so, and decides nothing.
#[test]
fn only_what_is_believed_is_adopted() {
    let rig = Rig::start();
    let unsampled = "00-12345678901234567890123456789012-1234567890123456-00";
    let claimed = SpanContext::from_traceparent(unsampled).expect("valid");
    let verified = Delegated::verified(sub_session(), "https://a.example").session("conv-a");
    let believed = rig.pipeline.open_session("b-1").name("believed");
    let believed = believed.from_delegation(verified).open().expect("open");
    let unverified = Delegated::unverified(claimed.clone()).session("conv-a");
    let doubted = rig.pipeline.open_session("b-2").name("doubted");
    let doubted = doubted.from_delegation(unverified).open().expect("open");
    assert_eq!(believed.trace_id(), sub_session().trace_id());
    assert_eq!(doubted.trace_id(), TraceId::of_session("b-2"));
    believed.end();
    doubted.end();
    let memory = rig.stop();
    let believed = memory.span("believed");
    assert_eq!(believed.parent_span_id, Some(sub_session().span_id()));
    assert_eq!(believed.str("spanreel.trust"), Some("verified"));
    let issuer = believed.str("spanreel.delegation.issuer");
    assert_eq!(issuer, Some("https://a.example"));
    assert_eq!(
        believed.str("spanreel.delegation.session_id"),
        Some("conv-a")
    );
    let doubted = memory.span("doubted");
    assert_eq!(doubted.parent_span_id, None);
    assert_eq!(doubted.str("spanreel.trust"), None);
    let link = &doubted.links[0];
    assert_eq!(link.trace_id, Some(claimed.trace_id()));
    assert_eq!(link.attributes.str("spanreel.trust"), Some("unverified"));
}

/// A session that is open already stays in its trace, and is linked to the delegation.
#[test]
fn an_open_session_is_linked_to_the_delegation() {
    let rig = Rig::start();
    let first = rig.pipeline.session("b").expect("open");
    let again = rig
        .pipeline
        .open_session("b")
        .from_delegation(sub_session());
    let again = again.open().expect("open");
    assert_eq!(again.trace_id(), first.trace_id());
    first.end();
    let memory = rig.stop();
    let root = memory.span("session");
    assert_eq!((root.parent_span_id, root.kind), (None, SpanKind::Internal));
    assert_eq!(root.links[0].trace_id, Some(sub_session().trace_id()));
}

/// A pipeline whose grace is over before anything could be sent still accounts for what was in
/// flight.
#[test]
fn without_grace_what_is_in_flight_is_booked() {
    let rig = Rig::start();
    let session = rig.pipeline.session("conv-1").expect("open");
    for _ in 0..10 {
        drop(session.delegate("agent-b").asynchronous().start());
    }
    let report = rig.pipeline.shutdown_blocking(Duration::ZERO);
    assert_eq!(report.traces.ended, 11, "{report}");
    assert_eq!(rig.pipeline.stats().delegations.interrupted, 10);
    let report = rig.pipeline.shutdown_blocking(PATIENCE);
    assert_eq!(report.traces.open, 0);
    crate::support::ledger::assert_adds_up(&report);
}

/// A delegation of an endless session stays with the segment that it was started in, keeps the next
/// ones from being idle, and shows in the live view of the segment that is open.
#[test]
fn a_delegation_outlives_its_segment() {
    let idle = Duration::from_millis(400);
    let rig = Rig::with(|builder| {
        builder.sessions(SessionConfig {
            idle_timeout: idle,
            linger: Duration::from_millis(5),
            max_spans: 1,
            ..SessionConfig::default()
        })
    });
    let session = rig.pipeline.session("watchdog").expect("open");
    let delegation = session.delegate("agent-b").start();
    let trace_id = session.trace_id();
    session.child("round").start().end();
    assert_eq!(session.id(), "watchdog~2");
    one_after_the_other_is_idle(&rig, 2);
    let live = rig.pipeline.sessions();
    assert_eq!(live.len(), 1, "it is not idle");
    assert_eq!((&*live[0].id, live[0].delegations.len()), ("watchdog~2", 1));
    delegation.answered(None);
    session.end();
    let memory = rig.stop();
    assert_eq!(span(&memory).trace_id, trace_id);
    let logs = in_time(memory.logs());
    assert!(logs.iter().all(|log| log.trace_id == Some(trace_id)));
}

/// After the shutdown a delegation still carries context, and is booked as too late.
#[test]
fn after_the_shutdown_a_delegation_is_too_late() {
    let rig = Rig::start();
    let session = rig.pipeline.session("conv-1").expect("open");
    rig.settle();
    let delegation = session.delegate("agent-b").asynchronous().start();
    assert_eq!(delegation.context().trace_id(), session.trace_id());
    drop(delegation);
    let stats = rig.pipeline.stats();
    assert_eq!(stats.delegations.untracked, 1);
    assert_eq!(stats.traces.open, 0);
    assert_eq!(stats.traces.fates.of(Fate::AfterShutdown), 1);
}

/// The first session that is said to do the work is linked to, once.
#[test]
fn one_sub_session_is_linked_to() {
    let rig = Rig::start();
    let session = rig.pipeline.session("conv-1").expect("open");
    let delegation = session.delegate("agent-b").start();
    delegation.accepted(&sub_session());
    delegation.accepted(&session.context());
    delegation.answered(session.context());
    session.end();
    let links = span(&rig.stop()).links;
    assert_eq!(links.len(), 1);
    assert_eq!(links[0].trace_id, Some(sub_session().trace_id()));
}
