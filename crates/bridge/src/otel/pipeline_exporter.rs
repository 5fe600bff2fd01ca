//! An exporter for OpenTelemetry's SDK whose destination is the pipeline.
//!
//! Holds: nothing. Waits: never, unless it is told to. Loses: what the pipeline refuses, which the
//! SDK is told.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::logs::{LogBatch, LogExporter};
use opentelemetry_sdk::metrics::Temporality;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};
use spanreel::{Intake, IntakeError, Pipeline, Signal};

use super::encode;

/// Gives spans, log records and metrics of an OpenTelemetry SDK to a pipeline, with the ids, resource and
/// scope that they have. To be put behind the SDK's batch processors; a program that wants no further thread
/// takes [`PipelineProcessor`](super::PipelineProcessor).
///
/// The pipeline accounts for what it took; what it did not take is an error that the SDK reports, and
/// is booked as [`Fate::Refused`](spanreel::Fate::Refused). The exporter keeps the pipeline neither
/// open nor alive, and flushing or shutting down the SDK does not flush or shut down the pipeline:
/// shut down the SDK first, then the pipeline.
///
/// ```
/// use opentelemetry::trace::{Span, Tracer, TracerProvider};
/// use opentelemetry_sdk::trace::SdkTracerProvider;
/// use spanreel::Pipeline;
/// use spanreel::testing::InMemory;
/// use spanreel_bridge::otel::PipelineExporter;
///
/// let memory = InMemory::new();
/// let pipeline = Pipeline::builder().export(memory.clone()).start()?;
/// let provider = SdkTracerProvider::builder()
///     .with_batch_exporter(PipelineExporter::new(&pipeline))
///     .build();
/// provider.tracer("my-library").start("work").end();
///
/// provider.shutdown()?;
/// let report = pipeline.shutdown_blocking(std::time::Duration::from_secs(5));
/// assert!(report.is_lossless(), "{report}");
/// assert_eq!(memory.span("work").scope.name, "my-library");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct PipelineExporter {
    intake: Intake,
    resource: ResourceAttributesWithSchema,
    waits: bool,
}

impl PipelineExporter {
    /// An exporter that never waits: what the pipeline has no room for is refused.
    #[must_use]
    pub fn new(pipeline: &Pipeline) -> Self {
        Self {
            intake: pipeline.intake(),
            resource: ResourceAttributesWithSchema::default(),
            waits: false,
        }
    }

    /// Whether it waits for room in the pipeline. Default: no. Good behind a batch processor, whose own
    /// queue then fills; behind a simple processor, whoever ends a span would wait.
    #[must_use]
    pub fn wait_for_room(mut self, waits: bool) -> Self {
        self.waits = waits;
        self
    }

    pub(super) fn resource(&mut self, resource: &Resource) {
        self.resource = resource.into();
    }

    /// Gives spans to the pipeline now.
    pub(super) fn try_spans(&self, spans: Vec<SpanData>) -> OTelSdkResult {
        if spans.is_empty() {
            return Ok(());
        }
        let request = encode::spans(spans, &self.resource);
        let taken = self.intake.try_accept(Signal::Traces, request);
        taken.map(drop).map_err(refusal)
    }

    async fn give(&self, signal: Signal, request: Bytes) -> OTelSdkResult {
        let taken = match self.waits {
            true => self.intake.accept(signal, request).await,
            false => self.intake.try_accept(signal, request),
        };
        taken.map(drop).map_err(refusal)
    }
}

/// Why the pipeline did not take a request, in the SDK's words.
fn refusal(error: IntakeError) -> OTelSdkError {
    match error {
        IntakeError::Closed => OTelSdkError::AlreadyShutdown,
        other => OTelSdkError::InternalFailure(other.to_string()),
    }
}

impl SpanExporter for PipelineExporter {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        if batch.is_empty() {
            return Ok(());
        }
        let request = encode::spans(batch, &self.resource);
        self.give(Signal::Traces, request).await
    }

    /// Does nothing: the pipeline is the host's.
    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.resource(resource);
    }
}

impl LogExporter for PipelineExporter {
    async fn export(&self, batch: LogBatch<'_>) -> OTelSdkResult {
        if batch.iter().next().is_none() {
            return Ok(());
        }
        let request = encode::logs(&batch, &self.resource);
        self.give(Signal::Logs, request).await
    }

    /// Does nothing: the pipeline is the host's.
    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.resource(resource);
    }
}

/// Metrics are cumulative (the default of OTLP exporters: OpenTelemetry specification, "Metrics exporter
/// OTLP", `OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE`).
impl PushMetricExporter for PipelineExporter {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        let has_metrics = metrics
            .scope_metrics()
            .any(|scope| scope.metrics().next().is_some());
        if !has_metrics {
            return Ok(());
        }
        self.give(Signal::Metrics, encode::metrics(metrics)).await
    }

    /// Does nothing: the pipeline is the host's.
    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    /// Does nothing: the pipeline is the host's.
    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }

    fn temporality(&self) -> Temporality {
        Temporality::Cumulative
    }
}

impl fmt::Debug for PipelineExporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PipelineExporter")
            .field("waits", &self.waits)
            .finish_non_exhaustive()
    }
}
