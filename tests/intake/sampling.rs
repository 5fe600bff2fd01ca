//! Policies judge sessions of others as they judge own ones: each is kept whole or dropped whole.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use prost::Message;
use spanreel::testing::InMemory;
use spanreel::{
    ByteSize, Fate, Holding, Outcome, Pipeline, Policy, PolicyStats, Receipt, Resource, Rule,
    Sampling, Signal,
};

use crate::requests::{metrics, traces_of};
use crate::support::ledger::{assert_adds_up, assert_settled};

const LONG: Duration = Duration::from_secs(20);

fn start(sampling: Sampling) -> (Pipeline, InMemory) {
    let memory = InMemory::new();
    let builder = Pipeline::builder()
        .resource(Resource::empty())
        .sampling(sampling)
        .budget(ByteSize::mib(8));
    let pipeline = builder.export(memory.clone()).start().expect("valid");
    (pipeline, memory)
}

fn attribute(key: &str, value: &str) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue {
            value: Some(Value::StringValue(value.to_owned())),
        }),
        ..KeyValue::default()
    }
}

fn trace_id(session: u64) -> Vec<u8> {
    // The last bytes are the randomness: spread over all of its range.
    let low = session.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    [(session + 1).to_be_bytes(), low.to_be_bytes()].concat()
}

/// A span of a session, which is named by its number; number 0 is the root.
fn span(session: u64, number: u64) -> Span {
    Span {
        trace_id: trace_id(session),
        span_id: (session * 100 + number + 1).to_be_bytes().to_vec(),
        parent_span_id: match number {
            0 => Vec::new(),
            _ => (session * 100 + 1).to_be_bytes().to_vec(),
        },
        name: format!("session {session}"),
        ..Span::default()
    }
}

fn failed(span: Span) -> Span {
    let status = Status {
        code: 2,
        ..Status::default()
    };
    Span {
        status: Some(status),
        ..span
    }
}

fn request(spans: Vec<Span>) -> Bytes {
    let request = ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            scope_spans: vec![ScopeSpans {
                spans,
                ..ScopeSpans::default()
            }],
            ..ResourceSpans::default()
        }],
    };
    request.encode_to_vec().into()
}

async fn accept(pipeline: &Pipeline, spans: Vec<Span>) -> Receipt {
    let intake = pipeline.intake();
    let accepted = intake.accept(Signal::Traces, request(spans));
    accepted.await.expect("valid")
}

/// How many spans of each session were exported, by name.
fn spans_by_name(memory: &InMemory) -> BTreeMap<String, usize> {
    let mut count = BTreeMap::new();
    for span in memory.spans() {
        *count.entry(span.name).or_default() += 1;
    }
    count
}

fn policy(pipeline: &Pipeline, name: &str) -> PolicyStats {
    let stats = pipeline.stats().sampling.policies;
    let found = stats.into_iter().find(|policy| policy.name == name);
    found.expect("a policy of this name")
}

