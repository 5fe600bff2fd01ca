//! Streams cut into events, however their bytes arrive: server-sent events, lines of JSON, and arrays of
//! JSON.
//!
//! Holds: the event that has begun, at most so many bytes. Waits: never. Loses: events beyond that
//! bound, and says so.

mod array;
mod lines;
mod sse;

pub(crate) use array::Elements;
pub(crate) use lines::Lines;
pub(crate) use sse::Sse;

use super::provider::Event;

/// What cuts a stream into events.
#[derive(Debug)]
pub(crate) enum Framing {
    Sse(Sse),
    Lines(Lines),
    Elements(Elements),
}

impl Framing {
    /// Takes the next bytes; gives on the events that they complete.
    pub(crate) fn feed(&mut self, bytes: &[u8], mut each: impl FnMut(&Event<'_>)) {
        match self {
            Self::Sse(sse) => sse.feed(bytes, &mut each),
            Self::Lines(lines) => lines.feed(bytes, |line| each(&Event::new(line))),
            Self::Elements(elements) => elements.feed(bytes, |element| each(&Event::new(element))),
        }
    }

    /// Takes the end of the stream; gives on what had begun, be it whole or not.
    pub(crate) fn finish(&mut self, mut each: impl FnMut(&Event<'_>)) {
        match self {
            Self::Sse(sse) => sse.finish(&mut each),
            Self::Lines(lines) => lines.finish(|line| each(&Event::new(line))),
            Self::Elements(elements) => elements.finish(|element| each(&Event::new(element))),
        }
    }

    /// How many events were too long to be read.
    pub(crate) fn too_long(&self) -> u64 {
        match self {
            Self::Sse(sse) => sse.too_long(),
            Self::Lines(lines) => lines.too_long(),
            Self::Elements(elements) => elements.too_long(),
        }
    }
}

/// Bytes of one event, as far as there is room for them.
#[derive(Debug)]
pub(crate) struct Piece {
    bytes: Vec<u8>,
    limit: usize,
    is_over: bool,
}

/// What is kept of the buffer of a long event.
const KEPT: usize = 64 << 10;

impl Piece {
    fn new(limit: usize) -> Self {
        Self {
            bytes: Vec::new(),
            limit,
            is_over: false,
        }
    }

    fn push(&mut self, bytes: &[u8]) {
        if self.is_over || bytes.len() > self.limit - self.bytes.len() {
            self.is_over = true;
            self.bytes = Vec::new();
            return;
        }
        self.bytes.extend_from_slice(bytes);
    }

    fn clear(&mut self) {
        self.is_over = false;
        self.bytes.clear();
        self.bytes.shrink_to(KEPT);
    }
}

#[cfg(test)]
mod tests;
