//! How sessions end, and what becomes of spans that do not end with them.

use std::time::Duration;

use spanreel::{Fate, Rule, Sampling, SessionConfig, StatusCode};

use crate::rig::{Rig, eventually};

/// A span that outlives its session is exported once, as incomplete; its real end is booked and
/// not exported.
#[test]
fn a_span_that_outlives_its_session_is_exported_once() {
    let rig = Rig::start();
    let session = rig.pipeline.session("conv-1").expect("open");
    let mut tool = session.tool("slow").attribute("query", "rust").start();
    let chat = session.chat("openai", "gpt").start();
    chat.end();
    session.succeed();
    tool.set("late", true);
    tool.end();
    let report = rig.settle();
    assert!(report.is_lossless(), "{report}");
    assert_eq!(report.traces.fates.of(Fate::Superseded), 1);
    assert_eq!(report.traces.ended, 4);
    let memory = rig.memory;
    memory.assert_tree_with(
        &["spanreel.incomplete"],
        "
        session
          execute_tool slow spanreel.incomplete=true
          chat gpt
        ",
    );
    let tool = memory.span("execute_tool slow");
    assert_eq!(tool.str("gen_ai.operation.name"), Some("execute_tool"));
    assert_eq!(tool.str("session.id"), Some("conv-1"));
    assert_eq!(tool.bool("late"), None);
    let root = memory.span("session");
    assert_eq!(tool.end_unix_nanos, root.end_unix_nanos);
    assert_eq!(root.int("spanreel.session.tool_calls"), Some(1));
}

/// A span that is started after the end of its session is exported, in the same trace and whole.
#[test]
fn a_late_span_is_exported() {
    let rig = Rig::start();
    let session = rig.pipeline.session("conv-1").expect("open");
    session.end();
    session
        .child("late")
        .attribute("why", "cleanup")
        .start()
        .end();
    let open = session.child("later").start();
    let report = rig.settle();
    assert_eq!(report.incomplete, 1);
    open.end();
    let memory = rig.memory;
    memory.assert_tree_with(
        &["spanreel.incomplete"],
        "
        session
          late
          later spanreel.incomplete=true
        ",
    );
    assert_eq!(memory.span("late").str("why"), Some("cleanup"));
    let stats = rig.pipeline.stats();
    assert_eq!(stats.traces.fates.of(Fate::Superseded), 1);
}

/// What is open when the pipeline shuts down is exported as incomplete, sessions included.
#[test]
fn a_shutdown_ends_what_is_open() {
    let rig = Rig::start();
    let session = rig.pipeline.session("conv-1").expect("open");
    session.set("known", true);
    let work = session.child("work").start();
    let step = work.child("step").start();
    let report = rig.settle();
    assert!(report.is_lossless(), "{report}");
    assert_eq!(report.incomplete, 3);
    rig.memory.assert_tree_with(
        &["spanreel.incomplete", "known"],
        "
        session spanreel.incomplete=true known=true
          work spanreel.incomplete=true
            step spanreel.incomplete=true
        ",
    );
    assert!(rig.pipeline.session("conv-2").is_err());
    drop((work, step));
    session.end();
    assert_eq!(rig.pipeline.stats().traces.fates.of(Fate::Superseded), 2);
    crate::support::ledger::assert_settled(&rig.pipeline.stats());
}

/// A session in which nothing happens ends as incomplete; one that is busy does not.
#[test]
fn an_idle_session_ends_as_incomplete() {
    let rig = Rig::with(|builder| {
        builder.sessions(SessionConfig {
            idle_timeout: Duration::from_millis(300),
            linger: Duration::from_millis(20),
            ..SessionConfig::default()
        })
    });
    let idle = rig.pipeline.open_session("idle").name("idle").open();
    let idle = idle.expect("open");
    let waiting = idle.child("waiting").start();
    let busy = rig.pipeline.open_session("busy").name("busy").open();
    let busy = busy.expect("open");
    eventually("the idle session ended", || {
        busy.child("work").start().end();
        rig.pipeline.sessions().len() == 1
    });
    assert_eq!(rig.pipeline.sessions()[0].id, "busy");
    waiting.end();
    idle.end();
    busy.end();
    let memory = rig.stop();
    for name in ["idle", "waiting"] {
        let span = memory.span(name);
        assert_eq!(span.bool("spanreel.incomplete"), Some(true), "{name}");
    }
    assert_eq!(memory.span("busy").bool("spanreel.incomplete"), None);
}

/// An idle session comes back when it is opened again.
#[test]
fn an_idle_session_comes_back() {
    let rig = Rig::with(|builder| {
        builder.sessions(SessionConfig {
            idle_timeout: Duration::from_millis(50),
            linger: Duration::from_millis(20),
            ..SessionConfig::default()
        })
    });
    let before = rig.pipeline.session("conv-1").expect("open").context();
    eventually("the session ended", || rig.pipeline.sessions().is_empty());
    let again = rig.pipeline.open_session("conv-1").name("again").open();
    again.expect("open").end();
    let memory = rig.stop();
    let again = memory.span("again");
    assert_eq!(again.trace_id, before.trace_id());
    assert_eq!(again.links[0].span_id, Some(before.span_id()));
}

/// Sessions that end with nothing but their root, with little, with half a chunk and with several to hand on come
/// out whole, the spans of each in the order in which they ended.
#[test]
fn what_sessions_leave_comes_out_whole_and_in_order() {
    let sessions = SessionConfig {
        linger: Duration::from_secs(3600),
        ..SessionConfig::default()
    };
    let rig = Rig::with(|builder| builder.sessions(sessions));
    let text = "x".repeat(4000);
    let spans_of = |session: i64| session % 7;
    for number in 0..90_i64 {
        let id = format!("conv-{number}");
        let session = rig.pipeline.session(&id).expect("open");
        for index in 0..spans_of(number) {
            let mut span = session.child("step").start();
            let len = (number * 37 + index * 611) as usize % text.len();
            span.set("index", index).set("text", &text[..len]);
            span.end();
        }
        session.end();
    }
    let spans = rig.stop().spans();
    for number in 0..90_i64 {
        let id = format!("conv-{number}");
        let own = spans
            .iter()
            .filter(|span| span.str("session.id") == Some(&id));
        let indices: Vec<_> = own.map(|span| span.int("index")).collect();
        let expected = (0..spans_of(number)).map(Some).chain([None]);
        assert_eq!(indices, expected.collect::<Vec<_>>(), "{id}, its root last");
    }
}

/// A session that has nothing but its root is judged by how that ended.
#[test]
fn a_session_without_spans_is_judged_by_its_end() {
    let sampling = Sampling::always_off().always_keep(Rule::Errors);
    let rig = Rig::with(|builder| builder.sampling(sampling));
    for number in 0..40 {
        let id = format!("conv-{number}");
        let session = rig.pipeline.session(&id).expect("open");
        match number % 4 {
            0 => session.fail("why"),
            _ => session.succeed(),
        }
    }
    let spans = rig.stop().spans();
    assert_eq!(spans.len(), 10);
    assert!(spans.iter().all(|span| span.status == StatusCode::Error));
}
