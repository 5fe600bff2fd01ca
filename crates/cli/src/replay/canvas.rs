//! Draws sessions as trees, from what a pipeline exports of them.
//!
//! Holds: the spans of the session that is drawn next, at most [`Canvas::MAX_SPANS`]; of a larger one
//! its root alone. Waits: never. Loses: log records, which a tree does not show.

use std::fmt::Write;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use spanreel::record::RecordedSpan;
use spanreel::tree::{SessionTree, Style};
use spanreel::{Export, ExportError, Exporter, Request, Signal};

use crate::convert::SessionTrace;
use crate::units;

/// An exporter that keeps the spans of one session, to be drawn. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Canvas(Arc<Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    spans: Vec<RecordedSpan>,
    /// Too many came: only the root is kept.
    is_over: bool,
}

impl Canvas {
    /// The largest session of which the spans are drawn.
    pub(crate) const MAX_SPANS: usize = 100_000;

    /// For a pipeline: one request at a time, so that spans come in order.
    #[must_use]
    pub(crate) fn exporter(&self) -> Exporter {
        Exporter::new(self.clone())
            .concurrency(NonZeroUsize::MIN)
            .signals(&[Signal::Traces])
    }

    /// Draws the session, whose spans have all come, and forgets them.
    #[must_use]
    pub(crate) fn draw(&self, session: &SessionTrace, style: &Style) -> String {
        let kept = std::mem::take(&mut *self.kept());
        let Kept { mut spans, is_over } = kept;
        if is_over {
            spans.retain(|span| span.span_id == session.root.span_id);
        }
        let mut tree = SessionTree::new(spans).render(style);
        if is_over {
            writeln!(
                tree,
                "({} spans are too many to draw; write them to a file with --out)",
                units::grouped(session.totals.spans)
            )
            .expect("a string takes everything");
        }
        tree
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Export for Canvas {
    fn name(&self) -> &str {
        "tree"
    }

    async fn export(&self, request: Request) -> Result<(), ExportError> {
        if request.signal() != Signal::Traces {
            return Ok(());
        }
        let spans = RecordedSpan::read_all(&request.to_bytes()).map_err(ExportError::permanent)?;
        let mut kept = self.kept();
        kept.spans.extend(spans);
        if kept.spans.len() > Self::MAX_SPANS {
            kept.is_over = true;
            // The root ends last of all, and requests come in order.
            let last = kept.spans.pop();
            kept.spans.clear();
            kept.spans.extend(last);
        }
        Ok(())
    }
}
