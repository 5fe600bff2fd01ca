//! The store in one file of SQLite.
//!
//! Holds: one connection that writes, and a few that read; what the writer remembers. Waits: for the disk, and
//! readers for one of their connections. Loses: the last writes when the machine loses its power (not when the
//! process dies); what its retention says.

mod chosen;
mod filter;
mod forget;
mod names;
mod open;
mod open_session;
mod origins;
mod outlines;
mod reader;
mod row;
mod schema;
mod search;
mod texts;
mod usage;
mod writer;

use std::fmt;
use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use spanreel::Request;

use self::outlines::Outlines;
use self::reader::Readers;
use self::writer::Writer;
use crate::answer::{
    Activity, Detail, Field, FieldValue, LatencyRow, Log, Page, Span, StoreStats, Summary, Usage,
    WholeSpan,
};
use crate::clock::now_us;
use crate::error::StoreError;
use crate::facts::Facts;
use crate::gather::{Gathered, Resource, Split, bodies};
use crate::messages;
use crate::outline::Outline;
use crate::query::{Buckets, By, Filter, Patience, SessionQuery};
use crate::read::{Blocks, MOST_SPANS};
use crate::store::{Document, News, Seen, Store, Story, Written};

/// How long sessions are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Retention {
    /// Sessions of which nothing came for so long are forgotten. Default: 30 days.
    pub max_age: Duration,
    /// What the file may hold, in bytes; the sessions that were quiet longest go first. Default: 10 GiB.
    pub max_bytes: u64,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            max_age: Duration::from_secs(30 * 24 * 60 * 60),
            max_bytes: 10 << 30,
        }
    }
}

/// The store in a directory: `sessions.db` and what SQLite has beside it.
pub struct SqliteStore {
    path: PathBuf,
    /// None where it was opened to be read.
    writer: Option<Mutex<Writer>>,
    readers: Readers,
    outlines: Outlines,
    retention: Retention,
    /// Who has it writes.
    lock: PathBuf,
    /// Other processes do not write.
    _lock: Option<File>,
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore")
            .field("path", &self.path)
            .field("retention", &self.retention)
            .finish_non_exhaustive()
    }
}

impl SqliteStore {
    /// Opens the store in a directory, which is made where it is missing.
    ///
    /// A damaged file is set aside under another name with a message, and an empty one begun.
    ///
    /// # Errors
    /// Another process has it, a newer version wrote it, or it cannot be used.
    pub fn open(directory: &Path, retention: Retention) -> Result<Self, StoreError> {
        open::directory(directory)?;
        let path_of_lock = directory.join("LOCK");
        let lock = open::lock(&path_of_lock)?;
        let path = directory.join("sessions.db");
        let writer = Writer::new(open::writer(&path)?)?;
        Ok(Self {
            readers: Readers::new(path.clone()),
            outlines: Outlines::default(),
            path,
            writer: Some(Mutex::new(writer)),
            retention,
            lock: path_of_lock,
            _lock: Some(lock),
        })
    }

    /// Opens the store of a directory to be read, also while another process writes to it.
    ///
    /// # Errors
    /// [`StoreError::Missing`], [`Io`](StoreError::Io) (it may not be read, say), [`Foreign`](StoreError::Foreign),
    /// [`Older`](StoreError::Older) or [`Newer`](StoreError::Newer); nothing is changed.
    pub fn open_to_read(directory: &Path) -> Result<Self, StoreError> {
        let path = directory.join("sessions.db");
        open::check(&path)?;
        Ok(Self {
            readers: Readers::new(path.clone()),
            outlines: Outlines::default(),
            path,
            writer: None,
            retention: Retention::default(),
            lock: directory.join("LOCK"),
            _lock: None,
        })
    }

    /// When it is judged how sessions stand: now, or where nobody writes any more after all times, so that nothing is
    /// running.
    fn judged_at(&self) -> i64 {
        match self.writer.is_some() || open::is_held(&self.lock) {
            true => now_us(),
            false => i64::MAX,
        }
    }

    fn writer(&self) -> Result<MutexGuard<'_, Writer>, StoreError> {
        let writer = self.writer.as_ref().ok_or(StoreError::ReadOnly)?;
        Ok(writer.lock().unwrap_or_else(|poisoned| {
            // A write that panicked was rolled back in the file when its transaction was dropped, and not in memory.
            writer.clear_poison();
            let mut writer = poisoned.into_inner();
            writer.forget_all();
            writer
        }))
    }
}

impl SqliteStore {
    /// A session's outline, with the blocks of those of its spans that `wanted` says; with its log records,
    /// where it says so.
    fn part(
        &self,
        id: &str,
        patience: &Patience,
        wanted: impl FnOnce(&Outline) -> Result<(Range<usize>, bool), StoreError>,
    ) -> Result<Option<(Arc<Outline>, Blocks)>, StoreError> {
        self.readers.read(patience, |reader| {
            let Some(row) = reader.row(id)? else {
                return Ok(None);
            };
            reader.part(row, &self.outlines, patience, wanted).map(Some)
        })
    }
}

impl Store for SqliteStore {
    fn write(&self, requests: &[Request]) -> Result<Written, StoreError> {
        // Read before the writer is free: another thread may have it meanwhile.
        let bodies = bodies(requests);
        let split = Split::new(&bodies)?;
        let of_resources: Vec<Facts<'_>> = split.resources.iter().map(Resource::facts).collect();
        let gathered = Gathered::new(&split, &of_resources)?;
        self.writer()?
            .write(&split, &of_resources, &gathered, now_us())
    }

