//! Batches: chunks and whole requests that leave in one request.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;

use super::chunk::Chunk;
use super::ledger::Tally;
use super::otlp::frame::{self, Group, Run};
use super::receipt::Shares;
use super::request::{Request, Signal};
use super::resource::Origin;
use super::whole::{self, Whole};

/// What a batch is made of.
#[derive(Debug)]
enum Part {
    Chunk(Chunk),
    Whole(Whole),
}

/// Chunks and whole requests of one signal, in order of arrival, before they are framed.
#[derive(Debug)]
pub(crate) struct Batch {
    signal: Signal,
    parts: Vec<Part>,
    items: u64,
    bytes: usize,
    /// Somebody wants a receipt for some of it.
    owed: bool,
}

impl Batch {
    pub(crate) fn new(signal: Signal) -> Self {
        Self {
            signal,
            parts: Vec::new(),
            items: 0,
            bytes: 0,
            owed: false,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    pub(crate) fn items(&self) -> u64 {
        self.items
    }

    /// How many bytes a request of all this takes at most.
    pub(crate) fn encoded_len(&self) -> usize {
        self.bytes
    }

    /// What adding `chunk` would add at most.
    pub(crate) fn cost_of(chunk: &Chunk) -> usize {
        chunk.bytes.len() + frame::overhead(&chunk.origin)
    }

    pub(crate) fn push(&mut self, chunk: Chunk) {
        debug_assert_eq!(chunk.signal, self.signal);
        let continues = matches!(self.parts.last(),
            Some(Part::Chunk(last)) if Arc::ptr_eq(&last.origin, &chunk.origin));
        self.bytes += if continues {
            chunk.bytes.len()
        } else {
            Self::cost_of(&chunk)
        };
        self.items += chunk.items();
        self.owed |= chunk.tally.is_owed();
        self.parts.push(Part::Chunk(chunk));
    }

    pub(crate) fn push_whole(&mut self, whole: Whole) {
        debug_assert_eq!(whole.signal, self.signal);
        self.bytes += whole.bytes.len();
        self.items += whole.items();
        self.owed |= whole.tally.is_owed();
        self.parts.push(Part::Whole(whole));
    }

    /// Takes what is held, leaving the batch empty with its room.
    pub(crate) fn take(&mut self) -> Self {
        let mut empty = Self::new(self.signal);
        empty.parts.reserve(self.parts.len());
        std::mem::replace(self, empty)
    }

    /// Groups the chunks by origin and gives up all tallies to the pipeline's book as handed. What
    /// comes beside the parcel is owed to receipts until the lanes have it.
    pub(crate) fn hand_over(self) -> (Parcel, Shares) {
        let mut groups: Vec<Group> = Vec::with_capacity(1);
        let mut owed: Vec<Shares> = Vec::new();
        let mut known: HashMap<*const Origin, usize> = HashMap::new();
        // Chunks of one origin mostly come in a row.
        let mut last: Option<(*const Origin, usize)> = None;
        for part in self.parts {
            let (index, tally) = match part {
                Part::Chunk(chunk) => {
                    let items = chunk.items();
                    let origin = Arc::as_ptr(&chunk.origin);
                    let index = match last.filter(|(of, _)| *of == origin) {
                        Some((_, index)) => index,
                        None => *known.entry(origin).or_insert(groups.len()),
                    };
                    match groups.get_mut(index) {
                        Some(Group::Run(run)) => run.push(chunk.bytes, items),
                        _ => groups.push(Group::Run(Run::new(chunk.origin, chunk.bytes, items))),
                    }
                    last = Some((origin, index));
                    (index, chunk.tally)
                }
                Part::Whole(whole) => {
                    groups.push(Group::Whole(whole.bytes, whole.tally.items()));
                    (groups.len() - 1, whole.tally)
                }
            };
            if self.owed {
                owed.resize_with(groups.len(), Shares::default);
                owed[index].append(shares_of(tally));
            } else {
                let _nobody = tally.hand_over();
            }
        }
        let mut shares = Shares::default();
        for of_group in owed {
            shares.append(of_group);
        }
        let parcel = Parcel {
            signal: self.signal,
            groups,
            items: self.items,
        };
        (parcel, shares)
    }
}

/// What a tally owes, where others in the batch owe something.
fn shares_of(tally: Tally) -> Shares {
    let items = tally.items();
    let shares = tally.hand_over();
    match shares.is_empty() {
        true => Shares::of_nobody(items),
        false => shares,
    }
}

/// What a lane is given: a batch grouped by origin. Cloning shares the bytes.
#[derive(Clone, Debug)]
pub(crate) struct Parcel {
    signal: Signal,
    groups: Vec<Group>,
    items: u64,
}

impl Parcel {
    /// Requests that are whole already, each with the number of its items, as one.
    #[cfg_attr(
        not(any(feature = "spool", test)),
        expect(dead_code, reason = "the spool reads them")
    )]
    pub(crate) fn of_requests(signal: Signal, requests: Vec<(Bytes, u64)>) -> Self {
        let groups = requests
            .into_iter()
            .map(|(bytes, items)| Group::Whole(bytes, items))
            .collect();
        Self::of(signal, groups)
    }

