//! What is current on this thread, innermost last.
//!
//! Holds: one entry per scope and per entered span of `tracing`. Never waits. An entry that nobody
//! took back, because a subscriber was exchanged between a span's entry and its exit, counts no more
//! once that span has closed, and goes when something is pushed above it or asked for.

use std::cell::RefCell;
#[cfg(feature = "tracing")]
use std::sync::Arc;

use super::Current;
#[cfg(feature = "tracing")]
use crate::layer::mirror::Live;

thread_local! {
    static STACK: RefCell<Stack> = const { RefCell::new(Stack { entries: Vec::new(), scopes: 0 }) };
}

struct Stack {
    entries: Vec<Entry>,
    /// The scopes that were entered on this thread so far, which gives each its key.
    scopes: u64,
}

struct Entry {
    key: Key,
    place: Place,
}

/// By what an entry is found again: scopes may end in any order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    /// A scope, by its number on this thread.
    Scope(u64),
    /// A span of `tracing`, by its id.
    #[cfg(feature = "tracing")]
    Span(u64),
}

/// What is current.
#[derive(Clone)]
pub(crate) enum Place {
    /// What the host said.
    Given(Current),
    /// A span that mirrors one of `tracing`, while that is open.
    #[cfg(feature = "tracing")]
    Mirrored(Arc<Live>),
}

impl Place {
    fn is_open(&self) -> bool {
        match self {
            Self::Given(_) => true,
            #[cfg(feature = "tracing")]
            Self::Mirrored(live) => live.is_open(),
        }
    }

    fn current(&self) -> Current {
        match self {
            Self::Given(current) => current.clone(),
            #[cfg(feature = "tracing")]
            Self::Mirrored(live) => live.handle().into(),
        }
    }
}

/// Pushes a scope and says by which key it is taken back. On a thread that is going down nothing is
/// current any more.
pub(crate) fn push_scope(place: Place) -> Key {
    let pushed = STACK.try_with(|stack| {
        let mut stack = stack.borrow_mut();
        stack.scopes += 1;
        let key = Key::Scope(stack.scopes);
        stack.entries.push(Entry { key, place });
        key
    });
    pushed.unwrap_or(Key::Scope(0))
}

/// Pushes a span of `tracing` that was entered.
#[cfg(feature = "tracing")]
pub(crate) fn push_span(id: u64, live: Arc<Live>) {
    let entry = Entry {
        key: Key::Span(id),
        place: Place::Mirrored(live),
    };
    let stale = STACK.try_with(|stack| {
        let mut stack = stack.borrow_mut();
        let stale = stack.take_stale();
        stack.entries.push(entry);
        stale
    });
    drop(stale);
}

/// Takes back the innermost entry of this key. Does nothing where there is none.
pub(crate) fn pop(key: Key) {
    let popped = STACK.try_with(|stack| {
        let entries = &mut stack.borrow_mut().entries;
        let at = entries.iter().rposition(|entry| entry.key == key)?;
        Some(entries.remove(at))
    });
    // Dropped when nothing is borrowed: the last handle of a session may go with it.
    drop(popped);
}

/// The innermost place.
pub(crate) fn top() -> Option<Current> {
    let found = STACK.try_with(|stack| {
        let mut stack = stack.borrow_mut();
        let stale = stack.take_stale();
        (
            stack.entries.last().map(|entry| entry.place.current()),
            stale,
        )
    });
    found.ok()?.0
}

impl Stack {
    /// Removes the innermost entries that count no more, for the caller to drop when nothing is
    /// borrowed.
    fn take_stale(&mut self) -> Vec<Entry> {
        let open = |entry: &Entry| entry.place.is_open();
        let kept = self.entries.iter().rposition(open).map_or(0, |at| at + 1);
        if kept == self.entries.len() {
            return Vec::new();
        }
        self.entries.split_off(kept)
    }
}

/// How many entries there are on this thread.
#[cfg(test)]
pub(crate) fn depth() -> usize {
    STACK.with(|stack| stack.borrow().entries.len())
}
