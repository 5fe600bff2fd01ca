//! Requests through a whole pipeline, by session and without.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use proptest::prelude::*;
use prost::Message;

use super::watch::{SessionLabel, SessionSeen, Watch};
use crate::model::otlp::foreign::sessions::SessionName;
use crate::model::otlp::foreign::tests::{field, spans_in, unknown, with_right_ids, with_unknown};
use crate::model::otlp::view::arbitrary::{any_double, traces};
use crate::model::whole::tests::spans_with_origin;
use crate::{
    BatchConfig, ByteSize, Export, ExportError, Fate, Flow, Item, Pipeline, Process, Request,
    Sample, SessionFacts, Signal, TraceId, Verdict,
};

const LONG: Duration = Duration::from_secs(20);

/// Keeps the bytes of every request.
#[derive(Clone, Default)]
struct Keep(Arc<Mutex<Vec<Bytes>>>);

impl Export for Keep {
    fn name(&self) -> &str {
        "keep"
    }

    async fn export(&self, request: Request) -> Result<(), ExportError> {
        self.0.lock().unwrap().push(request.to_bytes());
        Ok(())
    }
}

impl Keep {
    fn requests(&self) -> Vec<ExportTraceServiceRequest> {
        let kept = self.0.lock().unwrap();
        let read = |bytes: &Bytes| ExportTraceServiceRequest::decode(&bytes[..]).expect("valid");
        kept.iter().map(read).collect()
    }
}

/// Lets everything pass.
struct Look;

impl Process for Look {
    fn process(&mut self, _item: &mut Item<'_>) -> Flow {
        Flow::Pass
    }
}

/// Keeps every session at the end.
struct Late;

impl Sample for Late {
    fn sample(&mut self, session: &SessionFacts) -> Verdict {
        match session.last_chance {
            true => Verdict::Keep,
            false => Verdict::Wait,
        }
    }
}

fn small_batches() -> BatchConfig {
    BatchConfig {
        max_export_batch_size: 3,
        max_export_batch_bytes: ByteSize::kib(1),
        ..BatchConfig::default()
    }
}

/// What leaves a pipeline that is given these requests.
fn through(
    pipeline: &Pipeline,
    keep: &Keep,
    requests: &[ExportTraceServiceRequest],
) -> Vec<ExportTraceServiceRequest> {
    let intake = pipeline.intake();
    let items: u64 = requests.iter().map(spans_in).sum();
    let receipts: Vec<_> = requests
        .iter()
        .map(|request| {
            let bytes = request.encode_to_vec().into();
            let accepted = intake.accept(Signal::Traces, bytes);
            futures::executor::block_on(accepted).expect("valid")
        })
        .collect();
    let report = pipeline.shutdown_blocking(LONG);
    assert!(report.is_lossless(), "{report}");
    assert_eq!(report.traces.received, items);
    let exported: u64 = receipts
        .into_iter()
        .map(|receipt| futures::executor::block_on(receipt.delivered()).of(Fate::Exported))
        .sum();
    assert_eq!(exported, items);
    keep.requests()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// Whole, cut to small batches, split by session, held and processed: what leaves is the same spans
    /// of the same resources and scopes.
    #[test]
    fn what_leaves_is_what_came(requests in proptest::collection::vec(traces(any_double), 1..4)) {
        let requests: Vec<_> = requests.into_iter().map(with_right_ids).collect();
        let expected = spans_with_origin(&requests);
        let builder = || {
            let keep = Keep::default();
            (Pipeline::builder().export(keep.clone()), keep)
        };
        for (shape, (builder, keep)) in std::iter::repeat_with(builder).take(4).enumerate() {
            let builder = match shape {
                0 => builder,
                1 => builder.batch(small_batches()),
                2 => builder.sample(Late),
                _ => builder.process(Look).batch(small_batches()),
            };
            let pipeline = builder.start().expect("valid");
            let left = through(&pipeline, &keep, &requests);
            prop_assert_eq!(&spans_with_origin(&left), &expected, "shape {}", shape);
        }
    }
}

/// Split by session, unknown fields of spans, scopes and resources survive.
#[test]
fn unknown_fields_survive_the_split() {
    let keep = Keep::default();
    let builder = Pipeline::builder().export(keep.clone()).sample(Late);
    let pipeline = builder.start().expect("valid");
    let bytes = with_unknown(&Span::default());
    let accepted = pipeline
        .intake()
        .try_accept(Signal::Traces, bytes.clone().into());
    assert_eq!(accepted.expect("valid").items(), 1);
    pipeline.shutdown_blocking(LONG);
    let kept = keep.0.lock().unwrap();
    let [left] = &kept[..] else {
        panic!("one request, not {}", kept.len());
    };
    let unknown = unknown();
    let count = |bytes: &[u8]| {
        bytes
            .windows(unknown.len())
            .filter(|it| *it == unknown)
            .count()
    };
    // All but those of the request itself.
    assert_eq!(count(left), count(&bytes) - 1);
}

