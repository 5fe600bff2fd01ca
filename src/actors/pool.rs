//! Recycled buffers under one byte budget.
//!
//! What a host can make the pipeline hold lives in these buffers: open chunks, mailboxes, the
//! sampler's window, batches, requests in flight. A buffer counts from the moment it is taken
//! until the last user of its bytes is gone; when the budget is used up, none is given. Idle
//! buffers are kept for reuse within the same budget.
//!
//! Holds: idle buffers. Waits: never; others wait on `room`. Loses: nothing.

use bytes::Bytes;
use tokio::sync::Notify;

use super::apart::Apart;
use crate::model::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use crate::model::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The sizes that are kept. A chunk in transit is at most the largest; a larger buffer holds one
/// oversized span and is not kept.
const CLASSES: [usize; 5] = [1 << 10, 2 << 10, 4 << 10, 8 << 10, CHUNK_BYTES];

/// The size of a full chunk: one HTTP/2 frame of default size. A chunk is sealed before it.
pub(crate) const CHUNK_BYTES: usize = 16 << 10;

/// Where buffers come from and go back to.
#[derive(Debug)]
pub(crate) struct Pool {
    budget: usize,
    in_use: Apart<AtomicUsize>,
    idle: AtomicUsize,
    /// Whether more is in use than `mark`: written when that changes, so that asking for it costs no
    /// memory that another thread has just written.
    tight: Apart<AtomicBool>,
    /// Told when what is in use falls below three quarters of the budget.
    room: Notify,
    /// Told whenever something is given back while somebody waits for it.
    freed: Notify,
    waiting: AtomicUsize,
    shelves: [Mutex<Vec<Box<[u8]>>>; CLASSES.len()],
}

impl Pool {
    pub(crate) fn new(budget: usize) -> Arc<Self> {
        Arc::new(Self {
            budget,
            in_use: Apart::default(),
            idle: AtomicUsize::new(0),
            tight: Apart::default(),
            room: Notify::new(),
            freed: Notify::new(),
            waiting: AtomicUsize::new(0),
            shelves: Default::default(),
        })
    }

    /// An empty buffer for at least `len` bytes, or `None` when the budget is used up.
    pub(crate) fn take(self: &Arc<Self>, len: usize) -> Option<Buffer> {
        let class = CLASSES.iter().find(|size| len <= **size);
        self.take_sized(class.copied().unwrap_or(len))
    }

    /// The same for one of many: what the buffer has beyond `len` is taken from `spare`, so that all of them
    /// together have no more than that. One that is spared is not kept for reuse.
    pub(crate) fn take_sparing(self: &Arc<Self>, len: usize, spare: &mut usize) -> Option<Buffer> {
        let class = CLASSES.iter().find(|size| len <= **size);
        let size = class.copied().filter(|size| size - len <= *spare);
        let size = size.unwrap_or(len);
        *spare -= size - len;
        self.take_sized(size)
    }

    /// A buffer of this size, one that is kept where there is one.
    fn take_sized(self: &Arc<Self>, size: usize) -> Option<Buffer> {
        let class = CLASSES.iter().position(|kept| *kept == size);
        let before = self.claim(size)?;
        let kept = class.and_then(|class| self.shelf(class).pop());
        if kept.is_some() {
            self.idle.fetch_sub(size, Ordering::Relaxed);
        } else {
            self.make_room(before + size);
        }
        let bytes = kept.unwrap_or_else(|| vec![0; size].into());
        Some(Buffer {
            bytes,
            len: 0,
            pool: Arc::clone(self),
        })
    }

    /// A copy of these bytes that takes no more than they do: for what is held long, by whom
    /// [brings it back](Self::bring_back). `None` when the budget is used up.
    pub(crate) fn copy_of(&self, bytes: &[u8]) -> Option<Box<[u8]>> {
        let before = self.claim(bytes.len())?;
        self.make_room(before + bytes.len());
        Some(bytes.into())
    }

    /// A copy that was made [here](Self::copy_of), as a buffer.
    pub(crate) fn bring_back(self: &Arc<Self>, copy: Box<[u8]>) -> Buffer {
        Buffer {
            len: copy.len(),
            bytes: copy,
            pool: Arc::clone(self),
        }
    }

