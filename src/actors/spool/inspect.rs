//! Looks at a spool without changing anything, also while a process writes it.
//!
//! Holds: what it found. Waits: for the disk, as long as it takes to read all of the spool. Loses: nothing.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::claim::{check_existing, holder, is_in_use, is_process};
use super::cursor::Cursor;
use super::disk::{Disk, RealDisk};
use super::error::SpoolError;
use super::log::{LogError, segment_files};
use super::quarantine::{self, Quarantined};
use super::record::Header;
use super::segment::Head;
use super::settled::Settled;
use super::stored::{Recovered, Segment};
use super::undecided;
use crate::model::request::{Request, Signal};

/// A spool as it stands on disk.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Inspection {
    /// Its directory.
    pub path: PathBuf,
    /// A process writes it now: what is told is of one moment.
    pub in_use: bool,
    /// The process that used it last, where that is known.
    pub process: Option<u32>,
    /// What waits, for each exporter that something was ever written for, by its name.
    pub exporters: Vec<Waiting>,
    /// How many requests are in its files, those that were delivered among them.
    pub requests: u64,
    /// Bytes of those.
    pub bytes: u64,
    /// The files of requests, in order.
    pub files: Vec<SpoolFile>,
    /// The files of the journal of sessions that tail sampling had not decided, in order. Chunks of sessions that
    /// were decided since are among what is in them, and what was decided of late.
    pub undecided: Vec<SpoolFile>,
    /// What destinations refused for good, the oldest first.
    pub quarantine: Vec<Quarantined>,
    /// Spools of other processes below it: they began when this one was in use.
    pub others: Vec<Inspection>,
}

/// What waits for an exporter.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Waiting {
    /// The exporter's name.
    pub exporter: String,
    /// How many requests. What was delivered behind one that was not is counted among them.
    pub requests: u64,
    /// Spans in those.
    pub spans: u64,
    /// Log records in those.
    pub log_records: u64,
    /// Data points of metrics in those.
    pub data_points: u64,
    /// Bytes on disk of those.
    pub bytes: u64,
    /// Where the first of them is: [`Inspection::waiting`].
    pub first: Option<u64>,
    /// When the oldest of them was written.
    pub since: Option<SystemTime>,
}

/// A file of a spool.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SpoolFile {
    /// Its name in the directory.
    pub name: String,
    /// Whole requests in it; each has passed its checksum.
    pub requests: u64,
    /// Bytes of those.
    pub bytes: u64,
    /// Bytes that are no whole request: damage, or what was being written when a process was killed.
    pub unreadable: u64,
}

/// A request that waits in a spool.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct StoredRequest {
    /// Where it is.
    pub position: u64,
    /// The exporters that have not settled it.
    pub exporters: Vec<String>,
    /// When it was written.
    pub time: SystemTime,
    /// What would be sent.
    pub request: Request,
}