/// A request of so many sessions that have a span each, whose name has so many bytes.
fn sessions(count: u64, name: usize) -> Bytes {
    let span = |number: u64| Span {
        trace_id: [7_u64.to_be_bytes(), (number + 1).to_be_bytes()].concat(),
        span_id: (number + 1).to_be_bytes().to_vec(),
        // Its session has not ended: it is held.
        parent_span_id: vec![9; 8],
        name: "x".repeat(name),
        ..Span::default()
    };
    request(vec![], (0..count).map(span).collect())
}

/// The longest request that a pipeline takes has room in it beside others, whatever the sessions are that it is
/// split into: the buffers that they get have not much more than they need.
#[test]
fn split_sessions_take_no_more_than_they_need() {
    let budget = ByteSize::mib(8);
    // With what is noted of their sessions, nearly as much as is taken.
    for (count, name) in [(400, 9000), (800, 4150), (440, 8150), (4_500, 1)] {
        let builder = Pipeline::builder().budget(budget).export(Keep::default());
        let pipeline = builder.sample(Late).start().expect("valid");
        let intake = pipeline.intake();
        // A sixth of the budget is held by others.
        let others = sessions(140, 9000);
        drop(intake.try_accept(Signal::Traces, others).expect("room"));
        let request = sessions(count, name);
        assert!(request.len() <= intake.max_request_bytes());
        let accepted = intake.try_accept(Signal::Traces, request).expect("room");
        assert_eq!(accepted.sessions() as u64, count);
        let report = pipeline.shutdown_blocking(LONG);
        assert!(report.is_lossless(), "{report}");
    }
}

fn text(key: &str, value: &str) -> KeyValue {
    attribute(key, Value::StringValue(value.to_owned()))
}

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue { value: Some(value) }),
        key_strindex: 0,
    }
}

/// A request of one resource.
fn request(resource: Vec<KeyValue>, spans: Vec<Span>) -> Bytes {
    let request = ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: Some(Resource {
                attributes: resource,
                ..Resource::default()
            }),
            scope_spans: vec![ScopeSpans {
                spans,
                ..ScopeSpans::default()
            }],
            ..ResourceSpans::default()
        }],
    };
    request.encode_to_vec().into()
}

fn span(attributes: Vec<KeyValue>) -> Span {
    Span {
        trace_id: vec![9; 16],
        span_id: vec![1; 8],
        parent_span_id: vec![2; 8],
        attributes,
        ..Span::default()
    }
}

/// What was seen: label, service, items, errors, calls of models and tools, tokens, cost, ended.
type Seen = (String, String, u64, u64, u64, u64, u64, f64, bool);

/// Notes what it is told.
#[derive(Clone, Default)]
struct Notes(Arc<Mutex<Vec<Seen>>>);

impl Watch for Notes {
    fn seen(&self, it: &SessionSeen<'_>) {
        let label = match it.label {
            SessionLabel::Id(id) => id.to_owned(),
            SessionLabel::Trace(id) => id.to_string(),
            SessionLabel::None => "none".to_owned(),
        };
        let service = it.service.to_owned();
        let calls = (it.llm_calls, it.tool_calls);
        self.0.lock().unwrap().push((
            label,
            service,
            it.items,
            it.errors,
            calls.0,
            calls.1,
            it.tokens,
            it.cost,
            it.root_ended,
        ));
    }
}

/// What is seen of a request.
fn seen(resource: Vec<KeyValue>, spans: Vec<Span>) -> Vec<Seen> {
    let notes = Notes::default();
    let pipeline = Pipeline::builder()
        .export(crate::Null)
        .start()
        .expect("valid");
    let intake = pipeline
        .intake()
        .recognise_sessions(false)
        .watch(notes.clone());
    let accepted = intake.try_accept(Signal::Traces, request(resource, spans));
    drop(accepted.expect("valid"));
    pipeline.shutdown_blocking(LONG);
    std::mem::take(&mut *notes.0.lock().unwrap())
}

fn label(resource: Vec<KeyValue>, attributes: Vec<KeyValue>) -> String {
    let seen = seen(resource, vec![span(attributes)]);
    assert_eq!(seen.len(), 1);
    seen[0].0.clone()
}

