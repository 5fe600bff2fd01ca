//! Roots of sessions that ended, so that a session that is opened again links to the one before.
//!
//! Holds: the last [`REMEMBERED`] at least, and twice as many at most, some 70 bytes each. Waits never.
//! Loses: those that ended before.

use std::collections::HashMap;

use super::key_hash::KeyHash;
use crate::model::chunk::SessionKey;
use crate::model::context::{SpanContext, TraceFlags};
use crate::model::id::SpanId;

/// How many sessions end before a generation is over.
const REMEMBERED: usize = 16_384;

/// Two generations: when the later is full, the earlier is forgotten as a whole. To forget roots one by one
/// would mean to wait, at the end of each session, for memory that nobody has touched since another's.
#[derive(Debug, Default)]
pub(super) struct Roots {
    recent: Generation,
    earlier: Generation,
}

#[derive(Debug, Default)]
struct Generation {
    /// Nearly all of them. Nothing in it has to be dropped, so that it is cleared at once.
    usual: HashMap<SessionKey, Usual, KeyHash>,
    /// Those that a trace of others, or a `tracestate`, is part of.
    unusual: HashMap<SessionKey, SpanContext, KeyHash>,
}

/// A root in the session's own trace.
#[derive(Clone, Copy, Debug)]
struct Usual {
    span_id: SpanId,
    flags: TraceFlags,
}

impl Usual {
    /// What is to be kept of a root, if its context can be made of that again.
    fn of(key: SessionKey, root: &SpanContext) -> Option<Self> {
        let usual = Self {
            span_id: root.span_id(),
            flags: root.flags(),
        };
        (usual.context(key) == *root).then_some(usual)
    }

    fn context(self, key: SessionKey) -> SpanContext {
        SpanContext::new(key.0, self.span_id, self.flags)
    }
}

impl Roots {
    /// Remembers the root of a session that has ended, instead of one that the session had before.
    pub(super) fn remember(&mut self, key: SessionKey, root: SpanContext) {
        if self.recent.len() >= REMEMBERED {
            std::mem::swap(&mut self.recent, &mut self.earlier);
            self.recent.clear();
        }
        self.recent.insert(key, root);
    }

    /// The root that a session had when it last ended.
    pub(super) fn of(&self, key: SessionKey) -> Option<SpanContext> {
        self.recent.get(key).or_else(|| self.earlier.get(key))
    }
}

impl Generation {
    fn len(&self) -> usize {
        self.usual.len() + self.unusual.len()
    }

    fn insert(&mut self, key: SessionKey, root: SpanContext) {
        match Usual::of(key, &root) {
            Some(usual) => {
                if !self.unusual.is_empty() {
                    self.unusual.remove(&key);
                }
                self.usual.insert(key, usual);
            }
            None => {
                self.usual.remove(&key);
                self.unusual.insert(key, root);
            }
        }
    }

    fn get(&self, key: SessionKey) -> Option<SpanContext> {
        let usual = self.usual.get(&key).map(|usual| usual.context(key));
        usual.or_else(|| self.unusual.get(&key).cloned())
    }

    fn clear(&mut self) {
        self.usual.clear();
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