    /// Counts `len` bytes that came from elsewhere. `None` when less than a quarter of the budget would
    /// be left, which is kept for sessions.
    pub(crate) fn charge(self: &Arc<Self>, len: usize) -> Option<Charge> {
        let before = self.claim_below(len, self.mark())?;
        self.make_room(before + len);
        Some(Charge {
            len,
            pool: Arc::clone(self),
        })
    }

    /// Counts `size` bytes as in use, and tells how many were before.
    fn claim(&self, size: usize) -> Option<usize> {
        let before = self.claim_below(size, self.budget)?;
        if before + size > self.mark() && !self.tight.load(Ordering::SeqCst) {
            self.tight.store(true, Ordering::SeqCst);
        }
        Some(before)
    }

    /// Counts `size` bytes as in use where no more than `most` are then.
    fn claim_below(&self, size: usize, most: usize) -> Option<usize> {
        // Never above it, not even for the moment of a refusal.
        let within = |in_use: usize| in_use.checked_add(size).filter(|all| *all <= most);
        self.in_use
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, within)
            .ok()
    }

    /// The most that one [`charge`](Self::charge) may ever be.
    pub(crate) fn largest_charge(&self) -> usize {
        self.budget / 2
    }

    /// Asks to be told when something is given back, for as long as this is kept.
    pub(crate) fn wait_for_freed(self: &Arc<Self>) -> Waiting {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        Waiting(Arc::clone(self))
    }

    /// Bytes in use now.
    pub(crate) fn in_use(&self) -> usize {
        self.in_use.load(Ordering::Relaxed)
    }

    pub(crate) fn budget(&self) -> usize {
        self.budget
    }

    /// Whether those who wait for room may go on: a quarter of the budget is kept for those that
    /// were told so before.
    pub(crate) fn has_room(&self) -> bool {
        self.in_use() <= self.mark()
    }

    /// Whether there may be too little room: what to ask first, since it costs next to nothing.
    #[inline]
    pub(crate) fn is_tight(&self) -> bool {
        self.tight.load(Ordering::Relaxed)
    }

    /// Whether somebody waits for what is given back.
    pub(crate) fn is_waited_for(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }

    fn mark(&self) -> usize {
        self.budget / 4 * 3
    }

    /// Completes when room was made since the future was enabled.
    pub(crate) fn room(&self) -> tokio::sync::futures::Notified<'_> {
        self.room.notified()
    }

    /// Frees idle buffers until what is kept and what is in use are within the budget together.
    fn make_room(&self, in_use: usize) {
        for class in (0..CLASSES.len()).rev() {
            while in_use + self.idle.load(Ordering::Relaxed) > self.budget {
                if self.shelf(class).pop().is_none() {
                    break;
                }
                self.idle.fetch_sub(CLASSES[class], Ordering::Relaxed);
            }
        }
    }

    fn give_back(&self, bytes: Box<[u8]>) {
        let size = bytes.len();
        let in_use = self.release(size);
        let Some(class) = CLASSES.iter().position(|kept| *kept == size) else {
            return;
        };
        let idle = self.idle.fetch_add(size, Ordering::Relaxed) + size;
        if in_use + idle > self.budget {
            self.idle.fetch_sub(size, Ordering::Relaxed);
            return;
        }
        self.shelf(class).push(bytes);
    }

    /// Takes bytes out of the count; what is still in use.
    fn release(&self, size: usize) -> usize {
        let in_use = self.in_use.fetch_sub(size, Ordering::SeqCst) - size;
        if in_use <= self.mark() && in_use + size > self.mark() {
            self.tight.store(false, Ordering::SeqCst);
            // Whoever took more in between found it said already. Said once too often, it costs a look.
            if self.in_use.load(Ordering::SeqCst) > self.mark() {
                self.tight.store(true, Ordering::SeqCst);
            }
            self.room.notify_waiters();
        }
        if self.waiting.load(Ordering::SeqCst) > 0 {
            self.freed.notify_waiters();
        }
        in_use
    }

    fn shelf(&self, class: usize) -> MutexGuard<'_, Vec<Box<[u8]>>> {
        self.shelves[class]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Bytes from elsewhere that count in the budget until this is dropped.
