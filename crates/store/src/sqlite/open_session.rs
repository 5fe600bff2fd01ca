//! A session that is being written: what is kept of it in memory between writes.

use std::collections::HashSet;

use rusqlite::{Connection, OptionalExtension as _, params};
use spanreel::view::{LogView, SpanView};

use super::row::Steady;
use super::texts;
use crate::block::{Codec, Draft, items};
use crate::error::StoreError;
use crate::facts::{Bones, Facts};
use crate::spread::{Spread, number_of};
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

/// Texts of so many bytes are remembered as they are: they mostly come again, names of spans say.
const SHORT: usize = 64;

/// Spans or log records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Spans = 0,
    Logs = 1,
}

/// What makes blocks. Each has a higher number than all before it, also those that are gone: readers tell by
/// them what they have seen.
pub(super) struct Press {
    codec: Codec,
    last_block: i64,
}

impl Press {
    pub(super) fn new(connection: &Connection) -> Result<Self, StoreError> {
        let sql = "SELECT coalesce(max(id), 0) FROM blocks";
        Ok(Self {
            codec: Codec::new()?,
            last_block: connection.query_row(sql, [], |row| row.get(0))?,
        })
    }
}

/// A session between writes.
pub(super) struct Open {
    pub(super) row: i64,
    pub(super) tale: Tale,
    /// Values of fields that it has.
    pub(super) values: HashSet<i64>,
    /// Numbers of fields with values that were given to it, as far as it was not forgotten meanwhile.
    pub(super) given: HashSet<u64, Spread>,
    /// Origins that it has items of.
    pub(super) origins: HashSet<i64, Spread>,
    /// By which what comes twice is told.
    seen: HashSet<u64, Spread>,
    /// Its words that are searched already, and short texts that were looked through, as far as it was not
    /// forgotten meanwhile.
    words: HashSet<u64, Spread>,
    /// What the row in `sessions` says that rarely changes; none before it is there.
    pub(super) row_says: Option<Steady>,
    /// Rows of its text.
    pub(super) texts: i64,
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
    /// A session of which only this is known.
    pub(super) fn new(row: i64, tale: Tale) -> Self {
        Self {
            row,
            tale,
            values: HashSet::new(),
            given: HashSet::default(),
            origins: HashSet::default(),
            seen: HashSet::default(),
            words: HashSet::default(),
            row_says: None,
            texts: 0,
            small: Vec::new(),
            bytes: 0,
            drafts: Default::default(),
            text: String::new(),
        }
    }

