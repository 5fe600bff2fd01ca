//! Finds sessions of the table by their keys. Pure.
//!
//! Holds: the first session of each bucket, 4 bytes (8, where the list of buckets has just grown); the others
//! follow through the sessions themselves, and the keys are theirs. There are as many buckets as sessions: each
//! session that comes splits one bucket, and each that goes joins two (linear hashing), so that nothing ever waits
//! for all of them to be moved, and what a flood took goes with it.
//!
//! Whoever names sessions can choose keys: they are hashed with numbers that nobody knows.

use std::hash::{BuildHasher, RandomState};

use super::table::Table;
use crate::model::chunk::SessionKey;

/// No session.
pub(super) const NONE: u32 = u32::MAX;

/// Lists of buckets that are no longer are not given back.
const FEW: usize = 1024;

#[derive(Debug, Default)]
pub(super) struct Keys {
    buckets: Vec<u32>,
    hash: RandomState,
}

impl Keys {
    pub(super) fn find(&self, table: &Table, key: SessionKey) -> Option<u32> {
        let mut slot = *self.buckets.get(self.bucket(key))?;
        while let Some(it) = table.keyed(slot) {
            if it.key == key {
                return Some(slot);
            }
            slot = it.next;
        }
        None
    }

    /// Adds a session that is in the table, under its key.
    pub(super) fn add(&mut self, table: &mut Table, slot: u32) {
        self.buckets.push(NONE);
        self.deal(table, split_by(self.buckets.len() - 1));
        self.link(table, slot);
    }

    /// Takes a session out that is in the table.
    pub(super) fn remove(&mut self, table: &mut Table, slot: u32) {
        let Some(it) = table.keyed(slot) else {
            return;
        };
        let (bucket, after) = (self.bucket(it.key), it.next);
        if self.buckets[bucket] == slot {
            self.buckets[bucket] = after;
        } else {
            let mut before = self.buckets[bucket];
            while let Some(it) = table.keyed_mut(before) {
                if it.next == slot {
                    it.next = after;
                    break;
                }
                before = it.next;
            }
        }
        let mut last = self.buckets.pop().unwrap_or(NONE);
        while let Some(it) = table.keyed_mut(last) {
            let next = std::mem::replace(&mut it.next, NONE);
            self.link(table, last);
            last = next;
        }
        if self.buckets.len() < self.buckets.capacity() / 4 && self.buckets.capacity() > FEW {
            self.buckets.shrink_to(FEW.max(2 * self.buckets.len()));
        }
    }

    /// Puts the sessions of a bucket to where they belong now.
    fn deal(&mut self, table: &mut Table, bucket: usize) {
        let mut slot = std::mem::replace(&mut self.buckets[bucket], NONE);
        while let Some(it) = table.keyed_mut(slot) {
            let next = std::mem::replace(&mut it.next, NONE);
            self.link(table, slot);
            slot = next;
        }
    }

    fn link(&mut self, table: &mut Table, slot: u32) {
        let Some(it) = table.keyed_mut(slot) else {
            return;
        };
        let bucket = self.bucket(it.key);
        it.next = std::mem::replace(&mut self.buckets[bucket], slot);
    }

    /// The bucket of a key: its hash below the next power of two, or below the one before, where that bucket is
    /// not there yet.
    fn bucket(&self, key: SessionKey) -> usize {
        let (hash, count) = (self.hash.hash_one(key) as usize, self.buckets.len());
        let mask = count.next_power_of_two() - 1;
        match hash & mask {
            there if there < count => there,
            missing => missing & (mask >> 1),
        }
    }
}

/// The bucket that is split when this one comes: it has the same number but for the highest digit.
fn split_by(new: usize) -> usize {
    match new.checked_ilog2() {
        Some(highest) => new ^ 1 << highest,
        None => 0,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::actors::sampler::held::Held;
    use crate::actors::sampler::held::tests::keyed;
    use crate::model::id::TraceId;

    fn key(number: u16) -> SessionKey {
        let bytes = (u128::from(number) + 1).to_be_bytes();
        SessionKey(TraceId::from_bytes(bytes).expect("not zero"))
    }

    proptest::proptest! {
        /// Whatever comes and goes in whatever order, each session is found by its key as in a map, no other is,
        /// and there are as many buckets as sessions.
        #[test]
        fn sessions_are_found_as_in_a_map(steps in proptest::collection::vec(0..300_u16, 0..2000)) {
            let (mut table, mut keys) = (Table::default(), Keys::default());
            let mut model: HashMap<u16, u32> = HashMap::new();
            for number in steps {
                match model.remove(&number) {
                    Some(slot) => {
                        keys.remove(&mut table, slot);
                        proptest::prop_assert!(table.take(slot).is_some());
                    }
                    None => {
                        let slot = table.add(Held::new(keyed(key(number).0), 0));
                        keys.add(&mut table, slot);
                        model.insert(number, slot);
                    }
                }
                proptest::prop_assert_eq!(keys.buckets.len(), model.len());
            }
            for number in 0..300 {
                proptest::prop_assert_eq!(keys.find(&table, key(number)), model.get(&number).copied());
            }
        }
    }

    /// What a flood took goes with it.
    #[test]
    fn what_a_flood_took_goes_with_it() {
        let (mut table, mut keys) = (Table::default(), Keys::default());
        let mut add = |number| {
            let slot = table.add(Held::new(keyed(key(number).0), 0));
            keys.add(&mut table, slot);
            slot
        };
        let slots: Vec<_> = (0..40_000).map(&mut add).collect();
        for slot in slots {
            keys.remove(&mut table, slot);
        }
        assert!(keys.buckets.is_empty() && keys.buckets.capacity() <= 2 * FEW);
    }
}
