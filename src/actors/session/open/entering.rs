//! How work enters a session that it may be the first in.

use std::sync::Arc;

use super::{Closed, SessionBuilder, Wanted};
use crate::actors::session::visit::{Entered, Visit};

impl SessionBuilder<'_> {
    /// Enters it with work that another process asked for, say, or a queue: a session that nobody else ends. The
    /// work that opens it is its root; what was said here is then what is said of that. It ends with the last
    /// work in it.
    ///
    /// # Errors
    /// The pipeline is shut down.
    #[inline]
    pub fn enter(mut self) -> Result<Entered, Closed> {
        self.wanted.enter()
    }
}

impl Wanted<'_> {
    fn enter(&mut self) -> Result<Entered, Closed> {
        self.is_visited = true;
        loop {
            let (cell, is_new) = self.find_or_open(true)?;
            if is_new {
                return Ok(Entered::Root(Visit::of(cell, true)));
            }
            let (current, mut state) = cell.lock_current();
            if state.root.is_none() {
                // It ended while this came. Whoever ended it may not have come to this yet.
                self.shared.registry.forget(cell.identity.home, &cell);
                continue;
            }
            if state.visits > 0 {
                state.visits += 1;
                return Ok(Entered::Joined(Visit::of(Arc::clone(current), false)));
            }
            drop(state);
            return Ok(Entered::Foreign(self.found(cell)));
        }
    }
}
