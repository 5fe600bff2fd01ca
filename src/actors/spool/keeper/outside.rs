//! What the keeper tells and is asked from outside: how far each lane is behind, and what becomes of what was
//! refused.

use std::io;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::Keeper;
use crate::actors::spool::disk::Disk;
use crate::actors::spool::error::SpoolError;
use crate::actors::spool::handle::OnDisk;
use crate::actors::spool::quarantine::{Asked, DIRECTORY, Quarantined, unknown};

/// How often the time of a lane's oldest record is read.
const TELL: Duration = Duration::from_millis(250);

impl<D: Disk> Keeper<D> {
    /// Tells what each lane has on disk. That a lane has nothing more is told at once.
    pub(super) fn tell_lanes(&mut self) -> io::Result<()> {
        let end = self.log.end();
        let is_due = self.lanes_told.elapsed() >= TELL;
        for (number, lane) in self.lanes.iter().enumerate() {
            let settled = lane.cursor.position();
            let mut found = self.gauge.on_disk_of(number);
            found.bytes = end.saturating_sub(settled.max(self.log.start()));
            if found.bytes == 0 {
                found = OnDisk::default();
            } else if is_due || found.since_ns == 0 {
                let oldest = self.log.next_for(&lane.name, settled)?;
                found.since_ns = oldest.map_or(0, |oldest| oldest.time_ns);
            }
            self.gauge.set_on_disk_of(number, found);
        }
        if is_due {
            self.lanes_told = Instant::now();
        }
        Ok(())
    }

    /// Has what was refused sent again, or removes it.
    pub(super) fn answer_refused(&mut self, asked: Asked) {
        let done = match asked.again {
            true => self.bring_back(&asked.id),
            false => self.take_out(&asked.id),
        };
        // Whoever asked may have gone.
        let _listening = asked.answer.send(done);
    }

    /// Appends what was refused for its lane, and takes it out of the quarantine. Killed in between, or where
    /// the disk fails in between, it is in both.
    fn bring_back(&mut self, id: &str) -> Result<Quarantined, SpoolError> {
        let kept = self.quarantine.kept(id).map_err(failed)?;
        let Some((known, request)) = kept else {
            return Err(unknown(DIRECTORY.as_ref(), id));
        };
        let lane = (self.lanes.iter()).position(|lane| lane.name == known.exporter);
        let Some(number) = lane else {
            return Err(SpoolError::Unknown {
                path: DIRECTORY.into(),
                what: format!("exporter {} of this pipeline to send it", known.exporter),
            });
        };
        let now_ns = self.clock.anchor().unix_ns();
        let (signal, items, len) = (request.signal(), request.items(), request.encoded_len());
        let pieces = request.pieces();
        let appended = (self.log).append(signal, items, 1 << number, now_ns, len, pieces);
        if appended.is_err() {
            return Err(failed(io::ErrorKind::StorageFull.into()));
        }
        // From here on it will be on disk, sooner or later.
        let lane = &self.lanes[number];
        lane.books.of(signal).recover(items);
        lane.backlog.fetch_add(1, Ordering::AcqRel);
        self.commit().map_err(failed)?;
        self.quarantine.remove(id).map_err(failed)?;
        Ok(known)
    }

    fn take_out(&mut self, id: &str) -> Result<Quarantined, SpoolError> {
        let removed = self.quarantine.remove(id).map_err(failed)?;
        removed.ok_or_else(|| unknown(DIRECTORY.as_ref(), id))
    }
}

fn failed(source: io::Error) -> SpoolError {
    SpoolError::Io {
        path: DIRECTORY.into(),
        source,
    }
}
