//! Metrics: of an SDK through the pipeline, and of the calls of models that a pipeline sees.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use opentelemetry::metrics::MeterProvider;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::metrics::v1::{HistogramDataPoint, metric::Data};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use prost::Message;
use spanreel::{Export, ExportError, Pipeline, Request, Sampling, Signal, Usage};

use crate::otel::{GenAiMetrics, PipelineExporter};

/// Keeps the metrics that it is given.
#[derive(Clone, Debug, Default)]
struct Keep(Arc<Mutex<Vec<ExportMetricsServiceRequest>>>);

impl Export for Keep {
    fn name(&self) -> &'static str {
        "keep"
    }

    async fn export(&self, request: Request) -> Result<(), ExportError> {
        assert_eq!(request.signal(), Signal::Metrics);
        let decoded = ExportMetricsServiceRequest::decode(&*request.to_bytes());
        self.0
            .lock()
            .expect("no panic")
            .push(decoded.expect("OTLP"));
        Ok(())
    }
}

/// A meter provider whose metrics leave by a pipeline, which keeps them.
struct Rig {
    keep: Keep,
    pipeline: Pipeline,
    provider: SdkMeterProvider,
}

impl Rig {
    fn new() -> Self {
        let keep = Keep::default();
        let exporter = spanreel::Exporter::new(keep.clone()).signals(&[Signal::Metrics]);
        let pipeline = Pipeline::builder().export(exporter).start();
        let pipeline = pipeline.expect("the configuration is valid");
        let provider = SdkMeterProvider::builder()
            .with_resource(Resource::builder_empty().with_service_name("shop").build())
            .with_periodic_exporter(PipelineExporter::new(&pipeline))
            .build();
        Self {
            keep,
            pipeline,
            provider,
        }
    }

    /// What has arrived in the end.
    fn finish(self) -> ExportMetricsServiceRequest {
        self.provider.shutdown().expect("the pipeline is open");
        let report = self.pipeline.shutdown_blocking(Duration::from_secs(5));
        assert!(report.is_lossless(), "{report}");
        assert!(report.metrics.received > 0, "{report}");
        let mut kept = self.keep.0.lock().expect("no panic");
        kept.pop().expect("there are metrics")
    }
}

/// The data points of a histogram, each with its attributes as text.
fn points(
    request: &ExportMetricsServiceRequest,
    name: &str,
) -> Vec<(Vec<String>, HistogramDataPoint)> {
    let scopes = request
        .resource_metrics
        .iter()
        .flat_map(|it| &it.scope_metrics);
    let metric = scopes
        .flat_map(|scope| &scope.metrics)
        .find(|it| it.name == name);
    let Some(Data::Histogram(histogram)) = metric.and_then(|metric| metric.data.clone()) else {
        return Vec::new();
    };
    let points = histogram.data_points.into_iter().map(|point| {
        let mut attributes: Vec<_> = point
            .attributes
            .iter()
            .map(
                |it| match it.value.as_ref().and_then(|value| value.value.as_ref()) {
                    Some(Value::StringValue(text)) => format!("{}={text}", it.key),
                    Some(Value::IntValue(number)) => format!("{}={number}", it.key),
                    other => panic!("{other:?}"),
                },
            )
            .collect();
        attributes.sort();
        (attributes, point)
    });
    let mut points: Vec<_> = points.collect();
    points.sort_by(|(a, _), (b, _)| a.cmp(b));
    points
}

/// Metrics of an SDK arrive as they are, with their resource, and are booked as data points.
#[test]
fn metrics_of_an_sdk_leave_by_the_pipeline() {
    let rig = Rig::new();
    let counter = rig.provider.meter("library").u64_counter("orders").build();
    counter.add(3, &[opentelemetry::KeyValue::new("shop.size", "small")]);
    counter.add(4, &[]);
    let request = rig.finish();
    let group = &request.resource_metrics[0];
    let resource = group.resource.as_ref().expect("a resource");
    assert_eq!(resource.attributes[0].key, "service.name");
    let scope = &group.scope_metrics[0];
    assert_eq!(scope.scope.as_ref().expect("a scope").name, "library");
    let Some(Data::Sum(sum)) = &scope.metrics[0].data else {
        panic!("{scope:?}");
    };
    assert_eq!(sum.data_points.len(), 2);
}

