//! Roots of sessions that ended, so that a session that is opened again links to the one before.
//!
//! Holds: the last [`REMEMBERED`] at least, and twice as many at most, some 40 bytes each. Waits never.
//! Loses: those that ended before.

use std::collections::HashMap;
use std::hash::BuildHasher;

use hashbrown::HashTable;

use super::key_hash::KeyHash;
use crate::model::chunk::SessionKey;
use crate::model::context::{SpanContext, TraceFlags};
use crate::model::id::SpanId;

/// How many sessions end before a generation is over.
const REMEMBERED: usize = 1 << 14;

/// Two generations: when the later is full, the earlier is forgotten as a whole. To forget roots one by one
/// would mean to wait, at the end of each session, for memory that nobody has touched since another's.
#[derive(Debug, Default)]
pub(super) struct Roots {
    recent: Generation,
    earlier: Generation,
    hash: KeyHash,
}

/// Roots in the order in which their sessions ended, which is how memory is written without a wait, and a table of
/// their numbers: what it asks first is a byte for each, so that the caches near a core hold it. A map that has the
/// roots in it is too large for those, and each session would wait for it twice.
#[derive(Debug, Default)]
struct Generation {
    roots: Vec<Root>,
    numbers: HashTable<u16>,
    /// Those that a trace of others, or a `tracestate`, is part of.
    unusual: HashMap<SessionKey, SpanContext, KeyHash>,
}

#[derive(Clone, Copy, Debug)]
struct Root {
    key: SessionKey,
    span_id: SpanId,
    flags: TraceFlags,
    /// Whether this is all, with the session's own trace.
    is_usual: bool,
}

impl Root {
    fn of(key: SessionKey, root: &SpanContext) -> Self {
        let mut it = Self {
            key,
            span_id: root.span_id(),
            flags: root.flags(),
            is_usual: true,
        };
        it.is_usual = it.context() == *root;
        it
    }

    fn context(self) -> SpanContext {
        SpanContext::new(self.key.0, self.span_id, self.flags)
    }
}

impl Roots {
    /// Remembers the root of a session that has ended, instead of one that the session had before.
    pub(super) fn remember(&mut self, key: SessionKey, root: SpanContext) {
        if self.recent.len() >= REMEMBERED {
            std::mem::swap(&mut self.recent, &mut self.earlier);
            self.recent.clear();
        }
        self.recent.insert(&self.hash, key, root);
    }

    /// The root that a session had when it last ended.
    pub(super) fn of(&self, key: SessionKey) -> Option<SpanContext> {
        let hash = self.hash.hash_one(key);
        let recent = self.recent.get(hash, key);
        recent.or_else(|| self.earlier.get(hash, key))
    }
}

impl Generation {
    fn len(&self) -> usize {
        self.roots.len()
    }

    fn insert(&mut self, keys: &KeyHash, key: SessionKey, root: SpanContext) {
        if self.roots.capacity() == 0 {
            // Whole at once: what is not used of it is never touched, and nothing has to move.
            self.roots.reserve_exact(REMEMBERED);
            self.numbers = HashTable::with_capacity(REMEMBERED);
        }
        let it = Root::of(key, &root);
        let hash = keys.hash_one(key);
        match self.number_of(hash, key) {
            Some(number) => {
                if !self.roots[number].is_usual {
                    self.unusual.remove(&key);
                }
                self.roots[number] = it;
            }
            None => {
                let number = u16::try_from(self.roots.len()).expect("a generation is not larger");
                self.roots.push(it);
                let hash_of = |number: &u16| keys.hash_one(self.roots[usize::from(*number)].key);
                self.numbers.insert_unique(hash, number, hash_of);
            }
        }
        if !it.is_usual {
            self.unusual.insert(key, root);
        }
    }

    fn get(&self, hash: u64, key: SessionKey) -> Option<SpanContext> {
        let root = self.roots[self.number_of(hash, key)?];
        match root.is_usual {
            true => Some(root.context()),
            false => self.unusual.get(&key).cloned(),
        }
    }

    /// Which root is that of a key with this hash.
    fn number_of(&self, hash: u64, key: SessionKey) -> Option<usize> {
        let is_it = |number: &u16| self.roots[usize::from(*number)].key == key;
        let found = self.numbers.find(hash, is_it);
        found.map(|number| usize::from(*number))
    }

    fn clear(&mut self) {
        self.roots.clear();
        self.numbers.clear();
        self.unusual.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::id::TraceId;
    use crate::model::propagation::trace_state::TraceState;

    fn key(number: usize) -> SessionKey {
        let number = u128::try_from(number).expect("it is wider") + 1;
        SessionKey(TraceId::from_bytes(number.to_be_bytes()).expect("not zero"))
    }

    fn root(key: SessionKey) -> SpanContext {
        SpanContext::new(key.0, SpanId::random(), TraceFlags::SAMPLED)
    }

    /// The roots of the last 16,384 sessions are known at any time, and no more than twice as many.
    #[test]
    fn as_many_as_promised_are_remembered() {
        let mut roots = Roots::default();
        let known = |roots: &Roots, from, to| (from..to).all(|it| roots.of(key(it)).is_some());
        for number in 0..3 * REMEMBERED {
            roots.remember(key(number), root(key(number)));
            if number % 1000 == 0 || number % REMEMBERED < 2 {
                let first = (number + 1).saturating_sub(REMEMBERED);
                assert!(known(&roots, first, number + 1), "after {number}");
            }
            assert!(roots.recent.len() + roots.earlier.len() <= 2 * REMEMBERED);
        }
        assert_eq!(roots.of(key(0)), None);
    }

    /// Roots are told apart whose keys fall into the same place, or nearly so.
    #[test]
    fn roots_in_one_place_are_told_apart() {
        let mut roots = Roots::default();
        let known: Vec<_> = (0..REMEMBERED).map(|it| (key(it), root(key(it)))).collect();
        for (key, root) in &known {
            roots.remember(*key, root.clone());
        }
        // A search that took the wrong root for a key would find one that was never remembered, too.
        for (key, root) in &known {
            assert_eq!(roots.of(*key).as_ref(), Some(root));
        }
        for number in REMEMBERED..8 * REMEMBERED {
            assert_eq!(roots.of(key(number)), None);
        }
    }

    /// What comes back is what was remembered last, whatever the root is like.
    #[test]
    fn a_root_comes_back_as_it_was() {
        let mut roots = Roots::default();
        let (usual, key) = (root(key(7)), key(7));
        let state = TraceState::parse("vendor=1").expect("it is right");
        let unusual = [
            usual.clone().with_trace_state(state),
            usual.clone().with_debug(true),
            SpanContext::new(TraceId::random(), SpanId::random(), TraceFlags::NONE),
        ];
        for unusual in unusual {
            for root in [&usual, &unusual, &usual] {
                roots.remember(key, root.clone());
                assert_eq!(roots.of(key).as_ref(), Some(root));
                assert_eq!(roots.recent.len(), 1);
            }
        }
    }
}
