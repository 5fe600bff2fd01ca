//! Which keys an item may have already: a filter that makes a duplicate cost a search, and others
//! nothing.

use crate::model::genai::key;

/// Keys that every item has from its session; what a host sets for them is ignored.
pub(super) const RESERVED: [&str; 2] = [key::SESSION_ID, key::CONVERSATION_ID];

/// The filter with the reserved keys in it.
pub(super) const RESERVED_KEYS: KeyFilter = {
    let mut keys = KeyFilter([0; KeyFilter::WORDS]);
    let mut index = 0;
    while index < RESERVED.len() {
        keys.insert(RESERVED[index].as_bytes());
        index += 1;
    }
    keys
};

/// A Bloom filter of 512 bits whose three bits for a key lie in one word: of a dozen usual keys, one
/// in a thousand is mistaken for one that was set before. For a literal key the compiler works the
/// word and the bits out.
#[derive(Clone, Copy, Debug)]
pub(super) struct KeyFilter([u64; Self::WORDS]);

impl KeyFilter {
    pub(super) const WORDS: usize = 8;

    /// Whether the key may have been there before.
    #[inline(always)]
    pub(super) const fn insert(&mut self, key: &[u8]) -> bool {
        let hash = key_hash(key);
        let word = &mut self.0[(hash >> 61) as usize];
        let bits = 1 << (hash >> 55 & 63) | 1 << (hash >> 49 & 63) | 1 << (hash >> 43 & 63);
        let known = *word & bits == bits;
        *word |= bits;
        known
    }
}

/// The last sixteen bytes of a key and its length tell keys apart.
#[inline(always)]
const fn key_hash(bytes: &[u8]) -> u64 {
    let (head, tail) = match bytes.split_last_chunk::<8>() {
        Some((rest, tail)) => (last_bytes(rest), u64::from_le_bytes(*tail)),
        None => (0, last_bytes(bytes)),
    };
    let mixed = (tail ^ bytes.len() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed ^ mixed >> 32 ^ head).wrapping_mul(0xd6e8_feb8_6659_fd93)
}

/// At most the last eight bytes, as a number.
#[inline(always)]
const fn last_bytes(bytes: &[u8]) -> u64 {
    if let Some(last) = bytes.last_chunk::<8>() {
        return u64::from_le_bytes(*last);
    }
    let mut number = 0;
    let mut index = 0;
    while index < bytes.len() {
        number = number << 8 | bytes[index] as u64;
        index += 1;
    }
    number
}
