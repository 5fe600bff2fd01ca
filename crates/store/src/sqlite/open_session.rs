//! A session that is being written: what is kept of it in memory between writes.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use rusqlite::{Connection, OptionalExtension as _, params};
use spanreel::TraceId;

use crate::answer::State;
use crate::block::{Codec, Draft, items};
use crate::error::StoreError;
use crate::tale::Tale;

/// Blocks of fewer bytes are joined once there are [`MOST_SMALL`] of them.
const SMALL: usize = 16 << 10;
const MOST_SMALL: usize = 8;

/// A block is ended when it has so many bytes, so that reading one span reads no more than this.
const LARGE: usize = 256 << 10;

/// How many different words of a session are searched.
const MOST_WORDS: usize = 20_000;

/// The longest word that is searched, in bytes: longer ones are codes.
const LONGEST_WORD: usize = 48;

/// Spans or log records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Spans = 0,
    Logs = 1,
}

/// A session between writes.
pub(super) struct Open {
    pub(super) row: i64,
    pub(super) tale: Tale,
    /// Values of fields that it has.
    pub(super) values: HashSet<i64>,
    /// By which what comes twice is told.
    seen: HashSet<u64>,
    /// Its words that are searched already, as far as it was not forgotten meanwhile.
    words: HashSet<u64>,
    /// Its last small blocks of spans.
    small: Vec<i64>,
    /// Compressed bytes.
    pub(super) bytes: u64,
    /// What is new: spans, then log records.
    drafts: [Fresh; 2],
    /// New words.
    pub(super) text: String,
}

/// Items of one kind that are not in a block yet.
#[derive(Default)]
struct Fresh {
    draft: Draft,
    ids: Vec<u8>,
}

impl Open {
    /// A new session.
    pub(super) fn new(connection: &Connection, tale: Tale) -> Result<Self, StoreError> {
        let mut statement = connection.prepare_cached(
            "INSERT INTO sessions (name, state, start_us, last_us, duration_us, cost, tokens, errors, spans, bytes)
             VALUES (?1, 'running', 0, 0, 0, 0, 0, 0, 0, 0)",
        )?;
        let row = statement.insert([&tale.summary.id])?;
        Ok(Self {
            row,
            tale,
            values: HashSet::new(),
            seen: HashSet::new(),
            words: HashSet::new(),
            small: Vec::new(),
            bytes: 0,
            drafts: Default::default(),
            text: String::new(),
        })
    }

