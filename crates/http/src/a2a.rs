//! Spans of the Agent2Agent protocol, after the proposal of the GenAI semantic conventions. Context
//! travels in HTTP headers, and in the message's metadata, which survives queues.
//!
//! Holds: nothing. Never waits.

use serde_json::{Map, Value as Json};
use spanreel::{Closed, Span, SpanKind, SpanRef, Value};

use crate::record::Record;
use crate::request::Attributes;
use crate::semconv;
use crate::via::{Caller, Via};
use crate::{Inbound, InboundSpan};

/// A request of A2A, as both sides describe it.
///
/// ```
/// use serde_json::Map;
/// use spanreel::Span;
/// use spanreel_http::{MetadataMut, a2a};
///
/// fn send(turn: &Span, metadata: &mut Map<String, serde_json::Value>) -> Span {
///     let request = a2a::Request::new("SendMessage").message_id("m-1").context_id("c-7");
///     let span = request.start(turn);
///     span.inject(&mut MetadataMut(metadata));
///     span
/// }
/// ```
#[derive(Clone, Debug)]
#[must_use = "start or serve it"]
pub struct Request<'a> {
    method: &'a str,
    message_id: Option<&'a str>,
    task_id: Option<&'a str>,
    context_id: Option<&'a str>,
    tenant: Option<&'a str>,
    protocol_version: Option<&'a str>,
    references: &'a [&'a str],
}

/// The state of a task (`a2a.task.state`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TaskState {
    /// It was accepted.
    Submitted,
    /// It is being worked on.
    Working,
    /// It waits for the caller to say more.
    InputRequired,
    /// It waits for the caller to authenticate.
    AuthRequired,
    /// It is done.
    Completed,
    /// It failed.
    Failed,
    /// It was cancelled.
    Canceled,
    /// It was not accepted.
    Rejected,
}

impl TaskState {
    /// Its name in the protocol.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Submitted => "TASK_STATE_SUBMITTED",
            Self::Working => "TASK_STATE_WORKING",
            Self::InputRequired => "TASK_STATE_INPUT_REQUIRED",
            Self::AuthRequired => "TASK_STATE_AUTH_REQUIRED",
            Self::Completed => "TASK_STATE_COMPLETED",
            Self::Failed => "TASK_STATE_FAILED",
            Self::Canceled => "TASK_STATE_CANCELED",
            Self::Rejected => "TASK_STATE_REJECTED",
        }
    }
}

impl<'a> Request<'a> {
    /// A request of this method (`a2a.method.name`): `SendMessage`, `SendStreamingMessage`, `GetTask`,
    /// ...
    pub fn new(method: &'a str) -> Self {
        Self {
            method,
            message_id: None,
            task_id: None,
            context_id: None,
            tenant: None,
            protocol_version: None,
            references: &[],
        }
    }

    /// The message that is sent (`a2a.message.id`).
    pub fn message_id(mut self, id: &'a str) -> Self {
        self.message_id = Some(id);
        self
    }

    /// The task that it is about (`a2a.task.id`).
    pub fn task_id(mut self, id: &'a str) -> Self {
        self.task_id = Some(id);
        self
    }

    /// The context that it belongs to: the conversation of a session that is opened for it on the side
    /// that is called (`gen_ai.conversation.id`). A session that is open keeps its own.
    pub fn context_id(mut self, id: &'a str) -> Self {
        self.context_id = Some(id);
        self
    }

    /// The tenant (`a2a.tenant`).
    pub fn tenant(mut self, tenant: &'a str) -> Self {
        self.tenant = Some(tenant);
        self
    }

    /// The version of the protocol that is spoken (`a2a.protocol.version`).
    pub fn protocol_version(mut self, version: &'a str) -> Self {
        self.protocol_version = Some(version);
        self
    }

    /// The tasks that the message refers to (`a2a.message.reference_task_ids`).
    pub fn references(mut self, tasks: &'a [&'a str]) -> Self {
        self.references = tasks;
        self
    }

    /// Starts the span of the side that calls, of kind client.
    pub fn start(&self, place: impl Into<SpanRef>) -> Span {
        let place = place.into();
        let mut span = place.child(self.method).kind(SpanKind::Client);
        let references = self.referred();
        for (key, value) in self.attributes(&references).as_slice() {
            span = span.attribute(key, *value);
        }
        span.start()
    }

    /// Starts the span of the side that is called, of kind server. Its parent is what `metadata` says,
    /// which is that of the message; where that says nothing, what the request came over.
    ///
    /// # Errors
    /// The pipeline is shut down.
    pub fn serve(
        &self,
        inbound: &Inbound,
        metadata: Option<&Map<String, Json>>,
        via: Via<'_>,
    ) -> Result<InboundSpan, Closed> {
        let caller = Caller::new(inbound, metadata, via);
        let references = self.referred();
        let attributes = self.attributes(&references);
        caller.serve(inbound, self.method, attributes.as_slice(), self.context_id)
    }

    fn referred(&self) -> Vec<Value<'a>> {
        self.references.iter().map(|&task| task.into()).collect()
    }

    fn attributes<'b>(&'b self, references: &'b [Value<'a>]) -> Attributes<'b> {
        let mut attributes = Attributes::new();
        attributes.push(semconv::A2A_METHOD, self.method);
        for (key, value) in [
            (semconv::A2A_MESSAGE_ID, self.message_id),
            (semconv::A2A_TASK_ID, self.task_id),
            (semconv::A2A_TENANT, self.tenant),
            (semconv::A2A_PROTOCOL_VERSION, self.protocol_version),
        ] {
            if let Some(value) = value {
                attributes.push(key, value);
            }
        }
        if !references.is_empty() {
            attributes.push(semconv::A2A_REFERENCES, references);
        }
        attributes
    }
}

/// Notes the task that an answer is about, and its state: failed and rejected ones are errors.
pub fn task(span: &mut impl Record, id: &str, state: TaskState) {
    span.set(semconv::A2A_TASK_ID, id);
    span.set(semconv::A2A_TASK_STATE, state.name());
    if matches!(state, TaskState::Failed | TaskState::Rejected) {
        span.error(state.name(), "");
    }
}
