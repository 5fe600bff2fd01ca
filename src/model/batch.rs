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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
    use proptest::collection::vec;
    use proptest::prelude::*;
    use prost::Message;

    use super::*;
    use crate::model::chunk::tests::origin;
    use crate::model::ledger::Book;

    /// A batch of chunks, each an origin and the sizes of its items.
    fn batch(book: &Arc<Book>, chunks: &[(usize, Vec<usize>)]) -> Batch {
        let origins = ["one", "two", "three"].map(origin);
        let mut batch = Batch::new(Signal::Traces);
        for (origin, sizes) in chunks {
            let origin = &origins[*origin];
            batch.push(Chunk::of_sizes(Signal::Traces, origin, sizes, book));
        }
        batch
    }

    fn chunks() -> impl Strategy<Value = Vec<(usize, Vec<usize>)>> {
        vec((0..3_usize, vec(0..200_usize, 1..10)), 1..20)
    }

    proptest! {
        /// The request of a batch is no larger than the batch said, and has one group per origin.
        #[test]
        fn a_request_is_no_larger_than_was_said(chunks in chunks()) {
            let book = Arc::default();
            let batch = batch(&book, &chunks);
            let (said, items) = (batch.encoded_len(), batch.items());
            let parcel = batch.hand_over();
            prop_assert_eq!(book.counts().of(Fate::Handed), items);
            prop_assert_eq!(parcel.items(), items);
            let request = parcel.frame();
            prop_assert!(request.to_bytes().len() <= said);
            prop_assert_eq!(request.items(), items);
            let mut origins: Vec<_> = chunks.iter().map(|(origin, _)| origin).collect();
            origins.sort();
            origins.dedup();
            prop_assert_eq!(parcel.runs.len(), origins.len());
        }

        /// Halves of halves are, in the end, single items: none is lost, doubled or torn.
        #[test]
        fn a_parcel_falls_into_single_items(chunks in chunks()) {
            let book = Arc::default();
            let parcel = batch(&book, &chunks).hand_over();
            let items = parcel.items();
            let mut whole: Vec<_> = entries(&parcel);
            let (mut open, mut single) = (vec![parcel], Vec::new());
            while let Some(parcel) = open.pop() {
                let size = parcel.items();
                match parcel.clone().bisect() {
                    None => {
                        prop_assert_eq!(size, 1);
                        single.extend(entries(&parcel));
                    }
                    Some((left, right)) => {
                        prop_assert_eq!(left.items(), size / 2);
                        prop_assert_eq!(right.items(), size - size / 2);
                        open.extend([left, right]);
                    }
                }
            }
            prop_assert_eq!(single.len() as u64, items);
            whole.sort();
            single.sort();
            prop_assert_eq!(single, whole);
        }
    }

    /// The entries of a parcel, each with its origin.
    fn entries(parcel: &Parcel) -> Vec<(Bytes, Bytes)> {
        let mut entries = Vec::new();
        for run in &parcel.runs {
            for (bytes, items) in &run.pieces {
                let mut start = 0;
                for end in crate::model::otlp::scan::item_ends(bytes) {
                    entries.push((run.origin.scope.clone(), bytes.slice(start..end)));
                    start = end;
                }
                assert_eq!(start, bytes.len());
                assert_eq!(
                    crate::model::otlp::scan::item_ends(bytes).count() as u64,
                    *items
                );
            }
        }
        entries
    }

    /// What is taken leaves the batch empty, to be filled again.
    #[test]
    fn a_batch_that_was_taken_is_empty() {
        let book = Arc::default();
        let mut open = batch(&book, &[(0, vec![1, 2])]);
        let full = open.take();
        assert!(open.is_empty() && !full.is_empty());
        assert_eq!((open.items(), open.encoded_len()), (0, 0));
        assert_eq!(full.items(), 2);
        drop(full);
        assert_eq!(book.counts().of(Fate::Abandoned), 2);
    }

    /// Chunks of one origin share a group though others came between them.
    #[test]
    fn chunks_of_one_origin_share_a_group() {
        let book = Arc::default();
        let parcel = batch(&book, &[(0, vec![0]), (1, vec![0, 0]), (0, vec![0])]).hand_over();
        let request = parcel.frame().to_bytes();
        let request = ExportTraceServiceRequest::decode(&*request).expect("wire form");
        let spans: Vec<_> = request
            .resource_spans
            .iter()
            .map(|group| group.scope_spans[0].spans.len())
            .collect();
        assert_eq!(spans, [2, 2]);
    }
}
