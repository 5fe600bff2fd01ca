//! What does a span of `tracing` cost under each layer? The same spans through the bare registry,
//! through `SessionLayer` and through `tracing-opentelemetry` 0.34 with the SDK's batch processor, in
//! one run; exporters do nothing, so that what is measured is the side of whoever makes spans.
//!
//! Run it with `cargo bench -p spanreel-bridge --bench layers`.

use std::time::Duration;

use divan::Bencher;
use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, SdkTracerProvider, SpanData, SpanExporter,
};
use spanreel::{Null, Pipeline, Session};
use spanreel_bridge::{SessionLayer, current};
use tracing::field::Empty;
use tracing::{Dispatch, info, info_span};
use tracing_subscriber::layer::SubscriberExt;

fn main() {
    divan::main();
}

/// Exports nothing, as [`Null`] does.
#[derive(Debug)]
struct Nowhere;

impl SpanExporter for Nowhere {
    async fn export(&self, _: Vec<SpanData>) -> OTelSdkResult {
        Ok(())
    }
}

/// Under which layer spans are made.
#[derive(Clone, Copy, Debug)]
enum Under {
    Registry,
    Spanreel,
    OpenTelemetry,
}

const ALL: [Under; 3] = [Under::Registry, Under::Spanreel, Under::OpenTelemetry];

/// A subscriber with what stands behind it.
struct Stage {
    dispatch: Dispatch,
    session: Option<(Pipeline, Session)>,
    provider: Option<SdkTracerProvider>,
}

impl Stage {
    fn new(under: Under) -> Self {
        let registry = tracing_subscriber::registry();
        match under {
            Under::Registry => Self {
                dispatch: Dispatch::new(registry),
                session: None,
                provider: None,
            },
            Under::Spanreel => {
                let pipeline = Pipeline::builder()
                    .export(Null)
                    .start()
                    .expect("it is valid");
                let session = pipeline.session("bench").expect("it is open");
                Self {
                    dispatch: Dispatch::new(registry.with(SessionLayer::new())),
                    session: Some((pipeline, session)),
                    provider: None,
                }
            }
            Under::OpenTelemetry => {
                let config = BatchConfigBuilder::default()
                    .with_max_queue_size(1 << 16)
                    .build();
                let processor = BatchSpanProcessor::builder(Nowhere)
                    .with_batch_config(config)
                    .build();
                let provider = SdkTracerProvider::builder()
                    .with_span_processor(processor)
                    .build();
                let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("bench"));
                Self {
                    dispatch: Dispatch::new(registry.with(layer)),
                    session: None,
                    provider: Some(provider),
                }
            }
        }
    }

    fn bench(self, bencher: Bencher<'_, '_>, work: impl Fn() + Sync) {
        tracing::dispatcher::with_default(&self.dispatch, || {
            let _entered = self
                .session
                .as_ref()
                .map(|(_, session)| current::enter(session));
            bencher.bench_local(work);
        });
        if let Some((pipeline, _)) = self.session {
            pipeline.shutdown_blocking(Duration::from_secs(10));
        }
        if let Some(provider) = self.provider {
            provider.shutdown().expect("the exporter does nothing");
        }
    }
}

/// What does the smallest span cost?
#[divan::bench(args = ALL)]
fn empty_span(bencher: Bencher<'_, '_>, under: Under) {
    Stage::new(under).bench(bencher, || info_span!("work").in_scope(|| ()));
}

/// What does a chat with ten fields cost, four of them recorded late, as rig has it?
#[divan::bench(args = ALL)]
fn chat_span(bencher: Bencher<'_, '_>, under: Under) {
    Stage::new(under).bench(bencher, || {
        let span = info_span!(
            "chat",
            gen_ai.operation.name = "chat",
            gen_ai.provider.name = "openai",
            gen_ai.request.model = "gpt-5-mini",
            gen_ai.agent.name = "planner",
            gen_ai.request.stream = false,
            gen_ai.request.max_tokens = 4096,
            gen_ai.response.id = Empty,
            gen_ai.response.model = Empty,
            gen_ai.usage.input_tokens = Empty,
            gen_ai.usage.output_tokens = Empty,
        );
        span.in_scope(|| ());
        span.record("gen_ai.response.id", "chatcmpl-1");
        span.record("gen_ai.response.model", "gpt-5-mini-2025-08-07");
        span.record("gen_ai.usage.input_tokens", 812u64);
        span.record("gen_ai.usage.output_tokens", 96u64);
    });
}

/// What do ten spans in each other cost, each entered twice?
#[divan::bench(args = ALL)]
fn ten_deep(bencher: Bencher<'_, '_>, under: Under) {
    fn descend(depth: u64) {
        let span = info_span!("level", depth);
        span.in_scope(|| ());
        span.in_scope(|| {
            if depth > 1 {
                descend(depth - 1);
            }
        });
    }
    Stage::new(under).bench(bencher, || descend(10));
}

/// What does an event in a span cost? (`tracing-opentelemetry` adds it to the span, the session writes
/// a log record.)
#[divan::bench(args = ALL)]
fn event_in_span(bencher: Bencher<'_, '_>, under: Under) {
    Stage::new(under).bench(bencher, || {
        info_span!("work").in_scope(|| info!(attempt = 2, "connected"));
    });
}
