//! Connections that read, each for one query at a time, with a limit of time that SQLite is held to.

use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension as _, params};

use super::{forget, open};
use crate::answer::{Detail, Field, FieldValue, StoreStats};
use crate::block::Codec;
use crate::error::StoreError;
use crate::query::Patience;
use crate::read::{Blocks, detail};
use crate::tale::Tale;
use crate::wire::Origin;

/// How many queries run at once.
const MOST: usize = 4;

/// After how many steps of its machine SQLite asks whether to go on.
const STEPS: i32 = 10_000;

/// The most bytes of a session that are unpacked at once.
const MOST_BYTES: usize = 1 << 30;

/// Values of a field that are suggested.
const SUGGESTED: i64 = 200;

/// One connection.
pub(super) struct Reader {
    pub(super) connection: Connection,
    pub(super) codec: Codec,
}

/// The connections that are free, and how many there are in all.
pub(super) struct Readers {
    path: PathBuf,
    free: Mutex<(Vec<Reader>, usize)>,
    returned: Condvar,
}

impl Readers {
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            path,
            free: Mutex::new((Vec::new(), 0)),
            returned: Condvar::new(),
        }
    }

    fn free(&self) -> MutexGuard<'_, (Vec<Reader>, usize)> {
        // Nothing in it can be half done.
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks something, once a connection is free.
    pub(super) fn read<T>(
        &self,
        patience: &Patience,
        ask: impl FnOnce(&mut Reader) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut lent = Lent {
            readers: self,
            reader: Some(self.take(patience)?),
        };
        let reader = lent.reader.as_mut().expect("it was just put there");
        let until = patience.clone();
        reader
            .connection
            .progress_handler(STEPS, Some(move || until.is_over()))?;
        ask(reader)
    }

    fn take(&self, patience: &Patience) -> Result<Reader, StoreError> {
        let mut free = self.free();
        loop {
            if let Some(reader) = free.0.pop() {
                return Ok(reader);
            }
            if free.1 < MOST {
                free.1 += 1;
                drop(free);
                return Reader::new(&self.path).inspect_err(|_| self.free().1 -= 1);
            }
            patience.check()?;
            let waited = self.returned.wait_timeout(free, Duration::from_millis(20));
            free = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// A connection that is given back when this is dropped, whatever the query did.
struct Lent<'r> {
    readers: &'r Readers,
    reader: Option<Reader>,
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        if let Some(reader) = self.reader.take() {
            self.readers.free().0.push(reader);
            self.readers.returned.notify_one();
        }
    }
}

impl Reader {
    fn new(path: &std::path::Path) -> Result<Self, StoreError> {
        Ok(Self {
            connection: open::reader(path)?,
            codec: Codec::new()?,
        })
    }

    pub(super) fn row(&self, id: &str) -> Result<Option<i64>, StoreError> {
        let mut find = self
            .connection
            .prepare_cached("SELECT id FROM sessions WHERE name = ?1")?;
        Ok(find.query_row([id], |row| row.get(0)).optional()?)
    }

    /// A session with its totals.
    pub(super) fn detail(&mut self, id: &str, now_us: i64) -> Result<Option<Detail>, StoreError> {
        let Some(row) = self.row(id)? else {
            return Ok(None);
        };
        let mut find = self
            .connection
            .prepare_cached("SELECT tale FROM tales WHERE session = ?1")?;
        // It may have been forgotten meanwhile.
        let tale: Option<String> = find.query_row([row], |row| row.get(0)).optional()?;
        drop(find);
        let Some(tale) = tale else {
            return Ok(None);
        };
        let tale: Tale =
            serde_json::from_str(&tale).map_err(|_| StoreError::Damaged("a tale is no JSON"))?;
        let first = "SELECT data, kind FROM blocks WHERE session = ?1 ORDER BY id LIMIT 1";
        let blocks = self.load(first, row, &Patience::of(Duration::from_secs(5)))?;
        Ok(Some(detail(&tale, blocks.resource()?, now_us)))
    }

    /// All blocks of a session.
    pub(super) fn blocks(
        &mut self,
        id: &str,
        patience: &Patience,
    ) -> Result<Option<Blocks>, StoreError> {
        let Some(row) = self.row(id)? else {
            return Ok(None);
        };
        let all = "SELECT data, kind FROM blocks WHERE session = ?1 ORDER BY id";
        self.load(all, row, patience).map(Some)
    }

