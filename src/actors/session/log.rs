//! Log records of a session: what can grow without end is a log record, never a span event.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::SystemTime;

use super::cell::Cell;
use super::drafts;
use super::state::State;
use crate::actors::clock::unix_ns;
use crate::actors::own_thread;
use crate::model::attribute::Value;
use crate::model::content::Part;
use crate::model::genai::key;
use crate::model::id::SpanId;
use crate::model::kind::{Severity, SpanKind};
use crate::model::otlp::draft::Draft;
use crate::model::request::Signal;

/// Event names of the semantic conventions ("Session events").
pub(super) const SESSION_START: &str = "session.start";
pub(super) const SESSION_END: &str = "session.end";

/// A log record being made, correlated with its session's trace and, from
/// [`Span::log`](crate::Span::log), with a span. Nothing is written until [`emit`](Self::emit).
#[must_use = "call emit"]
#[derive(Debug)]
pub struct LogBuilder<'a> {
    cell: Cow<'a, Arc<Cell>>,
    span: SpanId,
    /// None where log records are not recorded: in a session that is not sampled, where no exporter
    /// takes logs, and on the pipeline's own threads.
    draft: Option<Box<Draft>>,
    severity: Severity,
    time_ns: Option<u64>,
    observed_ns: Option<u64>,
}

impl<'a> LogBuilder<'a> {
    /// A record that says `body`, or nothing.
    pub(super) fn new(cell: Cow<'a, Arc<Cell>>, span: SpanId, body: Option<Value<'_>>) -> Self {
        let draft = (cell.logged && !own_thread::is_own()).then(|| {
            let mut draft = drafts::take();
            draft.begin_log(&cell.shared.limits);
            if let Some(body) = body {
                draft.body(body, &cell.shared.limits);
            }
            draft
        });
        Self {
            cell,
            span,
            draft,
            severity: Severity::Info,
            time_ns: None,
            observed_ns: None,
        }
    }

    /// How severe it is. Default: info.
    pub fn severity(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
    }

    /// Makes it an event of this name (OpenTelemetry logs data model, "EventName"). The last call
    /// counts.
    pub fn event_name(mut self, name: &str) -> Self {
        if let Some(draft) = &mut self.draft {
            draft.event_name(name, &self.cell.shared.limits);
        }
        self
    }

    /// Sets an attribute, as [`Span::set`](crate::Span::set) does.
    pub fn attribute<'v>(mut self, key: &str, value: impl Into<Value<'v>>) -> Self {
        if let Some(draft) = &mut self.draft {
            draft.set(key, value.into());
        }
        self
    }

    /// The score of an evaluation (`gen_ai.evaluation.score.value`).
    pub fn score(self, score: f64) -> Self {
        self.attribute(key::EVALUATION_SCORE, score)
    }

    /// The verdict of an evaluation in a word of few (`gen_ai.evaluation.score.label`): `pass`,
    /// `relevant`.
    pub fn label(self, label: &str) -> Self {
        self.attribute(key::EVALUATION_LABEL, label)
    }

    /// Sets a part of what users and models wrote, where the session records content in events; does
    /// nothing elsewhere.
    pub fn content<'v>(self, part: Part, value: impl Into<Value<'v>>) -> Self {
        match self.cell.content().in_events() {
            true => self.attribute(part.key(), value),
            false => self,
        }
    }

    /// When it happened. Default: now.
    pub fn at(mut self, time: SystemTime) -> Self {
        self.time_ns = Some(unix_ns(time));
        self
    }

    /// When it was noticed, for recordings that must come out the same each time. Default: now.
    pub fn observed_at(mut self, time: SystemTime) -> Self {
        self.observed_ns = Some(unix_ns(time));
        self
    }

    /// The span of the session's trace during which it happened. Default: what the builder was called
    /// on.
    pub fn span(mut self, id: SpanId) -> Self {
        self.span = id;
        self
    }

    /// Hands it to the pipeline. Never waits, never fails; what the pipeline has no room for is
    /// booked.
    pub fn emit(mut self) {
        let Some(mut draft) = self.draft.take() else {
            return;
        };
        let now_ns = self.cell.now_ns();
        draft.severity(self.severity as u8, self.severity.name());
        let time_ns = self.time_ns.unwrap_or(now_ns);
        let observed_ns = self.observed_ns.unwrap_or(now_ns);
        draft.end_log(time_ns, observed_ns, Some(self.span));
        self.cell.log(&draft);
        drafts::give_back(draft);
    }
}

/// Writes [`SESSION_START`] or [`SESSION_END`], with the attributes of the semantic conventions:
/// `session.id`, which all records have, and the `previous` id where the session goes on.
pub(super) fn session_event(
    cell: &Arc<Cell>,
    state: &mut State,
    name: &str,
    at_ns: u64,
    previous: Option<&str>,
) {
    let mut draft = drafts::take();
    draft.begin_log(&cell.shared.limits);
    draft.event_name(name, &cell.shared.limits);
    draft.severity(Severity::Info as u8, Severity::Info.name());
    if let Some(previous) = previous {
        draft.set(key::SESSION_PREVIOUS_ID, previous.into());
    }
    draft.end_log(at_ns, at_ns, Some(cell.identity.root));
    cell.put(state, Signal::Logs, &draft, cell.identity.log_common());
    drafts::give_back(draft);
}

/// Writes `spanreel.span.start`, for viewers that want to see what is open.
pub(super) fn span_start(
    cell: &Arc<Cell>,
    id: SpanId,
    parent: SpanId,
    name: &[u8],
    kind: SpanKind,
    at_ns: u64,
) {
    let mut draft = drafts::take();
    draft.begin_log(&cell.shared.limits);
    draft.event_name("spanreel.span.start", &cell.shared.limits);
    draft.severity(Severity::Info as u8, Severity::Info.name());
    if let Ok(name) = std::str::from_utf8(name) {
        draft.set(key::SPAN_NAME, name.into());
    }
    draft.set(key::SPAN_KIND, (kind as i64).into());
    draft.set(key::PARENT_SPAN_ID, parent.to_string().as_str().into());
    draft.end_log(at_ns, at_ns, Some(id));
    cell.log(&draft);
    drafts::give_back(draft);
}
