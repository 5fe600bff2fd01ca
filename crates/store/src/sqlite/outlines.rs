//! Outlines of sessions that were read lately, and the parts of sessions that they lead to.
//!
//! Holds: at most [`MOST_SPANS`] spans of outlines, of large sessions alone: small ones are read as quickly.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use lru::LruCache;
use rusqlite::Connection;

use super::reader::Reader;
use crate::error::StoreError;
use crate::outline::{Outline, Outliner};
use crate::query::Patience;
use crate::read::Blocks;
use crate::store::Seen;

/// Spans of all outlines that are kept, of 40 bytes each.
const MOST_SPANS: usize = 400_000;

/// Sessions of fewer spans are read anew.
const FEW: usize = 2_000;

/// What an outline was made of: blocks are never changed, and have ever higher numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Version {
    count: i64,
    last: i64,
}

/// Outlines by the row of their session.
pub(super) struct Outlines(Mutex<LruCache<i64, (Version, Arc<Outline>)>>);

impl Default for Outlines {
    fn default() -> Self {
        Self(Mutex::new(LruCache::unbounded()))
    }
}

impl Outlines {
    fn get(&self, row: i64, version: &Version) -> Option<Arc<Outline>> {
        // Nothing in it can be half done.
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (known, outline) = kept.get(&row)?;
        (known == version).then(|| Arc::clone(outline))
    }

    fn put(&self, row: i64, version: Version, outline: &Arc<Outline>) {
        if outline.len() < FEW {
            return;
        }
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.put(row, (version, Arc::clone(outline)));
        let spans = |kept: &LruCache<i64, (Version, Arc<Outline>)>| -> usize {
            kept.iter().map(|(_, (_, outline))| outline.len()).sum()
        };
        while spans(&kept) > MOST_SPANS && kept.len() > 1 {
            kept.pop_lru();
        }
    }
}

/// The blocks of spans of a session, in their order.
fn blocks_of(connection: &Connection, row: i64) -> Result<(Version, Vec<i64>), StoreError> {
    let mut find = connection
        .prepare_cached("SELECT id FROM blocks WHERE session = ?1 AND kind = 0 ORDER BY id")?;
    let found = find.query_map([row], |row| row.get(0))?;
    let ids: Vec<i64> = found
        .collect::<Result<_, _>>()
        .map_err(StoreError::of_query)?;
    let version = Version {
        count: ids.len() as i64,
        last: ids.last().copied().unwrap_or_default(),
    };
    Ok((version, ids))
}

impl Reader {
    /// A session's outline, with the blocks of those of its spans that `wanted` says, and its log records, where
    /// it says so. All as it is at one moment.
    pub(super) fn part(
        &mut self,
        row: i64,
        outlines: &Outlines,
        patience: &Patience,
        wanted: impl FnOnce(&Outline) -> Result<(Range<usize>, bool), StoreError>,
    ) -> Result<(Arc<Outline>, Blocks), StoreError> {
        let moment = self.connection.unchecked_transaction()?;
        let (version, ids) = blocks_of(&moment, row)?;
        let mut unpack = |id: i64| -> Result<Vec<u8>, StoreError> {
            patience.check()?;
            let mut find = moment.prepare_cached("SELECT data FROM blocks WHERE id = ?1")?;
            let mut rows = find.query([id])?;
            let block = rows.next().map_err(StoreError::of_query)?;
            let block = block.ok_or(StoreError::Damaged("a block is missing"))?;
            let data = block.get_ref(0)?.as_blob();
            self.codec.unpack(data.map_err(rusqlite::Error::from)?)
        };
        let mut blocks = Blocks::default();
        blocks.spans.resize(ids.len(), Vec::new());
        let outline = match outlines.get(row, &version) {
            Some(outline) => outline,
            None => {
                let mut outliner = Outliner::default();
                for (number, id) in ids.iter().enumerate() {
                    outliner.block(number, &unpack(*id)?, patience)?;
                }
                let outline = Arc::new(outliner.outline());
                outlines.put(row, version, &outline);
                outline
            }
        };
        let (range, with_logs) = wanted(&outline)?;
        let places = outline.places(range);
        let numbers: BTreeSet<u32> = places.iter().map(|place| place.block).collect();
        for number in numbers {
            let number = number as usize;
            blocks.spans[number] = unpack(ids[number])?;
        }
        if with_logs {
            let mut find = moment.prepare_cached(
                "SELECT id FROM blocks WHERE session = ?1 AND kind = 1 ORDER BY id",
            )?;
            let found = find.query_map([row], |row| row.get(0))?;
            for id in found {
                blocks.logs.push(unpack(id.map_err(StoreError::of_query)?)?);
            }
        }
        drop(moment);
        self.add_origins(&mut blocks)?;
        Ok((outline, blocks))
    }

    /// The blocks behind the last that was seen. At the first time there are none: what is in them is noted.
    pub(super) fn unseen(
        &mut self,
        row: i64,
        seen: &mut Seen,
        patience: &Patience,
    ) -> Result<Blocks, StoreError> {
        let is_first = seen.last == 0;
        let after = seen.last;
        let mut blocks = Blocks::default();
        for kind in [0, 1] {
            let mut find = self.connection.prepare_cached(
                "SELECT id, ids, data FROM blocks WHERE session = ?1 AND kind = ?2 AND id > ?3 ORDER BY id",
            )?;
            let mut rows = find.query([row, kind, after])?;
            while let Some(row) = rows.next().map_err(StoreError::of_query)? {
                patience.check()?;
                seen.last = seen.last.max(row.get(0)?);
                let blob = |index| -> Result<&[u8], StoreError> {
                    let blob = row.get_ref(index)?.as_blob();
                    Ok(blob.map_err(rusqlite::Error::from)?)
                };
                if is_first {
                    let ids = blob(1)?.as_chunks::<8>().0;
                    seen.items
                        .extend(ids.iter().map(|id| u64::from_le_bytes(*id)));
                    continue;
                }
                let plain = self.codec.unpack(blob(2)?)?;
                match kind {
                    0 => blocks.spans.push(plain),
                    _ => blocks.logs.push(plain),
                }
            }
        }
        Ok(blocks)
    }
}
