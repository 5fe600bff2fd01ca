//! How the registry hashes keys: they are 16 bytes, and most of them are random or a hash already.
//!
//! Whoever names sessions can choose keys, so the hash depends on numbers that nobody knows: without them,
//! keys that meet in one bucket cannot be chosen. Holds those two numbers. Waits never, loses nothing.

use std::hash::{BuildHasher, Hasher, RandomState};

/// Makes hashers with two random numbers of its own.
#[derive(Clone, Debug)]
pub(super) struct KeyHash {
    before: u64,
    after: u64,
}

impl Default for KeyHash {
    fn default() -> Self {
        let random = RandomState::new();
        Self {
            before: random.hash_one(0),
            after: random.hash_one(1) | 1,
        }
    }
}

impl BuildHasher for KeyHash {
    type Hasher = KeyHasher;

    #[inline]
    fn build_hasher(&self) -> KeyHasher {
        KeyHasher {
            state: self.before,
            after: self.after,
        }
    }
}

/// Folds each 8 bytes into the state with the full product of a multiplication, as wyhash does.
#[derive(Debug)]
pub(super) struct KeyHasher {
    state: u64,
    after: u64,
}

impl Hasher for KeyHasher {
    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.write_u64(u64::from_le_bytes(*word));
        }
        for byte in rest {
            self.write_u64((*byte).into());
        }
    }

    #[inline]
    fn write_u64(&mut self, word: u64) {
        let product = u128::from(self.state ^ word) * u128::from(self.after);
        self.state = (product as u64) ^ (product >> 64) as u64;
    }

    /// The length of a key tells nothing: all have the same.
    #[inline]
    fn write_usize(&mut self, _: usize) {}

    #[inline]
    fn finish(&self) -> u64 {
        self.state
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::chunk::SessionKey;
    use crate::model::id::TraceId;

    /// Keys that differ in one bit spread over all buckets, by their upper bits as by their lower.
    #[test]
    fn keys_that_differ_little_spread() {
        let hash = KeyHash::default();
        let mut found = std::collections::HashSet::new();
        for bit in 0..128 {
            let id = TraceId::from_bytes((1_u128 << bit).to_le_bytes()).expect("not zero");
            found.insert(hash.hash_one(SessionKey(id)));
        }
        assert_eq!(found.len(), 128);
        for shift in [0, 57] {
            let buckets: std::collections::HashSet<_> =
                found.iter().map(|hash| hash >> shift & 0x7f).collect();
            assert!(buckets.len() > 32, "{} of 128", buckets.len());
        }
    }

    /// Two registries hash a key differently.
    #[test]
    fn no_two_hash_alike() {
        let key = SessionKey(TraceId::random());
        let hashes = [KeyHash::default(), KeyHash::default()].map(|hash| hash.hash_one(key));
        assert_ne!(hashes[0], hashes[1]);
    }
}
