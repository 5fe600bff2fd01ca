//! What the writer remembers between writes: sessions as they were written last, and numbers.
//!
//! Holds: sessions within [`MOST_WEIGHT`]; at most 32,768 names and as many traces, 4,096 origins, and values.
//! Waits: never. Loses: nothing that is not in the file.

use std::collections::HashSet;
use std::hash::Hash;
use std::num::NonZeroUsize;

use lru::LruCache;
use spanreel::TraceId;

use super::super::names::Names;
use super::super::open_session::Open;

/// Entries of sets that all remembered sessions hold together, of some 20 bytes each.
const MOST_WEIGHT: usize = 1_500_000;

/// Origins and traces that are remembered.
const ORIGINS: NonZeroUsize = NonZeroUsize::new(4_096).unwrap();
const TRACES: NonZeroUsize = NonZeroUsize::new(32_768).unwrap();

/// What is remembered between writes, and forgotten where one fails.
pub(super) struct Memory {
    pub(super) sessions: LruCache<i64, Open>,
    pub(super) weight: usize,
    /// The largest number of a session.
    pub(super) last_row: Option<i64>,
    pub(super) rows: LruCache<String, i64>,
    pub(super) traces: LruCache<TraceId, i64>,
    pub(super) origins: LruCache<[u8; 32], i64>,
    pub(super) names: Names,
}

impl Default for Memory {
    fn default() -> Self {
        Self {
            sessions: LruCache::unbounded(),
            weight: 0,
            last_row: None,
            rows: LruCache::new(TRACES),
            traces: LruCache::new(TRACES),
            origins: LruCache::new(ORIGINS),
            names: Names::default(),
        }
    }
}

impl Memory {
    /// Forgets these sessions, and what led to them. Values and origins that were theirs alone are gone with them, and
    /// get other numbers when they come again.
    pub(super) fn forget(&mut self, gone: &[i64]) {
        for row in gone {
            if let Some(open) = self.sessions.pop(row) {
                self.weight = self.weight.saturating_sub(open.weight());
            }
        }
        let gone: HashSet<i64> = gone.iter().copied().collect();
        drop_values(&mut self.rows, &gone);
        drop_values(&mut self.traces, &gone);
        self.names = Names::default();
        self.origins.clear();
    }

    /// Forgets the sessions that were written longest ago while there is too much.
    pub(super) fn relieve(&mut self) {
        while self.weight > MOST_WEIGHT
            && let Some((_, open)) = self.sessions.pop_lru()
        {
            self.weight = self.weight.saturating_sub(open.weight());
        }
    }
}

/// Drops the entries that lead to one of these.
fn drop_values<K: Clone + Hash + Eq>(map: &mut LruCache<K, i64>, gone: &HashSet<i64>) {
    let dead = map.iter().filter(|(_, row)| gone.contains(row));
    let dead: Vec<K> = dead.map(|(key, _)| key.clone()).collect();
    for key in dead {
        map.pop(&key);
    }
}
