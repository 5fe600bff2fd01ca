//! One session in a few numbers: for programs, and as the row of a table.

use serde::Serialize;
use spanreel::Redactor;

use crate::convert::otlp::OtlpSession;
use crate::convert::{SessionTrace, Status};

/// One session, with what it added up to.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct SessionSummary {
    pub file: String,
    pub session_id: String,
    pub trace_id: String,
    pub conversation_id: Option<String>,
    pub user_id: Option<String>,
    pub agent: Option<String>,
    /// `success`, `error`, `incomplete`, or `unset` where the recording does not tell.
    pub end_state: &'static str,
    pub start_unix_ns: u64,
    pub end_unix_ns: u64,
    /// The root included.
    pub spans: u64,
    pub logs: u64,
    pub llm_calls: u64,
    pub tool_calls: u64,
    pub errors: u64,
    pub input_tokens: Option<u64>,
    pub output_tokens: Option<u64>,
    pub cached_tokens: Option<u64>,
    pub reasoning_tokens: Option<u64>,
    /// In US dollars.
    pub cost: Option<f64>,
}

impl SessionSummary {
    /// Of a session in a file of this name.
    #[must_use]
    pub fn new(file: &str, session: &SessionTrace) -> Self {
        let totals = &session.totals;
        let root = &session.root;
        Self {
            file: file.to_owned(),
            session_id: session.session_id.clone(),
            trace_id: session.trace_id.to_string(),
            conversation_id: session.conversation_id.clone(),
            user_id: session.user_id.clone(),
            agent: session.agent.clone(),
            end_state: match root.status {
                _ if root.incomplete => "incomplete",
                Status::Unset => "unset",
                Status::Ok => "success",
                Status::Error(_) => "error",
            },
            start_unix_ns: root.start_ns,
            end_unix_ns: root.end_ns,
            spans: totals.spans + 1,
            logs: session.logs.len() as u64,
            llm_calls: totals.llm_calls,
            tool_calls: totals.tool_calls,
            errors: totals.errors,
            input_tokens: totals.usage.input,
            output_tokens: totals.usage.output,
            cached_tokens: totals.usage.cache_read,
            reasoning_tokens: totals.usage.reasoning,
            cost: totals.cost,
        }
    }

    /// Leaves out what must not be told.
    pub fn redact(&mut self, redactor: &Redactor) {
        let texts = [
            ("session.id", Some(&mut self.session_id)),
            ("gen_ai.conversation.id", self.conversation_id.as_mut()),
            ("user.id", self.user_id.as_mut()),
            ("gen_ai.agent.name", self.agent.as_mut()),
        ];
        for (key, text) in texts {
            if let Some(text) = text {
                *text = redactor.redact(key, text).into_owned();
            }
        }
    }
}

impl From<(&str, &OtlpSession)> for SessionSummary {
    /// Of a session of OTLP in a file of this name.
    fn from((file, session): (&str, &OtlpSession)) -> Self {
        let totals = &session.totals;
        Self {
            file: file.to_owned(),
            session_id: session.session_id.clone(),
            trace_id: session.trace_id.to_string(),
            conversation_id: session.conversation_id.clone(),
            user_id: session.user_id.clone(),
            agent: session.agent.clone(),
            end_state: session.end_state,
            start_unix_ns: session.start_ns,
            end_unix_ns: session.end_ns,
            spans: totals.spans,
            logs: session.logs,
            llm_calls: totals.llm_calls,
            tool_calls: totals.tool_calls,
            errors: totals.errors,
            input_tokens: totals.usage.input,
            output_tokens: totals.usage.output,
            cached_tokens: totals.usage.cache_read,
            reasoning_tokens: totals.usage.reasoning,
            cost: totals.cost,
        }
    }
}
