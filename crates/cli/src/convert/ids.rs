//! Span ids of recorded sessions: the same recording always gets the same ones.

use std::collections::{HashMap, HashSet};

use sha2::{Digest, Sha256};
use spanreel::SpanId;

/// Gives the spans of one session their ids.
///
/// An id is the first 8 bytes of the SHA-256 of session, kind, key and occurrence, each with its
/// length before it, so that no two different tuples are hashed alike. Ids given once are never
/// given again.
#[derive(Debug)]
pub(crate) struct SpanIds {
    session: Sha256,
    /// Ids already given.
    given: HashSet<SpanId>,
    /// For the id of each first occurrence, the next occurrence to try.
    next: HashMap<[u8; 8], u64>,
}

impl SpanIds {
    pub(crate) fn new(session_id: &str) -> Self {
        let mut session = Sha256::new();
        feed(&mut session, session_id);
        Self {
            session,
            given: HashSet::new(),
            next: HashMap::new(),
        }
    }

    /// The id of the next occurrence of this kind and key.
    pub(crate) fn next(&mut self, kind: &str, key: &str) -> SpanId {
        let mut hash = self.session.clone();
        feed(&mut hash, kind);
        feed(&mut hash, key);
        let next = self.next.entry(occurrence(&hash, 0)).or_default();
        loop {
            let bytes = occurrence(&hash, *next);
            *next += 1;
            if let Some(id) = SpanId::from_bytes(bytes).filter(|id| self.given.insert(*id)) {
                return id;
            }
        }
    }
}

fn feed(hash: &mut Sha256, text: &str) {
    hash.update((text.len() as u64).to_be_bytes());
    hash.update(text.as_bytes());
}

fn occurrence(hash: &Sha256, number: u64) -> [u8; 8] {
    let mut hash = hash.clone();
    hash.update(number.to_be_bytes());
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&hash.finalize()[..8]);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ids depend on session, kind, key and occurrence, and on nothing else.
    #[test]
    fn span_ids_are_stable_and_differ() {
        let mut ids = SpanIds::new("s1");
        let mut again = SpanIds::new("s1");
        let given: Vec<_> = (0..4).map(|_| ids.next("chat", "run\nopenai")).collect();
        assert_eq!(given[0], again.next("chat", "run\nopenai"));
        assert_eq!(given[1], again.next("chat", "run\nopenai"));
        let others = [
            ids.next("tool", "run\nopenai"),
            ids.next("chat", "run"),
            SpanIds::new("s2").next("chat", "run\nopenai"),
        ];
        let all: HashSet<_> = given.iter().chain(&others).collect();
        assert_eq!(all.len(), 7);
    }
}
