//! What queries answer: plain values that the JSON API writes as they are.
//!
//! Here stand sessions, spans and what was said; in [`figures`] what is counted over many of them. Times and
//! durations are microseconds, times since 1970. What is unknown is absent.

mod figures;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use figures::*;

/// How a session stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum State {
    /// Something is still expected of it.
    #[default]
    Running,
    /// Its root span has ended, and nothing began after that.
    Done,
    /// The same, and the root span failed.
    Failed,
    /// It was ended from outside: its root span says that it is incomplete.
    Incomplete,
    /// It is running, and nothing has come for five minutes.
    Stalled,
}

impl State {
    /// The state of a name in the API.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "running" => Self::Running,
            "done" => Self::Done,
            "failed" => Self::Failed,
            "incomplete" => Self::Incomplete,
            "stalled" => Self::Stalled,
            _ => return None,
        })
    }

    /// The name in the API.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Incomplete => "incomplete",
            Self::Stalled => "stalled",
        }
    }
}

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

/// The first failure of a session: what to look at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// `error.type`, else the type of the exception, else `error`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What was said.
    #[serde(default)]
    pub message: String,
    /// Where.
    pub span_id: String,
}

/// Another span, mostly of another session.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Elsewhere {
    /// Its session, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
    /// Its trace.
    pub trace_id: String,
    /// Itself.
    pub span_id: String,
    /// What it is to this session: `spanreel.link`, or empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub relation: String,
}

/// A session in a list.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Summary {
    /// Its session id; where nothing names it, its trace id.
    pub id: String,
    /// The trace of its first span.
    pub trace_id: String,
    /// How it stands.
    pub state: State,
    /// `service.name`; empty where there is none.
    pub service: String,
    /// The agent of its root, else the first that was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// All agents, at most 32.
    pub agents: Vec<String>,
    /// `user.id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// All models, at most 32.
    pub models: Vec<String>,
    /// Its tags, at most 32.
    pub tags: Vec<String>,
    /// When its first span started.
    pub start_us: i64,
    /// When it ended; absent while it is running.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_us: Option<i64>,
    /// From start to end; of one that is running, to its last span's end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_us: Option<i64>,
    /// When something of it last arrived.
    pub last_us: i64,
    /// Spans.
    pub spans: u64,
    /// Log records.
    pub logs: u64,
    /// Calls of models.
    pub llm_calls: u64,
    /// Calls of tools.
    pub tool_calls: u64,
    /// Spans that failed.
    pub errors: u64,
    /// Tokens in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_tokens: Option<u64>,
    /// Tokens out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_tokens: Option<u64>,
    /// Tokens in that were cached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cached_tokens: Option<u64>,
    /// Tokens out that were thoughts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning_tokens: Option<u64>,
    /// What it cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<f64>,
    /// In which currency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// Its first failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Failure>,
    /// Who handed the work to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delegated_from: Option<Elsewhere>,
}

/// What was done with one model, tool or agent in a session.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Part {
    /// The model, tool or agent.
    pub name: String,
    /// The provider, of models.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// Calls; of agents, spans.
    pub calls: u64,
    /// Those that failed.
    pub errors: u64,
    /// The sum of their durations.
    pub duration_us: i64,
    /// Tokens in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_tokens: Option<u64>,
    /// Tokens out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_tokens: Option<u64>,
    /// Tokens in that were cached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cached_tokens: Option<u64>,
    /// Tokens out that were thoughts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning_tokens: Option<u64>,
    /// What they cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<f64>,
}

/// A session with its totals.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Detail {
    /// What lists show of it.
    #[serde(flatten)]
    pub summary: Summary,
    /// By model.
    pub by_model: Vec<Part>,
    /// By tool.
    pub by_tool: Vec<Part>,
    /// By agent.
    pub by_agent: Vec<Part>,
    /// The attributes of its resource.
    pub resource: serde_json::Map<String, Value>,
    /// Links of its root spans, and the sessions that its delegations led to.
    pub links: Vec<Elsewhere>,
    /// The session that it goes on from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous_id: Option<String>,
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

/// A log record.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Log {
    /// When.
    pub time_us: i64,
    /// In the words of its source, else by its number.
    pub severity: String,
    /// By OpenTelemetry's numbers; 0 where it is not stated.
    pub severity_number: i32,
    /// What it says.
    pub body: Value,
    /// The event that it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_name: Option<String>,
    /// The span that it is of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub span_id: Option<String>,
    /// Its attributes.
    pub attributes: Vec<Attribute>,
}

/// A piece of what was said.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Piece {
    /// `text`, `reasoning`, `tool_call`, `tool_result` or `media`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The tool.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The id of the call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call_id: Option<String>,
    /// With what it was called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arguments: Option<Value>,
    /// What came back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<Value>,
}

/// A message of the story of a session.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Message {
    /// The span that it is of.
    pub span_id: String,
    /// When.
    pub time_us: i64,
    /// `system`, `user`, `assistant` or `tool`.
    pub role: &'static str,
    /// What was said.
    pub parts: Vec<Piece>,
}

/// A page of a list.
#[derive(Clone, Debug, Serialize)]
pub struct Page<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// What to ask for the next; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// How many there are on all pages, up to 100,000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
    /// How many there are at least, where there are more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_at_least: Option<u64>,
}
