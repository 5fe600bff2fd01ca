//! What ties items in memory to their copy on disk: it tells the disk when all of them are settled, and
//! them when the copy is given up.

use std::fmt;

use super::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use super::sync::{Arc, Weak};

/// A copy on disk of the items of some tallies, which share this.
#[derive(Clone)]
pub(crate) struct Kept(Arc<Inner>);

struct Inner {
    /// How many of the items were given back: for them the copy is still needed.
    needed: AtomicU64,
    /// The copy is there no more.
    gone: AtomicBool,
    /// Is told at the end how many items need the copy.
    at_end: Option<Box<dyn FnOnce(u64) + Send + Sync>>,
}

impl Kept {
    /// Calls `at_end` when the last of the items is settled or given back, with how many were
    /// given back: the copy may go where these are none.
    pub(crate) fn new(at_end: impl FnOnce(u64) + Send + Sync + 'static) -> Self {
        Self(Arc::new(Inner {
            needed: AtomicU64::new(0),
            gone: AtomicBool::new(false),
            at_end: Some(Box::new(at_end)),
        }))
    }

    /// The copy was given up: what is not settled in memory is lost.
    pub(crate) fn give_up(&self) {
        self.0.gone.store(true, Ordering::Release);
    }

    pub(crate) fn is_gone(&self) -> bool {
        self.0.gone.load(Ordering::Acquire)
    }

    /// Some of the items are not settled: the copy is needed.
    pub(crate) fn give_back(&self, items: u64) {
        self.0.needed.fetch_add(items, Ordering::AcqRel);
    }

    /// What does not keep it from ending.
    pub(crate) fn watch(&self) -> KeptWatch {
        KeptWatch(Arc::downgrade(&self.0))
    }
}

/// The same copy.
impl PartialEq for Kept {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Some(at_end) = self.at_end.take() {
            at_end(*self.needed.get_mut());
        }
    }
}

/// The disk's view of items in memory.
pub(crate) struct KeptWatch(Weak<Inner>);

impl KeptWatch {
    /// Gives the copy up, if anybody still counts on it.
    pub(crate) fn give_up(&self) {
        if let Some(inner) = self.0.upgrade() {
            Kept(inner).give_up();
        }
    }
}

impl fmt::Debug for KeptWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeptWatch")
    }
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kept")
            .field("gone", &self.is_gone())
            .finish_non_exhaustive()
    }
}
