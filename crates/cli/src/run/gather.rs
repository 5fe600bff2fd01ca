//! Keeps the spans that pass, for the tree in the end.
//!
//! Holds: at most a number of spans and of bytes, and beyond that the root of the run. Never waits. Loses:
//! what is beyond, for the tree alone; it is counted.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use spanreel::record::RecordedSpan;
use spanreel::{Dialect, Export, ExportError, Exporter, Request, Signal, SpanId};

/// How many spans are kept.
const SPANS: usize = 10_000;

/// How many bytes they may have had on the wire. As values they take several times that.
const BYTES: usize = 16 * 1024 * 1024;

/// An exporter that keeps spans. Clones share them.
#[derive(Clone, Debug)]
pub(crate) struct Gather {
    kept: Arc<Mutex<Kept>>,
    spans: usize,
    bytes: usize,
}

/// What was kept.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    pub(crate) spans: Vec<RecordedSpan>,
    /// How many more there were.
    pub(crate) left_out: u64,
    bytes: usize,
    /// Kept always.
    root: Option<SpanId>,
}

impl Default for Gather {
    fn default() -> Self {
        Self::of(SPANS, BYTES)
    }
}

impl Gather {
    fn of(spans: usize, bytes: usize) -> Self {
        Self {
            kept: Arc::default(),
            spans,
            bytes,
        }
    }

    /// For a pipeline. It takes all signals, so that senders of any are not refused.
    pub(crate) fn exporter(&self) -> Exporter {
        Exporter::new(self.clone()).dialect(Dialect::GenAi)
    }

    /// This span is kept whatever came before it.
    pub(crate) fn keep(&self, root: SpanId) {
        self.kept().root = Some(root);
    }

    /// Gives what was kept, and keeps on from nothing.
    pub(crate) fn take(&self) -> Kept {
        std::mem::take(&mut *self.kept())
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Export for Gather {
    fn name(&self) -> &str {
        "tree"
    }

    async fn export(&self, request: Request) -> Result<(), ExportError> {
        if request.signal() != Signal::Traces {
            return Ok(());
        }
        let bytes = request.to_bytes();
        let spans = RecordedSpan::read_all(&bytes).map_err(ExportError::permanent)?;
        let mut kept = self.kept();
        kept.bytes = kept.bytes.saturating_add(bytes.len());
        let has_bytes = kept.bytes <= self.bytes;
        for span in spans {
            let is_root = kept.root == Some(span.span_id);
            if is_root || (has_bytes && kept.spans.len() < self.spans) {
                kept.spans.push(span);
            } else {
                kept.left_out += 1;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use spanreel::Pipeline;

    use super::*;

    async fn kept(gather: Gather, spans: u32) -> Kept {
        let pipeline = Pipeline::builder()
            .export(gather.exporter())
            .start()
            .expect("a right configuration");
        let session = pipeline.session("s").expect("open");
        gather.keep(session.context().span_id());
        for _ in 0..spans {
            session.child("work").start().end();
        }
        session.end();
        pipeline.shutdown(Duration::from_secs(30)).await;
        gather.take()
    }

    /// Beyond the bounds spans are counted, and the root is kept although it comes last.
    #[tokio::test]
    async fn what_is_too_much_is_counted_and_the_root_kept() {
        let all = kept(Gather::of(100, BYTES), 10).await;
        assert_eq!((all.spans.len(), all.left_out), (11, 0));
        for bounds in [Gather::of(4, BYTES), Gather::of(100, 1)] {
            let some = kept(bounds, 10).await;
            assert!(some.spans.len() <= 5, "{}", some.spans.len());
            assert_eq!(some.spans.len() as u64 + some.left_out, 11);
            assert!(some.spans.iter().any(|span| span.parent_span_id.is_none()));
        }
    }
}
