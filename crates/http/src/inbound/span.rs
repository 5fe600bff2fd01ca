//! The span of inbound work: a span of a session, or the root of one.

use std::fmt;

use spanreel::{Span, SpanContext, SpanRef, Value};

use super::Inbound;
use super::id::Id;
use super::sessions::RootEnd;
use crate::semconv;

/// Work that another process asked for, while it goes on. It ends when [`end`](Self::end) is called
/// or when it is dropped.
#[must_use = "it ends when it is dropped"]
pub struct InboundSpan {
    place: SpanRef,
    recording: Recording,
    /// None in a session that somebody else ends.
    visit: Option<Visit>,
}

enum Recording {
    /// The root of its session.
    Root(RootEnd),
    /// None once it has ended. Apart, for it is large and goes along with the response.
    Span(Option<Box<Span>>),
}

/// A stay in a session that inbound work opened.
pub(super) struct Visit {
    pub(super) inbound: Inbound,
    pub(super) id: Id,
}

impl InboundSpan {
    #[inline]
    pub(super) fn root(place: SpanRef, visit: Visit) -> Self {
        Self {
            place,
            recording: Recording::Root(RootEnd::default()),
            visit: Some(visit),
        }
    }

    pub(super) fn within(place: SpanRef, span: Span, visit: Option<Visit>) -> Self {
        Self {
            place,
            recording: Recording::Span(Some(Box::new(span))),
            visit,
        }
    }

    /// Where its work is recorded: spans are started below it.
    #[must_use]
    pub fn place(&self) -> &SpanRef {
        &self.place
    }

    /// What crosses borders: give it to what this work calls.
    #[must_use]
    pub fn context(&self) -> SpanContext {
        self.place.context()
    }

    /// Sets an attribute.
    pub fn set<'v>(&mut self, key: &str, value: impl Into<Value<'v>>) -> &mut Self {
        match &mut self.recording {
            Recording::Root(_) => {
                self.place.session().set(key, value);
            }
            Recording::Span(Some(span)) => {
                span.set(key, value);
            }
            Recording::Span(None) => {}
        }
        self
    }

    /// Notes the status code of the response. It is written when the span ends: the root of a session is
    /// packed away while it is open.
    pub(crate) fn status_code(&mut self, code: u16) {
        match &mut self.recording {
            Recording::Root(end) => end.status_code = Some(code),
            Recording::Span(Some(span)) => {
                span.set(semconv::RESPONSE_STATUS_CODE, code);
            }
            Recording::Span(None) => {}
        }
    }

    /// Marks it as failed: `error_type` is a low-cardinality name (`timeout`, `500`), `message` is for
    /// people.
    pub fn error(&mut self, error_type: &str, message: &str) -> &mut Self {
        match &mut self.recording {
            Recording::Root(end) => {
                let session = self.place.session();
                session.set(semconv::ERROR_TYPE, error_type);
                end.failure = Some(message.into());
            }
            Recording::Span(Some(span)) => {
                span.error(error_type, message);
            }
            Recording::Span(None) => {}
        }
        self
    }

    /// Ends it now.
    pub fn end(self) {}
}

impl Drop for InboundSpan {
    fn drop(&mut self) {
        let root = match &mut self.recording {
            Recording::Root(end) => Some(std::mem::take(end)),
            Recording::Span(span) => {
                // Before its session, which may end below.
                *span = None;
                None
            }
        };
        if let Some(Visit { inbound, id }) = self.visit.take() {
            inbound.sessions().leave(id, root);
        }
    }
}

impl fmt::Debug for InboundSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InboundSpan")
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}
