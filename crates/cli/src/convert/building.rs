//! A span while its session is being put together.

use std::sync::Arc;

use super::draft::{Attribute, set};
use super::event::{Detail, Event, Family, Usage};
use super::outcome::Failure;

/// A span whose times and attributes are known, but not yet its id and its parent.
#[derive(Debug)]
pub(crate) struct Building {
    pub(crate) family: Family,
    pub(crate) run: Arc<str>,
    pub(crate) conversation: Option<Arc<str>>,
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) is_open: bool,
    /// Whether it is part of a call that has a span of its own.
    pub(crate) is_part: bool,
    /// Whether its recorded end lay before its start.
    pub(crate) is_clamped: bool,
    /// The numbers of its events; 0 where they have none.
    pub(crate) seqs: [u64; 2],
    pub(crate) parent_seq: Option<u64>,
    pub(crate) key: String,
    pub(crate) title: Option<String>,
    pub(crate) is_container: bool,
    pub(crate) call_id: Option<String>,
    pub(crate) failure: Option<Failure>,
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) usage: Usage,
}

impl Building {
    /// A span of which the start and the end were recorded.
    pub(crate) fn whole(start: Event, end: Event) -> Self {
        let mut span = Self::begin(start);
        let ended = end.time.unwrap_or_default();
        span.end = match end.detail.duration {
            Some(duration) if !end.is_timed => span.start.saturating_add(duration),
            _ => ended,
        };
        span.is_clamped = span.end < span.start;
        span.end = span.end.max(span.start);
        span.seqs[1] = end.seq;
        span.parent_seq = span.parent_seq.or(end.parent_seq);
        span.learn(end.detail);
        span
    }

    /// A span of which only the start was recorded. It ends with its session.
    pub(crate) fn open(start: Event, session_end: u64) -> Self {
        let mut span = Self::begin(start);
        span.end = session_end.max(span.start);
        span.is_open = true;
        span
    }

    /// A span of which only the end was recorded. It began as long before as it took.
    pub(crate) fn ended(end: Event) -> Self {
        let duration = end.detail.duration.unwrap_or_default();
        let mut span = Self::begin(end);
        span.start = span.end.checked_sub(duration).unwrap_or(span.end);
        span
    }

    fn begin(event: Event) -> Self {
        let time = event.time.unwrap_or_default();
        let Detail {
            key,
            title,
            failure,
            attributes,
            usage,
            call_id,
            is_container,
            ..
        } = event.detail;
        Self {
            family: event.family,
            run: event.run,
            conversation: event.conversation,
            start: time,
            end: time,
            is_open: false,
            is_part: false,
            is_clamped: false,
            seqs: [event.seq, event.seq],
            parent_seq: event.parent_seq,
            key,
            title,
            is_container,
            call_id,
            failure,
            attributes,
            usage,
        }
    }

    /// Takes in what the end of the span says. What both say is the end's to say.
    fn learn(&mut self, end: Detail) {
        for (key, value) in end.attributes {
            set(&mut self.attributes, key, value);
        }
        self.title = self.title.take().or(end.title);
        self.failure = end.failure.or(self.failure.take());
        self.call_id = self.call_id.take().or(end.call_id);
        self.usage = end.usage;
    }

    /// The name, by the GenAI conventions where they have one.
    pub(crate) fn name(&self) -> String {
        let with = |fixed: &str, separator: char| match &self.title {
            Some(title) => format!("{fixed}{separator}{title}"),
            None => fixed.to_owned(),
        };
        match self.family {
            Family::Pipeline => match &self.title {
                Some(title) => format!("invoke_workflow {title}"),
                None => "pipeline".to_owned(),
            },
            Family::Composition => "promptkit.composition".to_owned(),
            Family::Step => "promptkit.composition.step".to_owned(),
            Family::Stage => with("promptkit.stage", '.'),
            Family::Middleware => with("promptkit.middleware", '.'),
            Family::Provider => with("chat", ' '),
            Family::Embedding => with("embeddings", ' '),
            Family::ImageGeneration | Family::Speech | Family::Transcription => {
                with("generate_content", ' ')
            }
            Family::ClientTool if self.is_part => with("promptkit.tool.client", '.'),
            Family::Tool | Family::ClientTool => with("execute_tool", ' '),
            Family::Validation | Family::Eval => with("promptkit.eval", '.'),
            Family::Template => "promptkit.prompt.template".to_owned(),
            Family::Transition => "promptkit.workflow.transition".to_owned(),
            Family::WorkflowCompleted => "promptkit.workflow.completed".to_owned(),
            Family::MaxVisits => "promptkit.workflow.max_visits_exceeded".to_owned(),
            Family::BudgetExhausted => "promptkit.workflow.budget_exhausted".to_owned(),
            Family::MessageCreated | Family::MessageUpdated | Family::Log | Family::Unknown => {
                self.family.id_kind().to_owned()
            }
        }
    }
}