    /// One that was written before; `None` where there is none.
    pub(super) fn load(connection: &Connection, row: i64) -> Result<Option<Self>, StoreError> {
        let mut statement = connection.prepare_cached(
            "SELECT tale, bytes FROM tales JOIN sessions ON sessions.id = session WHERE session = ?1",
        )?;
        let found = statement.query_row([row], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?))
        });
        let Some((tale, bytes)) = found.optional()? else {
            return Ok(None);
        };
        let tale: Tale =
            serde_json::from_str(&tale).map_err(|_| StoreError::Damaged("a tale is no JSON"))?;
        let mut open = Self {
            row,
            tale,
            values: HashSet::new(),
            seen: HashSet::new(),
            words: HashSet::new(),
            small: Vec::new(),
            bytes: bytes.max(0) as u64,
            drafts: Default::default(),
            text: String::new(),
        };
        let mut statement =
            connection.prepare_cached("SELECT value FROM session_values WHERE session = ?1")?;
        for value in statement.query_map([row], |row| row.get(0))? {
            open.values.insert(value?);
        }
        open.load_seen(connection)?;
        Ok(Some(open))
    }

    fn load_seen(&mut self, connection: &Connection) -> Result<(), StoreError> {
        let mut statement = connection
            .prepare_cached("SELECT id, kind, plain, ids FROM blocks WHERE session = ?1")?;
        let mut rows = statement.query([self.row])?;
        while let Some(row) = rows.next()? {
            let (block, kind): (i64, i64) = (row.get(0)?, row.get(1)?);
            let plain: i64 = row.get(2)?;
            let ids = row.get_ref(3)?.as_blob().map_err(rusqlite::Error::from)?;
            for id in ids.as_chunks::<8>().0 {
                self.seen.insert(u64::from_le_bytes(*id));
            }
            if kind == Kind::Spans as i64 && (plain as usize) < SMALL {
                self.small.push(block);
            }
        }
        Ok(())
    }

    /// How much memory it takes, in entries of sets.
    pub(super) fn weight(&self) -> usize {
        self.seen.len() + self.words.len() + 64
    }

    /// Whether an item is new; from now on it is not.
    pub(super) fn is_new(&mut self, identity: u64) -> bool {
        self.seen.insert(identity)
    }

    /// Adds a new item to those that will be written.
    pub(super) fn push(&mut self, kind: Kind, identity: u64, origin: i64, item: &[u8]) {
        let fresh = &mut self.drafts[kind as usize];
        fresh.draft.push(origin, item);
        fresh.ids.extend_from_slice(&identity.to_le_bytes());
    }

    /// Adds words to those that are searched.
    pub(super) fn say(&mut self, text: &str) {
        let words = text.split(|character: char| !character.is_alphanumeric());
        for word in words.filter(|word| !word.is_empty() && word.len() <= LONGEST_WORD) {
            if self.words.len() >= MOST_WORDS {
                return;
            }
            let mut hasher = DefaultHasher::new();
            word.hash(&mut hasher);
            if self.words.insert(hasher.finish()) {
                self.text.push_str(word);
                self.text.push(' ');
            }
        }
    }

    /// Writes the blocks of what is large enough, or of everything.
    pub(super) fn write_blocks(
        &mut self,
        connection: &Connection,
        codec: &mut Codec,
        all: bool,
    ) -> Result<(), StoreError> {
        for kind in [Kind::Spans, Kind::Logs] {
            let length = self.drafts[kind as usize].draft.as_bytes().len();
            if length >= LARGE || (all && length > 0) {
                let fresh = std::mem::take(&mut self.drafts[kind as usize]);
                self.write_block(connection, codec, kind, &fresh)?;
            }
        }
        if self.small.len() >= MOST_SMALL {
            self.join_small(connection, codec)?;
        }
        Ok(())
    }

    fn write_block(
        &mut self,
        connection: &Connection,
        codec: &mut Codec,
        kind: Kind,
        fresh: &Fresh,
    ) -> Result<(), StoreError> {
        let plain = fresh.draft.as_bytes();
        let packed = codec.pack(plain)?;
        let mut statement = connection.prepare_cached(
            "INSERT INTO blocks (session, kind, plain, ids, data) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?;
        let block = statement.insert(params![
            self.row,
            kind as i64,
            plain.len() as i64,
            fresh.ids,
            packed
        ])?;
        self.bytes += (packed.len() + fresh.ids.len()) as u64;
        if kind == Kind::Spans && plain.len() < SMALL {
            self.small.push(block);
        }
        Ok(())
    }

    /// Makes one block of the small ones: together they compress better, and are read at once.
    fn join_small(&mut self, connection: &Connection, codec: &mut Codec) -> Result<(), StoreError> {
        let mut joined = Fresh::default();
        for block in std::mem::take(&mut self.small) {
            let mut statement =
                connection.prepare_cached("SELECT ids, data FROM blocks WHERE id = ?1")?;
            let (ids, data): (Vec<u8>, Vec<u8>) =
                statement.query_row([block], |row| Ok((row.get(0)?, row.get(1)?)))?;
            let plain = codec.unpack(&data)?;
            for (origin, item) in items(&plain)? {
                joined.draft.push(origin, item);
            }
            joined.ids.extend_from_slice(&ids);
            self.bytes = self.bytes.saturating_sub((ids.len() + data.len()) as u64);
            connection
                .prepare_cached("DELETE FROM blocks WHERE id = ?1")?
                .execute([block])?;
        }
        self.write_block(connection, codec, Kind::Spans, &joined)
    }

    /// Writes what lists show of it.
    pub(super) fn write_row(&self, connection: &Connection) -> Result<(), StoreError> {
        let summary = &self.tale.summary;
        let mut statement = connection.prepare_cached(
            "UPDATE sessions SET name = ?2, trace = ?3, state = ?4, user = ?5, error = ?6, start_us = ?7,
             last_us = ?8, duration_us = ?9, cost = ?10, tokens = ?11, errors = ?12, spans = ?13, bytes = ?14
             WHERE id = ?1",
        )?;
        let trace: Option<TraceId> = summary.trace_id.parse().ok();
        let tokens = summary
            .input_tokens
            .unwrap_or_default()
            .saturating_add(summary.output_tokens.unwrap_or_default());
        debug_assert!(
            summary.state != State::Stalled,
            "that is a matter of when it is asked"
        );
        statement.execute(params![
            self.row,
            summary.id,
            trace.map(TraceId::to_bytes),
            summary.state.name(),
            summary.user,
            summary.error.as_ref().map(|error| &error.kind),
            summary.start_us,
            summary.last_us,
            summary.duration_us.unwrap_or_default(),
            summary.cost.unwrap_or_default(),
            i64::try_from(tokens).unwrap_or(i64::MAX),
            summary.errors as i64,
            summary.spans as i64,
            self.bytes as i64,
        ])?;
        let tale = serde_json::to_string(&self.tale)
            .map_err(|_| StoreError::Damaged("a tale cannot be written"))?;
        connection
            .prepare_cached("INSERT OR REPLACE INTO tales (session, tale) VALUES (?1, ?2)")?
            .execute(params![self.row, tale])?;
        Ok(())
    }

    /// Takes over the spans of another session, which is no more.
    pub(super) fn absorb(
        &mut self,
        connection: &Connection,
        other: Self,
    ) -> Result<(), StoreError> {
        self.tale.absorb(&other.tale);
        self.seen.extend(other.seen);
        self.bytes += other.bytes;
        for sql in [
            "UPDATE blocks SET session = ?1 WHERE session = ?2",
            "UPDATE documents SET session = ?1 WHERE session = ?2",
            "UPDATE traces SET session = ?1 WHERE session = ?2",
            "UPDATE OR IGNORE session_values SET session = ?1 WHERE session = ?2",
        ] {
            connection
                .prepare_cached(sql)?
                .execute([self.row, other.row])?;
        }
        self.values.extend(other.values);
        super::forget::rows_of(connection, other.row)
    }
}
