//! The client metrics of the GenAI conventions, from the spans that a pipeline exports.
//!
//! Holds: the instruments. Waits: never. Loses: nothing; a span that is no call of a model has no metrics.

use std::fmt;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Histogram, Meter};
use spanreel::dialect::{Meaning, Work, meaning};
use spanreel::view::{RequestView, SpanView, ValueView};
use spanreel::{Export, ExportError, Exporter, Request, Signal};

/// Powers of 4 (semantic conventions 1.41, "Metric: gen_ai.client.token.usage").
const TOKENS: [f64; 14] = [
    1.0,
    4.0,
    16.0,
    64.0,
    256.0,
    1_024.0,
    4_096.0,
    16_384.0,
    65_536.0,
    262_144.0,
    1_048_576.0,
    4_194_304.0,
    16_777_216.0,
    67_108_864.0,
];
/// Each twice the one before (the same, "Metric: gen_ai.client.operation.duration").
const SECONDS: [f64; 14] = [
    0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92,
];
/// The same for what is shorter (the same, "Metric: gen_ai.client.operation.time_per_output_chunk").
const SHORT: [f64; 13] = [
    0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5,
];
/// So many chunks of one stream are counted at the most.
const MOST_CHUNKS: i64 = 65_536;

/// The client metrics of the GenAI semantic conventions 1.41, through the metrics SDK of OpenTelemetry:
///
/// | metric | of each |
/// | --- | --- |
/// | `gen_ai.client.token.usage` | call whose tokens are known: input and output |
/// | `gen_ai.client.operation.duration` | call |
/// | `gen_ai.client.operation.time_to_first_chunk` | call that streamed |
/// | `gen_ai.client.operation.time_per_output_chunk` | chunk behind the first, with the mean of its stream |
///
/// Their attributes are operation, provider, models, server, `error.type` and `gen_ai.token.type`. What is
/// unknown is absent, and not reported. Spans of older conventions and other dialects are read as what they
/// mean.
///
/// It is an exporter: put before the sampler, it sees every span that is recorded or received, whatever
/// sampling decides. Sessions that a head sampler leaves out when they are opened record no spans; their
/// calls are not measured here. The SDK bounds the number of attribute sets (2,000 for each metric by
/// default).
///
/// ```
/// use opentelemetry::metrics::MeterProvider;
/// use opentelemetry_sdk::metrics::SdkMeterProvider;
/// use spanreel::{Null, Pipeline, Sampling};
/// use spanreel_bridge::otel::{GenAiMetrics, PipelineExporter};
///
/// // Metrics leave by a pipeline as well: no second exporter is set up.
/// let metrics = Pipeline::builder().export(Null).start()?;
/// let provider = SdkMeterProvider::builder()
///     .with_periodic_exporter(PipelineExporter::new(&metrics))
///     .build();
///
/// let pipeline = Pipeline::builder()
///     .sampling(Sampling::ratio(0.01))
///     .export_before_sampling(GenAiMetrics::new(&provider.meter("spanreel")).exporter())
///     .export(Null)
///     .start()?;
/// # pipeline.shutdown_blocking(std::time::Duration::from_secs(1));
/// # provider.shutdown()?;
/// # metrics.shutdown_blocking(std::time::Duration::from_secs(1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct GenAiMetrics {
    tokens: Histogram<u64>,
    duration: Histogram<f64>,
    first_chunk: Histogram<f64>,
    per_chunk: Histogram<f64>,
}

impl GenAiMetrics {
    /// Makes the instruments.
    #[must_use]
    pub fn new(meter: &Meter) -> Self {
        let seconds = |name: &'static str, about: &'static str, bounds: &[f64]| {
            let histogram = meter.f64_histogram(name).with_unit("s");
            let histogram = histogram.with_description(about);
            histogram.with_boundaries(bounds.to_vec()).build()
        };
        Self {
            tokens: meter
                .u64_histogram("gen_ai.client.token.usage")
                .with_unit("{token}")
                .with_description("Number of input and output tokens used.")
                .with_boundaries(TOKENS.to_vec())
                .build(),
            duration: seconds(
                "gen_ai.client.operation.duration",
                "GenAI operation duration.",
                &SECONDS,
            ),
            first_chunk: seconds(
                "gen_ai.client.operation.time_to_first_chunk",
                "Time to receive the first chunk of a streamed answer.",
                &SECONDS,
            ),
            per_chunk: seconds(
                "gen_ai.client.operation.time_per_output_chunk",
                "Time between chunks of a streamed answer, after the first.",
                &SHORT,
            ),
        }
    }

    /// The same as an exporter of a pipeline, which gives it traces alone.
    #[must_use]
    pub fn exporter(self) -> Exporter {
        Exporter::new(self).signals(&[Signal::Traces])
    }

