//! What it costs a call of a model to trace itself, the whole pipeline running behind it (null exporter):
//! per call beside the parsing, per byte of an answer, and per chunk of a stream.

use std::time::Duration;

use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use http::{HeaderMap, Method, StatusCode, Uri};
use opentelemetry::metrics::MeterProvider;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use spanreel::{Null, Pipeline, Session};
use spanreel_bridge::otel::{GenAiCall, GenAiMetrics, Scrape};
use spanreel_http::llm::{Llm, Measured, Prices};

fn main() {
    divan::main();
}

struct Rig {
    pipeline: Pipeline,
    session: Session,
}

impl Rig {
    fn new() -> Self {
        let builder = Pipeline::builder().export(Null);
        let pipeline = builder.start().expect("the configuration is right");
        let session = pipeline.session("bench").expect("open");
        Self { pipeline, session }
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.session.end();
        self.pipeline.shutdown_blocking(Duration::from_secs(5));
    }
}

fn headers(kind: &'static str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", kind.parse().expect("a value"));
    headers
}

/// One call, with everything that a layer does.
fn call(llm: &Llm, headers: &HeaderMap, asked: &[u8], chunks: &[&[u8]]) {
    let uri = Uri::from_static("https://api.openai.com/v1/chat/completions");
    let begun = llm.begin(&Method::POST, &uri, headers, None);
    let mut call = begun.expect("it is a call");
    call.request(asked);
    call.response(StatusCode::OK, headers);
    for chunk in chunks {
        call.chunk(black_box(chunk));
    }
    call.end();
}

const ASKED: &[u8] =
    br#"{"model":"gpt-5","max_tokens":100,"messages":[{"role":"user","content":"Hello"}]}"#;
const TOLD: &[u8] = br#"{"id":"chatcmpl-1","model":"gpt-5-2025-08-07","choices":[{"index":0,"message":{"role":"assistant","content":"Low tide."},"finish_reason":"stop"}],"usage":{"prompt_tokens":20,"completion_tokens":5,"total_tokens":25}}"#;

/// What one small call costs in all: without prices, and with the bundled list.
#[divan::bench(args = [false, true])]
fn small_call(bencher: Bencher<'_, '_>, has_prices: bool) {
    let rig = Rig::new();
    let mut llm = Llm::under(&rig.session);
    if has_prices {
        llm = llm.prices(Prices::bundled());
    }
    let headers = headers("application/json");
    bencher.bench_local(|| call(&llm, &headers, ASKED, &[TOLD]));
}

/// How fast requests and answers are read: a history of 1 MiB, of which every message is prose with
/// escapes.
#[divan::bench]
fn bytes_of_a_request(bencher: Bencher<'_, '_>) {
    let rig = Rig::new();
    let llm = Llm::under(&rig.session);
    let message = r#"{"role":"user","content":"The tide at Brest, \"low\" or high?\nIt was a quarter to four when the boat came in, and nobody had seen the harbour so empty.\n"},"#;
    let history = message.repeat((1 << 20) / message.len());
    let asked = format!(
        r#"{{"model":"gpt-5","messages":[{}]}}"#,
        history.trim_end_matches(',')
    );
    let headers = headers("application/json");
    bencher
        .counter(BytesCount::new(asked.len()))
        .bench_local(|| call(&llm, &headers, asked.as_bytes(), &[TOLD]));
}

/// What a chunk of a stream costs: a thousand of them, one event each.
#[divan::bench]
fn chunks_of_a_stream(bencher: Bencher<'_, '_>) {
    let rig = Rig::new();
    let llm = Llm::under(&rig.session);
    let chunks = vec![CHUNK; 1000];
    let headers = headers("text/event-stream");
    bencher
        .counter(ItemsCount::new(chunks.len()))
        .bench_local(|| call(&llm, &headers, ASKED, &chunks));
}

const CHUNK: &[u8] = b"data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"gpt-5-2025-08-07\",\"service_tier\":\"default\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\" tide\"},\"logprobs\":null,\"finish_reason\":null}],\"usage\":null}\n\n";

/// Who measures calls of models, as `genai-metrics` of `spanreel serve` has it.
#[derive(Clone, Copy, Debug)]
enum Metrics {
    Off,
    /// Whoever made them tells of them.
    Gateway,
    /// A lane reads them from the spans.
    All,
}

const METRICS: [Metrics; 3] = [Metrics::Off, Metrics::Gateway, Metrics::All];

/// What metrics cost a small call: calls are made, exported and measured on one thread, so that its time is all
/// there is.
#[divan::bench(args = METRICS)]
fn measured_calls(bencher: Bencher<'_, '_>, metrics: Metrics) {
    measured(bencher, metrics, "application/json", &[TOLD], 1000);
}

/// What they cost a stream of a thousand chunks.
#[divan::bench(args = METRICS)]
fn measured_streams(bencher: Bencher<'_, '_>, metrics: Metrics) {
    measured(
        bencher,
        metrics,
        "text/event-stream",
        &vec![CHUNK; 1000],
        10,
    );
}

fn measured(
    bencher: Bencher<'_, '_>,
    metrics: Metrics,
    kind: &'static str,
    chunks: &[&[u8]],
    calls: usize,
) {
    const PATIENCE: Duration = Duration::from_secs(60);
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.enable_all().build().expect("a runtime");
    let meters = SdkMeterProvider::builder().with_reader(Scrape::new());
    let meters = meters.build();
    let genai = GenAiMetrics::new(&meters.meter("bench"));
    let mut builder = Pipeline::builder().export(Null);
    if let Metrics::All = metrics {
        builder = builder.export_before_sampling(genai.clone().exporter());
    }
    let pipeline = builder.start_on(runtime.handle());
    let pipeline = pipeline.expect("the configuration is right");
    let session = pipeline.session("bench").expect("open");
    let mut llm = Llm::under(&session);
    if let Metrics::Gateway = metrics {
        llm = llm.measure_by(move |call| genai.record(&as_metrics_see(call)));
    }
    let headers = headers(kind);
    bencher.counter(ItemsCount::new(calls)).bench_local(|| {
        for _ in 0..calls {
            call(&llm, &headers, ASKED, chunks);
        }
        let flush = pipeline.flush(PATIENCE);
        runtime.block_on(flush).expect("it runs");
    });
    session.end();
    let report = runtime.block_on(pipeline.shutdown(PATIENCE));
    assert!(report.is_lossless(), "{report}");
}

fn as_metrics_see<'a>(call: &Measured<'a>) -> GenAiCall<'a> {
    GenAiCall {
        operation: Some(call.operation),
        provider: Some(call.provider),
        request_model: call.request_model,
        response_model: call.response_model,
        server_address: call.server_address,
        server_port: call.server_port.map(i64::from),
        error_type: call.error_type,
        input_tokens: call.usage.input,
        output_tokens: call.usage.output,
        seconds: Some(call.took.as_secs_f64()),
        first_chunk: call.first_chunk.map(|it| it.as_secs_f64()),
        pauses: call.pauses,
        chunks: call.chunks,
        ..GenAiCall::default()
    }
}
