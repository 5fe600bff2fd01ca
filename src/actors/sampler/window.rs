//! The window: sessions that are not decided yet, and what was decided of late. Pure.

use std::collections::{HashMap, VecDeque};

use super::Verdict;
use crate::model::chunk::{Chunk, Digest, SessionKey};
use crate::model::ledger::Fate;

/// How many decisions are remembered, for spans that come after their session was decided: about
/// 40 bytes each.
const REMEMBERED: usize = 65_536;

#[derive(Debug)]
pub(super) struct Window {
    max_bytes: usize,
    bytes: usize,
    held: HashMap<SessionKey, Held>,
    /// Undecided sessions, the oldest first; decided ones are skipped when they come up.
    order: VecDeque<SessionKey>,
    decided: HashMap<SessionKey, bool>,
    decided_order: VecDeque<SessionKey>,
}

#[derive(Debug, Default)]
struct Held {
    chunks: Vec<Chunk>,
    digest: Digest,
    bytes: usize,
}

impl Window {
    pub(super) fn new(max_bytes: usize) -> Self {
        Self {
            max_bytes,
            bytes: 0,
            held: HashMap::new(),
            order: VecDeque::new(),
            decided: HashMap::new(),
            decided_order: VecDeque::new(),
        }
    }

    /// Holds a chunk. Gives it back when its session is decided and kept; books it when it is
    /// decided and dropped.
    pub(super) fn hold(&mut self, chunk: Chunk) -> Option<Chunk> {
        match self.decided.get(&chunk.session) {
            Some(true) => return Some(chunk),
            Some(false) => {
                chunk.tally.settle(Fate::SampledOut);
                return None;
            }
            None => {}
        }
        let order = &mut self.order;
        let held = self.held.entry(chunk.session).or_insert_with(|| {
            order.push_back(chunk.session);
            Held::default()
        });
        held.digest.merge(&chunk.digest);
        held.bytes += chunk.weight();
        self.bytes += chunk.weight();
        held.chunks.push(chunk);
        None
    }

    /// Whether anything of this session is undecided.
    pub(super) fn holds(&self, session: SessionKey) -> bool {
        self.held.contains_key(&session)
    }

    /// What is known of an undecided session.
    pub(super) fn digest(&self, session: SessionKey) -> Digest {
        self.held
            .get(&session)
            .map(|held| held.digest)
            .unwrap_or_default()
    }

    /// Acts on a verdict; what is kept comes out, in its order.
    pub(super) fn decide(&mut self, session: SessionKey, verdict: Verdict) -> Vec<Chunk> {
        let keep = match verdict {
            Verdict::Keep => true,
            Verdict::Drop => false,
            Verdict::Wait => return Vec::new(),
        };
        let Some(held) = self.held.remove(&session) else {
            return Vec::new();
        };
        self.bytes -= held.bytes;
        self.remember(session, keep);
        if keep {
            return held.chunks;
        }
        for chunk in held.chunks {
            chunk.tally.settle(Fate::SampledOut);
        }
        Vec::new()
    }

    fn remember(&mut self, session: SessionKey, keep: bool) {
        if self.decided.insert(session, keep).is_none() {
            self.decided_order.push_back(session);
        }
        if self.decided_order.len() > REMEMBERED
            && let Some(oldest) = self.decided_order.pop_front()
        {
            self.decided.remove(&oldest);
        }
    }

    /// The oldest undecided session, while more is held than may be.
    pub(super) fn over_bound(&mut self) -> Option<SessionKey> {
        if self.bytes <= self.max_bytes {
            return None;
        }
        while let Some(oldest) = self.order.pop_front() {
            if self.held.contains_key(&oldest) {
                return Some(oldest);
            }
        }
        None
    }