    fn tidy(&self) -> Result<bool, StoreError> {
        let mut writer = self.writer()?;
        let step = forget::step(&mut writer.connection, &self.retention, now_us())?;
        writer.forget(&step.gone);
        Ok(step.more)
    }

    fn sessions(
        &self,
        query: &SessionQuery,
        patience: &Patience,
    ) -> Result<Page<Summary>, StoreError> {
        self.readers.read(patience, |reader| {
            search::sessions(&reader.connection, query, self.judged_at())
        })
    }

    fn session(&self, id: &str, patience: &Patience) -> Result<Option<Detail>, StoreError> {
        self.readers
            .read(patience, |reader| reader.detail(id, self.judged_at()))
    }

    fn spans(
        &self,
        id: &str,
        limit: usize,
        cursor: Option<&str>,
        patience: &Patience,
    ) -> Result<Option<Page<Span>>, StoreError> {
        let limit = limit.clamp(1, MOST_SPANS);
        let part = self.part(id, patience, |outline| {
            let (range, next) = outline.page(limit, cursor)?;
            // What is open is told with the last page.
            Ok((range, next.is_none()))
        })?;
        part.map(|(outline, blocks)| blocks.spans(&outline, limit, cursor))
            .transpose()
    }

    fn news(
        &self,
        id: &str,
        seen: &mut Seen,
        patience: &Patience,
    ) -> Result<Option<News>, StoreError> {
        let blocks = self.readers.read(patience, |reader| {
            let Some(row) = reader.row(id)? else {
                return Ok(None);
            };
            reader.unseen(row, seen, patience).map(Some)
        })?;
        let news = blocks.map(|blocks| blocks.news(seen, patience));
        news.transpose()
    }

    fn span(
        &self,
        id: &str,
        span: &str,
        patience: &Patience,
    ) -> Result<Option<WholeSpan>, StoreError> {
        let Ok(span) = span.parse() else {
            return Ok(None);
        };
        let mut found = None;
        let part = self.part(id, patience, |outline| {
            found = outline.find(span);
            let range = found.map_or(0..0, |index| index..index + 1);
            Ok((range, false))
        })?;
        let (Some((outline, blocks)), Some(index)) = (part, found) else {
            return Ok(None);
        };
        blocks.whole_span(&outline, index).map(Some)
    }

    fn whole_spans(
        &self,
        id: &str,
        limit: usize,
        cursor: Option<&str>,
        patience: &Patience,
    ) -> Result<Option<Page<WholeSpan>>, StoreError> {
        let limit = limit.clamp(1, MOST_SPANS);
        let part = self.part(id, patience, |outline| {
            Ok((outline.page(limit, cursor)?.0, false))
        })?;
        part.map(|(outline, blocks)| blocks.whole_spans(&outline, limit, cursor))
            .transpose()
    }

    fn messages(&self, id: &str, patience: &Patience) -> Result<Option<Story>, StoreError> {
        let blocks = self
            .readers
            .read(patience, |reader| reader.blocks(id, patience))?;
        blocks
            .map(|blocks| messages::story(&blocks, patience))
            .transpose()
    }

    fn logs(&self, id: &str, patience: &Patience) -> Result<Option<Vec<Log>>, StoreError> {
        let blocks = self
            .readers
            .read(patience, |reader| reader.blocks_of_logs(id, patience))?;
        blocks.map(|blocks| blocks.logs(patience)).transpose()
    }

    fn export(&self, id: &str, patience: &Patience) -> Result<Option<Vec<Request>>, StoreError> {
        let blocks = self
            .readers
            .read(patience, |reader| reader.blocks(id, patience))?;
        blocks.map(|blocks| blocks.requests()).transpose()
    }

    fn document(&self, id: &str, patience: &Patience) -> Result<Option<Document>, StoreError> {
        let Some(session) = self.session(id, patience)? else {
            return Ok(None);
        };
        let blocks = self
            .readers
            .read(patience, |reader| reader.blocks(id, patience))?;
        let document = blocks.map(|blocks| blocks.document(session, patience));
        document.transpose()
    }

    fn fields(&self, patience: &Patience) -> Result<Vec<Field>, StoreError> {
        self.readers.read(patience, |reader| reader.fields())
    }

    fn values(
        &self,
        field: &str,
        prefix: &str,
        patience: &Patience,
    ) -> Result<Vec<FieldValue>, StoreError> {
        self.readers
            .read(patience, |reader| reader.values(field, prefix))
    }

    fn activity(
        &self,
        filter: &Filter,
        buckets: Option<&Buckets>,
        count: usize,
        patience: &Patience,
    ) -> Result<Activity, StoreError> {
        self.readers.read(patience, |reader| {
            let judged_at = self.judged_at();
            search::activity(&reader.connection, filter, buckets, count, judged_at)
        })
    }

    fn usage(&self, by: By, buckets: &Buckets, patience: &Patience) -> Result<Usage, StoreError> {
        self.readers.read(patience, |reader| {
            usage::usage(&reader.connection, by, buckets)
        })
    }

    fn latency(
        &self,
        by: By,
        from_us: i64,
        to_us: i64,
        patience: &Patience,
    ) -> Result<Vec<LatencyRow>, StoreError> {
        self.readers.read(patience, |reader| {
            usage::latency(&reader.connection, by, from_us, to_us)
        })
    }

    fn stats(&self) -> StoreStats {
        let patience = Patience::of(Duration::from_millis(500));
        let stats = self.readers.read(&patience, |reader| reader.stats());
        stats.unwrap_or_else(|error| {
            tracing::debug!(target: "spanreel", %error, "the store's numbers cannot be read now");
            StoreStats {
                kind: "sqlite",
                ..StoreStats::default()
            }
        })
    }
}
