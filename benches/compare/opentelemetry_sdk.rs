//! OpenTelemetry's own SDK, with its batch processors and its OTLP exporter over tonic.
//!
//! Used in the way that is cheapest for it: a span gets all its attributes from its builder, in a
//! vector of the right size, and the session's id is shared instead of copied.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use opentelemetry::trace::{
    Span as _, SpanKind, TraceContextExt, Tracer as _, TracerProvider as _,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::runtime;
use opentelemetry_sdk::trace::span_processor_with_async_runtime;
use opentelemetry_sdk::trace::{
    BatchConfig, BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracer, SdkTracerProvider,
    SpanProcessor,
};

use crate::contestant::{Contestant, Failure, Producer, Setup};
use crate::workload::{self, Attributes, Chat, MOST_ATTRIBUTES, SessionId, Tool};

/// How many spans may wait, and how many go into one request.
#[derive(Clone, Copy)]
pub(crate) struct Queue {
    pub(crate) spans: usize,
    pub(crate) batch: usize,
}

impl Queue {
    fn config(self) -> BatchConfigBuilder {
        BatchConfigBuilder::default()
            .with_max_queue_size(self.spans)
            .with_max_export_batch_size(self.batch)
    }
}

pub(crate) struct OpenTelemetry {
    provider: SdkTracerProvider,
    /// The async processor refuses even a shutdown while its queue is full.
    refuses_when_full: bool,
}

impl OpenTelemetry {
    /// The processor with a thread of its own; without a queue, as it is by default.
    pub(crate) fn thread(setup: &Setup, queue: Option<Queue>) -> Result<Self, Failure> {
        Ok(Self {
            provider: provider(setup, thread_processor(setup, queue)?),
            refuses_when_full: false,
        })
    }

    /// The processor that is a task, with several exports under way at once.
    pub(crate) fn asynchronous(
        setup: &Setup,
        queue: Queue,
        exports: usize,
    ) -> Result<Self, Failure> {
        let config = queue.config().with_max_concurrent_exports(exports).build();
        let processor = span_processor_with_async_runtime::BatchSpanProcessor::builder(
            exporter(setup)?,
            runtime::Tokio,
        )
        .with_batch_config(config)
        .build();
        Ok(Self {
            provider: provider(setup, processor),
            refuses_when_full: true,
        })
    }
}

/// OTLP over gRPC, as it is by default.
pub(crate) fn exporter(setup: &Setup) -> Result<SpanExporter, Failure> {
    let builder = SpanExporter::builder().with_tonic();
    Ok(builder.with_endpoint(setup.url()).build()?)
}

/// What the resource of every contestant says.
pub(crate) fn resource() -> Resource {
    Resource::builder_empty()
        .with_service_name("planner-host")
        .build()
}

pub(crate) fn thread_processor(
    setup: &Setup,
    queue: Option<Queue>,
) -> Result<BatchSpanProcessor, Failure> {
    let config = queue.map_or_else(BatchConfig::default, |queue| queue.config().build());
    Ok(BatchSpanProcessor::builder(exporter(setup)?)
        .with_batch_config(config)
        .build())
}

pub(crate) fn provider(
    setup: &Setup,
    processor: impl SpanProcessor + 'static,
) -> SdkTracerProvider {
    let root = if setup.sampled {
        Sampler::AlwaysOn
    } else {
        Sampler::AlwaysOff
    };
    SdkTracerProvider::builder()
        .with_span_processor(processor)
        .with_sampler(Sampler::ParentBased(Box::new(root)))
        .with_resource(resource())
        .build()
}

impl Contestant for OpenTelemetry {
    type Producer = OpenTelemetryProducer;

    fn producer(&self) -> OpenTelemetryProducer {
        OpenTelemetryProducer {
            tracer: self.provider.tracer("agent"),
        }
    }

    fn finish(self, grace: Duration) -> Result<(), Failure> {
        let deadline = Instant::now() + grace;
        if self.refuses_when_full {
            while self.provider.force_flush().is_err() && Instant::now() < deadline {
                thread::park_timeout(Duration::from_millis(10));
            }
        }
        let left = deadline.saturating_duration_since(Instant::now());
        Ok(self.provider.shutdown_with_timeout(left)?)
    }
}

pub(crate) struct OpenTelemetryProducer {
    tracer: SdkTracer,
}

/// The root span, as the context of its children, and the session's id.
pub(crate) struct OpenTelemetrySession {
    root: Context,
    id: SessionId,
}

impl OpenTelemetryProducer {
    #[inline]
    fn start(
        &self,
        name: &'static str,
        kind: SpanKind,
        attributes: Vec<KeyValue>,
        parent: &Context,
    ) -> opentelemetry_sdk::trace::Span {
        self.tracer
            .span_builder(name)
            .with_kind(kind)
            .with_attributes(attributes)
            .start_with_context(&self.tracer, parent)
    }
}

impl Producer for OpenTelemetryProducer {
    type Session = OpenTelemetrySession;

    fn open(&mut self, id: &SessionId) -> OpenTelemetrySession {
        let mut attributes = Vec::with_capacity(MOST_ATTRIBUTES);
        workload::root_attributes(&mut attributes);
        id.attributes(&mut attributes);
        let nobody = Context::new();
        let root = self.start(workload::ROOT, SpanKind::Internal, attributes, &nobody);
        OpenTelemetrySession {
            root: nobody.with_span(root),
            id: id.clone(),
        }
    }

    fn bare(&mut self, session: &mut OpenTelemetrySession) {
        self.tracer
            .span_builder(workload::BARE)
            .start_with_context(&self.tracer, &session.root)
            .end();
    }

    fn chat(&mut self, session: &mut OpenTelemetrySession, chat: &Chat) {
        let mut attributes = Vec::with_capacity(MOST_ATTRIBUTES);
        session.id.attributes(&mut attributes);
        chat.attributes(&mut attributes);
        self.start(workload::CHAT, SpanKind::Client, attributes, &session.root)
            .end();
    }

    fn tool(&mut self, session: &mut OpenTelemetrySession, tool: &Tool) {
        let mut attributes = Vec::with_capacity(7);
        session.id.attributes(&mut attributes);
        tool.attributes(&mut attributes);
        let mut span = self.start(
            workload::TOOL,
            SpanKind::Internal,
            attributes,
            &session.root,
        );
        let mut result = Vec::with_capacity(2);
        tool.event_attributes(&mut result);
        span.add_event(workload::TOOL_EVENT, result);
        span.end();
    }

    fn close(&mut self, session: OpenTelemetrySession) {
        session.root.span().end();
    }
}

impl Attributes for Vec<KeyValue> {
    #[inline]
    fn literal(&mut self, key: &'static str, value: &'static str) {
        self.push(KeyValue::new(key, value));
    }

    #[inline]
    fn text(&mut self, key: &'static str, value: &str) {
        self.push(KeyValue::new(key, value.to_owned()));
    }

    #[inline]
    fn shared(&mut self, key: &'static str, value: &Arc<str>) {
        self.push(KeyValue::new(key, Arc::clone(value)));
    }

    #[inline]
    fn int(&mut self, key: &'static str, value: i64) {
        self.push(KeyValue::new(key, value));
    }

    #[inline]
    fn double(&mut self, key: &'static str, value: f64) {
        self.push(KeyValue::new(key, value));
    }
}
