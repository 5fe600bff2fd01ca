//! Gathers what is small of many sessions into messages, so that a hundred quiet sessions cost one message
//! together. What is very small is written into a buffer that many share. What nobody tells apart by its session is
//! one chunk there: that of a hundred quiet sessions costs no more than that of a busy one.

use std::sync::Arc;

use bytes::Bytes;

use super::cell::Cell;
use super::shared::Shared;
use super::state::Sealed;
use crate::actors::pool::{Buffer, CHUNK_BYTES};
use crate::actors::road::Msg;
use crate::model::chunk::{Chunk, Digest, SessionKey};
use crate::model::ledger::Tally;
use crate::model::otlp::draft::Draft;
use crate::model::request::Signal;
use crate::model::sampling::case::Judged;

/// A chunk of this size or more travels alone.
pub(super) const ALONE: usize = CHUNK_BYTES / 2;

/// A chunk of this size or more keeps its buffer, if that is half full: to copy it would cost more than the
/// buffer is worth.
pub(super) const WHOLE: usize = CHUNK_BYTES / 8;

/// An item of this size or more has a buffer of its session's: others would not fit beside it.
const SMALL: usize = CHUNK_BYTES / 4;

/// Up to two messages that are to be sent, one after the other.
pub(super) type Full = [Option<Msg>; 2];

/// A span or log record that is in no chunk yet.
pub(super) struct LoneItem<'a> {
    pub(super) signal: Signal,
    pub(super) draft: &'a Draft,
    pub(super) common: &'a [u8],
    pub(super) digest: Digest,
}

impl LoneItem<'_> {
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.draft.len_in_chunk(self.common)
    }

    #[inline]
    pub(super) fn is_small(&self) -> bool {
        self.len() < SMALL
    }
}

#[derive(Debug, Default)]
pub(crate) struct Gather {
    /// What the parts without a buffer share.
    buffer: Option<Buffer>,
    parts: Vec<Part>,
    /// How many bytes the parts have that keep their buffers.
    whole: usize,
}

/// A chunk of a message to come.
#[derive(Debug)]
struct Part {
    /// Its bytes, if they are not in the shared buffer.
    own: Option<Buffer>,
    len: usize,
    signal: Signal,
    /// Whether somebody tells it apart by its session.
    is_apart: bool,
    session: SessionKey,
    digest: Digest,
    judged: Judged,
    tally: Tally,
    /// How many of its items are in no book yet.
    unbooked: u64,
}

impl Gather {
    /// Takes in what was sealed; from here on it is in the book. Returns what has to be sent before
    /// it, or with it when it travels alone.
    pub(super) fn add(&mut self, cell: &Cell, sealed: Sealed) -> Full {
        let shared = &cell.shared;
        let Sealed {
            signal,
            buffer,
            items,
            digest,
        } = sealed;
        let mut part = Part::new(cell, signal, digest, items, buffer.len());
        if part.len >= ALONE {
            // Its session's earlier chunks may be among those gathered.
            let before = self.finish(shared);
            let alone = part.into_chunk(buffer.freeze(), shared);
            return [before, Some(Msg::Chunk(alone))];
        }
        let is_whole = part.len >= WHOLE && buffer.room() <= part.len;
        let before = match is_whole {
            true => None,
            false => self.make_room(shared, part.len),
        };
        match &mut self.buffer {
            Some(open) if !is_whole => {
                open.append(buffer.as_slice());
                self.append(part);
            }
            _ => {
                self.whole += part.len;
                part.own = Some(buffer);
                self.parts.push(part);
            }
        }
        let is_enough = self.whole >= CHUNK_BYTES;
        [before, is_enough.then(|| self.finish(shared)).flatten()]
    }

    /// Takes in an item that is in no chunk yet: it is written where those of others are. Returns what has to be
    /// sent before it, and whether there was room for it.
    pub(super) fn add_item(&mut self, cell: &Cell, item: &LoneItem<'_>) -> (Option<Msg>, bool) {
        let len = item.len();
        let full = self.make_room(&cell.shared, len);
        let Some(open) = &mut self.buffer else {
            return (full, false);
        };
        item.draft.write_to(open.extend(len), item.common);
        match self.parts.last_mut() {
            Some(last) if last.takes(item.signal, cell.is_apart) => {
                last.len += len;
                last.unbooked += 1;
            }
            _ => {
                let part = Part::new(cell, item.signal, item.digest, 1, len);
                self.parts.push(part);
            }
        }
        (full, true)
    }

