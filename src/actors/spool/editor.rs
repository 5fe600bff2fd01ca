//! Changes a spool that no pipeline uses: gives up what waits, and brings back what was refused.
//!
//! Holds: the claim of the directory, so that no pipeline begins to use it. Waits: for the disk. Loses: what
//! it is told to give up.

use std::path::{Path, PathBuf};

use super::claim::{Claim, claim_existing};
use super::cursor::Cursor;
use super::disk::RealDisk;
use super::error::SpoolError;
use super::inspect::{Waiting, cursors, inspect, time_of};
use super::log::{Log, LogError, Sizes};
use super::quarantine::{self, Quarantined};
use super::settled::Settled;
use crate::model::request::Signal;

/// How large files become that are written here.
const SEGMENT: u64 = 16 << 20;

/// Changes a spool that no pipeline uses.
///
/// ```no_run
/// # fn main() -> Result<(), spanreel::SpoolError> {
/// let found = spanreel::spool::inspect("planner.spool")?;
/// let mut editor = spanreel::spool::Editor::open("planner.spool")?;
/// for refused in &found.quarantine {
///     // Whatever was wrong with the backend is mended: the next start sends it again.
///     editor.deliver_again(&refused.id, &refused.exporter)?;
/// }
/// // That exporter is gone for good.
/// let given_up = editor.forget("old-backend")?;
/// println!("{} spans given up", given_up.spans);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Editor {
    path: PathBuf,
    claim: Claim,
}

impl Editor {
    /// Claims the spool in a directory until this is dropped.
    ///
    /// # Errors
    /// There is no spool, a process uses it ([`SpoolError::InUse`]), it is of a later version or another
    /// kind, or it cannot be written.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, SpoolError> {
        let path = path.as_ref();
        Ok(Self {
            path: path.to_owned(),
            claim: claim_existing(path)?,
        })
    }

    /// Gives up all that waits for an exporter, and tells what that was.
    ///
    /// # Errors
    /// Nothing was ever written for an exporter of that name, or the disk fails.
    pub fn forget(&mut self, exporter: &str) -> Result<Waiting, SpoolError> {
        let found = inspect(&self.path)?.exporters;
        let waiting = found.into_iter().find(|it| it.exporter == exporter);
        let waiting = waiting.ok_or_else(|| SpoolError::Unknown {
            path: self.path.clone(),
            what: format!("exporter {exporter}"),
        })?;
        let mut log = self.log(Vec::new())?;
        let disk = self.claim.disk.clone();
        let forgotten = Cursor::open(&disk, exporter, 0).and_then(|mut cursor| {
            cursor.move_to(log.end())?;
            cursor.sync()?;
            let known = cursors(&disk)?;
            let settled = known.values().map(Settled::before).min();
            log.release(settled.unwrap_or(log.end()))
        });
        forgotten.map_err(|source| self.failed(source))?;
        Ok(waiting)
    }

    /// Has what was refused sent again by the exporter of this name when a pipeline starts next, and takes
    /// it out of the quarantine. Killed in between, it is in both.
    ///
    /// # Errors
    /// There is nothing of that id, or the disk fails.
    pub fn deliver_again(&mut self, id: &str, exporter: &str) -> Result<Quarantined, SpoolError> {
        let request = quarantine::request(&self.path, id)?;
        let mut log = self.log(vec![exporter.to_owned()])?;
        let known = inspect(&self.path)?.quarantine;
        let time = known.into_iter().find(|it| it.id == id).map(|it| it.time);
        let since = time.unwrap_or(time_of(0)).duration_since(time_of(0));
        let time_ns = since.map_or(0, |since| {
            u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
        });
        let (signal, items): (Signal, u64) = (request.signal(), request.items());
        let len = request.encoded_len();
        log.append(signal, items, 1, time_ns, len, request.pieces())
            .expect("it has no bound");
        log.commit().map_err(|source| self.failed(source))?;
        quarantine::remove(&self.path, id)
    }

    /// Removes what was refused.
    ///
    /// # Errors
    /// There is nothing of that id, or the disk fails.
    pub fn drop_refused(&mut self, id: &str) -> Result<Quarantined, SpoolError> {
        quarantine::remove(&self.path, id)
    }

    /// The log, to be written for these lanes.
    fn log(&self, lanes: Vec<String>) -> Result<Log<RealDisk>, SpoolError> {
        let disk = self.claim.disk.clone();
        let floor = Cursor::furthest(&disk).map_err(|source| self.failed(source))?;
        let sizes = Sizes {
            segment: SEGMENT,
            max: u64::MAX,
        };
        let opened = Log::open(disk, sizes, lanes, floor, |_, _| {});
        let (log, _) = opened.map_err(|error| match error {
            LogError::Newer(format) => SpoolError::NewerFormat {
                path: self.path.clone(),
                format,
            },
            LogError::Io(source) => self.failed(source),
        })?;
        Ok(log)
    }

    fn failed(&self, source: std::io::Error) -> SpoolError {
        SpoolError::Io {
            path: self.path.clone(),
            source,
        }
    }
}
