//! What calls used over time, in memory.
//!
//! Holds: as many rows as it was made for, however many names and minutes are made up: where there are more, new names
//! are counted together, and those of the time farthest from now are forgotten. Waits: never. Loses: what is forgotten.

use std::collections::HashMap;

use crate::query::By;
use crate::tally::Sums;
use crate::usage_of::REST;
use crate::used::{Changes, Correction, Key};

/// What a row takes, about, in bytes: its histograms are most of it.
const OF_ROW: u64 = 1_024;

/// The fewest rows that are held.
const FEWEST: usize = 1_000;

/// Rows by what they sum up.
pub(super) struct UsageSums {
    rows: HashMap<Key, Sums>,
    most: usize,
}

impl UsageSums {
    /// None yet; an eighth of so many bytes is for them.
    pub(super) fn new(bytes: u64) -> Self {
        let most = usize::try_from(bytes / 8 / OF_ROW).unwrap_or(usize::MAX);
        Self {
            rows: HashMap::new(),
            most: most.max(FEWEST),
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Key, &Sums)> + Clone {
        self.rows.iter()
    }

    /// Counts what a write has brought.
    pub(super) fn change(&mut self, changes: Changes) {
        for (key, change) in changes.by_key() {
            let key = self.row_for(key, &change);
            let known = self.rows.remove(&key).unwrap_or_default();
            let sums = change.applied_to(&known);
            if sums.calls > 0 {
                self.rows.insert(key, sums);
            }
        }
    }

    /// Where a change is counted: in the row of all others, where its own has no room or had none before.
    fn row_for(&self, key: Key, change: &Correction) -> Key {
        let has_room = self.rows.len() < self.most && change.less.calls == 0;
        let has_name = key.by != By::None.number();
        match has_room || !has_name || self.rows.contains_key(&key) {
            true => key,
            false => Key {
                name: REST.to_owned(),
                ..key
            },
        }
    }

    /// Forgets what lies before, and where it is full the rows of the time that is farthest from `now`, an eighth of
    /// all: all times in seconds since 1970.
    pub(super) fn forget(&mut self, before: i64, now: i64) {
        self.rows.retain(|key, _| key.begin >= before);
        if self.rows.len() < self.most {
            return;
        }
        let mut by_time: Vec<(u64, Key)> = self
            .rows
            .keys()
            .map(|key| (key.begin.abs_diff(now), key.clone()))
            .collect();
        by_time.sort_unstable_by_key(|(distance, _)| std::cmp::Reverse(*distance));
        let left = self.most - self.most / 8;
        for (_, key) in &by_time[..by_time.len() - left] {
            self.rows.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::{Bones, Facts};

    /// Changes by a call of this model that ended then, in seconds.
    fn call(sums: &mut UsageSums, model: &str, second: i64) {
        let id = |last| [last; 8];
        let bones = Bones {
            trace: spanreel::TraceId::from_bytes([1; 16]).expect("not zero"),
            id: spanreel::SpanId::from_bytes(id(1)).expect("not zero"),
            parent: None,
            name: "chat",
            start_us: second * 1_000_000,
            end_us: second * 1_000_000,
            status: spanreel::StatusCode::Unset,
            message: "",
        };
        let mut changes = Changes::default();
        changes.note_call(&bones, &Facts::default(), model);
        sums.change(changes);
    }

    /// However many models and minutes are made up, the rows are bounded, every call is counted while its time is
    /// kept, and the time that is nearest stays.
    #[test]
    fn rows_are_bounded() {
        let mut sums = UsageSums::new(0);
        assert_eq!(sums.most, FEWEST);
        for number in 0..3_000 {
            call(&mut sums, &format!("made-up-{number}"), 600);
        }
        // The last of them at once, and the rows of all others.
        assert!(sums.rows.len() <= FEWEST + 4, "{}", sums.rows.len());
        let calls = sums.iter().filter(|(key, _)| key.length == 60);
        assert_eq!(calls.map(|(_, sums)| sums.calls).sum::<u64>(), 3_000);
        for minute in 0..3_000 {
            call(&mut sums, "m-1", minute * 3_600);
            if minute % 100 == 0 {
                sums.forget(-1, 600);
            }
        }
        sums.forget(-1, 600);
        assert!(sums.rows.len() < FEWEST, "{}", sums.rows.len());
        assert!(sums.iter().any(|(key, _)| key.begin == 600));
        assert!(sums.iter().all(|(key, _)| key.begin < 2_000 * 3_600));
    }
}
