//! An SDK feeds the pipeline.

use std::time::Duration;

use futures::executor::block_on;
use opentelemetry::KeyValue;
use opentelemetry::logs::{AnyValue, LogRecord, Logger, LoggerProvider, Severity};
use opentelemetry::trace::{Span, TraceFlags, Tracer, TracerProvider};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkError;
use opentelemetry_sdk::logs::SdkLoggerProvider;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider, SpanData, SpanExporter, SpanProcessor};
use proptest::collection::vec;
use proptest::prelude::*;
use spanreel::testing::InMemory;
use spanreel::{Fate, Pipeline};

use super::arbitrary::{any_resource, any_span};
use super::{finish, pipeline_to_sdk};
use crate::otel::{PipelineExporter, PipelineProcessor};

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// What an SDK gives to the pipeline, another SDK's exporter gets from it: every span, as it is.
    #[test]
    fn spans_survive_the_way_through_the_pipeline(
        resource in any_resource(),
        mut spans in vec(any_span(), 1..6),
    ) {
        spans.sort_by_key(|span| span.span_context.span_id().to_bytes());
        spans.dedup_by_key(|span| span.span_context.span_id());
        let (pipeline, given) = pipeline_to_sdk();
        let mut exporter = PipelineExporter::new(&pipeline);
        SpanExporter::set_resource(&mut exporter, &resource);
        block_on(SpanExporter::export(&exporter, spans.clone())).expect("there is room");
        finish(&pipeline);
        let (resources, arrived): (Vec<_>, Vec<SpanData>) = given.spans().into_iter().unzip();
        prop_assert!(resources.iter().all(|arrived| *arrived == resource));
        prop_assert_eq!(arrived, spans);
    }
}

/// The processor gives each sampled span to the pipeline when it ends, with the provider's resource.
#[test]
fn the_processor_feeds_what_is_sampled() {
    let memory = InMemory::new();
    let builder = Pipeline::builder().export(memory.clone());
    let pipeline = builder.start().expect("the configuration is valid");
    for (sampler, name) in [
        (Sampler::AlwaysOff, "left out"),
        (Sampler::AlwaysOn, "work"),
    ] {
        let provider = SdkTracerProvider::builder()
            .with_sampler(sampler)
            .with_resource(Resource::builder_empty().with_service_name("shop").build())
            .with_span_processor(PipelineProcessor::new(&pipeline))
            .build();
        let mut span = provider.tracer("library").start(name);
        span.set_attribute(KeyValue::new("key", "value"));
        span.end();
        provider.force_flush().expect("nothing is held");
        provider.shutdown().expect("the pipeline goes on");
    }
    finish(&pipeline);
    let spans = memory.spans();
    assert_eq!(spans.len(), 1);
    assert_eq!(
        (&*spans[0].name, spans[0].str("key")),
        ("work", Some("value"))
    );
    assert_eq!(spans[0].resource.str("service.name"), Some("shop"));
    assert_eq!(spans[0].scope.name, "library");
}

/// Log records arrive with severity, body, attributes, their span and their resource.
#[test]
fn log_records_arrive() {
    let memory = InMemory::new();
    let builder = Pipeline::builder().export(memory.clone());
    let pipeline = builder.start().expect("the configuration is valid");
    let provider = SdkLoggerProvider::builder()
        .with_resource(Resource::builder_empty().with_service_name("shop").build())
        .with_simple_exporter(PipelineExporter::new(&pipeline))
        .build();
    let logger = provider.logger("library");
    let mut record = logger.create_log_record();
    record.set_severity_number(Severity::Warn2);
    record.set_severity_text("careful");
    record.set_event_name("cache.miss");
    record.set_body(AnyValue::from("slow"));
    record.add_attribute("attempt", 2);
    record.set_trace_context(7u128.into(), 9u64.into(), Some(TraceFlags::SAMPLED));
    logger.emit(record);
    provider.shutdown().expect("the pipeline goes on");
    finish(&pipeline);
    let logs = memory.logs();
    assert_eq!(logs.len(), 1);
    let log = &logs[0];
    assert_eq!((log.severity_number, &*log.severity_text), (14, "careful"));
    assert_eq!(
        (&*log.event_name, &log.body),
        ("cache.miss", &"slow".into())
    );
    assert_eq!(log.int("attempt"), Some(2));
    assert_eq!(
        log.trace_id.map(|id| id.to_string()),
        Some(format!("{:032x}", 7))
    );
    assert_eq!(
        log.span_id.map(|id| id.to_string()),
        Some(format!("{:016x}", 9))
    );
    assert_eq!(log.resource.str("service.name"), Some("shop"));
    assert_eq!(log.scope.name, "library");
}

/// What a pipeline that is shut down is given is an error, whether the exporter waits or not, and an
/// empty batch is none.
#[test]
fn a_closed_pipeline_takes_nothing() {
    let (pipeline, given) = pipeline_to_sdk();
    let exporters =
        [false, true].map(|waits| PipelineExporter::new(&pipeline).wait_for_room(waits));
    let processor = PipelineProcessor::new(&pipeline);
    finish(&pipeline);
    let span = || {
        let provider = SdkTracerProvider::builder().build();
        let span = provider.tracer("library").start("late");
        span.exported_data().expect("it is recorded")
    };
    for exporter in exporters {
        let refused = block_on(SpanExporter::export(&exporter, vec![span()]));
        assert!(
            matches!(refused, Err(OTelSdkError::AlreadyShutdown)),
            "{refused:?}"
        );
        block_on(SpanExporter::export(&exporter, Vec::new())).expect("it is nothing");
        SpanExporter::shutdown_with_timeout(&exporter, Duration::ZERO).expect("nothing is held");
    }
    processor.on_end(span());
    assert!(given.spans().is_empty());
}

/// A batch that the pipeline never takes is refused, booked, and told to the SDK.
#[test]
fn what_is_too_large_is_refused() {
    let memory = InMemory::new();
    let pipeline = Pipeline::builder()
        .budget(spanreel::ByteSize::mib(8))
        .export(memory.clone())
        .start()
        .expect("the configuration is valid");
    let provider = SdkTracerProvider::builder().build();
    let mut span = provider.tracer("library").start("large");
    span.set_attribute(KeyValue::new("text", "x".repeat(6 << 20)));
    let spans = vec![span.exported_data().expect("it is recorded")];
    let exporter = PipelineExporter::new(&pipeline);
    let refused = block_on(SpanExporter::export(&exporter, spans));
    assert!(
        matches!(refused, Err(OTelSdkError::InternalFailure(_))),
        "{refused:?}"
    );
    let report = pipeline.shutdown_blocking(Duration::from_secs(5));
    assert_eq!(report.traces.fates.of(Fate::TooLarge), 1, "{report}");
    assert!(memory.spans().is_empty());
}