    /// Those of log records alone: a session may have far more spans.
    pub(super) fn blocks_of_logs(
        &mut self,
        id: &str,
        patience: &Patience,
    ) -> Result<Option<Blocks>, StoreError> {
        let Some(row) = self.row(id)? else {
            return Ok(None);
        };
        let of_logs = "SELECT data, kind FROM blocks WHERE session = ?1 AND kind = 1 ORDER BY id";
        self.load(of_logs, row, patience).map(Some)
    }

    fn load(&mut self, sql: &str, row: i64, patience: &Patience) -> Result<Blocks, StoreError> {
        let mut blocks = Blocks::default();
        let mut find = self.connection.prepare_cached(sql)?;
        let mut rows = find.query([row])?;
        let mut bytes = 0;
        while let Some(row) = rows.next().map_err(StoreError::of_query)? {
            patience.check()?;
            let data = row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?;
            let plain = self.codec.unpack(data)?;
            bytes += plain.len();
            if bytes > MOST_BYTES {
                let advice = "the session is larger than can be read at once; it can be exported where it was \
                              forwarded to";
                return Err(StoreError::BadQuery(advice.to_owned()));
            }
            match row.get::<_, i64>(1)? {
                0 => blocks.spans.push(plain),
                _ => blocks.logs.push(plain),
            }
        }
        self.add_origins(&mut blocks)?;
        Ok(blocks)
    }

    /// Adds the origins of what is in blocks.
    pub(super) fn add_origins(&self, blocks: &mut Blocks) -> Result<(), StoreError> {
        let mut origin = self
            .connection
            .prepare_cached("SELECT origin FROM origins WHERE id = ?1")?;
        for block in blocks.spans.iter().chain(&blocks.logs) {
            for (number, _) in crate::block::items(block)? {
                if blocks.origins.contains_key(&number) {
                    continue;
                }
                let bytes: Vec<u8> = origin.query_row([number], |row| row.get(0))?;
                let read = Origin::from_bytes(&bytes);
                let read = read.ok_or(StoreError::Damaged("an origin is cut off"))?;
                blocks.origins.insert(number, Arc::new(read));
            }
        }
        Ok(())
    }

    pub(super) fn fields(&self) -> Result<Vec<Field>, StoreError> {
        let mut find = self.connection.prepare_cached(
            "SELECT key, (SELECT total(sessions) FROM field_values WHERE field = fields.id) AS count FROM fields
             WHERE count > 0 ORDER BY count DESC, key",
        )?;
        let rows = find.query_map([], |row| {
            Ok(Field {
                key: row.get(0)?,
                count: row.get::<_, f64>(1)? as u64,
            })
        })?;
        rows.collect::<Result<_, _>>().map_err(StoreError::of_query)
    }

    pub(super) fn values(&self, field: &str, prefix: &str) -> Result<Vec<FieldValue>, StoreError> {
        let mut find = self.connection.prepare_cached(
            "SELECT value, sessions FROM field_values
             WHERE field = (SELECT id FROM fields WHERE key = ?1) AND value >= ?2 AND value < ?3 AND sessions > 0
             ORDER BY sessions DESC, value LIMIT ?4",
        )?;
        let end = format!("{prefix}\u{10ffff}");
        let rows = find.query_map(params![field, prefix, end, SUGGESTED], |row| {
            Ok(FieldValue {
                value: row.get(0)?,
                count: row.get::<_, i64>(1)?.max(0) as u64,
            })
        })?;
        rows.collect::<Result<_, _>>().map_err(StoreError::of_query)
    }

    pub(super) fn stats(&self) -> Result<StoreStats, StoreError> {
        let mut stats = StoreStats {
            kind: "sqlite",
            bytes: forget::bytes_in_use(&self.connection)?,
            ..StoreStats::default()
        };
        let sessions: i64 =
            self.connection
                .query_row("SELECT count(*) FROM sessions", [], |row| row.get(0))?;
        stats.sessions = sessions.max(0) as u64;
        let mut find = self
            .connection
            .prepare_cached("SELECT name, value FROM sums")?;
        let mut rows = find.query([])?;
        while let Some(row) = rows.next()? {
            let value = row.get::<_, i64>(1)?.max(0) as u64;
            match row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)? {
                "spans" => stats.spans = value,
                "duplicates" => stats.duplicates = value,
                "of_no_session" => stats.of_no_session = value,
                _ => {}
            }
        }
        Ok(stats)
    }
}
