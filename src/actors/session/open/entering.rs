//! How work enters a session that it may be the first in.

use std::sync::Arc;

use super::{Closed, SessionBuilder, Wanted};
use crate::actors::session::visit::{Entered, Visit};

/// What somebody else has opened.
enum Found {
    Open(Visit),
    Foreign,
    Ended,
}

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
            let found = cell.with_current(|current, mut state| {
                if state.root.is_none() {
                    return Found::Ended;
                }
                if state.visits == 0 {
                    return Found::Foreign;
                }
                state.visits += 1;
                Found::Open(Visit::of(Arc::clone(current), false))
            });
            match found {
                Found::Open(visit) => return Ok(Entered::Joined(visit)),
                Found::Foreign => return Ok(Entered::Foreign(self.found(cell))),
                // While this came. Whoever ended it may not have come to this yet.
                Found::Ended => self.shared.registry.forget(cell.identity.home, &cell),
            }
        }
    }
}