    /// Parcels of one signal as one, in their order.
    pub(crate) fn join(parcels: Vec<Self>) -> Self {
        let mut parcels = parcels.into_iter();
        let mut whole = parcels.next().expect("at least one is joined");
        for parcel in parcels {
            debug_assert_eq!(parcel.signal, whole.signal);
            whole.items += parcel.items;
            whole.groups.extend(parcel.groups);
        }
        whole
    }

    pub(crate) fn signal(&self) -> Signal {
        self.signal
    }

    pub(crate) fn items(&self) -> u64 {
        self.items
    }

    /// The request of this parcel.
    pub(crate) fn frame(&self) -> Request {
        Request::new(self.signal, self.items, frame::frame(&self.groups))
    }

    /// Cuts it in two halves of items, or `None` when it holds a single one. Metrics are cut between
    /// metrics: the halves then have as many data points as that allows.
    pub(crate) fn bisect(self) -> Option<(Self, Self)> {
        let (mut left, mut right) = (Vec::new(), Vec::new());
        let mut wanted = self.items / 2;
        for group in self.groups {
            if !right.is_empty() || (wanted == 0 && !left.is_empty()) {
                right.push(group);
                continue;
            }
            if group.items() <= wanted {
                wanted -= group.items();
                left.push(group);
                continue;
            }
            let parts = match group {
                Group::Run(_) => vec![group],
                Group::Whole(bytes, _) => whole::groups(self.signal, &bytes),
            };
            for part in parts {
                let run = match part {
                    Group::Run(run) if right.is_empty() => run,
                    part => {
                        right.push(part);
                        continue;
                    }
                };
                let (first, second) = run.split_at(self.signal, wanted, left.is_empty());
                wanted -= first.as_ref().map_or(0, Run::items).min(wanted);
                left.extend(first.map(Group::Run));
                right.extend(second.map(Group::Run));
            }
        }
        let left = Self::of(self.signal, left);
        let right = Self::of(self.signal, right);
        (left.items > 0 && right.items > 0).then_some((left, right))
    }

    fn of(signal: Signal, groups: Vec<Group>) -> Self {
        let items = groups.iter().map(Group::items).sum();
        Self {
            signal,
            groups,
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

impl Consignment {
    /// Its halves; itself where it is a single item.
    pub(crate) fn cut(self) -> Result<(Self, Self), Self> {
        let Self { parcel, mut tally } = self;
        let Some((left, right)) = parcel.clone().bisect() else {
            return Err(Self { parcel, tally });
        };
        let left_tally = tally.split(left.items());
        let left = Self {
            parcel: left,
            tally: left_tally,
        };
        let right = Self {
            parcel: right,
            tally,
        };
        Ok((left, right))
    }
}

impl Run {
    /// The first entries that together have at most `items`, and the rest. At least one entry comes
    /// first where that is `forced`.
    fn split_at(self, signal: Signal, items: u64, forced: bool) -> (Option<Self>, Option<Self>) {
        if items >= self.items() {
            return (Some(self), None);
        }
        let mut left_items = items;
        let (mut first, mut second): (Vec<(Bytes, u64)>, Vec<_>) = (Vec::new(), Vec::new());
        for (mut bytes, count) in self.pieces {
            if !second.is_empty() {
                second.push((bytes, count));
                continue;
            }
            if count <= left_items {
                left_items -= count;
                first.push((bytes, count));
                continue;
            }
            let (mut at, mut taken) = (0, 0);
            for (end, in_entry) in super::otlp::scan::entries(signal, &bytes) {
                let is_forced = forced && first.is_empty() && at == 0;
                if taken + in_entry > left_items && !is_forced {
                    break;
                }
                (at, taken) = (end, taken + in_entry);
            }
            let rest = bytes.split_off(at);
            if at > 0 {
                first.push((bytes, taken));
            }
            left_items = 0;
            if !rest.is_empty() {
                second.push((rest, count - taken));
            }
        }
        let origin = self.origin;
        let run = |pieces: Vec<_>| {
            let origin = Arc::clone(&origin);
            (!pieces.is_empty()).then_some(Self { origin, pieces })
        };
        (run(first), run(second))
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
    use crate::model::ledger::{Book, Fate};

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
            let parcel = batch.hand_over().0;
            prop_assert_eq!(book.counts().of(Fate::Handed), items);
            prop_assert_eq!(parcel.items(), items);
            let request = parcel.frame();
            prop_assert!(request.to_bytes().len() <= said);
            prop_assert_eq!(request.items(), items);
            let mut origins: Vec<_> = chunks.iter().map(|(origin, _)| origin).collect();
            origins.sort();
            origins.dedup();
            prop_assert_eq!(parcel.groups.len(), origins.len());
        }

        /// Halves of halves are, in the end, single items: none is lost, doubled or torn.
        #[test]
        fn a_parcel_falls_into_single_items(chunks in chunks()) {
            let book = Arc::default();
            let parcel = batch(&book, &chunks).hand_over().0;
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
        for group in &parcel.groups {
            let Group::Run(run) = group else {
                panic!("a batch of chunks has no whole requests");
            };
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
        let parcel = batch(&book, &[(0, vec![0]), (1, vec![0, 0]), (0, vec![0])])
            .hand_over()
            .0;
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
