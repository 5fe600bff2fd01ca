//! A lane as the spool's thread knows it: how far it has come, and who waits for what of it.
//!
//! Holds: batons. Waits: never. Loses: nothing.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::circuit::Circuit;
use super::cursor::Cursor;
use super::disk::Disk;
use super::shelf::{Owed, Shelf};
use crate::actors::baton::Baton;
use crate::actors::notice::Notice;
use crate::model::ledger::{Books, Fate};
use crate::model::request::Signal;

/// A lane as the keeper knows it.
pub(crate) struct Lane<D: Disk> {
    pub(crate) name: String,
    pub(crate) books: Arc<Books>,
    pub(crate) backlog: Arc<AtomicU64>,
    pub(crate) circuit: Arc<Circuit>,
    pub(crate) cursor: Cursor<D::File>,
    /// All before was put on its shelf, or is nothing to it.
    pub(crate) read_at: u64,
    pub(crate) shelf: Arc<Shelf>,
    /// Each waits until all before a position is settled.
    pub(crate) batons: VecDeque<(u64, Baton)>,
    pub(crate) is_moved: bool,
}

impl<D: Disk> Lane<D> {
    /// Whether it can be given from memory what stands at `position`: it has all before, and has room, and its
    /// destination is there.
    pub(crate) fn keeps_up(&self, position: u64) -> bool {
        self.read_at == position && self.shelf.has_room() && !self.circuit.is_away()
    }

    /// A record was given up for newer ones.
    pub(crate) fn evict(&self, signal: Signal, items: u64, owed: Option<Owed>) {
        let book = self.books.of(signal);
        book.settle_on_disk(items, Fate::Evicted);
        self.backlog.fetch_sub(1, Ordering::AcqRel);
        if let Some(mut owed) = owed {
            owed.shares.settle(Fate::Evicted);
        }
    }

    /// What stands before `position` is nothing to it.
    pub(crate) fn pass(&mut self, position: u64) {
        self.shelf.pass(self.read_at, position);
        self.read_at = self.read_at.max(position);
    }

    /// Keeps what is settled, if that is news.
    pub(crate) fn move_cursor(&mut self) -> std::io::Result<()> {
        let Some(settled) = self.shelf.news() else {
            return Ok(());
        };
        self.is_moved = true;
        let kept = self.cursor.keep(settled);
        if kept.is_err() {
            self.shelf.tell_again();
        }
        kept
    }
}

/// What is said at most once a minute.
#[derive(Debug, Default)]
pub(crate) struct Notices {
    pub(crate) failing: Notice,
    pub(crate) full: Notice,
    pub(crate) evicting: Notice,
}
