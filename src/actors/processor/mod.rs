//! The processor: has the users' processors and then the redaction look at every span and log record
//! before anything else does, so that whatever is held or exported later is already processed.
//!
//! Holds: the chunks being processed. Waits: for the sampler. Loses: what a processor drops, booked
//! as `filtered`; an item on which a processor panics, booked as `abandoned`, for a redactor that
//! failed must not let through what it was to hide.

pub(crate) mod edit;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use bytes::Bytes;

use self::edit::Item;
use crate::actors::mailbox::{Mailbox, Stopped};
use crate::actors::pool::Pool;
use crate::actors::road::Msg;
use crate::actors::run::Actor;
use crate::model::chunk::Chunk;
use crate::model::ledger::Fate;
use crate::model::otlp::redact::Rewriter;
use crate::model::otlp::scan;
use crate::model::redaction::Redactor;
use crate::model::whole::Whole;

/// Looks at every recorded span and log record, and may change or drop it. Called off the
/// pipeline's own thread, for one item after the other.
///
/// ```
/// use spanreel::{Flow, Item, Process};
///
/// /// Leaves prompts out of tool arguments, and health checks altogether.
/// struct Tidy;
///
/// impl Process for Tidy {
///     fn process(&mut self, item: &mut Item<'_>) -> Flow {
///         if item.name() == "execute_tool ping" {
///             return Flow::Drop;
///         }
///         item.remove("gen_ai.tool.call.arguments");
///         item.set("deployment.environment.name", "staging");
///         Flow::Pass
///     }
/// }
/// ```
pub trait Process: Send + 'static {
    /// Processes one item. A panic costs that item, which is then not exported.
    fn process(&mut self, item: &mut Item<'_>) -> Flow;
}

/// What becomes of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// It goes on, as it is now.
    Pass,
    /// It is left out, and booked as [`Filtered`](crate::Fate::Filtered).
    Drop,
}

pub(crate) type Processors = Vec<Box<dyn Process>>;

pub(crate) struct Processor {
    next: Mailbox<Msg>,
    pool: Arc<Pool>,
    /// Lent to the thread that works; empty meanwhile.
    processors: Option<Processors>,
    /// Stands behind them, so that what they add is redacted, too.
    redactor: Option<Arc<Redactor>>,
}

impl Processor {
    pub(crate) fn new(
        next: Mailbox<Msg>,
        pool: Arc<Pool>,
        processors: Processors,
        redactor: Option<Arc<Redactor>>,
    ) -> Self {
        Self {
            next,
            pool,
            processors: Some(processors),
            redactor,
        }
    }

    async fn work(&mut self, chunks: Vec<Chunk>) -> Result<(), Stopped> {
        // Without processors nothing may pass: the thread that had them is gone with the runtime,
        // and what is dropped here is booked as abandoned.
        let Some(mut processors) = self.processors.take() else {
            return Err(Stopped);
        };
        let pool = Arc::clone(&self.pool);
        let redactor = self.redactor.clone();
        let work = tokio::task::spawn_blocking(move || {
            let redactor = redactor.as_deref();
            let chunks: Vec<_> = chunks
                .into_iter()
                .filter_map(|chunk| process(&mut processors, redactor, chunk, &pool))
                .collect();
            (processors, chunks)
        });
        let Ok((processors, chunks)) = work.await else {
            return Err(Stopped);
        };
        self.processors = Some(processors);
        if chunks.is_empty() {
            return Ok(());
        }
        self.next.send(Msg::Chunks(chunks)).await
    }

    /// Redacts a request of metrics: what else is received is taken apart where processors stand.
    async fn work_on_whole(&mut self, whole: Whole) -> Result<(), Stopped> {
        let Some(redactor) = self.redactor.clone() else {
            return self.next.send(Msg::Whole(whole)).await;
        };
        let pool = Arc::clone(&self.pool);
        let work = tokio::task::spawn_blocking(move || redact_whole(&redactor, whole, &pool));
        // What is dropped with the thread is booked as abandoned.
        let Ok(redacted) = work.await else {
            return Err(Stopped);
        };
        match redacted {
            Some(whole) => self.next.send(Msg::Whole(whole)).await,
            None => Ok(()),
        }
    }
}

