//! What a span costs that is received from elsewhere: to check it, to recognise its session too, and
//! to take it through the whole pipeline.
//!
//! A request holds 512 spans of 12 attributes each (seven texts, three integers, two doubles), about
//! what an instrumented LLM call sends. Scans alone are measured by requests that are refused after
//! them, since no exporter takes their signal.

use bytes::Bytes;
use divan::{Bencher, counter::ItemsCount};
use futures::executor::block_on;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;
use spanreel::{
    BatchConfig, Exporter, Intake, IntakeError, Null, Pipeline, Sample, SessionFacts, Signal,
    Verdict,
};

const SPANS: usize = 512;

fn main() {
    divan::main();
}

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue { value: Some(value) }),
        key_strindex: 0,
    }
}

/// A request whose spans belong in turn to so many sessions.
fn request(sessions: usize) -> Bytes {
    let text = |key, value: &str| attribute(key, Value::StringValue(value.to_owned()));
    let span = |number: usize| Span {
        trace_id: vec![1; 16],
        span_id: (number as u64 + 1).to_be_bytes().to_vec(),
        parent_span_id: vec![2; 8],
        name: "chat claude-sonnet-4-5".to_owned(),
        kind: 3,
        start_time_unix_nano: 1_700_000_000_000_000_000,
        end_time_unix_nano: 1_700_000_001_000_000_000,
        attributes: vec![
            text("session.id", &format!("conversation-{}", number % sessions)),
            text("gen_ai.operation.name", "chat"),
            text("gen_ai.provider.name", "anthropic"),
            text("gen_ai.request.model", "claude-sonnet-4-5"),
            text("gen_ai.response.model", "claude-sonnet-4-5-20250929"),
            text("gen_ai.response.id", "msg_01XFDUDYJgAACzvnptvVoYEL"),
            text("server.address", "api.anthropic.com"),
            attribute("server.port", Value::IntValue(443)),
            attribute("gen_ai.usage.input_tokens", Value::IntValue(812)),
            attribute("gen_ai.usage.output_tokens", Value::IntValue(96)),
            attribute("gen_ai.request.temperature", Value::DoubleValue(0.7)),
            attribute("gen_ai.request.top_p", Value::DoubleValue(0.9)),
        ],
        ..Span::default()
    };
    let request = ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: Some(Resource {
                attributes: vec![text("service.name", "planner")],
                ..Resource::default()
            }),
            scope_spans: vec![ScopeSpans {
                spans: (0..SPANS).map(span).collect(),
                ..ScopeSpans::default()
            }],
            ..ResourceSpans::default()
        }],
    };
    request.encode_to_vec().into()
}

fn measure(bencher: Bencher<'_, '_>, call: impl Fn() + Sync) {
    bencher.counter(ItemsCount::new(SPANS)).bench_local(call);
}

fn scan(bencher: Bencher<'_, '_>, recognise: bool, sessions: usize) {
    let exporter = Exporter::from(Null).signals(&[Signal::Logs]);
    let pipeline = Pipeline::builder().export(exporter).start().expect("valid");
    let intake = pipeline.intake().recognise_sessions(recognise);
    let request = request(sessions);
    measure(bencher, || {
        let refused = intake.try_accept(Signal::Traces, request.clone());
        assert!(matches!(refused, Err(IntakeError::NotTaken { .. })));
    });
}

/// The check alone.
#[divan::bench]
fn scan_only(bencher: Bencher<'_, '_>) {
    scan(bencher, false, 1);
}

/// The check with the sessions and what they did, for spans of so many sessions in turn.
#[divan::bench(args = [1, 64])]
fn scan_with_sessions(bencher: Bencher<'_, '_>, sessions: usize) {
    scan(bencher, true, sessions);
}

fn through(bencher: Bencher<'_, '_>, pipeline: &Pipeline, intake: &Intake, sessions: usize) {
    let request = request(sessions);
    measure(bencher, || {
        let accepted = block_on(intake.accept(Signal::Traces, request.clone()));
        drop(accepted.expect("the pipeline is open"));
    });
    let lossless = pipeline.shutdown_blocking(std::time::Duration::from_secs(20));
    assert!(lossless.is_lossless(), "{lossless}");
}

/// Into a null exporter, as it came.
#[divan::bench]
fn through_the_pipeline(bencher: Bencher<'_, '_>) {
    let batch = BatchConfig::default();
    let pipeline = Pipeline::builder()
        .batch(batch)
        .export(Null)
        .start()
        .expect("valid");
    through(bencher, &pipeline, &pipeline.intake(), 1);
}

/// The same, split by session for a sampler that keeps all.
#[divan::bench(args = [1, 64])]
fn through_a_sampler(bencher: Bencher<'_, '_>, sessions: usize) {
    struct KeepAll;
    impl Sample for KeepAll {
        fn sample(&mut self, _session: &SessionFacts) -> Verdict {
            Verdict::Keep
        }
    }
    let builder = Pipeline::builder().export(Null).sample(KeepAll);
    let pipeline = builder.start().expect("valid");
    through(bencher, &pipeline, &pipeline.intake(), sessions);
}