/// Looks at the spool in a directory and checks every request in it. Reads all of it; changes nothing.
///
/// ```
/// use std::time::Duration;
///
/// use spanreel::{ByteSize, Export, ExportError, Pipeline, Request};
///
/// struct Away;
///
/// impl Export for Away {
///     fn name(&self) -> &str {
///         "backend"
///     }
///
///     async fn export(&self, _request: Request) -> Result<(), ExportError> {
///         Err(ExportError::retryable("it restarts"))
///     }
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let directory = tempfile::tempdir()?;
/// let pipeline = Pipeline::builder()
///     .spool(directory.path(), ByteSize::mib(64))
///     .export(Away)
///     .start()?;
/// pipeline.session("conv-1")?.end();
/// pipeline.shutdown_blocking(Duration::from_secs(5));
///
/// let found = spanreel::spool::inspect(directory.path())?;
/// assert_eq!((found.exporters[0].exporter.as_str(), found.exporters[0].spans), ("backend", 1));
/// assert!(!found.in_use && found.is_whole());
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// There is no spool, it is of a later version or another kind, or it cannot be read.
pub fn inspect(path: impl AsRef<Path>) -> Result<Inspection, SpoolError> {
    let path = path.as_ref();
    check_existing(path)?;
    let disk = RealDisk::to_read(path.to_owned());
    let failed = |source| SpoolError::Io {
        path: path.to_owned(),
        source,
    };
    let in_use = is_in_use(path).map_err(failed)?;
    let cursors = cursors(&disk).map_err(failed)?;
    let mut found = Inspection {
        path: path.to_owned(),
        in_use,
        process: holder(path),
        exporters: cursors.keys().map(|name| Waiting::of(name)).collect(),
        requests: 0,
        bytes: 0,
        files: Vec::new(),
        undecided: Vec::new(),
        quarantine: quarantine::list(path).map_err(failed)?,
        others: Vec::new(),
    };
    let seen = |header: &Header, is_for: &dyn Fn(&str) -> bool| {
        for waiting in &mut found.exporters {
            if is_for(&waiting.exporter) && !cursors[&waiting.exporter].holds(header.position) {
                waiting.add(header);
            }
        }
    };
    let files = files(&disk, path, in_use, seen)?;
    found.requests = files.iter().map(|file| file.requests).sum();
    found.bytes = files.iter().map(|file| file.bytes).sum();
    found.files = files;
    let journal = path.join(undecided::DIRECTORY);
    if journal.is_dir() {
        let disk = RealDisk::to_read(journal.clone());
        found.undecided = self::files(&disk, &journal, in_use, |_, _| {})?;
    }
    for entry in std::fs::read_dir(path).map_err(failed)? {
        let below = entry.map_err(failed)?.path();
        if !is_process(&below) {
            continue;
        }
        match inspect(&below) {
            Ok(other) => found.others.push(other),
            // It was taken over meanwhile.
            Err(_) if !below.exists() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

impl Inspection {
    /// Whether every byte of it could be read.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        let is_whole = |file: &SpoolFile| file.unreadable == 0;
        let mut files = self.files.iter().chain(&self.undecided);
        files.all(is_whole) && self.others.iter().all(Self::is_whole)
    }

    /// The requests that wait at or behind a position, `most` at most. Reads them now: what was delivered
    /// since is not among them.
    ///
    /// # Errors
    /// The spool cannot be read.
    pub fn waiting(&self, position: u64, most: usize) -> Result<Vec<StoredRequest>, SpoolError> {
        let failed = |source| SpoolError::Io {
            path: self.path.clone(),
            source,
        };
        let disk = RealDisk::to_read(self.path.clone());
        let cursors = cursors(&disk).map_err(failed)?;
        let mut found = Vec::new();
        for (segment, _) in look(&disk, &self.path, |_, _| {})? {
            let mut at = position.max(segment.first);
            while found.len() < most
                && let Some(stored) = segment.read(at).map_err(failed)?
            {
                at = stored.next;
                let waits = |(name, cursor): &(&String, &Settled)| {
                    stored.is_for(name) && !cursor.holds(stored.position)
                };
                let exporters: Vec<_> = (cursors.iter().filter(waits))
                    .map(|(name, _)| name.clone())
                    .collect();
                if !exporters.is_empty() {
                    found.push(StoredRequest {
                        position: stored.position,
                        exporters,
                        time: time_of(stored.time_ns),
                        request: Request::from_bytes(
                            stored.signal,
                            stored.items,
                            stored.body.into(),
                        ),
                    });
                }
            }
        }
        Ok(found)
    }

    /// What was refused, as it would be sent, by its [`Quarantined::id`].
    ///
    /// # Errors
    /// There is nothing of that id, or it cannot be read.
    pub fn refused(&self, id: &str) -> Result<Request, SpoolError> {
        quarantine::request(&self.path, id)
    }
}

impl Waiting {
    fn of(exporter: &str) -> Self {
        Self {
            exporter: exporter.to_owned(),
            requests: 0,
            spans: 0,
            log_records: 0,
            data_points: 0,
            bytes: 0,
            first: None,
            since: None,
        }
    }

    fn add(&mut self, header: &Header) {
        let items = match header.signal {
            Signal::Traces => &mut self.spans,
            Signal::Logs => &mut self.log_records,
            Signal::Metrics => &mut self.data_points,
        };
        *items += u64::from(header.items);
        self.requests += 1;
        self.bytes += header.record_len();
        let is_first = self.first.is_none_or(|first| header.position < first);
        if is_first {
            self.first = Some(header.position);
        }
        let time = time_of(header.time_ns);
        self.since = Some(self.since.map_or(time, |since| since.min(time)));
    }
}

/// A time as the log has it.
pub(crate) fn time_of(ns: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_nanos(ns)
}

/// The lanes that the segments of a directory name, each with what it has settled.
pub(crate) fn cursors(disk: &RealDisk) -> io::Result<BTreeMap<String, Settled>> {
    let mut cursors = BTreeMap::new();
    for (_, name) in segment_files(disk)? {
        let file = match disk.open(&name) {
            // It was delivered meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            opened => opened?,
        };
        let Ok(head) = Head::of(&file)? else {
            continue;
        };
        for lane in head.lanes {
            if let Entry::Vacant(place) = cursors.entry(lane) {
                let settled = Cursor::look(disk, place.key())?;
                place.insert(settled.unwrap_or_default());
            }
        }
    }
    Ok(cursors)
}

/// The files of a log. What is being written is no damage.
fn files(
    disk: &RealDisk,
    path: &Path,
    in_use: bool,
    seen: impl FnMut(&Header, &dyn Fn(&str) -> bool),
) -> Result<Vec<SpoolFile>, SpoolError> {
    let names = segment_files(disk).map_err(|source| SpoolError::Io {
        path: path.to_owned(),
        source,
    })?;
    let last = names.last().map(|(_, name)| name.as_str());
    let found = look(disk, path, seen)?;
    let file = |(segment, recovered): (Segment<std::fs::File>, Recovered)| SpoolFile {
        unreadable: match in_use && last == Some(&segment.name) {
            true => recovered.unreadable - recovered.unfinished,
            false => recovered.unreadable,
        },
        name: segment.name,
        requests: recovered.records,
        bytes: recovered.bytes,
    };
    Ok(found.into_iter().map(file).collect())
}

/// Looks at all segments of a directory; they come in order.
fn look(
    disk: &RealDisk,
    path: &Path,
    mut seen: impl FnMut(&Header, &dyn Fn(&str) -> bool),
) -> Result<Vec<(Segment<std::fs::File>, Recovered)>, SpoolError> {
    let failed = |source| SpoolError::Io {
        path: path.to_owned(),
        source,
    };
    let mut found = Vec::new();
    let mut until = u64::MAX;
    for (first, name) in segment_files(disk).map_err(failed)?.into_iter().rev() {
        let file = match disk.open(&name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            opened => opened.map_err(failed)?,
        };
        let recovered = Segment::recover(file, &name, first, until, &mut seen);
        let (segment, recovered) = recovered.map_err(|error| match error {
            LogError::Newer(format) => SpoolError::NewerFormat {
                path: path.to_owned(),
                format,
            },
            LogError::Io(source) => failed(source),
        })?;
        if recovered.records > 0 {
            until = first;
        }
        found.push((segment, recovered));
    }
    found.reverse();
    Ok(found)
}