/// Each call of a model is measured before anything is sampled: tokens where they are known, its time, and
/// of a stream the time to its first chunk and between the others. What is no call is not.
#[test]
fn calls_are_measured_whatever_is_sampled() {
    let rig = Rig::new();
    let metrics = GenAiMetrics::new(&rig.provider.meter("spanreel"));
    let pipeline = Pipeline::builder()
        .sampling(
            Sampling::always_on().policy(spanreel::Policy::drop(spanreel::Rule::Not(Box::new(
                spanreel::Rule::Errors,
            )))),
        )
        .export_before_sampling(metrics.exporter())
        .export(spanreel::Null)
        .start()
        .expect("the configuration is valid");
    let session = pipeline.session("conv-1").expect("open");
    let start = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    for number in 0..3 {
        let mut chat = session
            .chat("anthropic", "claude-sonnet-4-5")
            .attribute("server.address", "api.anthropic.com")
            .attribute("server.port", 443)
            .record(start, start + Duration::from_millis(1_500));
        chat.tokens(1_000, 10);
        if number == 0 {
            chat.set("gen_ai.response.time_to_first_chunk", 0.3)
                .set("spanreel.llm.chunks", 5)
                .set("spanreel.llm.time_per_chunk", 0.02);
        }
        chat.end();
    }
    let mut failed = session
        .chat("openai", "gpt-5")
        .record(start, start + Duration::from_secs(2));
    failed.error("timeout", "it took too long");
    failed.usage(Usage::default());
    failed.end();
    session.tool("search").start().end();
    session.child("turn").start().end();
    session.end();
    let report = pipeline.shutdown_blocking(Duration::from_secs(5));
    assert!(report.is_lossless(), "{report}");

    let request = rig.finish();
    let good = [
        "gen_ai.operation.name=chat",
        "gen_ai.provider.name=anthropic",
        "gen_ai.request.model=claude-sonnet-4-5",
        "server.address=api.anthropic.com",
        "server.port=443",
    ];
    let bad = [
        "error.type=timeout",
        "gen_ai.operation.name=chat",
        "gen_ai.provider.name=openai",
        "gen_ai.request.model=gpt-5",
    ];
    let durations = points(&request, "gen_ai.client.operation.duration");
    let [(labels, failed), (others, calls)] = &*durations else {
        panic!("{durations:?}");
    };
    assert_eq!(labels, &bad);
    assert_eq!((failed.count, failed.sum), (1, Some(2.0)));
    assert_eq!(others, &good);
    assert_eq!((calls.count, calls.sum), (3, Some(4.5)));
    assert_eq!(calls.explicit_bounds.len(), 14);
    assert_eq!(calls.explicit_bounds[..2], [0.01, 0.02]);

    let tokens = points(&request, "gen_ai.client.token.usage");
    let told = tokens.iter().map(|(labels, point)| {
        let kind = labels.iter().find(|it| it.starts_with("gen_ai.token.type"));
        (kind.expect("a kind").as_str(), point.count, point.sum)
    });
    let mut told: Vec<_> = told.collect();
    told.sort_by_key(|(kind, ..)| *kind);
    assert_eq!(
        told,
        [
            ("gen_ai.token.type=input", 3, Some(3_000.0)),
            ("gen_ai.token.type=output", 3, Some(30.0)),
        ],
        "what is unknown is not reported"
    );
    let first = points(&request, "gen_ai.client.operation.time_to_first_chunk");
    assert_eq!((first.len(), first[0].1.sum), (1, Some(0.3)));
    let chunks = points(&request, "gen_ai.client.operation.time_per_output_chunk");
    assert_eq!((chunks.len(), chunks[0].1.count), (1, 4));
}
