//! fastrace, with its reporter for OpenTelemetry: `Span`, and `LocalSpan` where a turn allows it.

use std::borrow::Cow;
use std::marker::PhantomData;
use std::time::Duration;

use fastrace::collector::{Config, TraceId};
use fastrace::local::{LocalParentGuard, LocalSpan};
use fastrace::prelude::{SpanContext, SpanId};
use fastrace::{Event, Span};
use fastrace_opentelemetry::OpenTelemetryReporter;
use opentelemetry::InstrumentationScope;

use crate::contestant::{Contestant, Failure, Producer, Setup};
use crate::opentelemetry_sdk::{exporter, resource};
use crate::workload::{self, Attributes, Chat, MOST_ATTRIBUTES, SessionId, Tool, Turn};

/// How the spans of a turn are recorded.
pub(crate) trait Style: Send + Sync + 'static {
    /// What has to be in place while spans of this style are recorded.
    fn parent(root: &Span) -> Option<LocalParentGuard>;
    fn bare(session: &FastTraceSession);
    fn chat(session: &FastTraceSession, chat: &Chat);
    fn tool(session: &FastTraceSession, tool: &Tool);
}

/// Each span is a `Span`, as one that crosses tasks and awaits has to be.
pub(crate) struct Threadsafe;

/// The root is the local parent for the length of a turn, and its spans are `LocalSpan`s; none of
/// them could live across an await.
pub(crate) struct Local;

pub(crate) struct FastTrace<S> {
    sampled: bool,
    style: PhantomData<S>,
}

impl<S: Style> FastTrace<S> {
    pub(crate) fn start(setup: &Setup) -> Result<Self, Failure> {
        let exports = setup.exports.clone();
        let scope = InstrumentationScope::builder("agent").build();
        let reporter = OpenTelemetryReporter::new(exporter(setup)?, Cow::Owned(resource()), scope)
            .with_block_on(move |export| exports.block_on(export));
        fastrace::set_reporter(reporter, Config::default());
        Ok(Self {
            sampled: setup.sampled,
            style: PhantomData,
        })
    }
}

impl<S: Style> Contestant for FastTrace<S> {
    type Producer = FastTraceProducer<S>;

    fn producer(&self) -> FastTraceProducer<S> {
        FastTraceProducer {
            sampled: self.sampled,
            style: PhantomData,
        }
    }

    fn finish(self, _grace: Duration) -> Result<(), Failure> {
        fastrace::flush();
        Ok(())
    }
}

pub(crate) struct FastTraceProducer<S> {
    sampled: bool,
    style: PhantomData<S>,
}

pub(crate) struct FastTraceSession {
    root: Span,
    id: SessionId,
}

impl<S: Style> Producer for FastTraceProducer<S> {
    type Session = FastTraceSession;

    fn open(&mut self, id: &SessionId) -> FastTraceSession {
        let context = SpanContext::new(TraceId(id.trace_id()), SpanId(0)).sampled(self.sampled);
        let root = Span::root(workload::ROOT, context).with_properties(|| {
            let mut properties = Vec::with_capacity(6);
            workload::root_attributes(&mut properties);
            id.attributes(&mut properties);
            properties
        });
        FastTraceSession {
            root,
            id: id.clone(),
        }
    }

    fn bare(&mut self, session: &mut FastTraceSession) {
        let _parent = S::parent(&session.root);
        S::bare(session);
    }

    fn chat(&mut self, session: &mut FastTraceSession, chat: &Chat) {
        let _parent = S::parent(&session.root);
        S::chat(session, chat);
    }

    fn tool(&mut self, session: &mut FastTraceSession, tool: &Tool) {
        let _parent = S::parent(&session.root);
        S::tool(session, tool);
    }

    fn turn(&mut self, session: &mut FastTraceSession, turn: &Turn) {
        let _parent = S::parent(&session.root);
        S::chat(session, &turn.chat);
        for tool in &turn.tools {
            S::tool(session, tool);
        }
    }

    fn close(&mut self, session: FastTraceSession) {
        drop(session.root);
    }
}

impl Style for Threadsafe {
    fn parent(_root: &Span) -> Option<LocalParentGuard> {
        None
    }

    fn bare(session: &FastTraceSession) {
        drop(Span::enter_with_parent(workload::BARE, &session.root));
    }

    fn chat(session: &FastTraceSession, chat: &Chat) {
        drop(
            Span::enter_with_parent(workload::CHAT, &session.root)
                .with_properties(|| chat_properties(&session.id, chat)),
        );
    }

    fn tool(session: &FastTraceSession, tool: &Tool) {
        let span = Span::enter_with_parent(workload::TOOL, &session.root)
            .with_properties(|| tool_properties(&session.id, tool));
        span.add_event(result(tool));
    }
}

impl Style for Local {
    fn parent(root: &Span) -> Option<LocalParentGuard> {
        Some(root.set_local_parent())
    }

    fn bare(_session: &FastTraceSession) {
        drop(LocalSpan::enter_with_local_parent(workload::BARE));
    }

    fn chat(session: &FastTraceSession, chat: &Chat) {
        drop(
            LocalSpan::enter_with_local_parent(workload::CHAT)
                .with_properties(|| chat_properties(&session.id, chat)),
        );
    }

    fn tool(session: &FastTraceSession, tool: &Tool) {
        let _span = LocalSpan::enter_with_local_parent(workload::TOOL)
            .with_properties(|| tool_properties(&session.id, tool));
        LocalSpan::add_event(result(tool));
    }
}

type Property = (Cow<'static, str>, Cow<'static, str>);

fn chat_properties(id: &SessionId, chat: &Chat) -> Vec<Property> {
    let mut properties = Vec::with_capacity(MOST_ATTRIBUTES + 1);
    properties.literal(fastrace_opentelemetry::SPAN_KIND, "client");
    id.attributes(&mut properties);
    chat.attributes(&mut properties);
    properties
}

fn tool_properties(id: &SessionId, tool: &Tool) -> Vec<Property> {
    let mut properties = Vec::with_capacity(7);
    id.attributes(&mut properties);
    tool.attributes(&mut properties);
    properties
}

fn result(tool: &Tool) -> Event {
    Event::new(workload::TOOL_EVENT).with_properties(|| {
        let mut properties = Vec::with_capacity(2);
        tool.event_attributes(&mut properties);
        properties
    })
}

/// fastrace has string properties only, so numbers become text.
impl Attributes for Vec<Property> {
    #[inline]
    fn literal(&mut self, key: &'static str, value: &'static str) {
        self.push((key.into(), value.into()));
    }

    #[inline]
    fn text(&mut self, key: &'static str, value: &str) {
        self.push((key.into(), value.to_owned().into()));
    }

    #[inline]
    fn int(&mut self, key: &'static str, value: i64) {
        self.push((key.into(), value.to_string().into()));
    }

    #[inline]
    fn double(&mut self, key: &'static str, value: f64) {
        self.push((key.into(), value.to_string().into()));
    }
}
