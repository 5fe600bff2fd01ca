//! A span processor for OpenTelemetry's SDK without a queue or thread of its own: the pipeline has
//! both.
//!
//! Holds: nothing. Waits: never. Loses: what the pipeline refuses, which is booked there.

use std::time::Duration;

use opentelemetry::Context;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{Span, SpanData, SpanProcessor};
use spanreel::Pipeline;

use super::PipelineExporter;

/// Gives each span of an OpenTelemetry SDK to a pipeline when it ends.
///
/// It costs the thread that ends a span the encoding of that span and of the resource. Where many
/// spans end, a [`PipelineExporter`] behind the SDK's batch processor is cheaper for that thread; this
/// one keeps nothing back that a crash could take.
///
/// ```
/// use opentelemetry::trace::{Span, Tracer, TracerProvider};
/// use opentelemetry_sdk::trace::SdkTracerProvider;
/// use spanreel::Pipeline;
/// use spanreel::testing::InMemory;
/// use spanreel_bridge::otel::PipelineProcessor;
///
/// let memory = InMemory::new();
/// let pipeline = Pipeline::builder().export(memory.clone()).start()?;
/// let provider = SdkTracerProvider::builder()
///     .with_span_processor(PipelineProcessor::new(&pipeline))
///     .build();
/// provider.tracer("my-library").start("work").end();
///
/// pipeline.shutdown_blocking(std::time::Duration::from_secs(5));
/// assert_eq!(memory.span("work").scope.name, "my-library");
/// # Ok::<(), spanreel::BuildError>(())
/// ```
#[derive(Debug)]
pub struct PipelineProcessor {
    exporter: PipelineExporter,
}

impl PipelineProcessor {
    /// A processor that never waits: what the pipeline has no room for is refused.
    #[must_use]
    pub fn new(pipeline: &Pipeline) -> Self {
        Self {
            exporter: PipelineExporter::new(pipeline),
        }
    }
}

impl SpanProcessor for PipelineProcessor {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        if !span.span_context.is_sampled() {
            return;
        }
        if let Err(error) = self.exporter.try_spans(vec![span]) {
            tracing::debug!(target: "spanreel", %error, "a span was refused; it is in the pipeline's books");
        }
    }

    /// Does nothing: nothing is held.
    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    /// Does nothing: the pipeline is the host's.
    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.resource(resource);
    }
}
