//! The `tracing` macros with the layer of tracing-opentelemetry, over OpenTelemetry's SDK.
//!
//! The layer's own attributes (source location, thread, busy and idle time, target) are switched
//! off, the event goes round its macro, which would add two more, and the subscriber takes spans of
//! the agent only: everybody records the same.

use std::time::Duration;

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::{Span, info_span};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;

use crate::contestant::{Contestant, Failure, Producer, Setup};
use crate::opentelemetry_sdk::{Queue, provider, thread_processor};
use crate::workload::{self, Chat, SessionId, Tool};

pub(crate) struct TracingOpenTelemetry {
    provider: SdkTracerProvider,
}

impl TracingOpenTelemetry {
    pub(crate) fn start(setup: &Setup, queue: Queue) -> Result<Self, Failure> {
        let provider = provider(setup, thread_processor(setup, Some(queue))?);
        let layer = tracing_opentelemetry::layer()
            .with_tracer(provider.tracer("agent"))
            .with_location(false)
            .with_threads(false)
            .with_tracked_inactivity(false)
            .with_target(false)
            .with_level(false);
        let subscriber = tracing_subscriber::registry()
            .with(Targets::new().with_target("agent", LevelFilter::INFO))
            .with(layer);
        tracing::subscriber::set_global_default(subscriber)?;
        Ok(Self { provider })
    }
}

impl Contestant for TracingOpenTelemetry {
    type Producer = TracingProducer;

    fn producer(&self) -> TracingProducer {
        TracingProducer
    }

    fn finish(self, grace: Duration) -> Result<(), Failure> {
        Ok(self.provider.shutdown_with_timeout(grace)?)
    }
}

pub(crate) struct TracingProducer;

pub(crate) struct TracingSession {
    root: Span,
    id: SessionId,
}

impl Producer for TracingProducer {
    type Session = TracingSession;

    fn open(&mut self, id: &SessionId) -> TracingSession {
        let root = info_span!(
            target: "agent",
            parent: None,
            workload::ROOT,
            gen_ai.operation.name = "invoke_agent",
            gen_ai.agent.name = "planner",
            gen_ai.provider.name = "anthropic",
            user.id = "u-19",
            session.id = id.text(),
            gen_ai.conversation.id = id.text(),
        );
        TracingSession {
            root,
            id: id.clone(),
        }
    }

    fn bare(&mut self, session: &mut TracingSession) {
        drop(info_span!(target: "agent", parent: &session.root, workload::BARE));
    }

    fn chat(&mut self, session: &mut TracingSession, chat: &Chat) {
        drop(info_span!(
            target: "agent",
            parent: &session.root,
            workload::CHAT,
            otel.kind = "client",
            session.id = session.id.text(),
            gen_ai.conversation.id = session.id.text(),
            gen_ai.operation.name = "chat",
            gen_ai.provider.name = "anthropic",
            gen_ai.request.model = chat.request_model.as_str(),
            gen_ai.response.model = chat.response_model.as_str(),
            gen_ai.response.id = chat.response_id.as_str(),
            gen_ai.output.type = "text",
            server.address = chat.server.as_str(),
            gen_ai.usage.input_tokens = chat.input_tokens,
            gen_ai.usage.output_tokens = chat.output_tokens,
            gen_ai.request.max_tokens = chat.max_tokens,
            gen_ai.request.temperature = chat.temperature,
            gen_ai.request.top_p = chat.top_p,
        ));
    }

    fn tool(&mut self, session: &mut TracingSession, tool: &Tool) {
        let span = info_span!(
            target: "agent",
            parent: &session.root,
            workload::TOOL,
            session.id = session.id.text(),
            gen_ai.conversation.id = session.id.text(),
            gen_ai.operation.name = "execute_tool",
            gen_ai.tool.type = "function",
            gen_ai.tool.name = tool.name.as_str(),
            gen_ai.tool.call.id = tool.call_id.as_str(),
            gen_ai.tool.description = tool.description.as_str(),
        );
        let mut result = Vec::with_capacity(2);
        tool.event_attributes(&mut result);
        span.add_event(workload::TOOL_EVENT, result);
    }

    fn close(&mut self, session: TracingSession) {
        drop(session.root);
    }
}
