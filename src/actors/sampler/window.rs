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
        held.bytes += chunk.bytes.len();
        self.bytes += chunk.bytes.len();
        held.chunks.push(chunk);
        None
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
