//! Recycled drafts: a thread keeps a few, the rest are shared, so that spans which start on one
//! thread and end on another cost no allocation either.

#![expect(
    clippy::vec_box,
    reason = "drafts are large and change hands often: their pointers move, they do not"
)]

use std::cell::RefCell;
use std::sync::{Mutex, PoisonError};

use crate::model::otlp::draft::Draft;

/// Room of a new draft: most spans fit.
const CAPACITY: usize = 1024;
/// A draft that grew beyond this is not kept.
const KEPT_CAPACITY: usize = 16 << 10;
/// How many a thread keeps, and how many move between a thread and the shared ones at once.
const LOCAL: usize = 32;
const MOVED: usize = 16;
/// How many are shared at most: 1 MiB of usual ones.
const SHARED: usize = 1024;

thread_local! {
    static KEPT: RefCell<Vec<Box<Draft>>> = const { RefCell::new(Vec::new()) };
}

static IDLE: Mutex<Vec<Box<Draft>>> = Mutex::new(Vec::new());

/// A draft for one item. A thread that is going down has no local store any more: it gets a new one.
#[inline]
pub(super) fn take() -> Box<Draft> {
    let kept = KEPT.try_with(|kept| {
        let mut kept = kept.borrow_mut();
        kept.pop().unwrap_or_else(|| refill(&mut kept))
    });
    kept.unwrap_or_else(|_gone| new())
}

/// Gives a draft back.
#[inline]
pub(super) fn give_back(draft: Box<Draft>) {
    if draft.capacity() > KEPT_CAPACITY {
        return;
    }
    // Without a local store, the draft is freed.
    let _gone = KEPT.try_with(|kept| {
        let mut kept = kept.borrow_mut();
        if kept.len() >= LOCAL {
            share(&mut kept);
        }
        kept.push(draft);
    });
}

#[cold]
#[inline(never)]
fn refill(kept: &mut Vec<Box<Draft>>) -> Box<Draft> {
    let mut idle = IDLE.lock().unwrap_or_else(PoisonError::into_inner);
    let from = idle.len().saturating_sub(MOVED);
    kept.extend(idle.drain(from..));
    kept.pop().unwrap_or_else(new)
}

#[cold]
fn new() -> Box<Draft> {
    Box::new(Draft::with_capacity(CAPACITY))
}

#[cold]
#[inline(never)]
fn share(kept: &mut Vec<Box<Draft>>) {
    let mut idle = IDLE.lock().unwrap_or_else(PoisonError::into_inner);
    let free = SHARED.saturating_sub(idle.len());
    let moved = kept.drain(kept.len() - MOVED..);
    idle.extend(moved.take(free));
}
