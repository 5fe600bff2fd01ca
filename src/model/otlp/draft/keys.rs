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

/// A Bloom filter of two hashes and 512 bits: of twelve usual keys, one in some hundred is mistaken
/// for one that was set before. For a literal key the compiler works the hashes out.
#[derive(Clone, Copy, Debug)]
pub(super) struct KeyFilter([u64; Self::WORDS]);

impl KeyFilter {
    pub(super) const WORDS: usize = 8;

    /// Whether the key may have been there before.
    #[inline(always)]
    pub(super) const fn insert(&mut self, key: &[u8]) -> bool {
        let hash = key_hash(key);
        let (first, second) = (hash >> 55, hash >> 46 & 511);
        let first_bit = 1 << (first & 63);
        let second_bit = 1 << (second & 63);
        let known = self.0[(first >> 6) as usize] & first_bit != 0
            && self.0[(second >> 6) as usize] & second_bit != 0;
        self.0[(first >> 6) as usize] |= first_bit;
        self.0[(second >> 6) as usize] |= second_bit;
        known
    }
}

/// The last bytes of a key and its length tell most keys apart.
#[inline(always)]
const fn key_hash(bytes: &[u8]) -> u64 {
    let tail = match bytes.last_chunk::<8>() {
        Some(tail) => u64::from_le_bytes(*tail),
        None => {
            let mut tail = 0;
            let mut index = 0;
            while index < bytes.len() {
                tail = tail << 8 | bytes[index] as u64;
                index += 1;
            }
            tail
        }
    };
    let mixed = (tail ^ bytes.len() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed ^ mixed >> 32).wrapping_mul(0xd6e8_feb8_6659_fd93)
}
