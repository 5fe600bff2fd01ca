//! Log records about sessions and spans that have begun, for viewers of what is open.

use spanreel::record::RecordedLog;
use spanreel::{Exporter, SessionConfig, SessionEvents, Severity, Signal};

use crate::rig::Rig;

const ALL: SessionEvents = SessionEvents {
    session: true,
    span_start: true,
};

fn with_events(events: SessionEvents) -> Rig {
    Rig::with(|builder| {
        builder.sessions(SessionConfig {
            events,
            max_spans: 2,
            ..SessionConfig::default()
        })
    })
}

fn names(logs: &[RecordedLog]) -> Vec<&str> {
    logs.iter().map(|log| &*log.event_name).collect()
}

/// Nothing is recorded about beginnings and ends unless it was asked for.
#[test]
fn events_are_off_by_default() {
    let rig = with_events(SessionEvents::default());
    let session = rig.pipeline.session("conv-1").expect("open");
    session.child("work").start().end();
    session.end();
    assert!(rig.stop().logs().is_empty());
}

/// The begin and the end of a session are recorded, of each of its segments too, with the id of the
/// one before.
#[test]
fn sessions_tell_their_begin_and_end() {
    let rig = with_events(SessionEvents {
        span_start: false,
        ..ALL
    });
    let session = rig.pipeline.open_session("conv-1").previous_id("conv-0");
    let session = session.open().expect("open");
    let root = session.context();
    session.child("one").start().end();
    session.child("two").start().end();
    session.end();
    let logs = rig.stop().logs();
    let mut told: Vec<_> = logs
        .iter()
        .map(|log| {
            let previous = log.str("session.previous_id").unwrap_or("-");
            (
                log.time_unix_nanos,
                format!(
                    "{} {} {previous}",
                    log.event_name,
                    log.str("session.id").expect("an id")
                ),
            )
        })
        .collect();
    told.sort();
    let mut told: Vec<_> = told.iter().map(|(_, told)| &**told).collect();
    told.sort_unstable();
    assert_eq!(
        told,
        [
            "session.end conv-1 -",
            "session.end conv-1~2 -",
            "session.start conv-1 conv-0",
            "session.start conv-1~2 conv-1",
        ]
    );
    for log in &logs {
        assert_eq!(log.severity_number, Severity::Info as i32);
    }
    let first = logs
        .iter()
        .find(|log| log.str("session.id") == Some("conv-1"));
    let first = first.expect("its begin");
    assert_eq!(first.trace_id, Some(root.trace_id()));
    assert_eq!(first.span_id, Some(root.span_id()));
}

/// The begin of a span is recorded with what is known of it then.
#[test]
fn spans_tell_their_begin() {
    let rig = with_events(SessionEvents {
        session: false,
        ..ALL
    });
    let session = rig.pipeline.session("conv-1").expect("open");
    let root = session.context().span_id();
    let chat = session.chat("openai", "gpt").start();
    let id = chat.id();
    chat.end();
    session.end();
    let memory = rig.stop();
    let logs = memory.logs();
    assert_eq!(names(&logs), ["spanreel.span.start"]);
    let (log, span) = (&logs[0], memory.span("chat gpt"));
    assert_eq!(log.span_id, Some(id));
    assert_eq!(log.time_unix_nanos, span.start_unix_nanos);
    assert_eq!(log.str("spanreel.span.name"), Some("chat gpt"));
    assert_eq!(log.int("spanreel.span.kind"), Some(3));
    assert_eq!(log.str("spanreel.span.parent_id"), Some(&*root.to_string()));
    assert_eq!(log.str("session.id"), Some("conv-1"));
}

/// Where an exporter takes log records alone, they are recorded and spans are not.
#[test]
fn logs_are_recorded_without_spans() {
    let memory = spanreel::testing::InMemory::new();
    let exporter = Exporter::from(memory.clone()).signals(&[Signal::Logs]);
    let pipeline = spanreel::Pipeline::builder()
        .resource(spanreel::Resource::empty())
        .sessions(SessionConfig {
            events: ALL,
            ..SessionConfig::default()
        })
        .export(exporter)
        .start()
        .expect("a right configuration");
    let session = pipeline.session("conv-1").expect("open");
    assert!(!session.is_sampled());
    let span = session.child("work").start();
    span.log("hello").emit();
    span.end();
    session.end();
    let report = pipeline.shutdown_blocking(crate::rig::PATIENCE);
    crate::support::ledger::assert_settled(&report);
    assert_eq!(names(&memory.logs()), ["session.start", "", "session.end"]);
    assert!(memory.spans().is_empty());
    assert_eq!(report.logs.fates.of(spanreel::Fate::Handed), 3);
    assert_eq!(report.traces.fates.of(spanreel::Fate::Handed), 0);
}

/// A session that is not sampled records no logs either.
#[test]
fn an_unsampled_session_logs_nothing() {
    let rig = Rig::with(|builder| {
        builder
            .sampling(spanreel::Sampling::always_off())
            .sessions(SessionConfig {
                events: ALL,
                ..SessionConfig::default()
            })
    });
    let session = rig.pipeline.session("conv-1").expect("open");
    session.log("hello").emit();
    session.child("work").start().log("hello").emit();
    session.end();
    assert!(rig.stop().logs().is_empty());
}
