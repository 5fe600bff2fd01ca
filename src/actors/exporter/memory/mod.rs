//! Keeps what it is given, for tests.
//!
//! Holds: the requests as they came, in wire form, at most as many bytes as its bound. Never waits.
//! Loses nothing silently: what does not fit is refused.

mod outline;

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use super::{Export, ExportError};
use crate::model::id::TraceId;
use crate::model::otlp::view::{RequestView, SpanItem, WireError};
use crate::model::record::{RecordedLog, RecordedSpan};
use crate::model::request::{Request, Signal};

use outline::{dedent, difference, outline};

/// The bytes that an [`InMemory`] holds unless told otherwise.
const DEFAULT_LIMIT: usize = 64 * 1024 * 1024;

/// An exporter that keeps what it is given, so that a test can look at it.
///
/// Clones share what is kept: give one to the pipeline and ask the other. What is kept is bounded
/// by the size of the requests in wire form, 64 MiB unless [`InMemory::with_limit`] says otherwise;
/// a request beyond that is refused for good.
///
/// ```
/// use spanreel::testing::InMemory;
///
/// let memory = InMemory::new();
/// // Give `memory.clone()` to a pipeline, run what is to be tested, flush; then:
/// memory.assert_tree("");
/// assert!(memory.spans().is_empty());
/// ```
#[derive(Clone, Debug)]
pub struct InMemory {
    kept: Arc<Mutex<Kept>>,
    limit: usize,
}

#[derive(Debug, Default)]
struct Kept {
    /// Checked when they came.
    requests: Vec<(Signal, Bytes)>,
    bytes: usize,
}

/// A request that would take more memory than an [`InMemory`] may use.
#[derive(Debug, thiserror::Error)]
#[error(
    "the in-memory exporter is full: it may hold {limit} bytes, has {held}, and was given \
     {given} more; clear() it or raise the limit"
)]
struct Full {
    limit: usize,
    held: usize,
    given: usize,
}

impl Default for InMemory {
    fn default() -> Self {
        Self::new()
    }
}

impl InMemory {
    /// Keeps at most 64 MiB.
    #[must_use]
    pub fn new() -> Self {
        Self::with_limit(DEFAULT_LIMIT)
    }

    /// Keeps at most `bytes`, counted in wire form.
    #[must_use]
    pub fn with_limit(bytes: usize) -> Self {
        Self {
            kept: Arc::default(),
            limit: bytes,
        }
    }

    /// All spans that are kept, in the order in which they came.
    #[must_use]
    pub fn spans(&self) -> Vec<RecordedSpan> {
        self.read(Signal::Traces, RecordedSpan::read_all)
    }

    /// All log records that are kept, in the order in which they came.
    #[must_use]
    pub fn logs(&self) -> Vec<RecordedLog> {
        self.read(Signal::Logs, RecordedLog::read_all)
    }

    /// The spans of one trace, in the order in which they came.
    #[must_use]
    pub fn trace(&self, id: TraceId) -> Vec<RecordedSpan> {
        let mut spans = self.spans();
        spans.retain(|span| span.trace_id == id);
        spans
    }

    /// The one span of this name.
    ///
    /// # Panics
    /// When there is none or more than one; the message shows the tree.
    #[track_caller]
    #[must_use]
    pub fn span(&self, name: &str) -> RecordedSpan {
        let mut found: Vec<_> = self.spans();
        found.retain(|span| span.name == name);
        if found.len() != 1 {
            let tree = self.tree();
            panic!(
                "expected one span named {name:?}, found {} in:\n{tree}",
                found.len()
            );
        }
        found.remove(0)
    }

    /// Forgets everything.
    pub fn clear(&self) {
        *self.kept() = Kept::default();
    }

    /// The kept spans as text: each trace an outline, one line per span, two spaces per level,
    /// siblings in order of start and then of span id; an empty line between traces.
    ///
    /// A span that ended in error has `!` and its status message behind its name. Spans whose
    /// parent is not kept stand under `(missing parent)`, those that are their own ancestors under
    /// `(parents form a circle)`. Control characters are written as escapes.
    #[must_use]
    pub fn tree(&self) -> String {
        self.tree_with(&[])
    }

    /// As [`InMemory::tree`], with the values of some attributes behind the names, where spans have
    /// them.
    #[must_use]
    pub fn tree_with(&self, attributes: &[&str]) -> String {
        outline(self.spans(), attributes)
    }

    /// Asserts that [`InMemory::tree`] is as expected. The indentation that all expected lines
    /// share does not count, nor do empty lines around them.
    ///
    /// # Panics
    /// When it is not; the message shows the difference line by line.
    #[track_caller]
    pub fn assert_tree(&self, expected: &str) {
        self.assert_tree_with(&[], expected);
    }

    /// Asserts that [`InMemory::tree_with`] is as expected.
    ///
    /// # Panics
    /// When it is not; the message shows the difference line by line.
    #[track_caller]
    pub fn assert_tree_with(&self, attributes: &[&str], expected: &str) {
        let tree = self.tree_with(attributes);
        if let Some(difference) = difference(&dedent(expected), &dedent(&tree)) {
            panic!("the spans differ from what was expected (- expected, + found):\n{difference}");
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read<T>(&self, signal: Signal, read_all: fn(&[u8]) -> Result<Vec<T>, WireError>) -> Vec<T> {
        let requests = self.kept().requests.clone();
        requests
            .iter()
            .filter(|(kept, _)| *kept == signal)
            .flat_map(|(_, request)| read_all(request).expect("it was checked when it came"))
            .collect()
    }

    fn keep(&self, request: &Request) -> Result<(), ExportError> {
        let bytes = request.to_bytes();
        let view = RequestView::new(request.signal(), &bytes).map_err(ExportError::permanent)?;
        let is_invalid =
            |item: &SpanItem<'_>| item.span.trace_id().is_none() || item.span.span_id().is_none();
        let rejected = view.spans().filter(is_invalid).count() as u64;

        let mut kept = self.kept();
        let held = kept.bytes;
        if bytes.len() > self.limit.saturating_sub(held) {
            return Err(ExportError::permanent(Full {
                limit: self.limit,
                held,
                given: bytes.len(),
            }));
        }
        kept.bytes += bytes.len();
        kept.requests.push((request.signal(), bytes));
        if rejected > 0 {
            let message = "spans without a valid trace id and span id".to_owned();
            return Err(ExportError::Partial { rejected, message });
        }
        Ok(())
    }
}

impl Export for InMemory {
    fn name(&self) -> &str {
        "memory"
    }

    async fn export(&self, request: Request) -> Result<(), ExportError> {
        self.keep(&request)
    }

    /// One at a time, so that what is kept is in the order in which it was handed over.
    fn usual_concurrency(&self) -> NonZeroUsize {
        NonZeroUsize::MIN
    }
}

#[cfg(test)]
mod tests;
