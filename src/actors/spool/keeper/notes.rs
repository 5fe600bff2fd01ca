//! The journals that the keeper writes beside the log: of open sessions, and of undecided ones.

use std::io;

use super::Keeper;
use crate::actors::spool::config::SpoolFull;
use crate::actors::spool::desk::Changes;
use crate::actors::spool::disk::Disk;
use crate::actors::spool::notes::Notes;
use crate::actors::spool::undecided::Undecided;

impl<D: Disk> Keeper<D> {
    pub(super) fn note_sessions(&mut self, changes: &Changes) {
        let now_ns = self.clock.anchor().unix_ns();
        let Some(journal) = &mut self.journal else {
            return;
        };
        if let Err(error) = journal.note(changes, now_ns)
            && let Some(more) = self.notices.failing.due()
        {
            // It is pending, and written with what changes next.
            tracing::error!(target: "spanreel", %error, more, "which sessions are open cannot be written");
        }
    }

    /// Takes what is to be noted of undecided sessions; without a journal it books itself.
    pub(super) fn take_notes(&mut self, notes: Notes) {
        if let Some(journal) = &mut self.undecided {
            journal.take(notes);
        }
    }

    /// Has all noted that was taken, where there is room.
    pub(super) fn write_notes(&mut self) -> io::Result<()> {
        loop {
            let Some(journal) = &mut self.undecided else {
                return Ok(());
            };
            let now_ns = self.clock.anchor().unix_ns();
            let room = self.log.most().saturating_sub(self.log.bytes());
            let written = journal.write(now_ns, room, self.is_idle);
            self.log.make_room_for(journal.bytes());
            let lacks_room = match &written {
                Ok(()) => journal.is_stuck() && journal.wants_more_than(room),
                Err(error) => is_full(error),
            };
            if !lacks_room || self.when_full != SpoolFull::DropOldest || !self.evict()? {
                return written;
            }
        }
    }

    /// Bytes on disk of what is to be delivered or decided.
    pub(super) fn bytes(&self) -> u64 {
        self.log.bytes() + self.undecided.as_ref().map_or(0, Undecided::needed)
    }

    pub(super) fn restore_undecided(&mut self) -> io::Result<()> {
        self.undecided.as_mut().map_or(Ok(()), Undecided::restore)
    }

    pub(super) fn lacks_room_for_notes(&self) -> bool {
        self.undecided.as_ref().is_some_and(Undecided::is_stuck)
    }

    pub(super) fn has_noted_all(&self) -> bool {
        self.undecided.as_ref().is_none_or(Undecided::is_settled)
    }

    pub(super) fn lingers(&self) -> bool {
        self.undecided.as_ref().is_some_and(Undecided::lingers)
    }
}

/// Whether the disk has no room.
pub(super) fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}
