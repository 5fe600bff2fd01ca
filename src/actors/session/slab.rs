//! The open spans of a session: what is known of them if they never end.

use std::mem;

use crate::model::genai::Operation;
use crate::model::id::SpanId;
use crate::model::kind::SpanKind;
use crate::model::otlp::writer::copy;

/// Where an open span stands. A slot is used again; its generation tells the users apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SlotRef {
    index: u32,
    generation: u32,
}

/// The parent of a span within its trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Parent {
    pub(crate) id: SpanId,
    /// Whether another process told its id.
    pub(crate) is_remote: bool,
}

impl Parent {
    /// A span of this process.
    #[inline]
    pub(crate) const fn local(id: SpanId) -> Self {
        Self {
            id,
            is_remote: false,
        }
    }
}

/// What most names are not longer than, in bytes.
const SHORT: usize = 32;

/// No slot.
const NONE: u32 = u32::MAX;

/// One open span, or a free slot. All of it lies in one place: to note a span in one of many sessions
/// means waiting for memory, once and not three times.
#[derive(Debug)]
pub(crate) struct OpenSpan {
    pub(crate) id: SpanId,
    parent: SpanId,
    pub(crate) start_ns: u64,
    generation: u32,
    /// The next free slot, where this is one.
    next_free: u32,
    name_len: u32,
    is_parent_remote: bool,
    pub(crate) kind: SpanKind,
    pub(crate) operation: Operation,
    open: bool,
    /// Its name, where it is short.
    short: [u8; SHORT],
    /// Its name, where it is not short. A free slot keeps the room of it.
    long: Box<[u8]>,
}

/// The first slot stands in the slab itself: most sessions have one span open at a time, and one of many quiet ones
/// has its memory in one place.
#[derive(Debug)]
pub(crate) struct Slab {
    first: Option<OpenSpan>,
    more: Vec<OpenSpan>,
    /// The first free slot.
    free: u32,
    /// How many are open. Not of the type of `generation`: the compiler would raise both in one move, which
    /// waits for the last end of a span, a move of one of them, to reach the cache.
    open: usize,
    /// Survives `clear`, so that references from before it stay stale.
    generation: u32,
}

impl Default for Slab {
    #[inline(always)]
    fn default() -> Self {
        Self {
            first: None,
            more: Vec::new(),
            free: NONE,
            open: 0,
            generation: 0,
        }
    }
}

impl OpenSpan {
    /// A free slot, for a span of this id and parent.
    fn free(id: SpanId, parent: SpanId) -> Self {
        Self {
            id,
            parent,
            start_ns: 0,
            generation: 0,
            next_free: NONE,
            name_len: 0,
            is_parent_remote: false,
            kind: SpanKind::Internal,
            operation: Operation::Other,
            open: false,
            short: [0; SHORT],
            long: Box::default(),
        }
    }

    pub(crate) fn parent(&self) -> Parent {
        Parent {
            id: self.parent,
            is_remote: self.is_parent_remote,
        }
    }

    pub(crate) fn name(&self) -> &str {
        let len = self.name_len as usize;
        let name = self.short.get(..len).unwrap_or_else(|| &self.long[..len]);
        std::str::from_utf8(name).expect("names are made of texts cut at character boundaries")
    }

    #[inline]
    fn set_name(&mut self, name: &[u8]) {
        self.name_len = name.len() as u32;
        match self.short.get_mut(..name.len()) {
            Some(short) => copy(short, name),
            None => self.set_long_name(name),
        }
    }

    #[cold]
    #[inline(never)]
    fn set_long_name(&mut self, name: &[u8]) {
        match self.long.get_mut(..name.len()) {
            Some(long) => long.copy_from_slice(name),
            None => self.long = name.into(),
        }
    }
}

impl Slab {
    #[inline]
    pub(crate) fn insert(
        &mut self,
        id: SpanId,
        parent: Parent,
        kind: SpanKind,
        operation: Operation,
        start_ns: u64,
        name: &[u8],
    ) -> SlotRef {
        self.generation = self.generation.wrapping_add(1);
        self.open += 1;
        let generation = self.generation;
        if self.free == NONE {
            self.add_slot(id, parent.id);
        }
        let index = self.free;
        let slot = self.slot(index).expect("a free slot is there");
        let next_free = slot.next_free;
        (slot.id, slot.parent, slot.start_ns) = (id, parent.id, start_ns);
        (slot.generation, slot.is_parent_remote) = (generation, parent.is_remote);
        (slot.kind, slot.operation, slot.open) = (kind, operation, true);
        slot.set_name(name);
        self.free = next_free;
        SlotRef { index, generation }
    }

