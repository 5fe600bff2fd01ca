//! The registry: it owns every session until the last of its spans is handed on.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;

use super::cell::Cell;
use super::key_hash::KeyHash;
use super::roots::Roots;
use crate::model::chunk::SessionKey;
use crate::model::context::SpanContext;

/// Sessions by key.
#[derive(Debug)]
pub(crate) struct Registry {
    open: DashMap<SessionKey, Arc<Cell>, KeyHash>,
    /// Sessions that ended or rolled over and are not done; none once the shutdown has taken over.
    retired: Mutex<Option<Vec<Arc<Cell>>>>,
    /// Roots of sessions that ended.
    roots: Mutex<Roots>,
}

impl Default for Registry {
    fn default() -> Self {
        Self {
            open: DashMap::default(),
            retired: Mutex::new(Some(Vec::new())),
            roots: Mutex::default(),
        }
    }
}

impl Registry {
    /// The open session of this key, or the one that `open` makes. Where it `is_likely_new`, it is not looked for
    /// first in a way that lets others look, too.
    pub(super) fn find_or_open(
        &self,
        key: SessionKey,
        is_likely_new: bool,
        open: impl FnOnce() -> Arc<Cell>,
    ) -> (Arc<Cell>, bool) {
        if !is_likely_new && let Some(cell) = self.open.get(&key) {
            return (Arc::clone(&cell), false);
        }
        match self.open.entry(key) {
            Entry::Occupied(entry) => (Arc::clone(entry.get()), false),
            Entry::Vacant(entry) => (Arc::clone(entry.insert(open()).value()), true),
        }
    }

    /// Puts `next` in the place of a session that rolled over.
    pub(super) fn replace(&self, key: SessionKey, next: Arc<Cell>) {
        self.open.insert(key, next);
    }

    /// Forgets a session that has ended and remembers its root.
    pub(super) fn remove(&self, key: SessionKey, cell: &Arc<Cell>) {
        self.forget(key, cell);
        let root = cell.context_of(cell.identity.root);
        self.roots().remember(key, root);
    }

    /// Forgets a session that has ended. Its root is remembered by whoever ended it.
    pub(super) fn forget(&self, key: SessionKey, cell: &Arc<Cell>) {
        self.open.remove_if(&key, |_, open| Arc::ptr_eq(open, cell));
    }

    /// The root of the session when it was open before.
    pub(super) fn earlier_root(&self, key: SessionKey) -> Option<SpanContext> {
        self.roots().of(key)
    }

    /// The open session of this key.
    pub(super) fn get(&self, key: SessionKey) -> Option<Arc<Cell>> {
        self.open.get(&key).map(|cell| Arc::clone(&cell))
    }

    /// Keeps a session that has ended and is not done; `false` once the shutdown has taken over.
    pub(super) fn retire(&self, cell: Arc<Cell>) -> bool {
        let mut retired = self.retired();
        let Some(retired) = retired.as_mut() else {
            return false;
        };
        retired.push(cell);
        true
    }

    /// The sessions that have ended and are not done.
    pub(super) fn all_retired(&self) -> Vec<Arc<Cell>> {
        self.retired().clone().unwrap_or_default()
    }

    /// Drops the retired sessions that `keep` does not want.
    pub(super) fn prune_retired(&self, keep: impl FnMut(&Arc<Cell>) -> bool) {
        if let Some(retired) = self.retired().as_mut() {
            retired.retain(keep);
        }
    }

    /// Every session it owns.
    pub(crate) fn all(&self) -> Vec<Arc<Cell>> {
        let mut all = self.open();
        all.extend(self.all_retired());
        all
    }

    /// Every session it owned; none is retired any more.
    pub(crate) fn take_all(&self) -> Vec<Arc<Cell>> {
        let mut all = self.open();
        all.extend(self.retired().take().unwrap_or_default());
        all
    }

    fn roots(&self) -> MutexGuard<'_, Roots> {
        self.roots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn retired(&self) -> MutexGuard<'_, Option<Vec<Arc<Cell>>>> {
        self.retired.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The open sessions.
    pub(crate) fn open(&self) -> Vec<Arc<Cell>> {
        self.open
            .iter()
            .map(|entry| Arc::clone(entry.value()))
            .collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.open.len()
    }
}
