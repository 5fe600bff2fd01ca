//! What is measured of calls of models: the client metrics of the GenAI conventions, for `/metrics`, and for the
//! exports where that is asked for.
//!
//! Calls that pass the gateway are told of where they end, whatever sampling decides; received ones are read
//! from their spans, on a lane of their own, if that is asked for. Holds: histograms, of which the SDK bounds
//! the number. Waits: never. Loses: of what is received, what its lane has no room for, which is booked there.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use opentelemetry::metrics::MeterProvider as _;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider, Temporality};
use spanreel::{Exporter, Pipeline, Redactor};
use spanreel_bridge::otel::{GenAiCall, GenAiMetrics, PipelineExporter, Scrape};
use spanreel_http::llm::Measured;

use crate::config::Config;
use crate::config::redaction::RedactionConfig;
use crate::config::value::Measure;

/// How often metrics are exported (OpenTelemetry, `OTEL_METRIC_EXPORT_INTERVAL`).
const INTERVAL: Duration = Duration::from_secs(60);

/// The metrics. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Calls {
    metrics: GenAiMetrics,
    scrape: Scrape,
    provider: SdkMeterProvider,
    exports: Late,
    /// Whether received spans are measured.
    all: bool,
}

impl Calls {
    /// `None` where nothing is to be measured.
    pub(crate) fn new(config: &Config) -> Option<Self> {
        let all = match config.genai_metrics {
            Measure::All => true,
            Measure::Gateway if config.gateway.addr().is_some() => false,
            Measure::Gateway | Measure::Off => return None,
        };
        let (scrape, exports) = (Scrape::new(), Late::default());
        let resource = Resource::builder_empty().with_service_name("spanreel");
        let mut builder = SdkMeterProvider::builder()
            .with_resource(resource.build())
            .with_reader(scrape.clone());
        if config.genai_metrics_export && !config.exports.is_empty() {
            let reader = PeriodicReader::builder(exports.clone()).with_interval(INTERVAL);
            builder = builder.with_reader(reader.build());
        }
        let provider = builder.build();
        Some(Self {
            metrics: GenAiMetrics::new(&provider.meter("spanreel")),
            scrape,
            provider,
            exports,
            all,
        })
    }

    /// What measures received spans, before they are sampled.
    pub(crate) fn exporter(&self) -> Option<Exporter> {
        self.all.then(|| self.metrics.clone().exporter())
    }

    /// Says where metrics leave, if they are exported.
    pub(crate) fn send_to(&self, pipeline: &Pipeline) {
        self.exports
            .0
            .get_or_init(|| PipelineExporter::new(pipeline));
    }

    /// What measures calls that pass the gateway. Names go through redaction as spans do.
    pub(crate) fn listener(
        &self,
        redaction: &RedactionConfig,
    ) -> impl Fn(&Measured<'_>) + Send + Sync + 'static {
        let redactor = redaction.redaction.as_ref().map(|it| it.redactor());
        let (metrics, all) = (self.metrics.clone(), self.all);
        move |call| {
            // The lane sees those that are recorded.
            if !(all && call.is_recorded) {
                record(&metrics, redactor.as_ref(), call);
            }
        }
    }

    /// All metrics, as they are written for Prometheus.
    pub(crate) fn text(&self) -> String {
        self.scrape.openmetrics().unwrap_or_else(|error| {
            tracing::error!(target: "spanreel", %error, "metrics of calls cannot be read");
            String::new()
        })
    }

    /// Exports a last time. The pipeline goes on until it is shut down.
    pub(crate) async fn stop(self) {
        let stopped = tokio::task::spawn_blocking(move || self.provider.shutdown());
        match stopped.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!(target: "spanreel", %error, "the last metrics of calls were not exported");
            }
            Err(error) => {
                tracing::error!(target: "spanreel", %error, "what measures calls has died");
            }
        }
    }
}

impl fmt::Debug for Calls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Calls")
            .field("all", &self.all)
            .finish_non_exhaustive()
    }
}

fn record(metrics: &GenAiMetrics, redactor: Option<&Redactor>, call: &Measured<'_>) {
    let names = [
        ("gen_ai.provider.name", Some(call.provider)),
        ("gen_ai.request.model", call.request_model),
        ("gen_ai.response.model", call.response_model),
        ("server.address", call.server_address),
        ("error.type", call.error_type),
    ];
    let names = names.map(|(key, name)| {
        name.map(|name| match redactor {
            Some(redactor) => redactor.redact(key, name),
            None => name.into(),
        })
    });
    let [
        provider,
        request_model,
        response_model,
        server_address,
        error_type,
    ] = &names;
    metrics.record(&GenAiCall {
        operation: Some(call.operation),
        provider: provider.as_deref(),
        request_model: request_model.as_deref(),
        response_model: response_model.as_deref(),
        server_address: server_address.as_deref(),
        server_port: call.server_port.map(i64::from),
        error_type: error_type.as_deref(),
        input_tokens: call.usage.input,
        output_tokens: call.usage.output,
        seconds: Some(call.took.as_secs_f64()),
        first_chunk: call.first_chunk.map(|it| it.as_secs_f64()),
        pauses: call.pauses,
        chunks: call.chunks,
        ..GenAiCall::default()
    });
}

/// An exporter whose pipeline is there later: it is made with what it measures.
#[derive(Clone, Default)]
struct Late(Arc<OnceLock<PipelineExporter>>);

impl PushMetricExporter for Late {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        match self.0.get() {
            Some(exporter) => exporter.export(metrics).await,
            None => Ok(()),
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }

    fn temporality(&self) -> Temporality {
        Temporality::Cumulative
    }
}
