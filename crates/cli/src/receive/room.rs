//! The bytes of one body while it grows, never more of them than the budget gave.
//!
//! Holds: one body, and its part of the budget. Waits: for room in the budget. Loses: nothing.

use std::io;

use bytes::Bytes;

use super::budget::Held;
use super::refusal::Refusal;

/// The least that is asked of the budget at once.
const LEAST_BYTES: usize = 4 * 1024;

/// A body that is being put together.
#[derive(Debug)]
pub(crate) struct Room {
    /// The first piece, as it came: if it is the only one, nothing is copied.
    first: Bytes,
    /// All pieces in one, once there are two.
    bytes: Vec<u8>,
    held: Held,
    /// The most bytes that the body may have.
    limit: usize,
    /// Why the last write failed; [`io::Write`] has no room for it.
    refusal: Option<Refusal>,
}

impl Room {
    pub(crate) fn new(held: Held, limit: usize) -> Self {
        Self {
            first: Bytes::new(),
            bytes: Vec::new(),
            held,
            limit,
            refusal: None,
        }
    }

    /// Begins with room for `capacity` bytes, which `held` has paid for.
    pub(crate) fn with_capacity(held: Held, capacity: usize, limit: usize) -> Self {
        let mut room = Self::new(held, limit);
        room.bytes.reserve_exact(capacity.min(limit));
        room
    }

    /// Appends a piece of a body whose whole length is `announced`, if that is known. Copies
    /// nothing while it is the only piece, and each piece once otherwise.
    pub(crate) async fn append(&mut self, piece: Bytes, announced: usize) -> Result<(), Refusal> {
        if self.first.is_empty() && self.bytes.is_empty() {
            self.check(piece.len())?;
            self.held.grow(piece.len()).await?;
            self.first = piece;
            return Ok(());
        }
        let whole = self.len() + piece.len();
        self.check(piece.len())?;
        // What is announced is believed up to a point: it costs the client nothing to say it.
        const BELIEVED: usize = 1024 * 1024;
        let wanted = whole.max(announced.min(BELIEVED).min(self.limit));
        self.make_room(wanted - self.bytes.len()).await?;
        if self.bytes.is_empty() {
            self.bytes
                .extend_from_slice(&std::mem::take(&mut self.first));
        }
        self.bytes.extend_from_slice(&piece);
        Ok(())
    }

    /// Sees to it that `more` bytes can be written without asking again, or as many as the limit
    /// leaves.
    pub(crate) async fn make_room(&mut self, more: usize) -> Result<(), Refusal> {
        let Some(step) = self.step_for(more) else {
            return Ok(());
        };
        self.held.grow(step).await?;
        self.allot(step);
        Ok(())
    }

    /// Books bytes that are held elsewhere for the sake of this body, now or not at all.
    pub(crate) fn book(&mut self, more: usize) -> Result<(), Refusal> {
        self.held.try_grow(more)
    }

    /// Appends bytes, now or not at all.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        self.check(bytes.len())?;
        if let Some(step) = self.step_for(bytes.len()) {
            self.held.try_grow(step)?;
            self.allot(step);
        }
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    /// The bytes written so far, for those who complete what they have begun.
    pub(crate) fn written(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// How many bytes there are.
    pub(crate) fn len(&self) -> usize {
        self.first.len() + self.bytes.len()
    }

    /// Why a write failed, if it was this that failed.
    pub(crate) fn refusal(&mut self) -> Option<Refusal> {
        self.refusal.take()
    }

    /// Ends the body. The budget has its part back when the second value is dropped.
    pub(crate) fn finish(self) -> (Bytes, Held) {
        if self.bytes.is_empty() {
            return (self.first, self.held);
        }
        (self.bytes.into(), self.held)
    }

    fn check(&self, more: usize) -> Result<(), Refusal> {
        if self.len() + more <= self.limit {
            return Ok(());
        }
        let limit = self.limit;
        Err(Refusal::TooLarge(format!(
            "the request is larger than {limit} bytes"
        )))
    }

    /// By how much to grow so that `more` bytes fit: twice what there is, so that bytes are moved
    /// seldom.
    fn step_for(&self, more: usize) -> Option<usize> {
        let capacity = self.bytes.capacity();
        let wanted = (self.bytes.len() + more).min(self.limit);
        if wanted <= capacity {
            return None;
        }
        let next = wanted.max((2 * capacity).min(self.limit));
        Some(next.max(LEAST_BYTES) - capacity)
    }

    fn allot(&mut self, step: usize) {
        let capacity = self.bytes.capacity() + step;
        self.bytes.reserve_exact(capacity - self.bytes.len());
    }
}

/// So that a decompressor can write into it.
impl io::Write for Room {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.push(bytes).map_err(|refusal| {
            self.refusal = Some(refusal.clone());
            io::Error::other(refusal)
        })?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
