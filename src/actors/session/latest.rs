//! Where the segments of a session that has rolled over find the one that is open.
//!
//! All segments before the open one hold this place, this place holds the open one, and that one knows of the place
//! weakly: a handle of old keeps its own segment and the open one, and none of those between.
//!
//! Waits: for its own lock, under which one reference is moved. Loses: nothing.

use std::sync::{Arc, Mutex, PoisonError};

use super::cell::Cell;

#[derive(Debug)]
pub(super) struct Latest(Mutex<Arc<Cell>>);

impl Latest {
    pub(super) fn new(cell: Arc<Cell>) -> Arc<Self> {
        Arc::new(Self(Mutex::new(cell)))
    }

    /// The segment that is open.
    #[cold]
    pub(super) fn cell(&self) -> Arc<Cell> {
        Arc::clone(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// From here on, `cell` is the segment that is open.
    pub(super) fn set(&self, cell: Arc<Cell>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = cell;
    }
}
