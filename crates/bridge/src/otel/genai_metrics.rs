//! The client metrics of the GenAI conventions, from the spans that a pipeline exports, or call by call.
//!
//! Holds: the instruments. Waits: never. Loses: nothing; a span that is no call of a model has no metrics.

use std::fmt;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Histogram, Meter};
use spanreel::view::{RequestView, SpanView};
use spanreel::{Export, ExportError, Exporter, Request, Signal};

use super::genai_call::GenAiCall;

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
const MOST_CHUNKS: u64 = 65_536;

/// So many chunks of a call count of which only the mean is known: a received span names any number of them, and
/// each costs an observation.
const MOST_OF_A_MEAN: u64 = 1_024;

/// The client metrics of the GenAI semantic conventions 1.41, through the metrics SDK of OpenTelemetry:
///
/// | metric | of each |
/// | --- | --- |
/// | `gen_ai.client.token.usage` | call whose tokens are known: input and output |
/// | `gen_ai.client.operation.duration` | call |
/// | `gen_ai.client.operation.time_to_first_chunk` | call that streamed |
/// | `gen_ai.client.operation.time_per_output_chunk` | chunk behind the first: the time since the one before it |
///
/// Their attributes are operation, provider, models, server, `error.type` and `gen_ai.token.type`. What is
/// unknown is absent, and not reported. Spans of older conventions and other dialects are read as what they
/// mean. A span tells the mean of the times between its chunks alone, which then counts for each of them,
/// 1,024 at the most; a [`GenAiCall`] that is recorded by itself tells them all.
///
/// It is an exporter: put before the sampler, it sees every span that is recorded or received, whatever
/// sampling decides. Sessions that a head sampler leaves out when they are opened record no spans; their
/// calls are measured where they are made, with [`record`](Self::record). The SDK bounds the number of
/// attribute sets (2,000 for each metric by default). Cheap to clone.
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
#[derive(Clone)]
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

    /// Measures one call: for those whose spans no exporter sees, with `spanreel_http::llm::Llm::measure_by`
    /// or in a client of one's own.
    pub fn record(&self, call: &GenAiCall<'_>) {
        let mut labels = call.labels();
        if let Some(took) = call.seconds {
            self.duration.record(took, &labels);
        }
        if let Some(first) = call.first_chunk {
            self.first_chunk.record(first, &labels);
        }
        self.pace(call, &labels);
        for (kind, tokens) in [("input", call.input_tokens), ("output", call.output_tokens)] {
            if let Some(tokens) = tokens {
                labels.push(KeyValue::new("gen_ai.token.type", kind));
                self.tokens.record(tokens, &labels);
                labels.pop();
            }
        }
    }

    /// Each chunk behind the first counts, with its own pause where that is known.
    fn pace(&self, call: &GenAiCall<'_>, labels: &[KeyValue]) {
        let mut left = MOST_CHUNKS;
        let mut record = |seconds: f64, chunks: u64| {
            let chunks = chunks.min(left);
            left -= chunks;
            for _ in 0..chunks {
                self.per_chunk.record(seconds, labels);
            }
        };
        for (pause, chunks) in call.pauses {
            record(pause.as_secs_f64(), *chunks);
        }
        if let (Some(mean), []) = (call.per_chunk, call.pauses) {
            record(mean, call.chunks.saturating_sub(1).min(MOST_OF_A_MEAN));
        }
    }

    fn measure(&self, span: &SpanView<'_>) {
        if let Some(call) = GenAiCall::of_span(span) {
            self.record(&call);
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
