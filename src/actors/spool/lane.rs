//! A lane as the keeper knows it: how far it has come, and who waits for what of it.
//!
//! Holds: what somebody is owed of it. Waits: never. Loses: nothing.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use tokio::sync::oneshot;

use super::cursor::Cursor;
use super::desk::{Held, Served};
use super::disk::Disk;
use crate::actors::baton::Baton;
use crate::actors::notice::Notice;
use crate::model::kept::KeptWatch;
use crate::model::ledger::{Books, Fate};
use crate::model::receipt::Shares;

/// A lane as the keeper knows it.
pub(crate) struct Lane<D: Disk> {
    pub(crate) name: String,
    pub(crate) books: Arc<Books>,
    pub(crate) backlog: Arc<AtomicU64>,
    pub(crate) cursor: Cursor<D::File>,
    /// Where to read on.
    pub(crate) read_at: u64,
    /// What it was given and has not settled, by position.
    pub(crate) taken: BTreeMap<u64, KeptWatch>,
    /// Its feed waits for what comes next.
    pub(crate) asking: Option<oneshot::Sender<Served>>,
    /// Each waits until all before a position is settled.
    pub(crate) batons: VecDeque<(u64, Baton)>,
    pub(crate) is_moved: bool,
}

impl<D: Disk> Lane<D> {
    /// All before is settled.
    pub(crate) fn settled(&self) -> u64 {
        let first = self.taken.first_key_value().map(|(position, _)| *position);
        first.unwrap_or(self.read_at).min(self.read_at)
    }
}

/// What is said at most once a minute.
#[derive(Debug, Default)]
pub(crate) struct Notices {
    pub(crate) failing: Notice,
    pub(crate) full: Notice,
    pub(crate) evicting: Notice,
}

/// Who is told of the fate of a record in a lane; when nobody else will, that it is left on disk.
#[derive(Debug)]
pub(crate) struct Owed {
    pub(crate) shares: Shares,
    pub(crate) until: Option<Arc<dyn Held>>,
}

impl Drop for Owed {
    fn drop(&mut self) {
        self.shares.settle(Fate::Spooled);
    }
}
