//! Chunks: ended spans, or log records, in wire form, of one session or of some that nobody tells apart.

use std::sync::Arc;

use bytes::Bytes;

use super::id::TraceId;
use super::ledger::Tally;
use super::otlp::scan;
use super::request::Signal;
use super::resource::Origin;
use super::sampling::case::Judged;

/// Names a session: to the registry by the trace id that its session id maps to, also where the
/// session goes on in a foreign trace; to those that judge sessions by a random number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct SessionKey(pub(crate) TraceId);

/// How a session ended, as far as known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum End {
    /// It goes on, or nobody knows.
    #[default]
    Open,
    Unset,
    Success,
    Error,
}

/// What may be known of a chunk without reading it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Digest {
    /// Spans in it.
    pub(crate) spans: u64,
    /// A span in it failed.
    pub(crate) error: bool,
    /// It holds the root span: the session has ended.
    pub(crate) root_ended: bool,
    /// How the session ended, where it holds the root span.
    pub(crate) end: End,
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
        if other.end != End::Open {
            self.end = other.end;
        }
        self.longest_ns = self.longest_ns.max(other.longest_ns);
        self.llm_calls = self.llm_calls.saturating_add(other.llm_calls);
        self.tool_calls = self.tool_calls.saturating_add(other.tool_calls);
        self.tokens = self.tokens.saturating_add(other.tokens);
        self.cost += other.cost;
    }
}

/// A run of `ScopeSpans.spans` or `ScopeLogs.log_records` entries of one origin, and of one session. Of several,
/// where all of them are decided: then the session is one of them, and the digest says nothing.
#[derive(Debug)]
pub(crate) struct Chunk {
    pub(crate) signal: Signal,
    pub(crate) session: SessionKey,
    pub(crate) origin: Arc<Origin>,
    pub(crate) bytes: Bytes,
    pub(crate) digest: Digest,
    pub(crate) judged: Judged,
    pub(crate) tally: Tally,
}

impl Chunk {
    pub(crate) fn items(&self) -> u64 {
        self.tally.items()
    }

    /// What holding it costs: its bytes, and its origin, which may be its own.
    pub(crate) fn weight(&self) -> usize {
        self.bytes.len() + self.origin.resource.len() + self.origin.scope.len()
    }

    /// Splits off what comes after the first items that together have at most `max_items` and
    /// `max_bytes`, but at least one. Returns `None`, and stays whole, when all of it fits.
    pub(crate) fn split_off(&mut self, max_items: u64, max_bytes: usize) -> Option<Self> {
        if self.items() <= max_items && self.bytes.len() <= max_bytes {
            return None;
        }
        let mut kept = 0;
        let mut at = 0;
        for (end, items) in scan::entries(self.signal, &self.bytes) {
            if at > 0 && (kept + items > max_items || end > max_bytes) {
                break;
            }
            kept += items;
            at = end;
        }
        if at == 0 || at == self.bytes.len() {
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
            judged: self.judged.clone(),
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
            judged: Judged::Already,
            tally: book.enter(sizes.len() as u64),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::resource::Scope;

    /// An origin whose encoding takes some bytes that depend on `service`.
    pub(crate) fn origin(service: &str) -> Arc<Origin> {
        let scope = Scope {
            name: service.to_owned(),
            version: None,
            attributes: Vec::new(),
        };
        Arc::new(Origin::new(&[], &scope))
    }

    proptest! {
        /// A chunk falls into pieces that keep to the bounds, but for single items, and that are the
        /// whole of it, in order; no item is lost from the book.
        #[test]
        fn a_chunk_falls_into_pieces_within_the_bounds(
            sizes in proptest::collection::vec(0..300_usize, 1..40),
            max_items in 1..10_u64,
            max_bytes in 0..400_usize,
        ) {
            let book = Arc::default();
            let whole = Chunk::of_sizes(Signal::Traces, &origin("one"), &sizes, &book);
            let bytes = whole.bytes.clone();
            let (mut next, mut pieces) = (Some(whole), Vec::new());
            while let Some(mut chunk) = next {
                next = chunk.split_off(max_items, max_bytes);
                pieces.push(chunk);
            }
            for piece in &pieces {
                prop_assert!(piece.items() > 0 && piece.items() <= max_items);
                prop_assert!(piece.bytes.len() <= max_bytes || piece.items() == 1);
                prop_assert_eq!(scan::item_ends(&piece.bytes).count() as u64, piece.items());
            }
            let joined: Vec<u8> = pieces.iter().flat_map(|it| it.bytes.to_vec()).collect();
            prop_assert_eq!(joined, bytes);
            let items: u64 = pieces.iter().map(Chunk::items).sum();
            prop_assert_eq!(items, sizes.len() as u64);
            prop_assert_eq!(book.counts().in_flight(), items);
        }
    }

    /// What fits stays whole.
    #[test]
    fn what_fits_stays_whole() {
        let book = Arc::default();
        let mut chunk = Chunk::of_sizes(Signal::Traces, &origin("one"), &[10, 20], &book);
        assert!(chunk.split_off(2, 34).is_none());
        assert_eq!(chunk.items(), 2);
        let rest = chunk.split_off(2, 33).expect("a byte too long");
        assert_eq!((chunk.items(), rest.items()), (1, 1));
    }

    /// Digests add up, and do not overflow.
    #[test]
    fn digests_add_up() {
        let mut sum = Digest {
            spans: 1,
            longest_ns: 5,
            tokens: u64::MAX,
            llm_calls: 1,
            cost: 0.5,
            ..Digest::default()
        };
        sum.merge(&Digest {
            spans: 2,
            error: true,
            root_ended: true,
            end: End::Success,
            longest_ns: 3,
            llm_calls: 1,
            tool_calls: 2,
            tokens: 1,
            cost: 0.25,
        });
        let expected = Digest {
            spans: 3,
            error: true,
            root_ended: true,
            end: End::Success,
            longest_ns: 5,
            llm_calls: 2,
            tool_calls: 2,
            tokens: u64::MAX,
            cost: 0.75,
        };
        assert_eq!(sum, expected);
    }
}