/// Every key that names a session does, on a span and on a resource; the earlier of the table wins, and
/// a span's own wins over its resource's; else it is the trace.
#[test]
fn sessions_are_recognised_by_their_keys() {
    let keys = [
        "session.id",
        "gen_ai.conversation.id",
        "langfuse.session.id",
        "traceloop.association.properties.session_id",
        "workflow.session_id",
    ];
    for (rank, key) in keys.into_iter().enumerate() {
        assert_eq!(label(vec![], vec![text(key, "s")]), "s", "{key}");
        assert_eq!(label(vec![text(key, "s")], vec![]), "s", "{key}");
        let all = |order: &mut dyn Iterator<Item = &&str>| -> Vec<_> {
            order.map(|key| text(key, key)).collect()
        };
        assert_eq!(label(vec![], all(&mut keys[rank..].iter())), key);
        assert_eq!(label(vec![], all(&mut keys[rank..].iter().rev())), key);
        assert_eq!(
            label(vec![text("session.id", "r")], vec![text(key, "s")]),
            "s"
        );
    }
    assert_eq!(label(vec![], vec![text("session.id", "")]), "09".repeat(16));
    let number = attribute("session.id", Value::IntValue(7));
    assert_eq!(label(vec![], vec![number]), "09".repeat(16));
    let nowhere = Span {
        trace_id: vec![0; 16],
        ..Span::default()
    };
    assert_eq!(seen(vec![], vec![nowhere])[0].0, "none");
}

/// Calls, tokens, cost, errors and ends are counted in every dialect, and once where two say the same.
#[test]
fn facts_are_read_in_every_dialect() {
    let int = |key: &str, value| attribute(key, Value::IntValue(value));
    let double = |key: &str, value| attribute(key, Value::DoubleValue(value));
    // Model calls, tool calls, tokens, cost.
    let table = [
        (
            vec![
                text("gen_ai.operation.name", "chat"),
                int("gen_ai.usage.input_tokens", 10),
                int("gen_ai.usage.output_tokens", 5),
                double("gen_ai.usage.cost", 0.5),
            ],
            (1, 0, 15, 0.5),
        ),
        (
            vec![
                text("agentops.span.kind", "tool"),
                text("gen_ai.usage.total_cost", "0.25"),
            ],
            (0, 1, 0, 0.25),
        ),
        (
            vec![
                text("agentops.span.kind", "llm"),
                int("gen_ai.usage.prompt_tokens", 7),
                int("gen_ai.usage.completion_tokens", 3),
                int("gen_ai.usage.total_tokens", 10),
                double("gen_ai.usage.prompt_cost", 0.25),
                double("gen_ai.usage.completion_cost", 0.5),
            ],
            (1, 0, 10, 0.75),
        ),
        (
            vec![
                text("llm.request.type", "chat"),
                int("llm.usage.total_tokens", 4),
                int("gen_ai.usage.input_tokens", 3),
            ],
            (1, 0, 4, 0.0),
        ),
        (
            vec![
                text("openinference.span.kind", "LLM"),
                int("llm.token_count.prompt", 2),
                int("llm.token_count.completion", 2),
            ],
            (1, 0, 4, 0.0),
        ),
        (vec![text("traceloop.span.kind", "tool")], (0, 1, 0, 0.0)),
        (
            vec![text("langfuse.observation.type", "generation")],
            (1, 0, 0, 0.0),
        ),
        // What an agent says is the sum of what is below it.
        (
            vec![
                text("gen_ai.operation.name", "invoke_agent"),
                int("gen_ai.usage.input_tokens", 10),
                double("gen_ai.usage.cost", 1.0),
            ],
            (0, 0, 0, 0.0),
        ),
        // Nonsense counts as nothing.
        (
            vec![
                int("gen_ai.usage.input_tokens", -10),
                text("gen_ai.usage.total_cost", "cheap"),
                double("gen_ai.usage.cost", f64::NAN),
                double("gen_ai.usage.prompt_cost", f64::INFINITY),
            ],
            (0, 0, 0, 0.0),
        ),
    ];
    for (attributes, expected) in table {
        let shown = format!("{attributes:?}");
        let seen = seen(vec![text("service.name", "shop")], vec![span(attributes)]);
        let (_, service, items, errors, llm, tool, tokens, cost, ended) = &seen[0];
        assert_eq!((*llm, *tool, *tokens, *cost), expected, "{shown}");
        assert_eq!((&**service, *items, *errors, *ended), ("shop", 1, 0, false));
    }
    let failed_root = Span {
        parent_span_id: vec![],
        status: Some(Status {
            code: 2,
            ..Status::default()
        }),
        ..span(vec![])
    };
    let found = seen(vec![], vec![span(vec![]), failed_root]);
    assert_eq!((found[0].2, found[0].3, found[0].8), (2, 1, true));
}

/// A span that tells how its session ended is the session's root, though another process called it.
#[test]
fn an_end_state_ends_a_session_that_another_called() {
    for key in ["spanreel.session.end_state", "agentops.session.end_state"] {
        let found = seen(vec![], vec![span(vec![text(key, "success")])]);
        assert!(found[0].8, "{key}");
    }
}

