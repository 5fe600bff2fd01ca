//! Work in a session that ends with the last of it: requests, calls of tools, messages of a queue.
//!
//! Holds: the session. Waits: for the session's lock. Loses nothing: work that is dropped has ended.

use std::fmt;
use std::sync::Arc;

use super::Session;
use super::cell::Cell;
use super::reference::SpanRef;
use super::segment::{Cause, EndState, end_locked};
use crate::model::attribute::Value;

/// What became of work that enters a session: see [`SessionBuilder::enter`](crate::SessionBuilder::enter).
#[derive(Debug)]
pub enum Entered {
    /// It opened the session, and is its root.
    Root(Visit),
    /// Other work opened the session, which lasts until this has ended, too.
    Joined(Visit),
    /// The session was opened by somebody who ends it: a host that keeps it for a conversation, say.
    Foreign(Session),
}

/// Work that is under way in a session, which ends with the last of it.
///
/// ```
/// use spanreel::{EndState, Entered, Null, Pipeline};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let pipeline = Pipeline::builder().export(Null).start()?;
/// let Entered::Root(mut first) = pipeline.open_session("order-7").name("receive").enter()? else {
///     unreachable!("it is not open yet");
/// };
/// let Entered::Joined(second) = pipeline.open_session("order-7").enter()? else {
///     unreachable!("the first keeps it open");
/// };
/// first.finish(EndState::Success, &[]);
/// second.place().tool("pack").start().end();
/// assert_eq!(pipeline.sessions().len(), 1);
/// drop(second);
/// assert_eq!(pipeline.sessions().len(), 0);
/// # pipeline.shutdown_blocking(std::time::Duration::from_secs(1));
/// # Ok(())
/// # }
/// ```
#[must_use = "it ends when it is dropped"]
pub struct Visit {
    /// The root of the session.
    place: SpanRef,
    is_root: bool,
    is_over: bool,
}

impl Visit {
    /// Work that is counted in the session.
    pub(super) fn of(cell: Arc<Cell>, is_root: bool) -> Self {
        let id = cell.identity.root;
        Self {
            place: SpanRef { cell, id },
            is_root,
            is_over: false,
        }
    }

    /// The root of the session: spans are started below it.
    #[must_use]
    pub fn place(&self) -> &SpanRef {
        &self.place
    }

    /// Ends it. Where it is the root, that ends in this state, now, with these attributes; of other work, its own
    /// span tells. The session ends with the last work in it. A second end does nothing.
    pub fn finish(&mut self, state: EndState<'_>, attributes: &[(&str, Value<'_>)]) {
        if !std::mem::replace(&mut self.is_over, true) {
            leave(&self.place.cell, self.is_root, state, attributes);
        }
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        self.finish(EndState::Unset, &[]);
    }
}

impl fmt::Debug for Visit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Visit")
            .field("place", &self.place)
            .field("is_root", &self.is_root)
            .finish_non_exhaustive()
    }
}

/// How the root of a session ended that other work keeps open.
#[derive(Debug)]
pub(super) struct RootEnd {
    state: OwnedState,
    at_ns: u64,
}

/// An [`EndState`] that is kept.
#[derive(Debug)]
enum OwnedState {
    Unset,
    Success,
    Error(Box<str>),
}

impl OwnedState {
    fn of(state: EndState<'_>) -> Self {
        match state {
            EndState::Unset => Self::Unset,
            EndState::Success => Self::Success,
            EndState::Error(message) => Self::Error(message.into()),
        }
    }

    fn as_state(&self) -> EndState<'_> {
        match self {
            Self::Unset => EndState::Unset,
            Self::Success => EndState::Success,
            Self::Error(message) => EndState::Error(message),
        }
    }
}

/// Ends work in a session, and the session where nothing else is under way in it.
fn leave(cell: &Arc<Cell>, is_root: bool, how: EndState<'_>, attributes: &[(&str, Value<'_>)]) {
    // Whoever comes next finds it open and joins, or ended: it ends under the lock that is taken here.
    cell.with_current(|cell, mut state| {
        state.visits -= 1;
        if state.visits == 0 {
            return match state.take_root_end() {
                None => end_locked(cell, state, Cause::Host(how), None, attributes),
                Some(RootEnd { state: how, at_ns }) => {
                    end_locked(cell, state, Cause::Host(how.as_state()), Some(at_ns), &[]);
                }
            };
        }
        if is_root {
            cell.edit_root(&mut state, |draft| {
                for (key, value) in attributes {
                    draft.set(key, *value);
                }
            });
            state.set_root_end(RootEnd {
                state: OwnedState::of(how),
                at_ns: cell.now_ns(),
            });
        }
    });
}
