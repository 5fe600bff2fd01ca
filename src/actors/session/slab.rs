//! The open spans of a session: what is known of them if they never end.

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
    pub(crate) parent: Parent,
    pub(crate) start_ns: u64,
    generation: u32,
    /// The next free slot, where this is one.
    next_free: u32,
    pub(crate) kind: SpanKind,
    pub(crate) operation: Operation,
    open: bool,
    /// How long its name is, where it is short.
    short_len: u8,
    short: [u8; SHORT],
    /// Its name, where it is not short. A free slot keeps the room of it.
    long: Vec<u8>,
}

#[derive(Debug)]
pub(crate) struct Slab {
    slots: Vec<OpenSpan>,
    /// The first free slot.
    free: u32,
    /// How many are open. Not of the type of `generation`: the compiler would raise both in one move, which
    /// waits for the last end of a span, a move of one of them, to reach the cache.
    open: usize,
    /// Survives `clear`, so that references from before it stay stale.
    generation: u32,
}

impl Default for Slab {
    fn default() -> Self {
        Self {
            slots: Vec::new(),
            free: NONE,
            open: 0,
            generation: 0,
        }
    }
}

impl OpenSpan {
    pub(crate) fn name(&self) -> &str {
        let name = match self.long.is_empty() {
            true => &self.short[..usize::from(self.short_len)],
            false => &*self.long,
        };
        std::str::from_utf8(name).expect("names are made of texts cut at character boundaries")
    }

    #[inline]
    fn set_name(&mut self, name: &[u8]) {
        self.long.clear();
        match self.short.get_mut(..name.len()) {
            Some(short) => {
                copy(short, name);
                self.short_len = name.len() as u8;
            }
            None => self.long.extend_from_slice(name),
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
            self.add_slot(id, parent);
        }
        let index = self.free;
        let slot = &mut self.slots[index as usize];
        self.free = slot.next_free;
        (slot.id, slot.parent, slot.start_ns) = (id, parent, start_ns);
        (slot.generation, slot.kind, slot.operation, slot.open) =
            (generation, kind, operation, true);
        slot.set_name(name);
        SlotRef { index, generation }
    }

    /// Adds a free slot, for a span of this id and parent.
    #[cold]
    #[inline(never)]
    fn add_slot(&mut self, id: SpanId, parent: Parent) {
        let index = u32::try_from(self.slots.len()).expect("fewer open spans than 2^32");
        if self.slots.len() < 4 {
            self.slots.reserve_exact(1);
        }
        self.slots.push(OpenSpan {
            id,
            parent,
            start_ns: 0,
            generation: 0,
            next_free: self.free,
            kind: SpanKind::Internal,
            operation: Operation::Other,
            open: false,
            short_len: 0,
            short: [0; SHORT],
            long: Vec::new(),
        });
        self.free = index;
    }

    /// Whether the span was still open.
    #[inline]
    pub(crate) fn remove(&mut self, at: SlotRef) -> bool {
        let Some(slot) = self.slots.get_mut(at.index as usize) else {
            return false;
        };
        if !slot.open || slot.generation != at.generation {
            return false;
        }
        slot.open = false;
        slot.next_free = self.free;
        self.free = at.index;
        self.open -= 1;
        true
    }

    pub(crate) fn open(&self) -> impl Iterator<Item = &OpenSpan> {
        self.slots.iter().filter(|slot| slot.open)
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.open
    }

    /// Forgets all spans and gives the memory back.
    pub(crate) fn clear(&mut self) -> Vec<OpenSpan> {
        let mut slots = std::mem::take(&mut self.slots);
        (self.free, self.open) = (NONE, 0);
        slots.retain(|slot| slot.open);
        slots
    }

    /// Gives the memory back when nothing is open.
    pub(crate) fn trim(&mut self) {
        if self.len() == 0 {
            self.clear();
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
        assert_eq!((slab.slots.len(), slab.len()), (1, 0));
    }

    /// Slots that are free are all used again before there are more.
    #[test]
    fn free_slots_are_used_again() {
        let mut slab = Slab::default();
        for _ in 0..3 {
            let open: Vec<_> = (0..9).map(|_| insert(&mut slab, "span")).collect();
            assert_eq!((slab.slots.len(), slab.len()), (9, 9));
            assert!(open.into_iter().all(|at| slab.remove(at)));
        }
        slab.trim();
        assert_eq!((slab.slots.capacity(), slab.len()), (0, 0));
    }
}
