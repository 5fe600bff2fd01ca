//! A handle to a span: starts spans below it and is shared freely, but neither changes nor ends it.

use std::fmt;
use std::sync::Arc;

use super::Session;
use super::cell::Cell;
use super::log::LogBuilder;
use super::span::Span;
use crate::model::attribute::Value;
use crate::model::context::SpanContext;
use crate::model::id::SpanId;

/// Names a span to those who work below it, in other tasks say: spans and log records can be
/// started on it. The [`Span`] itself stays with its owner, who alone changes and ends it; a handle
/// that outlives it still says where work belongs.
///
/// Cheap to clone; it keeps its session's memory.
#[derive(Clone)]
pub struct SpanHandle {
    pub(super) cell: Arc<Cell>,
    pub(super) id: SpanId,
}

impl Span {
    /// A handle to it, for those who start spans below it and do not own it.
    #[must_use]
    pub fn handle(&self) -> SpanHandle {
        SpanHandle {
            cell: Arc::clone(&self.cell),
            id: self.id,
        }
    }
}

impl SpanHandle {
    /// The span's id within the trace.
    #[must_use]
    pub fn id(&self) -> SpanId {
        self.id
    }

    /// What crosses borders: give it to what the span calls.
    #[must_use]
    pub fn context(&self) -> SpanContext {
        self.cell.context_of(self.id)
    }

    /// The session that the span belongs to.
    #[must_use]
    pub fn session(&self) -> Session {
        Session::of(Arc::clone(&self.cell))
    }

    /// Whether the session is sampled: see [`Span::is_recording`].
    #[must_use]
    pub fn is_recording(&self) -> bool {
        self.cell.sampled
    }

    /// A log record correlated with the span.
    pub fn log<'v>(&self, body: impl Into<Value<'v>>) -> LogBuilder<'_> {
        LogBuilder::new(&self.cell, self.id, Some(body.into()))
    }
}

impl fmt::Debug for SpanHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SpanHandle")
            .field("trace_id", &self.cell.identity.trace_id)
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
