//! Batches: chunks that leave in one request.

use super::chunk::Chunk;
use super::ledger::{Fate, Tally};
use super::otlp::frame::{self, Run};
use super::request::{Request, Signal};

/// Chunks of one signal, in order of arrival, before they are framed.
#[derive(Debug)]
pub(crate) struct Batch {
    signal: Signal,
    chunks: Vec<Chunk>,
    items: u64,
    bytes: usize,
}

impl Batch {
    pub(crate) fn new(signal: Signal) -> Self {
        Self {
            signal,
            chunks: Vec::new(),
            items: 0,
            bytes: 0,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    pub(crate) fn items(&self) -> u64 {
        self.items
    }

    /// How many bytes a request of these chunks takes at most.
    pub(crate) fn encoded_len(&self) -> usize {
        self.bytes
    }

    /// What adding `chunk` would add at most.
    pub(crate) fn cost_of(chunk: &Chunk) -> usize {
        chunk.bytes.len() + frame::overhead(&chunk.origin)
    }

    pub(crate) fn push(&mut self, chunk: Chunk) {
        debug_assert_eq!(chunk.signal, self.signal);
        let continues = self
            .chunks
            .last()
            .is_some_and(|last| std::sync::Arc::ptr_eq(&last.origin, &chunk.origin));
        self.bytes += if continues {
            chunk.bytes.len()
        } else {
            Self::cost_of(&chunk)
        };
        self.items += chunk.items();
        self.chunks.push(chunk);
    }

    /// Takes what is held, leaving the batch empty with its room.
    pub(crate) fn take(&mut self) -> Self {
        let room = self.chunks.capacity();
        let full = Self {
            signal: self.signal,
            chunks: std::mem::replace(&mut self.chunks, Vec::with_capacity(room)),
            items: self.items,
            bytes: self.bytes,
        };
        self.items = 0;
        self.bytes = 0;
        full
    }

    /// Groups the chunks by origin and gives up their tallies to the pipeline's book as handed.
    pub(crate) fn hand_over(self) -> Parcel {
        let mut runs: Vec<Run> = Vec::with_capacity(1);
        for chunk in self.chunks {
            let items = chunk.items();
            chunk.tally.settle(Fate::Handed);
            let known = runs
                .iter_mut()
                .find(|run| std::sync::Arc::ptr_eq(&run.origin, &chunk.origin));
            match known {
                Some(run) => run.push(chunk.bytes, items),
                None => runs.push(Run::new(chunk.origin, chunk.bytes, items)),
            }
        }
        Parcel {
            signal: self.signal,
            runs,
            items: self.items,
        }
    }
}

/// What a lane is given: a batch grouped by origin. Cloning shares the bytes.
#[derive(Clone, Debug)]
pub(crate) struct Parcel {
    signal: Signal,
    runs: Vec<Run>,
    items: u64,
}

impl Parcel {
    pub(crate) fn signal(&self) -> Signal {
        self.signal
    }

    pub(crate) fn items(&self) -> u64 {
        self.items
    }

    /// The request of this parcel.
    pub(crate) fn frame(&self) -> Request {
        Request::new(self.signal, self.items, frame::frame(&self.runs))
    }

    /// Cuts it in two halves of items, or `None` when it holds a single one.
    pub(crate) fn bisect(self) -> Option<(Self, Self)> {
        let mut left_items = self.items / 2;
        if left_items == 0 {
            return None;
        }
        let (mut left, mut right) = (Vec::new(), Vec::new());
        for run in self.runs {
            let (first, second) = run.split_at(left_items);
            left_items -= first.as_ref().map_or(0, Run::items);
            left.extend(first);
            right.extend(second);
        }
        Some((Self::of(self.signal, left), Self::of(self.signal, right)))
    }

    fn of(signal: Signal, runs: Vec<Run>) -> Self {
        let items = runs.iter().map(Run::items).sum();
        Self {
            signal,
            runs,
            items,
        }
    }
}

/// A parcel with the custody of its items in a lane.
#[derive(Debug)]
pub(crate) struct Consignment {
    pub(crate) parcel: Parcel,
    pub(crate) tally: Tally,
}

impl Run {
    /// The first `items` and the rest.
    fn split_at(self, items: u64) -> (Option<Self>, Option<Self>) {
        if items == 0 {
            return (None, Some(self));
        }
        if items >= self.items() {
            return (Some(self), None);
        }
        let mut left_items = items;
        let mut first = Vec::new();
        let mut second = Vec::new();
        for (mut bytes, count) in self.pieces {
            if left_items >= count {
                left_items -= count;
                first.push((bytes, count));
            } else if left_items == 0 {
                second.push((bytes, count));
            } else {
                let index = usize::try_from(left_items - 1).expect("fewer items than bytes");
                let at = super::otlp::scan::item_ends(&bytes)
                    .nth(index)
                    .unwrap_or(bytes.len());
                second.push((bytes.split_off(at), count - left_items));
                first.push((bytes, left_items));
                left_items = 0;
            }
        }
        let origin = self.origin;
        (
            Some(Self {
                origin: std::sync::Arc::clone(&origin),
                pieces: first,
            }),
            Some(Self {
                origin,
                pieces: second,
            }),
        )
    }
}
