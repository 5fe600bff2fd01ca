//! What is open now: the live view, and the counts of a session.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::cell::Cell;
use super::delegation::live::LiveDelegation;
use super::state::State;
use crate::model::chunk::SessionKey;
use crate::model::content::Content;
use crate::model::genai::{Operation, key};
use crate::model::id::{SpanId, TraceId};
use crate::model::redaction::Redactor;
use crate::model::request::Signal;
use crate::model::usage::Totals;

/// An open session, as it was when it was asked for.
#[derive(Clone, Debug)]
pub struct LiveSession {
    /// Its id, as it is exported.
    pub id: String,
    /// Its trace.
    pub trace_id: TraceId,
    /// The agent, where one was named.
    pub agent: Option<String>,
    /// The user, where one was named.
    pub user: Option<String>,
    /// Its tags.
    pub tags: Vec<String>,
    /// Whether it is recorded.
    pub sampled: bool,
    /// When it started.
    pub started: SystemTime,
    /// When a span last started or ended in it.
    pub last_active: SystemTime,
    /// What it did so far.
    pub totals: Totals,
    /// Spans that are open, in no order; the root is not among them.
    pub open_spans: Vec<LiveSpan>,
    /// Delegations in flight, also those of its earlier segments, in no order.
    pub delegations: Vec<LiveDelegation>,
}

impl LiveSession {
    /// The same without what must not be shown.
    fn redacted(self, redactor: &Redactor) -> Self {
        let shown = |key: &str, text: String| redactor.redact(key, &text).into_owned();
        let tags = self.tags.into_iter();
        let spans = self.open_spans.into_iter().map(|span| LiveSpan {
            name: redactor.shown("span.name", &span.name).into_owned(),
            ..span
        });
        let delegations = self.delegations.into_iter().map(|it| LiveDelegation {
            agent: shown(key::AGENT_NAME, it.agent),
            ..it
        });
        Self {
            id: shown(key::SESSION_ID, self.id),
            agent: self.agent.map(|it| shown(key::AGENT_NAME, it)),
            user: self.user.map(|it| shown(key::USER_ID, it)),
            tags: tags.map(|it| shown(key::TAGS, it)).collect(),
            open_spans: spans.collect(),
            delegations: delegations.collect(),
            ..self
        }
    }
}

/// A span that has started and not ended.
#[derive(Clone, Debug)]
pub struct LiveSpan {
    /// Its id.
    pub id: SpanId,
    /// Its parent.
    pub parent: Option<SpanId>,
    /// Its name.
    pub name: String,
    /// What it does.
    pub operation: Operation,
    /// When it started.
    pub started: SystemTime,
}

impl Cell {
    /// What all segments of the session have in common.
    pub(crate) fn home(&self) -> SessionKey {
        self.identity.home
    }

    /// Whether content is recorded in it.
    pub(super) fn content(&self) -> Content {
        match self.sampled || self.logged {
            true => self.identity.content,
            false => Content::Off,
        }
    }

    pub(crate) fn live(&self, delegations: Vec<LiveDelegation>) -> LiveSession {
        let state = self.lock();
        let identity = &self.identity;
        let about = &identity.about;
        let open_spans = state.slab.open().map(|span| LiveSpan {
            id: span.id,
            parent: Some(span.parent().id),
            name: span.name().to_owned(),
            operation: span.operation,
            started: time(span.start_ns),
        });
        let session = LiveSession {
            id: identity.id().to_owned(),
            trace_id: identity.trace_id,
            agent: about.agent.as_deref().map(str::to_owned),
            user: about.user.as_deref().map(str::to_owned),
            tags: about.tags.iter().map(|tag| tag.to_string()).collect(),
            sampled: self.sampled,
            started: time(identity.start_ns),
            last_active: time(state.last_ns),
            totals: self.totals(&state),
            open_spans: open_spans.collect(),
            delegations,
        };
        drop(state);
        // Not under the lock: it may call a function of the host's.
        match &self.shared.redactor {
            Some(redactor) => session.redacted(redactor),
            None => session,
        }
    }

    /// Items that have ended and are in no book yet.
    pub(crate) fn unbooked(&self, signal: Signal) -> u64 {
        let unsampled = match signal {
            Signal::Traces => self.unsampled.unbooked(),
            Signal::Logs | Signal::Metrics => 0,
        };
        unsampled + self.lock().unsealed(signal)
    }

    /// Spans that have started and not ended, the root included.
    pub(crate) fn open_spans(&self) -> u64 {
        let state = self.lock();
        state.slab.len() as u64 + u64::from(state.root.is_some() && self.sampled)
    }

    /// What it did so far.
    pub(super) fn totals(&self, state: &State) -> Totals {
        match self.sampled {
            true => state.sums.totals(),
            false => Totals {
                spans: self.unsampled.ended(),
                ..state.sums.totals()
            },
        }
    }
}

pub(super) fn time(unix_ns: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_nanos(unix_ns)
}