    /// Every undecided session, the oldest first.
    pub(super) fn undecided(&mut self) -> Vec<SessionKey> {
        let held = &self.held;
        self.order
            .drain(..)
            .filter(|session| held.contains_key(session))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;

    use super::*;
    use crate::model::id::TraceId;
    use crate::model::ledger::Book;
    use crate::model::request::Signal;
    use crate::model::resource::Origin;

    fn session(number: u8) -> SessionKey {
        SessionKey(TraceId::from_bytes([number; 16]).expect("not zero"))
    }

    fn chunk(book: &Arc<Book>, number: u8, bytes: usize) -> Chunk {
        Chunk {
            signal: Signal::Traces,
            session: session(number),
            origin: Arc::new(Origin {
                resource: Bytes::new(),
                scope: Bytes::new(),
            }),
            bytes: vec![0; bytes].into(),
            digest: Digest {
                spans: 1,
                ..Digest::default()
            },
            tally: book.enter(1),
        }
    }

    /// What is held comes out in its order when it is kept, and is booked when it is dropped.
    #[test]
    fn a_session_is_decided_as_a_whole() {
        let book = Arc::default();
        let mut window = Window::new(1000);
        for (number, bytes) in [(1, 10), (2, 20), (1, 30)] {
            assert!(window.hold(chunk(&book, number, bytes)).is_none());
        }
        assert_eq!(window.digest(session(1)).spans, 2);
        assert!(window.decide(session(1), Verdict::Wait).is_empty());
        assert!(window.holds(session(1)));
        let kept = window.decide(session(1), Verdict::Keep);
        let sizes: Vec<_> = kept.iter().map(|chunk| chunk.bytes.len()).collect();
        assert_eq!(sizes, [10, 30]);
        assert!(window.decide(session(2), Verdict::Drop).is_empty());
        assert_eq!(window.bytes, 0);
        assert_eq!(book.counts().of(Fate::SampledOut), 1);
        assert_eq!(book.counts().in_flight(), 2);
    }

    /// What comes after a verdict follows it at once and is held no more.
    #[test]
    fn a_verdict_is_remembered() {
        let book = Arc::default();
        let mut window = Window::new(1000);
        for (number, verdict) in [(1, Verdict::Keep), (2, Verdict::Drop)] {
            let _held = window.hold(chunk(&book, number, 10));
            let _decided = window.decide(session(number), verdict);
        }
        assert!(window.hold(chunk(&book, 1, 10)).is_some());
        assert!(window.hold(chunk(&book, 2, 10)).is_none());
        assert!(!window.holds(session(1)) && !window.holds(session(2)));
        assert_eq!(window.bytes, 0);
        assert_eq!(book.counts().of(Fate::SampledOut), 2);
    }

    /// Verdicts are remembered up to a bound; the oldest is forgotten first.
    #[test]
    fn the_oldest_verdict_is_forgotten() {
        let mut window = Window::new(1000);
        let key = |number: u64| {
            let bytes = (u128::from(number) + 1).to_be_bytes();
            SessionKey(TraceId::from_bytes(bytes).expect("not zero"))
        };
        for number in 0..=REMEMBERED as u64 {
            window.remember(key(number), false);
            window.remember(key(number), false);
        }
        assert_eq!(window.decided.len(), REMEMBERED);
        assert_eq!(window.decided_order.len(), REMEMBERED);
        assert!(!window.decided.contains_key(&key(0)));
        assert!(window.decided.contains_key(&key(1)));
    }

    /// Over the bound the oldest undecided session is named, until what is held is within it.
    #[test]
    fn the_oldest_session_goes_first() {
        let book = Arc::default();
        let mut window = Window::new(25);
        for number in 1..=4 {
            let _held = window.hold(chunk(&book, number, 10));
        }
        let _decided = window.decide(session(1), Verdict::Keep);
        assert_eq!(
            window.over_bound(),
            Some(session(2)),
            "the first is decided"
        );
        let _decided = window.decide(session(2), Verdict::Keep);
        assert_eq!(window.over_bound(), None, "20 bytes are within the bound");
        assert_eq!(window.undecided(), [session(3), session(4)]);
        assert_eq!(window.undecided(), []);
    }
}