    fn measure(&self, span: &SpanView<'_>) {
        let call = Call::read(span);
        if !call.is_llm_call {
            return;
        }
        let mut labels = call.labels();
        let took = span
            .end_unix_nanos()
            .saturating_sub(span.start_unix_nanos());
        self.duration.record(took as f64 / 1e9, &labels);
        if let Some(first) = call.first_chunk {
            self.first_chunk.record(first, &labels);
        }
        if let (Some(mean), Some(chunks)) = (call.per_chunk, call.chunks) {
            for _ in 1..chunks.min(MOST_CHUNKS) {
                self.per_chunk.record(mean, &labels);
            }
        }
        for (kind, tokens) in [("input", call.input), ("output", call.output)] {
            if let Some(tokens) = tokens.and_then(|tokens| u64::try_from(tokens).ok()) {
                labels.push(KeyValue::new("gen_ai.token.type", kind));
                self.tokens.record(tokens, &labels);
                labels.pop();
            }
        }
    }
}

impl Export for GenAiMetrics {
    fn name(&self) -> &'static str {
        "genai-metrics"
    }

    async fn export(&self, request: Request) -> Result<(), ExportError> {
        let bytes = request.to_bytes();
        let view = RequestView::new(request.signal(), &bytes).map_err(ExportError::permanent)?;
        for item in view.spans() {
            self.measure(&item.span);
        }
        Ok(())
    }
}

impl fmt::Debug for GenAiMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GenAiMetrics").finish_non_exhaustive()
    }
}

/// What a span says of a call.
#[derive(Debug, Default)]
struct Call<'a> {
    is_llm_call: bool,
    /// Attributes of the metrics, as they stand in the span.
    operation: Option<&'a str>,
    provider: Option<&'a str>,
    request_model: Option<&'a str>,
    response_model: Option<&'a str>,
    server_address: Option<&'a str>,
    server_port: Option<i64>,
    error_type: Option<&'a str>,
    input: Option<i64>,
    output: Option<i64>,
    /// In seconds.
    first_chunk: Option<f64>,
    per_chunk: Option<f64>,
    chunks: Option<i64>,
}

impl<'a> Call<'a> {
    fn read(span: &SpanView<'a>) -> Self {
        let mut call = Self::default();
        for (key, value) in span.attributes() {
            match meaning(key.as_bytes()) {
                Some(Meaning::Work) => call.work(value),
                Some(Meaning::InputTokens) => call.input = call.input.or(value.as_int()),
                Some(Meaning::OutputTokens) => call.output = call.output.or(value.as_int()),
                _ => call.other(key, value),
            }
        }
        call
    }

    fn work(&mut self, value: ValueView<'a>) {
        let Some(word) = value.as_str() else { return };
        if Work::of(word.as_bytes()) == Some(Work::LlmCall) {
            self.is_llm_call = true;
            self.operation.get_or_insert(word);
        }
    }

    fn other(&mut self, key: &str, value: ValueView<'a>) {
        let text = |slot: &mut Option<&'a str>| *slot = slot.or(value.as_str());
        match key {
            "gen_ai.provider.name" | "gen_ai.system" => text(&mut self.provider),
            "gen_ai.request.model" => text(&mut self.request_model),
            "gen_ai.response.model" => text(&mut self.response_model),
            "server.address" => text(&mut self.server_address),
            "error.type" => text(&mut self.error_type),
            "server.port" => self.server_port = value.as_int(),
            "gen_ai.response.time_to_first_chunk" => self.first_chunk = seconds(value),
            "spanreel.llm.time_per_chunk" => self.per_chunk = seconds(value),
            "spanreel.llm.chunks" => self.chunks = value.as_int(),
            _ => {}
        }
    }

    fn labels(&self) -> Vec<KeyValue> {
        let texts = [
            ("gen_ai.operation.name", self.operation),
            ("gen_ai.provider.name", self.provider),
            ("gen_ai.request.model", self.request_model),
            ("gen_ai.response.model", self.response_model),
            ("server.address", self.server_address),
            ("error.type", self.error_type),
        ];
        let mut labels = Vec::with_capacity(texts.len() + 2);
        for (key, text) in texts {
            if let Some(text) = text {
                labels.push(KeyValue::new(key, text.to_owned()));
            }
        }
        if let Some(port) = self.server_port {
            labels.push(KeyValue::new("server.port", port));
        }
        labels
    }
}

/// A time that can be one.
fn seconds(value: ValueView<'_>) -> Option<f64> {
    let seconds = value.as_double()?;
    (seconds.is_finite() && seconds >= 0.0).then_some(seconds)
}
