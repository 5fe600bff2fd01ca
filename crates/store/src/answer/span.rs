//! A span: what lists show of it, and all of it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a span is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum SpanType {
    /// The root of a session.
    Session,
    /// An agent at work.
    Agent,
    /// A workflow, chain or task.
    Workflow,
    /// A call of a model.
    Llm,
    /// Embeddings.
    Embeddings,
    /// A search in a data source.
    Retrieval,
    /// A tool call.
    Tool,
    /// An action that is no tool call.
    Action,
    /// Work that was handed to another agent.
    Delegation,
    /// Anything else.
    #[default]
    Other,
}

/// To whom a span handed work.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DelegateTo {
    /// The agent.
    pub agent: String,
    /// The trace of its session, where it answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
}

/// A span in a list.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Span {
    /// Its id.
    pub span_id: String,
    /// Its parent's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent_id: Option<String>,
    /// Its trace's.
    pub trace_id: String,
    /// Its name.
    pub name: String,
    /// What it is.
    #[serde(rename = "type")]
    pub kind: SpanType,
    /// When it started.
    pub start_us: i64,
    /// When it ended; absent while it is open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_us: Option<i64>,
    /// `unset`, `ok` or `error`.
    pub status: &'static str,
    /// What was said of its status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Its agent: its own, else that of the nearest span above it that has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// The model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The provider.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// The tool.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool: Option<String>,
    /// The id of the tool call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call_id: Option<String>,
    /// Tokens in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input_tokens: Option<u64>,
    /// Tokens out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_tokens: Option<u64>,
    /// Tokens in that were cached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cached_tokens: Option<u64>,
    /// Tokens out that were thoughts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasoning_tokens: Option<u64>,
    /// What it cost.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost: Option<f64>,
    /// How long its first chunk took.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttft_us: Option<u64>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_type: Option<String>,
    /// It was ended from outside.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub incomplete: bool,
    /// How often it had been tried before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry: Option<u64>,
    /// To whom it handed work.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delegate_to: Option<DelegateTo>,
    /// How many events it has.
    pub events: usize,
    /// How many links it has.
    pub links: usize,
}

/// A key with its value.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Attribute {
    /// The key.
    pub key: String,
    /// The value.
    pub value: Value,
}

/// Something that happened within a span.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Event {
    /// Its name.
    pub name: String,
    /// When.
    pub time_us: i64,
    /// Its attributes.
    pub attributes: Vec<Attribute>,
}

/// A link of a span.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Link {
    /// The trace.
    pub trace_id: String,
    /// The span.
    pub span_id: String,
    /// The attributes of the link.
    pub attributes: Vec<Attribute>,
}

/// What recorded a span.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Scope {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// What was dropped when a span was recorded.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Dropped {
    /// Attributes.
    pub attributes: u32,
    /// Events.
    pub events: u32,
    /// Links.
    pub links: u32,
}

/// A span with everything.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct WholeSpan {
    /// What lists show of it.
    #[serde(flatten)]
    pub span: Span,
    /// `internal`, `server`, `client`, `producer`, `consumer` or `unspecified`.
    pub span_kind: &'static str,
    /// Its attributes.
    pub attributes: Vec<Attribute>,
    /// Its events.
    #[serde(rename = "event_list")]
    pub event_list: Vec<Event>,
    /// Its links.
    #[serde(rename = "link_list")]
    pub link_list: Vec<Link>,
    /// Its resource.
    pub resource: Vec<Attribute>,
    /// Its scope.
    pub scope: Scope,
    /// What was dropped.
    pub dropped: Dropped,
}
