//! Trace ids and span ids of recorded sessions: the same recording always gets the same ones.

use std::collections::{HashMap, HashSet};

use sha2::{Digest, Sha256};
use spanreel::{SpanId, TraceId};

/// The trace id of a session.
///
/// A random (version 4) UUID and 32 hexadecimal digits are the trace id themselves, so that a trace
/// is found by the id of its session. Any other id (nil, name-based, free text) has too little
/// randomness or the wrong form, and maps to the first 16 bytes of its SHA-256.
#[must_use]
pub fn trace_id_of(session_id: &str) -> TraceId {
    let digits = match session_id.len() {
        32 => Some(session_id.to_owned()),
        _ => is_random_uuid(session_id).then(|| session_id.replace('-', "")),
    };
    if let Some(id) = digits.and_then(|digits| digits.parse().ok()) {
        return id;
    }
    let hash = Sha256::digest(session_id.as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash[..16]);
    TraceId::from_bytes(bytes).unwrap_or_else(|| {
        bytes[15] = 1;
        TraceId::from_bytes(bytes).expect("one byte is not zero")
    })
}

/// Whether the text is a hyphenated UUID of version 4 and the variant of RFC 9562 (section 4.1).
fn is_random_uuid(text: &str) -> bool {
    let bytes = text.as_bytes();
    let formed = bytes.len() == 36
        && bytes.iter().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        });
    formed && bytes[14] == b'4' && matches!(bytes[19], b'8' | b'9' | b'a' | b'b' | b'A' | b'B')
}

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

    /// A random UUID, in either case, and 32 hexadecimal digits are the trace id themselves.
    #[test]
    fn random_session_ids_are_the_trace_id() {
        let plain = "9f1c2a4e6b7d4c3e8a5f0123456789ab";
        for id in [
            plain,
            "9f1c2a4e-6b7d-4c3e-8a5f-0123456789ab",
            "9F1C2A4E-6B7D-4C3E-8A5F-0123456789AB",
        ] {
            assert_eq!(trace_id_of(id).to_string(), plain, "{id}");
        }
    }

    /// Ids that are nil, name-based or free text map to the first half of their SHA-256.
    #[test]
    fn other_session_ids_are_hashed() {
        let known = "e8bc163c82eee18733288c7d4ac636db";
        assert_eq!(trace_id_of("s1").to_string(), known);
        for id in [
            "00000000-0000-0000-0000-000000000000",
            "00000000000000000000000000000000",
            "886313e1-3b8a-5372-9b90-0c9aee199e5d",
            "{9f1c2a4e-6b7d-4c3e-8a5f-0123456789ab}",
            "9f1c2a4e-6b7d-4c3e-8a5f-0123456789aX",
            "",
            "conversation of Tuesday",
        ] {
            assert_eq!(trace_id_of(id).to_string(), sha_hex(id), "{id}");
        }
    }

    fn sha_hex(text: &str) -> String {
        Sha256::digest(text)[..16]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }

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
