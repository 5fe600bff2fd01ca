//! Which keys an item may have already: a filter that makes a duplicate cost a search, and others
//! nothing.

use crate::model::genai::key;

/// Keys that every item has from its session; what a host sets for them is ignored.
pub(super) const RESERVED: [&str; 2] = [key::SESSION_ID, key::CONVERSATION_ID];

/// The filter with the reserved keys in it.
pub(super) const RESERVED_KEYS: [u64; 4] = {
    let mut keys = [0; 4];
    let mut index = 0;
    while index < RESERVED.len() {
        let (word, bit) = key_hash(RESERVED[index]);
        keys[word] |= bit;
        index += 1;
    }
    keys
};

/// Which bit of the filter a key sets. The last bytes and the length tell most keys apart.
#[inline(always)]
pub(super) const fn key_hash(key: &str) -> (usize, u64) {
    let bytes = key.as_bytes();
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
    let hash = (tail ^ (bytes.len() as u64) << 32).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56;
    ((hash >> 6) as usize, 1 << (hash & 63))
}
