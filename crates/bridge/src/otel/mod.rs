//! Bridges to and from the SDK of OpenTelemetry for Rust, version 0.33.
//!
//! * A program with an OpenTelemetry set-up of its own feeds the pipeline: [`PipelineExporter`] behind
//!   one of the SDK's batch processors, or [`PipelineProcessor`] without one. Ids, resource and scope
//!   stay as they are. Metrics of the SDK leave by the pipeline, too.
//! * Metrics of the calls of models that a pipeline sees: [`GenAiMetrics`]; any metrics of the SDK for
//!   Prometheus: [`Scrape`].
//! * The pipeline feeds an exporter that was written for the SDK: [`OtelExport`].
//! * Contexts of spans, both ways: [`to_otel`] and [`from_otel`].
//!
//! Feeding the pipeline from an SDK and the same SDK from the pipeline would go on without end: use
//! one way only.

mod context;
mod decode;
mod encode;
mod export;
mod genai_call;
mod genai_metrics;
mod pipeline_exporter;
mod processor;
mod scrape;
mod value;

pub use self::context::{from_otel, to_otel};
pub use self::export::OtelExport;
pub use self::genai_call::GenAiCall;
pub use self::genai_metrics::GenAiMetrics;
pub use self::pipeline_exporter::PipelineExporter;
pub use self::processor::PipelineProcessor;
pub use self::scrape::Scrape;

#[cfg(test)]
mod tests;