/// Judges foreign sessions by what they did, and notes what it was told.
struct Dear(Arc<Mutex<Vec<SessionFacts>>>);

impl Sample for Dear {
    fn sample(&mut self, session: &SessionFacts) -> Verdict {
        if !session.ended {
            return Verdict::Wait;
        }
        self.0.lock().unwrap().push(*session);
        match session.cost > 1.0 {
            true => Verdict::Keep,
            false => Verdict::Drop,
        }
    }
}

/// Sessions of others are judged as own ones are, over several requests; what is of no session is
/// judged at once.
#[test]
fn foreign_sessions_are_judged() {
    let (keep, judged) = (Keep::default(), Arc::default());
    let builder = Pipeline::builder().export(keep.clone());
    let pipeline = builder
        .sample(Dear(Arc::clone(&judged)))
        .start()
        .expect("valid");
    let intake = pipeline.intake();
    let cost = |session, cost, root: bool| Span {
        parent_span_id: vec![2; if root { 0 } else { 8 }],
        ..span(vec![
            text("session.id", session),
            attribute("gen_ai.usage.cost", Value::DoubleValue(cost)),
        ])
    };
    for spans in [
        vec![cost("dear", 1.0, false), cost("cheap", 0.5, false)],
        vec![cost("cheap", 0.25, true), cost("dear", 1.0, true)],
        vec![cost("dear", 0.0, false), Span::default()],
    ] {
        drop(
            intake
                .try_accept(Signal::Traces, request(vec![], spans))
                .expect("valid"),
        );
    }
    let report = pipeline.shutdown_blocking(LONG);
    let left = keep.requests();
    assert_eq!(left.iter().map(spans_in).sum::<u64>(), 3);
    assert_eq!(report.traces.fates.of(Fate::SampledOut), 3);
    let judged = judged.lock().unwrap();
    let facts: Vec<_> = judged.iter().map(|it| (it.spans, it.cost)).collect();
    assert_eq!(facts, [(2, 0.75), (2, 2.0), (1, 0.0)]);
}

/// A foreign session with the id of an own one is the same session.
#[test]
fn a_foreign_session_has_the_key_of_an_own_one() {
    let (key, is_nobody) = super::split::key(&SessionName::Id(b"conv-8f2e"), None);
    assert_eq!(
        (key.0, is_nobody),
        (TraceId::of_session("conv-8f2e"), false)
    );
}

/// A processor sees and changes the spans of others, whatever their resource.
#[test]
fn a_processor_changes_the_spans_of_others() {
    struct Hide;
    impl Process for Hide {
        fn process(&mut self, item: &mut Item<'_>) -> Flow {
            item.remove("secret");
            match item.name() {
                "ping" => Flow::Drop,
                _ => Flow::Pass,
            }
        }
    }
    let keep = Keep::default();
    let builder = Pipeline::builder().export(keep.clone()).process(Hide);
    let pipeline = builder.start().expect("valid");
    let ping = Span {
        name: "ping".to_owned(),
        ..span(vec![])
    };
    let spans = vec![span(vec![text("secret", "x")]), ping, span(vec![])];
    let bytes = request(vec![text("service.name", "shop")], spans);
    let receipt = pipeline
        .intake()
        .try_accept(Signal::Traces, bytes)
        .expect("valid");
    pipeline.shutdown_blocking(LONG);
    let delivered = futures::executor::block_on(receipt.delivered());
    assert_eq!(delivered.of(Fate::Filtered), 1);
    assert_eq!(delivered.of(Fate::Exported), 2);
    assert!(delivered.is_lossless());
    let left = keep.requests();
    let group = &left[0].resource_spans[0];
    assert_eq!(group.resource.as_ref().expect("kept").attributes.len(), 1);
    assert!(
        group.scope_spans[0]
            .spans
            .iter()
            .all(|it| it.attributes.is_empty())
    );
}

/// A thousand requests of one service share one origin.
#[test]
fn requests_of_one_service_share_an_origin() {
    let pool = crate::actors::pool::Pool::new(1 << 20);
    let origins = super::origins::Origins::default();
    let first = origins.get(b"resource", b"scope", &pool);
    for _ in 0..1000 {
        assert!(Arc::ptr_eq(
            &first,
            &origins.get(b"resource", b"scope", &pool)
        ));
    }
    assert!(!Arc::ptr_eq(
        &first,
        &origins.get(b"resources", b"cope", &pool)
    ));
    for number in 0..5000_u32 {
        origins.get(&number.to_le_bytes(), &[0; 1000], &pool);
    }
    assert!(pool.in_use() <= 300 << 10, "{}", pool.in_use());
    let large = field(1, &[0; 100_000]);
    drop(origins.get(&large, b"", &pool));
    assert!(pool.in_use() <= 300 << 10, "large ones are not kept");
}
