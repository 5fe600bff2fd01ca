mod arbitrary;
mod contexts;
mod export;
mod feed;
mod metrics;
mod scrape;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};
use spanreel::Pipeline;

use super::OtelExport;

/// What an SDK's exporter was given: spans, each with the resource that was set last.
#[derive(Clone, Debug, Default)]
struct Given {
    spans: Arc<Mutex<Vec<(Resource, SpanData)>>>,
    shut_down: Arc<Mutex<bool>>,
}

impl Given {
    fn spans(&self) -> Vec<(Resource, SpanData)> {
        let mut spans = self.spans.lock().expect("nobody panicked").clone();
        spans.sort_by_key(|(_, span)| span.span_context.span_id().to_bytes());
        spans
    }

    fn is_shut_down(&self) -> bool {
        *self.shut_down.lock().expect("nobody panicked")
    }
}

/// An exporter of an SDK that keeps what it is given.
#[derive(Debug)]
struct Keep {
    given: Given,
    resource: Resource,
}

impl Keep {
    fn new() -> (Self, Given) {
        let given = Given::default();
        let resource = Resource::builder_empty().build();
        let keep = Self {
            given: given.clone(),
            resource,
        };
        (keep, given)
    }
}

impl SpanExporter for Keep {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let mut spans = self.given.spans.lock().expect("nobody panicked");
        spans.extend(batch.into_iter().map(|span| (self.resource.clone(), span)));
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        *self.given.shut_down.lock().expect("nobody panicked") = true;
        Ok(())
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.resource = resource.clone();
    }
}

/// A pipeline that exports to an exporter of an SDK.
fn pipeline_to_sdk() -> (Pipeline, Given) {
    let (keep, given) = Keep::new();
    let export = OtelExport::new("keep", keep).exporter();
    let builder = Pipeline::builder().export(export);
    (builder.start().expect("the configuration is valid"), given)
}

/// Ends the pipeline, which must have lost nothing.
fn finish(pipeline: &Pipeline) {
    let report = pipeline.shutdown_blocking(Duration::from_secs(5));
    assert!(report.is_lossless(), "{report}");
}