impl Actor for Processor {
    const NAME: &'static str = "processor";
    type Msg = Msg;

    async fn handle(&mut self, msg: Msg) -> Result<(), Stopped> {
        match msg {
            Msg::Chunk(chunk) => self.work(vec![chunk]).await,
            Msg::Chunks(chunks) => self.work(chunks).await,
            Msg::Whole(whole) => self.work_on_whole(whole).await,
            Msg::Flush(_) => self.next.send(msg).await,
        }
    }
}

/// `None` where it could not be redacted: then it must not pass.
fn redact_whole(redactor: &Redactor, mut whole: Whole, pool: &Arc<Pool>) -> Option<Whole> {
    let redact = || Rewriter::new(redactor, whole.signal).request(&whole.bytes);
    let Ok(redacted) = std::panic::catch_unwind(AssertUnwindSafe(redact)) else {
        tracing::error!(target: "spanreel", "redaction panicked; the request is dropped");
        return None;
    };
    if let Some(bytes) = redacted {
        whole.bytes = within_budget(bytes, pool);
    }
    Some(whole)
}

/// Processes a chunk; `None` when nothing of it is left. One that ends its session goes on without
/// items: samplers wait for that.
fn process(
    processors: &mut Processors,
    redactor: Option<&Redactor>,
    mut chunk: Chunk,
    pool: &Arc<Pool>,
) -> Option<Chunk> {
    let mut rewriter = redactor.map(|redactor| Rewriter::new(redactor, chunk.signal));
    // Empty for as long as everything passes as it was.
    let mut out = Vec::new();
    let mut changed = false;
    let mut start = 0;
    let mut passed = 0;
    for end in scan::item_ends(&chunk.bytes) {
        let entry = &chunk.bytes[start..end];
        let mut item = Item::new(chunk.signal, entry);
        let mut flow = Ok(Flow::Pass);
        for processor in processors.iter_mut() {
            let call = AssertUnwindSafe(|| processor.process(&mut item));
            flow = std::panic::catch_unwind(call);
            if !matches!(flow, Ok(Flow::Pass)) {
                break;
            }
        }
        if let (Ok(Flow::Pass), Some(rewriter)) = (&flow, &mut rewriter) {
            let call = AssertUnwindSafe(|| item.redact(rewriter));
            flow = std::panic::catch_unwind(call).map(|()| Flow::Pass);
        }
        let stays = matches!(flow, Ok(Flow::Pass)) && !item.is_changed();
        if !stays && !changed {
            changed = true;
            out.reserve(chunk.bytes.len());
            out.extend_from_slice(&chunk.bytes[..start]);
        }
        start = end;
        match flow {
            Ok(Flow::Pass) => {
                passed += 1;
                if stays && changed {
                    out.extend_from_slice(entry);
                } else if !stays {
                    item.append_to(&mut out);
                }
            }
            Ok(Flow::Drop) => chunk.tally.settle_some(1, Fate::Filtered),
            Err(_) => {
                tracing::error!(target: "spanreel", "processor panicked; the item is dropped");
                chunk.tally.settle_some(1, Fate::Abandoned);
            }
        }
    }
    if passed == 0 && !chunk.digest.root_ended {
        return None;
    }
    chunk.digest.spans = chunk.digest.spans.min(passed);
    if changed {
        chunk.bytes = within_budget(out, pool);
    }
    Some(chunk)
}

/// The bytes in a buffer of the pool where the budget has one. Where it has none they stay where
/// they are: they take the place of bytes that are given back now.
fn within_budget(bytes: Vec<u8>, pool: &Arc<Pool>) -> Bytes {
    match pool.take(bytes.len()) {
        Some(mut buffer) => {
            buffer.append(&bytes);
            buffer.freeze()
        }
        None => bytes.into(),
    }
}