    #[inline]
    fn slot(&mut self, index: u32) -> Option<&mut OpenSpan> {
        match index {
            0 => self.first.as_mut(),
            _ => self.more.get_mut(index as usize - 1),
        }
    }

    /// Adds a free slot, for a span of this id and parent.
    #[cold]
    #[inline(never)]
    fn add_slot(&mut self, id: SpanId, parent: SpanId) {
        let slot = OpenSpan::free(id, parent);
        if self.first.is_none() {
            self.first = Some(slot);
            self.free = 0;
            return;
        }
        if self.more.len() < 4 {
            self.more.reserve_exact(1);
        }
        self.more.push(slot);
        self.free = u32::try_from(self.more.len()).expect("fewer open spans than 2^32");
    }

    /// Whether the span was still open.
    #[inline]
    pub(crate) fn remove(&mut self, at: SlotRef) -> bool {
        let free = self.free;
        let Some(slot) = self.slot(at.index) else {
            return false;
        };
        if !slot.open || slot.generation != at.generation {
            return false;
        }
        slot.open = false;
        slot.next_free = free;
        self.free = at.index;
        self.open -= 1;
        true
    }

    pub(crate) fn open(&self) -> impl Iterator<Item = &OpenSpan> {
        let all = self.first.iter().chain(&self.more);
        all.filter(|slot| slot.open)
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.open
    }

    /// Forgets all spans and gives the memory back.
    pub(crate) fn clear(&mut self) -> Vec<OpenSpan> {
        (self.free, self.open) = (NONE, 0);
        let all = self
            .first
            .take()
            .into_iter()
            .chain(mem::take(&mut self.more));
        all.filter(|slot| slot.open).collect()
    }

    /// Gives the memory back when nothing is open.
    pub(crate) fn trim(&mut self) {
        if self.len() == 0 {
            drop(self.clear());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn insert(slab: &mut Slab, name: &str) -> SlotRef {
        slab.insert(
            SpanId::random(),
            Parent::local(SpanId::random()),
            SpanKind::Internal,
            Operation::Other,
            1,
            name.as_bytes(),
        )
    }

    /// A reference is good once: not after its span ended, nor after the slot was used again.
    #[test]
    fn a_reference_is_good_once() {
        let mut slab = Slab::default();
        let first = insert(&mut slab, "first");
        assert!(slab.remove(first));
        assert!(!slab.remove(first));
        let second = insert(&mut slab, "second");
        assert!(!slab.remove(first));
        let open: Vec<_> = slab.open().map(OpenSpan::name).collect();
        assert_eq!(open, ["second"]);
        assert_eq!(slab.clear().len(), 1);
        assert!(!slab.remove(second));
        let third = insert(&mut slab, "third");
        assert!(!slab.remove(second));
        assert!(slab.remove(third));
    }

    /// A name is kept whole, short or long, also in a slot that is used again.
    #[test]
    fn names_are_kept_whole() {
        let mut slab = Slab::default();
        for len in [0, SHORT, SHORT + 1, 3 * SHORT, 1] {
            let name = "n".repeat(len);
            let at = insert(&mut slab, &name);
            let open: Vec<_> = slab.open().map(OpenSpan::name).collect();
            assert_eq!(open, [name]);
            assert!(slab.remove(at));
        }
        assert_eq!((slab.more.len(), slab.len()), (0, 0));
    }

    /// Slots that are free are all used again before there are more.
    #[test]
    fn free_slots_are_used_again() {
        let mut slab = Slab::default();
        for _ in 0..3 {
            let open: Vec<_> = (0..9).map(|_| insert(&mut slab, "span")).collect();
            assert_eq!((slab.more.len(), slab.len()), (8, 9));
            assert!(open.into_iter().all(|at| slab.remove(at)));
        }
        slab.trim();
        assert_eq!((slab.more.capacity(), slab.len()), (0, 0));
    }
}