    /// One that was written before; `None` where there is none.
    pub(super) fn load(connection: &Connection, row: i64) -> Result<Option<Self>, StoreError> {
        let mut statement = connection.prepare_cached(
            "SELECT tale, bytes, texts FROM tales JOIN sessions ON sessions.id = session WHERE session = ?1",
        )?;
        let found = statement.query_row([row], |row| {
            let (bytes, texts): (i64, i64) = (row.get(1)?, row.get(2)?);
            Ok((row.get::<_, String>(0)?, bytes, texts))
        });
        let Some((tale, bytes, texts)) = found.optional()? else {
            return Ok(None);
        };
        let tale: Tale =
            serde_json::from_str(&tale).map_err(|_| StoreError::Damaged("a tale is no JSON"))?;
        let mut open = Self::new(row, tale);
        open.bytes = bytes.max(0) as u64;
        open.texts = texts;
        // What a session says when it is settled is what was written of it.
        open.row_says = Some(Steady::of(&open.tale));
        let mut statement =
            connection.prepare_cached("SELECT value FROM session_values WHERE session = ?1")?;
        for value in statement.query_map([row], |row| row.get(0))? {
            open.values.insert(value?);
        }
        open.load_origins(connection)?;
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

    /// How much memory it takes, about, in entries of sets: its tale is worth some of them.
    pub(super) fn weight(&self) -> usize {
        self.seen.len() + self.words.len() + self.given.len() + self.origins.len() + 256
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
        let is_known = |known: &mut HashSet<u64, Spread>, texts: &[&str]| {
            known.len() >= MOST_WORDS || !known.insert(number_of(texts))
        };
        // The second text tells it from a word.
        if text.len() <= SHORT && is_known(&mut self.words, &[text, ""]) {
            return;
        }
        let words = text.split(|character: char| !character.is_alphanumeric());
        for word in words.filter(|word| !word.is_empty() && word.len() <= LONGEST_WORD) {
            if !is_known(&mut self.words, &[word]) {
                self.text.push_str(word);
                self.text.push(' ');
            }
        }
    }

    /// Adds what a span says to what is searched.
    pub(super) fn say_span(&mut self, bones: &Bones<'_>, facts: &Facts<'_>) {
        for text in &facts.texts {
            self.say(text);
        }
        self.say(bones.name);
        self.say(bones.message);
    }

    /// Adds what a log record says to what is searched.
    pub(super) fn say_log(&mut self, log: &LogView<'_>, facts: &Facts<'_>) {
        for text in &facts.texts {
            self.say(text);
        }
        if let Some(body) = log.body().and_then(|body| body.as_str()) {
            self.say(body);
        }
    }

    /// Writes what is new of that.
    pub(super) fn write_text(&mut self, connection: &Connection) -> Result<(), StoreError> {
        for text in self.tale.texts() {
            self.say(&text);
        }
        if self.text.is_empty() {
            return Ok(());
        }
        let text = std::mem::take(&mut self.text);
        if texts::add(connection, self.row, self.texts, &text)? {
            self.texts += 1;
        }
        Ok(())
    }

    /// Writes the blocks of what is large enough, or of everything.
    pub(super) fn write_blocks(
        &mut self,
        connection: &Connection,
        press: &mut Press,
        all: bool,
    ) -> Result<(), StoreError> {
        for kind in [Kind::Spans, Kind::Logs] {
            let length = self.drafts[kind as usize].draft.as_bytes().len();
            if length >= LARGE || (all && length > 0) {
                let fresh = std::mem::take(&mut self.drafts[kind as usize]);
                self.write_block(connection, press, kind, &fresh)?;
            }
        }
        if self.small.len() >= MOST_SMALL {
            self.join_small(connection, press)?;
        }
        Ok(())
    }

    fn write_block(
        &mut self,
        connection: &Connection,
        press: &mut Press,
        kind: Kind,
        fresh: &Fresh,
    ) -> Result<(), StoreError> {
        let plain = fresh.draft.as_bytes();
        let packed = press.codec.pack(plain)?;
        let mut statement = connection.prepare_cached(
            "INSERT INTO blocks (session, kind, plain, ids, data, id) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?;
        press.last_block += 1;
        let block = statement.insert(params![
            self.row,
            kind as i64,
            plain.len() as i64,
            fresh.ids,
            packed,
            press.last_block,
        ])?;
        self.bytes += (packed.len() + fresh.ids.len()) as u64;
        if kind == Kind::Spans && plain.len() < SMALL {
            self.small.push(block);
        }
        Ok(())
    }

    /// Makes one block of the small ones: together they compress better, and are read at once.
    fn join_small(&mut self, connection: &Connection, press: &mut Press) -> Result<(), StoreError> {
        let mut joined = Fresh::default();
        for block in std::mem::take(&mut self.small) {
            let mut statement =
                connection.prepare_cached("SELECT ids, data FROM blocks WHERE id = ?1")?;
            let (ids, data): (Vec<u8>, Vec<u8>) =
                statement.query_row([block], |row| Ok((row.get(0)?, row.get(1)?)))?;
            let plain = press.codec.unpack(&data)?;
            for (origin, item) in items(&plain)? {
                joined.draft.push(origin, item);
            }
            joined.ids.extend_from_slice(&ids);
            self.bytes = self.bytes.saturating_sub((ids.len() + data.len()) as u64);
            connection
                .prepare_cached("DELETE FROM blocks WHERE id = ?1")?
                .execute([block])?;
        }
        self.write_block(connection, press, Kind::Spans, &joined)
    }

    /// Takes over the spans of another session, which is no more.
    pub(super) fn absorb(
        &mut self,
        connection: &Connection,
        press: &mut Press,
        other: Self,
    ) -> Result<(), StoreError> {
        self.tale.absorb(&other.tale);
        self.seen.extend(other.seen);
        self.bytes += other.bytes;
        self.say_blocks_of(connection, press, other.row)?;
        for sql in [
            "UPDATE blocks SET session = ?1 WHERE session = ?2",
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

    /// Says what another session's items say, and of which origins they are: the numbers of rows of text name their
    /// session, so that they cannot be taken over.
    fn say_blocks_of(
        &mut self,
        connection: &Connection,
        press: &mut Press,
        row: i64,
    ) -> Result<(), StoreError> {
        let mut statement =
            connection.prepare_cached("SELECT kind, data FROM blocks WHERE session = ?1")?;
        let mut rows = statement.query([row])?;
        while let Some(row) = rows.next()? {
            let kind: i64 = row.get(0)?;
            let data = row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?;
            let plain = press.codec.unpack(data)?;
            for (origin, item) in items(&plain)? {
                // Not what was noted of the other: of one from before nothing was.
                self.has_origin(connection, origin)?;
                if kind == Kind::Logs as i64 {
                    let view = LogView::new(item)?;
                    self.say_log(&view, &Facts::of_log(&view));
                    continue;
                }
                let view = SpanView::new(item)?;
                if let Some(bones) = Bones::of(&view) {
                    self.say_span(&bones, &Facts::of_span(&view));
                }
            }
        }
        Ok(())
    }
}
