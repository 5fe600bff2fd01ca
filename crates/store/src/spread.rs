//! Sets of numbers and of texts that are only ever compared: hashed quickly, with a seed of this process, so
//! that nobody who sends telemetry can choose numbers that meet.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::OnceLock;

use crate::identity::mix;

/// Builds hashers with the seed of this process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spread(u64);

impl Default for Spread {
    fn default() -> Self {
        static SEED: OnceLock<u64> = OnceLock::new();
        Self(*SEED.get_or_init(|| RandomState::new().hash_one(0_u8)))
    }
}

impl BuildHasher for Spread {
    type Hasher = Spreading;

    fn build_hasher(&self) -> Spreading {
        Spreading(self.0)
    }
}

/// A hash under way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spreading(u64);

impl Hasher for Spreading {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_le_bytes(word));
        }
        self.write_u64(bytes.len() as u64);
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = mix(self.0 ^ value);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// A number for some texts, which is another in the next process.
pub(crate) fn number_of(texts: &[&str]) -> u64 {
    let mut hasher = Spread::default().build_hasher();
    for text in texts {
        hasher.write(text.as_bytes());
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Texts have their own numbers, wherever one of several ends and the next begins.
    #[test]
    fn texts_have_their_own_numbers() {
        let all = [
            number_of(&["a", "bc"]),
            number_of(&["ab", "c"]),
            number_of(&["abc"]),
            number_of(&["abc\0"]),
            number_of(&[]),
        ];
        let different: std::collections::HashSet<u64> = all.into_iter().collect();
        assert_eq!(different.len(), all.len());
        assert_eq!(number_of(&["a", "bc"]), all[0]);
    }
}
