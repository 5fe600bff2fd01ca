//! What is sent: sessions with all that spans and log records can have, from several threads.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use spanreel::{
    EndState, Pipeline, Resource, Session, Severity, Span, SpanContext, SpanKind, Usage, Value,
};
use tokio::runtime::Runtime;

use crate::PATIENCE;

const THREADS: u64 = 4;
const ROUNDS: u64 = 10;
/// Of one thread in one round.
const SESSIONS: u64 = 10;
const TURNS: u64 = 6;
/// Of each session: its root, and of each turn five spans.
pub(crate) const SPANS: u64 = ROUNDS * THREADS * SESSIONS * (1 + TURNS * 5);
pub(crate) const RECORDS: u64 = ROUNDS * THREADS * SESSIONS * TURNS * 2;
/// The events and links that a span may have: some try to have more.
pub(crate) const EVENTS: usize = 4;
pub(crate) const LINKS: usize = 2;

const REMOTE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const KINDS: [SpanKind; 5] = [
    SpanKind::Internal,
    SpanKind::Server,
    SpanKind::Client,
    SpanKind::Producer,
    SpanKind::Consumer,
];

pub(crate) fn resource() -> Resource {
    Resource::empty()
        .service("through-an-agent")
        .service_version("0.0.1")
        .attribute("host.cores", 8)
        .attribute("share", 0.25)
        .attribute("spot", true)
        .attribute("zones", Value::Array(&[Value::Str("a"), Value::Str("b")]))
}

/// Runs all sessions to their ends, in rounds of which each fits into what a lane holds.
pub(crate) fn all(pipeline: &Pipeline, runtime: &Runtime) {
    for round in 0..ROUNDS {
        std::thread::scope(|scope| {
            for thread in 0..THREADS {
                scope.spawn(move || {
                    for number in 0..SESSIONS {
                        run_session(pipeline, thread, round * SESSIONS + number);
                    }
                });
            }
        });
        let flush = runtime
            .block_on(pipeline.flush(PATIENCE))
            .expect("it is open");
        assert!(flush.complete, "{flush:?}");
    }
}

fn remote() -> SpanContext {
    SpanContext::from_traceparent(REMOTE).expect("a traceparent")
}

fn run_session(pipeline: &Pipeline, thread: u64, number: u64) {
    let id = format!("session {thread} {number} \u{1f980} \u{e9}");
    let mut opening = pipeline
        .open_session(&id)
        .agent("planner")
        .user("user-3")
        .tag("peers")
        .link(&remote(), &[])
        .attribute("number", number);
    if number % 4 == 1 {
        opening = opening.parent(remote());
    }
    let session = opening.open().expect("open");
    for turn in 0..TURNS {
        run_turn(&session, turn);
    }
    session.finish(match number % 3 {
        0 => EndState::Success,
        1 => EndState::Error("it gave up"),
        _ => EndState::Unset,
    });
}

/// Five spans, four of them below the first, and two records.
fn run_turn(session: &Session, turn: u64) {
    let mut outer = session.child("turn").start();
    outer.set("number", turn).ok();

    let mut chat = outer.chat("anthropic", "claude-sonnet-4-5").start();
    chat.usage(Usage {
        input: Some(800 + turn),
        output: Some(90),
        cache_read: Some(0),
        ..Usage::default()
    });
    chat.cost(0.0049);
    let mut tool = chat.tool("search").call_id("call_1").start();
    add_all_attributes(&mut tool);
    let mut inner = tool
        .child("inner")
        .kind(KINDS[turn as usize % KINDS.len()])
        .link(&outer.context())
        .start();
    add_events_and_links(&mut inner, turn);
    write_records(session, &inner, turn);
    inner.exception("Timeout", "no answer after 10 ms", "at a\nat b");
    inner.end();
    tool.error("timeout", "no answer");

    let start = UNIX_EPOCH + Duration::from_nanos(1_773_480_413_000_000_001);
    let late = outer
        .child("told late")
        .record(start, start + Duration::from_nanos(999));
    late.end();
}

/// Every kind of value, and the edges of each.
fn add_all_attributes(span: &mut Span) {
    let map = [("n", Value::Int(-1)), ("", Value::Empty)];
    let mixed = [
        Value::Str("x"),
        Value::Bool(false),
        Value::Map(&map),
        Value::Array(&[]),
    ];
    let values = [
        ("empty", Value::Empty),
        ("text", Value::Str("\u{0}\n\"\u{1f980}")),
        ("no text", Value::Str("")),
        ("yes", Value::Bool(true)),
        ("no", Value::Bool(false)),
        ("zero", Value::Int(0)),
        ("least", Value::Int(i64::MIN)),
        ("most", Value::Int(i64::MAX)),
        ("half", Value::Double(0.5)),
        ("minus zero", Value::Double(-0.0)),
        ("nan", Value::Double(f64::NAN)),
        ("infinite", Value::Double(f64::NEG_INFINITY)),
        ("bytes", Value::Bytes(&[0, 255, 128])),
        ("no bytes", Value::Bytes(&[])),
        ("mixed", Value::Array(&mixed)),
        ("map", Value::Map(&[("inner", Value::Map(&map))])),
        ("no map", Value::Map(&[])),
    ];
    for (key, value) in values {
        span.set(key, value);
    }
    let long = "long ".repeat(500);
    span.set("long", &long);
}

/// As many as the turn says: in some turns more than a span may have.
fn add_events_and_links(span: &mut Span, turn: u64) {
    for number in 0..turn {
        let attributes = [
            ("number", Value::from(number)),
            ("last", Value::Bool(false)),
        ];
        span.event("step", &attributes);
        span.link(&remote(), &[("why", Value::Str("follows"))]);
    }
    span.event_at("then", UNIX_EPOCH + Duration::from_secs(1), &[]);
}

fn write_records(session: &Session, span: &Span, turn: u64) {
    let body = [("said", Value::Str("hello")), ("times", Value::from(turn))];
    span.log(Value::Map(&body))
        .severity(Severity::Warn)
        .attribute("number", turn * 2)
        .attribute("bytes", Value::Bytes(&[1, 2]))
        .emit();
    session
        .event("context.built")
        .attribute("number", turn * 2 + 1)
        .at(SystemTime::UNIX_EPOCH + Duration::from_secs(7))
        .emit();
}
