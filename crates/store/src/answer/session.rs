//! A session: how it stands, what lists show of it, and its totals.

use serde::{Deserialize, Serialize};
use serde_json::Value;

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
