//! References to spans: what work elsewhere needs to begin below a span that it does not own.
//!
//! Holds: the session, which lives as long as a reference to it. Never waits, loses nothing.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use super::Session;
use super::cell::Cell;
use super::log::LogBuilder;
use super::span::Span;
use crate::model::attribute::Value;
use crate::model::content::Content;
use crate::model::context::SpanContext;
use crate::model::id::SpanId;

/// A place in a session: a span below which others can be started, without owning it. Cheap to
/// clone; it neither ends its span nor keeps it open.
///
/// ```
/// use spanreel::{Null, Pipeline, SpanRef};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let pipeline = Pipeline::builder().export(Null).start()?;
/// let session = pipeline.session("conv-8f2e")?;
/// let request = session.child("request").start();
/// let place = SpanRef::from(&request);
/// let job = std::thread::spawn(move || place.tool("search").start().end());
/// request.end();
/// job.join().expect("it does not panic");
/// # pipeline.shutdown_blocking(std::time::Duration::from_secs(1));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct SpanRef {
    pub(super) cell: Arc<Cell>,
    pub(super) id: SpanId,
}

impl SpanRef {
    /// The span's id within the trace.
    #[must_use]
    pub fn id(&self) -> SpanId {
        self.id
    }

    /// What crosses borders: give it to what is called from here.
    #[must_use]
    pub fn context(&self) -> SpanContext {
        self.cell.context_of(self.id)
    }

    /// The session that the span belongs to.
    #[must_use]
    pub fn session(&self) -> Session {
        Session::of(Arc::clone(&self.cell))
    }

    /// Whether content is recorded in its session: see [`Span::content`].
    #[must_use]
    pub fn content(&self) -> Content {
        self.cell.content()
    }

    /// Whether the session is sampled: see [`Span::is_recording`].
    #[must_use]
    pub fn is_recording(&self) -> bool {
        self.cell.sampled
    }

    /// A log record correlated with the span.
    pub fn log<'v>(&self, body: impl Into<Value<'v>>) -> LogBuilder<'_> {
        LogBuilder::new(Cow::Borrowed(&self.cell), self.id, Some(body.into()))
    }
}

impl From<&Span> for SpanRef {
    fn from(span: &Span) -> Self {
        Self {
            cell: Arc::clone(&span.cell),
            id: span.id,
        }
    }
}

/// The root span of the session.
impl From<&Session> for SpanRef {
    fn from(session: &Session) -> Self {
        let cell = session.cell.current();
        let id = cell.identity.root;
        let cell = cell.into_owned();
        Self { cell, id }
    }
}

impl fmt::Debug for SpanRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SpanRef")
            .field("trace_id", &self.cell.identity.trace_id)
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
