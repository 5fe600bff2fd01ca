//! What a span costs the thread that records it, start to end, the whole pipeline running behind it
//! (null exporter). Nothing is dropped: `ready` is awaited as a host would.

use divan::{Bencher, counter::ItemsCount};
use futures::executor::block_on;
use spanreel::{Null, Pipeline, Sampling, Session, Value, WhenFull};

/// Spans per measured call: what a chunk costs is shared among its spans.
const SPANS: usize = 1000;

fn main() {
    divan::main();
}

fn pipeline(sampling: Sampling) -> Pipeline {
    let builder = Pipeline::builder()
        .sampling(sampling)
        .when_full(WhenFull::Block);
    builder
        .export(Null)
        .start()
        .expect("the configuration is right")
}

fn measure(bencher: Bencher<'_, '_>, sampling: Sampling, span: impl Fn(&Session) + Sync) {
    let pipeline = pipeline(sampling);
    bencher
        .counter(ItemsCount::new(SPANS))
        .with_inputs(|| pipeline.session("").expect("the pipeline is open"))
        .bench_local_values(|session| {
            for number in 0..SPANS {
                span(&session);
                if number % 32 == 0 {
                    block_on(session.ready()).expect("the pipeline is open");
                }
            }
            session
        });
}

/// A span with so many text attributes of 12 bytes.
#[divan::bench(args = [0, 5, 10])]
fn attributes(bencher: Bencher<'_, '_>, count: usize) {
    const KEYS: [&str; 10] = [
        "app.first.attribute",
        "app.second",
        "app.third.attribute",
        "app.fourth",
        "app.fifth.one",
        "app.sixth.attribute",
        "app.seventh",
        "app.eighth.attribute",
        "app.ninth",
        "app.tenth.one",
    ];
    measure(bencher, Sampling::always_on(), |session| {
        let mut span = session.child("step").start();
        for key in &KEYS[..count] {
            span.set(key, "twelve bytes");
        }
    });
}

/// An LLM call with 12 attributes.
#[divan::bench]
fn chat(bencher: Bencher<'_, '_>) {
    measure(bencher, Sampling::always_on(), llm_call);
}

/// A tool call with 5 attributes and an event.
#[divan::bench]
fn tool(bencher: Bencher<'_, '_>) {
    measure(bencher, Sampling::always_on(), |session| {
        let mut span = session
            .tool("web_search")
            .call_id("toolu_01A09q90qw")
            .start();
        span.set("gen_ai.tool.type", "function");
        span.set(
            "gen_ai.tool.description",
            "looks up what the agent asks for",
        );
        let event: [(&str, Value<'_>); 2] = [
            ("tool.result.status", "success".into()),
            ("tool.result.bytes", 300.into()),
        ];
        span.event("tool.result", &event);
    });
}

/// The same LLM call in a session that is not sampled.
#[divan::bench]
fn unsampled_chat(bencher: Bencher<'_, '_>) {
    measure(bencher, Sampling::always_off(), llm_call);
}

/// A span without attributes in a session that is not sampled.
#[divan::bench]
fn unsampled_span(bencher: Bencher<'_, '_>) {
    measure(bencher, Sampling::always_off(), |session| {
        session.child("step").start().end()
    });
}

fn llm_call(session: &Session) {
    let mut span = session.chat("anthropic", "claude-sonnet-4-5").start();
    span.tokens(1200, 150);
    span.set("gen_ai.response.model", "claude-sonnet-4-5-20250929");
    span.set("gen_ai.response.id", "msg_01XFDUDYJgAACzvnptvV0001");
    span.set("gen_ai.output.type", "text");
    span.set("server.address", "api.anthropic.com");
    span.set("gen_ai.request.max_tokens", 4096);
    span.set("gen_ai.request.temperature", 0.7);
    span.set("gen_ai.request.top_p", 0.95);
}
