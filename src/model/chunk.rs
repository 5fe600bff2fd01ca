//! Chunks: ended spans, or log records, of one session in wire form.

use std::sync::Arc;

use bytes::Bytes;

use super::id::TraceId;
use super::ledger::Tally;
use super::otlp::scan;
use super::request::Signal;
use super::resource::Origin;

/// Names a session: to the registry by the trace id that its session id maps to, also where the
/// session goes on in a foreign trace; to those that judge sessions by a random number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct SessionKey(pub(crate) TraceId);

/// What may be known of a chunk without reading it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Digest {
    /// Spans in it.
    pub(crate) spans: u64,
    /// A span in it failed.
    pub(crate) error: bool,
    /// It holds the root span: the session has ended.
    pub(crate) root_ended: bool,
    /// The longest span, in nanoseconds.
    pub(crate) longest_ns: u64,
    pub(crate) llm_calls: u32,
    pub(crate) tool_calls: u32,
    pub(crate) tokens: u64,
    /// In US dollars, as far as known.
    pub(crate) cost: f64,
}

impl Digest {
    pub(crate) fn merge(&mut self, other: &Self) {
        self.spans += other.spans;
        self.error |= other.error;
        self.root_ended |= other.root_ended;
        self.longest_ns = self.longest_ns.max(other.longest_ns);
        self.llm_calls += other.llm_calls;
        self.tool_calls += other.tool_calls;
        self.tokens = self.tokens.saturating_add(other.tokens);
        self.cost += other.cost;
    }
}

/// A run of `ScopeSpans.spans` or `ScopeLogs.log_records` entries of one session and origin.
#[derive(Debug)]
pub(crate) struct Chunk {
    pub(crate) signal: Signal,
    pub(crate) session: SessionKey,
    pub(crate) origin: Arc<Origin>,
    pub(crate) bytes: Bytes,
    pub(crate) digest: Digest,
    pub(crate) tally: Tally,
}

impl Chunk {
    pub(crate) fn items(&self) -> u64 {
        self.tally.items()
    }

    /// Splits off what comes after the first items that together have at most `max_items` and
    /// `max_bytes`, but at least one. Returns `None`, and stays whole, when all of it fits.
    pub(crate) fn split_off(&mut self, max_items: u64, max_bytes: usize) -> Option<Self> {
        if self.items() <= max_items && self.bytes.len() <= max_bytes {
            return None;
        }
        let mut kept = 0;
        let mut at = 0;
        for end in scan::item_ends(&self.bytes) {
            if kept > 0 && (kept == max_items || end > max_bytes) {
                break;
            }
            kept += 1;
            at = end;
        }
        if at == self.bytes.len() || kept >= self.items() {
            return None;
        }
        let rest = self.bytes.split_off(at);
        let kept = self.tally.split(kept);
        let tally = std::mem::replace(&mut self.tally, kept);
        Some(Self {
            signal: self.signal,
            session: self.session,
            origin: Arc::clone(&self.origin),
            bytes: rest,
            digest: self.digest,
            tally,
        })
    }
}

#[cfg(test)]
impl Chunk {
    /// A chunk whose items hold so many bytes each, entered into `book`.
    pub(crate) fn of_sizes(
        signal: Signal,
        origin: &Arc<Origin>,
        sizes: &[usize],
        book: &Arc<super::ledger::Book>,
    ) -> Self {
        let mut items = super::otlp::writer::Writer::with_capacity(64);
        for size in sizes {
            items.bytes(super::otlp::fields::scope_items::ITEMS, &vec![b'.'; *size]);
        }
        Self {
            signal,
            session: SessionKey(TraceId::random()),
            origin: Arc::clone(origin),
            bytes: items.to_vec().into(),
            digest: Digest::default(),
            tally: book.enter(sizes.len() as u64),
        }
    }
}