/// A session whose spans come in several requests, among those of others, is kept whole or dropped whole:
/// all that failed anywhere, and of the others the share, whose spans tell the threshold. The receipts tell
/// what became of every span, and the ledger adds up.
#[tokio::test]
async fn sessions_are_kept_whole_or_dropped_whole() {
    const SESSIONS: u64 = 300;
    let sampling = Sampling::ratio(0.25).policy(Policy::keep(Rule::Errors).named("failed"));
    let (pipeline, memory) = start(sampling);
    let fails = |session: u64| session % 10 == 3;
    let mut receipts = Vec::new();
    for numbers in [&[1, 2][..], &[3], &[4, 0]] {
        let mut spans = Vec::new();
        for number in numbers {
            for session in 0..SESSIONS {
                let span = span(session, *number);
                let fails = fails(session) && *number == 1 + session % 4;
                spans.push(if fails { failed(span) } else { span });
            }
        }
        receipts.push(accept(&pipeline, spans).await);
    }
    pipeline.flush(LONG).await.expect("open");
    let kept = spans_by_name(&memory);
    for session in 0..SESSIONS {
        let name = format!("session {session}");
        let randomness = u64::from_be_bytes(trace_id(session)[8..].try_into().expect("8 bytes"));
        let is_share = randomness & ((1 << 56) - 1) >= 3 << 54;
        let expected = (fails(session) || is_share).then_some(5);
        assert_eq!(kept.get(&name).copied(), expected, "{name}");
    }
    for span in memory.spans() {
        let session: u64 = span
            .name
            .trim_start_matches("session ")
            .parse()
            .expect("a number");
        let expected = if fails(session) { "" } else { "ot=th:c" };
        assert_eq!(span.trace_state, expected, "{}", span.name);
    }
    let exported = memory.spans().len() as u64;
    let (mut told, mut dropped) = (0, 0);
    for receipt in receipts {
        let delivered = receipt.delivered().await;
        assert!(delivered.is_lossless(), "what is sampled out is no loss");
        told += delivered.of(Fate::Exported);
        dropped += delivered.of(Fate::SampledOut);
    }
    assert_eq!((told, dropped), (exported, 5 * SESSIONS - exported));
    let (failed, rest) = (policy(&pipeline, "failed"), policy(&pipeline, "rest"));
    assert_eq!(
        (failed.kept, failed.kept_items),
        (SESSIONS / 10, SESSIONS / 2)
    );
    assert_eq!(failed.kept + rest.kept + rest.dropped, SESSIONS);
    assert_eq!(failed.kept_items + rest.kept_items, exported);
    assert_eq!(rest.dropped_items, dropped);
    let report = pipeline.shutdown(LONG).await;
    assert_settled(&report);
    assert_eq!(report.traces.fates.of(Fate::SampledOut), dropped);
}

/// What is asked of a session is answered from its spans: its agent, the state of its root, an attribute in
/// any of its traces.
#[tokio::test]
async fn rules_see_what_spans_tell() {
    let sampling = Sampling::always_off()
        .policy(Policy::keep(Rule::Agent("plan*".into())).named("agent"))
        .policy(Policy::keep(Rule::EndState(Outcome::Error)).named("ended badly"))
        .policy(Policy::keep(Rule::attribute("app.tier", "gold")).named("gold"));
    let (pipeline, memory) = start(sampling);
    let with = |span: Span, key: &str, value: &str| Span {
        attributes: [span.attributes, vec![attribute(key, value)]].concat(),
        ..span
    };
    let agent = with(span(1, 0), "gen_ai.agent.name", "planner");
    let inner_failure = [failed(span(2, 1)), span(2, 0)];
    let bad_end = [span(3, 1), failed(span(3, 0))];
    // One session in two traces, told by its id.
    let gold = [
        with(span(4, 1), "session.id", "one of two traces"),
        with(
            with(span(5, 1), "session.id", "one of two traces"),
            "app.tier",
            "gold",
        ),
    ];
    let mut spans = vec![agent];
    spans.extend(inner_failure);
    spans.extend(bad_end);
    spans.extend(gold);
    drop(accept(&pipeline, spans).await);
    pipeline.flush(LONG).await.expect("open");
    let kept = spans_by_name(&memory);
    let expected = [
        ("session 1", 1),
        ("session 3", 2),
        ("session 4", 1),
        ("session 5", 1),
    ];
    let expected = expected.map(|(name, count)| (name.to_owned(), count));
    assert_eq!(kept, expected.into());
    for name in ["agent", "ended badly", "gold"] {
        assert_eq!(policy(&pipeline, name).kept, 1, "{name}");
    }
    assert_settled(&pipeline.shutdown(LONG).await);
}

