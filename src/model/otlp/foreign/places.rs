//! Where the sessions of a resource stand, by their names.
//!
//! Holds: two numbers for each session. Waits: never. Loses: nothing.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasher, BuildHasherDefault, Hasher, RandomState};

use super::sessions::SessionName;

/// How many sessions a map has room for that is used for another resource; a larger one would cost more
/// to clear than it saves.
const SMALL: usize = 128;

/// How many sessions of late are found without a hash; a power of two.
const RECENT: usize = 256;

/// Finds the place of a session by its name. It does not keep names: whoever asks says what has which.
#[derive(Debug)]
pub(super) struct Places {
    /// By the hash of a name. Where two names have the same, the later stands at the next free number.
    by_hash: HashMap<u64, usize, BuildHasherDefault<Hashed>>,
    /// With a secret key: no sender can make many names have the same hash.
    hasher: RandomState,
    /// The place that was last found at each [`slot`], so that most items of sessions that take turns cost
    /// no hash.
    recent: [u32; RECENT],
}

impl Places {
    pub(super) fn new() -> Self {
        Self {
            by_hash: HashMap::default(),
            hasher: RandomState::new(),
            recent: [u32::MAX; RECENT],
        }
    }

    /// Forgets all, for the next resource. `is_same` must say no to every place from before.
    pub(super) fn clear(&mut self) {
        if self.by_hash.capacity() > SMALL {
            self.by_hash = HashMap::default();
        } else {
            self.by_hash.clear();
        }
    }

    /// Makes room for so many more at once.
    pub(super) fn reserve(&mut self, more: usize) {
        self.by_hash.reserve(more);
    }

    /// The place of this name; `next`, which it has from now on, where it has none. `is_same` says whether
    /// what stands at a place, if anything does, has this name.
    #[inline]
    pub(super) fn find_or_take(
        &mut self,
        name: SessionName<'_>,
        next: usize,
        is_same: impl Fn(usize) -> bool,
    ) -> usize {
        let slot = slot(name);
        let recent = self.recent[slot] as usize;
        if is_same(recent) {
            return recent;
        }
        let place = self.by_hash(self.hasher.hash_one(name), next, is_same);
        // One that does not fit is never found there.
        self.recent[slot] = u32::try_from(place).unwrap_or(u32::MAX);
        place
    }

    fn by_hash(&mut self, mut hash: u64, next: usize, is_same: impl Fn(usize) -> bool) -> usize {
        loop {
            match self.by_hash.entry(hash) {
                Entry::Occupied(known) if is_same(*known.get()) => return *known.get(),
                Entry::Occupied(_) => hash = hash.wrapping_add(1),
                Entry::Vacant(free) => return *free.insert(next),
            }
        }
    }
}

/// The slot of a name among the recent: by its end, in which the names of one sender differ most often.
/// Whoever makes names share a slot pays for hashes and no more.
#[inline]
fn slot(name: SessionName<'_>) -> usize {
    let (SessionName::Id(bytes) | SessionName::Trace(bytes)) = name else {
        return 0;
    };
    let end = match bytes.last_chunk() {
        Some(end) => u64::from_le_bytes(*end),
        None => bytes
            .iter()
            .fold(0, |end, byte| end << 8 | u64::from(*byte)),
    };
    // The fractional part of the golden ratio: it spreads neighbouring numbers (Knuth, "The Art of Computer
    // Programming", 6.4), over the upper bits best.
    let spread = end.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (spread >> (u64::BITS - RECENT.ilog2())) as usize
}

/// What is hashed already.
#[derive(Debug, Default)]
struct Hashed(u64);

impl Hasher for Hashed {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0 << 8 | u64::from(*byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each of many names has a place of its own, which it keeps, also where names share their ends and with
    /// them a slot, or are shorter than one; after a clearing, all begin anew.
    #[test]
    fn every_name_keeps_its_place() {
        let names: Vec<_> = (0..1_000)
            .flat_map(|number| [format!("{number}-of-the-same-end"), number.to_string()])
            .collect();
        let mut places = Places::new();
        for first in [0, names.len()] {
            for _turn in 0..3 {
                for (index, name) in names.iter().enumerate() {
                    let is_same =
                        |place: usize| place >= first && names.get(place - first) == Some(name);
                    let name = SessionName::Id(name.as_bytes());
                    let place = places.find_or_take(name, first + index, is_same);
                    assert_eq!(place, first + index);
                }
            }
            places.clear();
        }
    }

    /// Names with the same hash have places of their own.
    #[test]
    fn names_with_the_same_hash_are_told_apart() {
        let mut places = Places::new();
        for _turn in 0..2 {
            for name in 0..5 {
                assert_eq!(places.by_hash(u64::MAX, name, |place| place == name), name);
            }
        }
    }
}
