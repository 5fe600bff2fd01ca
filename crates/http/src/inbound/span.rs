//! The span of inbound work: a span of a session, or the root of one.

use std::fmt;

use spanreel::{EndState, Span, SpanContext, SpanRef, Value, Visit};

use crate::semconv;

/// Work that another process asked for, while it goes on. It ends when [`end`](Self::end) is called
/// or when it is dropped.
#[must_use = "it ends when it is dropped"]
pub struct InboundSpan {
    recording: Recording,
}

enum Recording {
    /// The root of its session.
    Root(Visit, RootEnd),
    Span {
        place: SpanRef,
        /// Apart, for it is large and goes along with the response.
        span: Box<Span>,
        /// None in a session that somebody else ends. Behind the span, which ends before its session.
        _visit: Option<Visit>,
    },
}

/// How work ended that is the root of its session.
#[derive(Default)]
struct RootEnd {
    /// What went wrong, for people; empty where the error's type says it all.
    failure: Option<Box<str>>,
    /// What was answered over HTTP.
    status_code: Option<u16>,
}

impl InboundSpan {
    #[inline]
    pub(super) fn root(visit: Visit) -> Self {
        Self {
            recording: Recording::Root(visit, RootEnd::default()),
        }
    }

    pub(super) fn within(place: SpanRef, span: Span, visit: Option<Visit>) -> Self {
        Self {
            recording: Recording::Span {
                place,
                span: Box::new(span),
                _visit: visit,
            },
        }
    }

    /// Where its work is recorded: spans are started below it.
    #[must_use]
    pub fn place(&self) -> &SpanRef {
        match &self.recording {
            Recording::Root(visit, _) => visit.place(),
            Recording::Span { place, .. } => place,
        }
    }

    /// What crosses borders: give it to what this work calls.
    #[must_use]
    pub fn context(&self) -> SpanContext {
        self.place().context()
    }

    /// Sets an attribute.
    pub fn set<'v>(&mut self, key: &str, value: impl Into<Value<'v>>) -> &mut Self {
        match &mut self.recording {
            Recording::Root(visit, _) => {
                visit.place().session().set(key, value);
            }
            Recording::Span { span, .. } => {
                span.set(key, value);
            }
        }
        self
    }

    /// Notes the status code of the response. Of a root it is written when that ends, under the lock that is taken
    /// then.
    pub(crate) fn status_code(&mut self, code: u16) {
        match &mut self.recording {
            Recording::Root(_, end) => end.status_code = Some(code),
            Recording::Span { span, .. } => {
                span.set(semconv::RESPONSE_STATUS_CODE, code);
            }
        }
    }

    /// Marks it as failed: `error_type` is a low-cardinality name (`timeout`, `500`), `message` is for
    /// people.
    pub fn error(&mut self, error_type: &str, message: &str) -> &mut Self {
        match &mut self.recording {
            Recording::Root(visit, end) => {
                let session = visit.place().session();
                session.set(semconv::ERROR_TYPE, error_type);
                end.failure = Some(message.into());
            }
            Recording::Span { span, .. } => {
                span.error(error_type, message);
            }
        }
        self
    }

    /// Ends it now.
    pub fn end(self) {}
}

impl Drop for InboundSpan {
    fn drop(&mut self) {
        // Any other ends by itself.
        if let Recording::Root(visit, end) = &mut self.recording {
            let state = match &end.failure {
                None => EndState::Unset,
                Some(message) => EndState::Error(message),
            };
            let code = end
                .status_code
                .map(|code| (semconv::RESPONSE_STATUS_CODE, code.into()));
            visit.finish(state, code.as_slice());
        }
    }
}

impl fmt::Debug for InboundSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InboundSpan")
            .field("place", self.place())
            .finish_non_exhaustive()
    }
}
