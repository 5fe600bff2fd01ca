//! Sets of sessions: what each condition of a query lets pass.
//!
//! Every condition alone is answered by an index, in a few ns for each session that passes; two of them
//! together would make SQLite look up each session of one in the other. So each becomes a set of bits, and what
//! passes all of them is what the sets have in common. How many that are is known then, too.

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use crate::error::StoreError;

/// Numbers of rows, a bit for each. A million sessions take 128 kB.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Chosen(Vec<u64>);

impl Chosen {
    /// What a query finds in its first column.
    pub(super) fn by_query(
        connection: &Connection,
        sql: &str,
        bound: &[Value],
    ) -> Result<Self, StoreError> {
        let mut chosen = Self::default();
        let mut find = connection
            .prepare_cached(sql)
            .map_err(StoreError::of_query)?;
        let mut rows = find
            .query(params_from_iter(bound))
            .map_err(StoreError::of_query)?;
        while let Some(row) = rows.next().map_err(StoreError::of_query)? {
            chosen.add(row.get(0)?);
        }
        Ok(chosen)
    }

    /// Adds a row. SQLite numbers rows from 1; others are none of a table's.
    pub(super) fn add(&mut self, row: i64) {
        let Ok(row) = usize::try_from(row) else {
            return;
        };
        if self.0.len() <= row / 64 {
            self.0.resize(row / 64 + 1, 0);
        }
        self.0[row / 64] |= 1 << (row % 64);
    }

    pub(super) fn has(&self, row: i64) -> bool {
        let Ok(row) = usize::try_from(row) else {
            return false;
        };
        self.0
            .get(row / 64)
            .is_some_and(|bits| bits & (1 << (row % 64)) != 0)
    }

    /// Keeps what is in both.
    pub(super) fn keep(&mut self, other: &Self) {
        self.0.truncate(other.0.len());
        for (mine, its) in self.0.iter_mut().zip(&other.0) {
            *mine &= its;
        }
    }

    /// Adds what is in another.
    pub(super) fn extend(&mut self, other: &Self) {
        if self.0.len() < other.0.len() {
            self.0.resize(other.0.len(), 0);
        }
        for (mine, its) in self.0.iter_mut().zip(&other.0) {
            *mine |= its;
        }
    }

    pub(super) fn count(&self) -> u64 {
        self.0.iter().map(|bits| u64::from(bits.count_ones())).sum()
    }

    /// All of them, in order.
    pub(super) fn rows(&self) -> impl Iterator<Item = i64> {
        self.0.iter().enumerate().flat_map(|(index, bits)| {
            let mut bits = *bits;
            std::iter::from_fn(move || {
                let bit = (bits != 0).then(|| bits.trailing_zeros())?;
                bits &= bits - 1;
                Some(index as i64 * 64 + i64::from(bit))
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(rows: &[i64]) -> Chosen {
        let mut chosen = Chosen::default();
        for row in rows {
            chosen.add(*row);
        }
        chosen
    }

    /// A set has what was added, in order, and nothing else.
    #[test]
    fn a_set_has_what_was_added() {
        let chosen = of(&[700, 1, 63, 64, -1, 1]);
        assert_eq!(chosen.rows().collect::<Vec<_>>(), [1, 63, 64, 700]);
        assert_eq!(chosen.count(), 4);
        assert!(chosen.has(64) && !chosen.has(65) && !chosen.has(-1) && !chosen.has(10_000));
    }

    /// Two sets are joined and intersected whichever is longer.
    #[test]
    fn sets_are_joined_and_intersected() {
        let (short, long) = (of(&[1, 5]), of(&[5, 900]));
        for (mut one, other) in [(short.clone(), long.clone()), (long, short)] {
            let mut both = one.clone();
            both.extend(&other);
            assert_eq!(both.rows().collect::<Vec<_>>(), [1, 5, 900]);
            one.keep(&other);
            assert_eq!(one.rows().collect::<Vec<_>>(), [5]);
        }
    }
}
