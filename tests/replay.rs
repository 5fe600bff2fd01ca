//! Sessions that are told afterwards: explicit ids and times come out as they were given.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use spanreel::testing::InMemory;
use spanreel::{EndState, HashKey, Pipeline, Resource, SessionConfig, Severity, SpanId, TraceId};

const GRACE: Duration = Duration::from_secs(5);

fn pipeline(memory: &InMemory) -> Pipeline {
    Pipeline::builder()
        .resource(Resource::empty())
        .export(memory.clone())
        .start()
        .expect("a right configuration")
}

fn at(millis: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(1_773_480_413_000 + millis)
}

fn span_id(number: u8) -> SpanId {
    SpanId::from_bytes([number; 8]).expect("not zero")
}

/// A log record hangs on the span that it names and has the times that it is given; an event has a
/// name and no body.
#[test]
fn log_records_keep_their_span_and_their_times() {
    let memory = InMemory::new();
    let pipeline = pipeline(&memory);
    let session = pipeline.session("told").expect("open");
    session
        .event("context.built")
        .span(span_id(7))
        .at(at(1))
        .observed_at(at(2))
        .severity(Severity::Warn)
        .attribute("tokens", 3)
        .emit();
    session.log("").observed_at(at(3)).emit();
    session.end();
    assert!(pipeline.shutdown_blocking(GRACE).is_lossless());

    let logs = memory.logs();
    let [event, log] = &logs[..] else {
        panic!("{logs:?}")
    };
    assert_eq!(event.event_name, "context.built");
    assert_eq!(event.body, spanreel::OwnedValue::Empty);
    assert_eq!(event.span_id, Some(span_id(7)));
    assert_eq!(event.trace_id, Some(TraceId::of_session("told")));
    assert_eq!(event.severity_number, 13);
    assert_eq!(event.int("tokens"), Some(3));
    let millis = [event.time_unix_nanos, event.observed_unix_nanos]
        .map(|nanos| nanos / 1_000_000 - 1_773_480_413_000);
    assert_eq!(millis, [1, 2]);
    assert_eq!(log.observed_unix_nanos / 1_000_000, 1_773_480_413_003);
    assert_eq!(
        log.body,
        spanreel::OwnedValue::Str(String::new()),
        "an empty text is a text"
    );
    assert_eq!(
        log.span_id,
        Some(memory.span("session").span_id),
        "the root is the default"
    );
}

/// A conversation of several sessions is named on the spans of the GenAI conventions, and each
/// session keeps its own id.
#[test]
fn a_session_may_be_part_of_a_conversation() {
    let memory = InMemory::new();
    let pipeline = pipeline(&memory);
    let session = pipeline
        .open_session("one")
        .conversation_id("both")
        .agent("planner")
        .open()
        .expect("open");
    session.chat("openai", "gpt-5").start().end();
    session.child("plain").start().end();
    session.end();
    assert!(pipeline.shutdown_blocking(GRACE).is_lossless());

    for (name, conversation) in [
        ("invoke_agent planner", Some("both")),
        ("chat gpt-5", Some("both")),
        ("plain", None),
    ] {
        let span = memory.span(name);
        assert_eq!(span.str("session.id"), Some("one"));
        assert_eq!(span.str("gen_ai.conversation.id"), conversation, "{name}");
    }
}

/// Where session ids are sensitive, no id of a conversation is exported as it is.
#[test]
fn a_sensitive_conversation_is_hashed() {
    let memory = InMemory::new();
    let sessions = SessionConfig {
        hash_key: Some(HashKey::new(*b"0123456789abcdef")),
        ..SessionConfig::default()
    };
    let pipeline = Pipeline::builder()
        .sessions(sessions)
        .export(memory.clone())
        .start()
        .expect("a right configuration");
    let session = pipeline
        .open_session("secret")
        .conversation_id("secret")
        .open()
        .expect("open");
    session.end();
    assert!(pipeline.shutdown_blocking(GRACE).is_lossless());
    let root = memory.span("session");
    let shown = root.str("session.id");
    assert_eq!(root.str("gen_ai.conversation.id"), shown);
    assert_ne!(shown, Some("secret"));
}

/// A recording that is told twice has the same root twice, not a root that is linked to itself; a
/// session that is opened again is linked to its first root.
#[test]
fn a_root_is_never_linked_to_itself() {
    let memory = InMemory::new();
    let pipeline = pipeline(&memory);
    for root in [1, 1, 2] {
        let session = pipeline
            .open_session("again")
            .root_id(span_id(root))
            .started_at(at(0))
            .open()
            .expect("open");
        session.finish_at(EndState::Success, at(5));
    }
    assert!(pipeline.shutdown_blocking(GRACE).is_lossless());

    let links: Vec<Vec<Option<SpanId>>> = memory
        .spans()
        .iter()
        .map(|span| span.links.iter().map(|link| link.span_id).collect())
        .collect();
    assert_eq!(links, [vec![], vec![], vec![Some(span_id(1))]]);
}