#[derive(Debug)]
pub(crate) struct Charge {
    len: usize,
    pool: Arc<Pool>,
}

impl Charge {
    /// The bytes, counted until the last share is gone.
    pub(crate) fn over(self, bytes: Bytes) -> Bytes {
        Bytes::from_owner(Charged {
            bytes,
            _charge: self,
        })
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.pool.release(self.len);
    }
}

struct Charged {
    bytes: Bytes,
    _charge: Charge,
}

impl AsRef<[u8]> for Charged {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Somebody waits for what is given back.
#[derive(Debug)]
pub(crate) struct Waiting(Arc<Pool>);

impl Waiting {
    /// Completes when something was given back since the future was enabled.
    pub(crate) fn freed(&self) -> tokio::sync::futures::Notified<'_> {
        self.0.freed.notified()
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A buffer on loan: it returns to its pool when the last user is gone.
#[derive(Debug)]
pub(crate) struct Buffer {
    /// All of it is initialised; `len` says how much of it is written.
    bytes: Box<[u8]>,
    len: usize,
    pool: Arc<Pool>,
}

impl Buffer {
    /// How many more bytes fit.
    #[inline]
    pub(crate) fn room(&self) -> usize {
        self.bytes.len() - self.len
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The next `len` bytes, at most [`Buffer::room`], to be written.
    #[inline]
    pub(crate) fn extend(&mut self, len: usize) -> &mut [u8] {
        let room = &mut self.bytes[self.len..][..len];
        self.len += len;
        room
    }

    /// Appends bytes, at most [`Buffer::room`].
    pub(crate) fn append(&mut self, bytes: &[u8]) {
        self.extend(bytes.len()).copy_from_slice(bytes);
    }

    #[inline]
    pub(crate) fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    /// The bytes, to be shared; the buffer returns when the last share is gone.
    pub(crate) fn freeze(self) -> Bytes {
        Bytes::from_owner(self)
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        self.as_slice()
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.pool.give_back(std::mem::take(&mut self.bytes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The budget covers what is lent, and a buffer that returned is lent again.
    #[test]
    fn the_budget_covers_what_is_lent() {
        let pool = Pool::new(20 << 10);
        let large = pool.take(16_000).expect("within the budget");
        let small = pool.take(100).expect("within the budget");
        assert_eq!(pool.in_use(), 17 << 10);
        assert!(pool.take(4 << 10).is_none());
        let shared = large.freeze();
        let copy = shared.clone();
        drop(shared);
        assert_eq!(pool.in_use(), 17 << 10, "still shared");
        drop(copy);
        drop(small);
        assert_eq!(pool.in_use(), 0);
        assert_eq!(pool.idle.load(Ordering::Relaxed), 17 << 10);
        let again = pool.take(5000).expect("within the budget");
        assert!(again.as_slice().is_empty());
        assert_eq!(pool.idle.load(Ordering::Relaxed), 1 << 10);
    }

    /// Buffers that are to spare have no more room than is spared, all together.
    #[test]
    fn what_is_spared_is_not_taken() {
        let pool = Pool::new(1 << 20);
        let mut spare = 10 << 10;
        let taken: Vec<_> = (0..10)
            .map(|_| pool.take_sparing(9000, &mut spare).expect("room"))
            .collect();
        assert!(pool.in_use() <= 10 * 9000 + (10 << 10), "{}", pool.in_use());
        assert!(taken.iter().all(|buffer| buffer.room() >= 9000));
        drop(taken);
        assert_eq!(pool.in_use(), 0);
        assert_eq!(pool.idle.load(Ordering::Relaxed), 16 << 10, "the usual one");
    }

    /// Idle buffers give way to buffers in use.
    #[test]
    fn idle_buffers_give_way() {
        let pool = Pool::new(16 << 10);
        drop(pool.take(16 << 10));
        let small: Vec<_> = (0..4).map(|_| pool.take(4 << 10).expect("room")).collect();
        assert_eq!(pool.idle.load(Ordering::Relaxed), 0);
        assert!(pool.take(1).is_none());
        drop(small);
    }
}
