//! Draws sessions as trees, from what a pipeline exports of them.
//!
//! Holds: the spans of the session that is drawn next, at most as many as it was made for; of a larger
//! session its root alone. Waits: never. Loses: log records, which a tree does not show.

use std::fmt::Write;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use spanreel::record::RecordedSpan;
use spanreel::tree::{SessionTree, Style};
use spanreel::{Export, ExportError, Exporter, Request, Signal};

use crate::convert::SessionTrace;
use crate::units;

/// An exporter that keeps the spans of one session, to be drawn. Clones share them.
#[derive(Clone, Debug)]
pub(crate) struct Canvas {
    kept: Arc<Mutex<Kept>>,
    most: usize,
}

#[derive(Debug, Default)]
struct Kept {
    spans: Vec<RecordedSpan>,
    /// Too many came: only the root is kept.
    is_over: bool,
}

impl Canvas {
    /// Draws sessions of at most this many spans.
    #[must_use]
    pub(crate) fn of(most: usize) -> Self {
        Self {
            kept: Arc::default(),
            most,
        }
    }

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
            let spans = units::grouped(session.totals.spans + 1);
            writeln!(
                tree,
                "({spans} spans are too many to draw; --out writes them to a file)"
            )
            .expect("a string takes everything");
        }
        tree
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
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
        if kept.spans.len() > self.most {
            kept.is_over = true;
            // The root ends last of all, and requests come in order.
            let last = kept.spans.pop();
            kept.spans.clear();
            kept.spans.extend(last);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::destination::{Destination, Terms};
    use super::*;
    use crate::convert::{Options, read};

    /// Of a session with more spans than are drawn, the root is, with the totals of all.
    #[tokio::test]
    async fn too_many_spans_are_not_drawn() {
        let lines: String = (0..20)
            .map(|call| {
                format!(
                    r#"{{"seq":1,"event":{{"type":"tool.call.completed","timestamp":"2026-03-14T09:26:5{}Z","session_id":"s","data":{{"ToolName":"t","CallID":"{call}"}}}}}}"#,
                    call % 10
                ) + "\n"
            })
            .collect();
        let recording = read(lines.as_bytes(), "f", &Options::default()).expect("a recording");
        let session = &recording.sessions[0];
        let style = Style {
            width: 40,
            ascii: true,
            ..Style::default()
        };
        for (most, lines) in [(21, 23), (20, 4)] {
            let canvas = Canvas::of(most);
            let terms = Terms {
                patience: Duration::from_secs(5),
                redaction: None,
            };
            let destination = Destination::canvas(canvas.clone(), "service", terms);
            let mut destination = destination.expect("a thread");
            let sent = destination.send("service", session, None).await;
            sent.expect("a thread").expect("room");
            destination.settle().await.expect("done");
            let tree = canvas.draw(session, &style);
            assert!(tree.contains("tool calls 20"), "{tree}");
            assert_eq!(tree.lines().count(), lines, "{tree}");
            let is_whole = !tree.contains("(21 spans are too many to draw");
            assert_eq!(is_whole, most > 20, "{tree}");
            destination.close().await.expect("nothing to write");
        }
    }
}