/// What comes late follows the decision, a failure too, which comes too late; log records of a session
/// are judged with it, and metrics pass.
#[tokio::test]
async fn what_comes_late_follows() {
    let sampling = Sampling::always_off().always_keep(Rule::Errors);
    let (pipeline, memory) = start(sampling);
    let log = |session: u64| LogRecord {
        trace_id: trace_id(session),
        span_id: vec![1; 8],
        ..LogRecord::default()
    };
    let logs = |records: Vec<LogRecord>| {
        let request = ExportLogsServiceRequest {
            resource_logs: vec![ResourceLogs {
                scope_logs: vec![ScopeLogs {
                    log_records: records,
                    ..ScopeLogs::default()
                }],
                ..ResourceLogs::default()
            }],
        };
        Bytes::from(request.encode_to_vec())
    };
    let intake = pipeline.intake();
    let early = intake
        .accept(Signal::Logs, logs(vec![log(1), log(2)]))
        .await;
    let early = early.expect("valid");
    drop(accept(&pipeline, vec![span(1, 0), failed(span(2, 1))]).await);
    drop(accept(&pipeline, vec![failed(span(1, 1)), span(2, 0)]).await);
    drop(accept(&pipeline, vec![span(1, 2), span(2, 2)]).await);
    let late = intake
        .accept(Signal::Logs, logs(vec![log(1), log(2), log(2)]))
        .await;
    let late = late.expect("valid");
    let points = intake
        .accept(Signal::Metrics, metrics(3))
        .await
        .expect("valid");
    pipeline.flush(LONG).await.expect("open");
    assert_eq!(spans_by_name(&memory), [("session 2".to_owned(), 3)].into());
    assert_eq!(early.delivered().await.of(Fate::Exported), 1);
    assert_eq!(late.delivered().await.of(Fate::Exported), 2);
    assert_eq!(points.delivered().await.of(Fate::Exported), 3);
    assert_adds_up(&pipeline.stats());
    assert_settled(&pipeline.shutdown(LONG).await);
}

/// Policies can be replaced while requests come: those apply to sessions that begin from then on, and what
/// was decided before still counts, also after policies that keep everything.
#[tokio::test]
async fn policies_are_replaced_between_requests() {
    let (pipeline, memory) = start(Sampling::always_on());
    drop(accept(&pipeline, vec![span(1, 1), span(1, 0)]).await);
    assert_eq!(pipeline.stats().sampling.undecided, 0);
    let failures = Sampling::always_off().always_keep(Rule::Errors);
    pipeline.set_sampling(&failures).expect("right");
    drop(accept(&pipeline, vec![span(2, 1), span(2, 0), span(3, 1)]).await);
    pipeline.flush(LONG).await.expect("open");
    pipeline
        .set_sampling(&Sampling::always_on())
        .expect("right");
    drop(accept(&pipeline, vec![failed(span(2, 2)), span(3, 0), span(4, 0)]).await);
    pipeline.flush(LONG).await.expect("open");
    let kept = spans_by_name(&memory);
    let expected = [("session 1", 2), ("session 4", 1)];
    let expected = expected.map(|(name, count)| (name.to_owned(), count));
    assert_eq!(kept, expected.into());
    assert_settled(&pipeline.shutdown(LONG).await);
}

/// Sessions that are held give way to a request that finds no room: they are decided early, and the largest
/// request that may be comes in, long before they would have been decided.
#[tokio::test]
async fn held_sessions_give_way_to_requests() {
    let holding = Holding {
        max_bytes: Some(ByteSize::mib(6)),
        ..Holding::default()
    };
    let sampling = Sampling::always_off()
        .always_keep(Rule::Errors)
        .holding(holding);
    let (pipeline, memory) = start(sampling);
    for session in 0..40 {
        let large = Span {
            name: "x".repeat(100 << 10),
            ..span(session, 1)
        };
        drop(accept(&pipeline, vec![large]).await);
    }
    let largest = pipeline.intake().max_request_bytes();
    let request = traces_of(u64::MAX, 4, largest / 4 - 100);
    assert!(request.len() <= largest);
    let intake = pipeline.intake();
    let accepted = intake.accept(Signal::Traces, request);
    let receipt = tokio::time::timeout(LONG, accepted)
        .await
        .expect("room was made");
    assert_eq!(receipt.expect("valid").items(), 4);
    assert!(pipeline.stats().sampling.early > 0);
    let stats = pipeline.stats();
    assert!(stats.memory <= stats.budget);
    let report = pipeline.shutdown(LONG).await;
    assert_settled(&report);
    assert_eq!(
        memory.spans().len() as u64,
        report.traces.fates.of(Fate::Exported)
    );
}
