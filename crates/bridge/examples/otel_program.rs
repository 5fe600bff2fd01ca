//! A program with an OpenTelemetry set-up of its own that feeds the pipeline: its spans and log
//! records keep their ids, resource and scope, and a session of spanreel's own continues its trace.
//!
//! Run it with `cargo run -p spanreel-bridge --features opentelemetry --example otel_program`.

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;
use std::time::Duration;

use opentelemetry::logs::{LogRecord, Logger, LoggerProvider, Severity};
use opentelemetry::trace::{SpanKind, TraceContextExt, Tracer, TracerProvider};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::logs::SdkLoggerProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;
use spanreel::Pipeline;
use spanreel::testing::InMemory;
use spanreel_bridge::otel::{self, PipelineExporter};

fn main() -> Result<(), Box<dyn Error>> {
    print!("{}", run()?);
    Ok(())
}

/// Runs the program and returns what was exported as a tree.
pub(crate) fn run() -> Result<String, Box<dyn Error>> {
    let memory = InMemory::new();
    let pipeline = Pipeline::builder().export(memory.clone()).start()?;

    // What the program has already: only the exporters are new.
    let resource = Resource::builder_empty().with_service_name("shop").build();
    let tracers = SdkTracerProvider::builder()
        .with_resource(resource.clone())
        .with_batch_exporter(PipelineExporter::new(&pipeline))
        .build();
    let loggers = SdkLoggerProvider::builder()
        .with_resource(resource)
        .with_batch_exporter(PipelineExporter::new(&pipeline))
        .build();
    let (tracer, logger) = (tracers.tracer("shop.http"), loggers.logger("shop.http"));

    let request = tracer
        .span_builder("GET /advice")
        .with_kind(SpanKind::Server);
    let request = Context::current_with_span(request.start(&tracer));
    let _current = request.clone().attach();

    // An agent inside the program: its session is a part of the request's trace.
    let parent = otel::from_otel(request.span().span_context());
    let session = pipeline
        .open_session("conv-1")
        .agent("adviser")
        .parent(parent)
        .open()?;
    session.chat("openai", "gpt-5-mini").start().tokens(812, 96);

    // And a library below it that uses OpenTelemetry: its parent is the agent's span.
    let tool = session.tool("stock").start();
    let in_tool = Context::new().with_remote_span_context(otel::to_otel(&tool.context()));
    let query = tracer
        .span_builder("SELECT stock")
        .with_kind(SpanKind::Client);
    let query = tracer.build_with_context(query, &in_tool);
    in_tool
        .with_span(query)
        .span()
        .set_attribute(KeyValue::new("rows", 3));
    tool.end();
    session.succeed();

    let mut record = logger.create_log_record();
    record.set_severity_number(Severity::Info);
    record.set_body("advice given".into());
    logger.emit(record);
    request.span().end();

    tracers.shutdown()?;
    loggers.shutdown()?;
    let report = pipeline.shutdown_blocking(Duration::from_secs(5));
    assert!(report.is_lossless(), "{report}");
    let log = memory.logs().pop().ok_or("the log record arrived")?;
    let server = memory.span("GET /advice");
    assert_eq!(log.span_id, Some(server.span_id));
    assert_eq!(server.resource.str("service.name"), Some("shop"));
    Ok(memory.tree_with(&["rows"]))
}