    /// Takes in all that another has, behind what is here; from here on it is in the book. Returns what has to be
    /// sent.
    pub(super) fn absorb(&mut self, shared: &Shared, other: &mut Self) -> Full {
        let little = other
            .buffer
            .take_if(|it| it.len() < ALONE && other.whole == 0);
        let Some(little) = little else {
            return match other.parts.is_empty() {
                true => [None, None],
                false => [self.finish(shared), other.finish(shared)],
            };
        };
        let before = self.make_room(shared, little.len());
        let Some(open) = &mut self.buffer else {
            other.buffer = Some(little);
            return [before, other.finish(shared)];
        };
        open.append(little.as_slice());
        for part in other.parts.drain(..) {
            self.append(part.booked());
        }
        [before, None]
    }

    /// Adds a part whose bytes are the last of the shared buffer.
    fn append(&mut self, part: Part) {
        match self.parts.last_mut() {
            Some(last) if last.takes(part.signal, part.is_apart) => {
                last.len += part.len;
                last.unbooked += part.unbooked;
                last.tally.join(part.tally);
            }
            _ => self.parts.push(part),
        }
    }

    /// Makes room for `len` bytes in the shared buffer, if the byte budget has some. Returns what has to be sent
    /// for it.
    #[inline]
    fn make_room(&mut self, shared: &Shared, len: usize) -> Option<Msg> {
        if self.buffer.as_ref().is_some_and(|open| open.room() >= len) {
            return None;
        }
        let full = self.finish(shared);
        self.buffer = shared.pool.take(CHUNK_BYTES);
        full
    }

    /// What was gathered.
    pub(crate) fn finish(&mut self, shared: &Shared) -> Option<Msg> {
        self.whole = 0;
        let mut rest = match self.buffer.take() {
            Some(buffer) => fitting(buffer, shared).freeze(),
            None => Bytes::new(),
        };
        let chunk = |mut part: Part| {
            let bytes = match part.own.take() {
                Some(own) => own.freeze(),
                None => rest.split_to(part.len),
            };
            part.booked().into_chunk(bytes, shared)
        };
        let mut chunks = self.parts.drain(..).map(chunk);
        match chunks.len() {
            0 => None,
            1 => chunks.next().map(Msg::Chunk),
            _ => Some(Msg::Chunks(chunks.collect())),
        }
    }

    /// How many items it has that are in no book yet.
    pub(super) fn unbooked(&self, signal: Signal) -> u64 {
        let parts = self.parts.iter().filter(|part| part.signal == signal);
        parts.map(|part| part.unbooked).sum()
    }
}

/// What is in a buffer, in one that is no larger than it has to be: it may be held for long.
fn fitting(buffer: Buffer, shared: &Shared) -> Buffer {
    if buffer.room() < buffer.len() {
        return buffer;
    }
    let Some(mut smaller) = shared.pool.take(buffer.len()) else {
        return buffer;
    };
    smaller.append(buffer.as_slice());
    smaller
}

impl Part {
    /// A part of so many items, which are in the book from here on.
    fn new(cell: &Cell, signal: Signal, digest: Digest, items: u64, len: usize) -> Self {
        Self {
            own: None,
            len,
            signal,
            is_apart: cell.is_apart,
            session: cell.identity.key,
            digest,
            judged: cell.identity.judged(),
            tally: cell.shared.books.of(signal).enter(items),
            unbooked: 0,
        }
    }

    /// Whether what comes next in the shared buffer is of this part, too.
    #[inline]
    fn takes(&self, signal: Signal, is_apart: bool) -> bool {
        self.signal == signal && !self.is_apart && !is_apart && self.own.is_none()
    }

    /// The same with all of its items in the book.
    fn booked(mut self) -> Self {
        let unbooked = std::mem::take(&mut self.unbooked);
        if unbooked > 0 {
            self.tally.enter_more(unbooked);
        }
        self
    }

    fn into_chunk(self, bytes: Bytes, shared: &Shared) -> Chunk {
        Chunk {
            signal: self.signal,
            session: self.session,
            origin: Arc::clone(&shared.origin),
            bytes,
            digest: self.digest,
            judged: self.judged,
            tally: self.tally,
        }
    }
}
