//! The open spans of a session: what is known of them if they never end.

use crate::model::genai::Operation;
use crate::model::id::SpanId;
use crate::model::kind::SpanKind;

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

/// One open span, or a free slot that keeps the room of its name.
#[derive(Debug)]
pub(crate) struct OpenSpan {
    pub(crate) id: SpanId,
    pub(crate) parent: Parent,
    pub(crate) start_ns: u64,
    /// UTF-8.
    pub(crate) name: Vec<u8>,
    generation: u32,
    pub(crate) kind: SpanKind,
    pub(crate) operation: Operation,
    open: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Slab {
    slots: Vec<OpenSpan>,
    free: Vec<u32>,
    /// Survives `clear`, so that references from before it stay stale.
    generation: u32,
}

impl OpenSpan {
    pub(crate) fn name(&self) -> &str {
        std::str::from_utf8(&self.name)
            .expect("names are made of texts cut at character boundaries")
    }
}

impl Slab {
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
        let generation = self.generation;
        if let Some(index) = self.free.pop() {
            let slot = &mut self.slots[index as usize];
            (slot.id, slot.parent, slot.start_ns) = (id, parent, start_ns);
            (slot.generation, slot.kind, slot.operation, slot.open) =
                (generation, kind, operation, true);
            slot.name.clear();
            slot.name.extend_from_slice(name);
            return SlotRef { index, generation };
        }
        let index = u32::try_from(self.slots.len()).expect("fewer open spans than 2^32");
        if self.slots.len() < 4 {
            self.slots.reserve_exact(1);
        }
        let name = name.to_owned();
        self.slots.push(OpenSpan {
            id,
            parent,
            start_ns,
            name,
            generation,
            kind,
            operation,
            open: true,
        });
        SlotRef { index, generation }
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
        self.free.push(at.index);
        true
    }

    pub(crate) fn open(&self) -> impl Iterator<Item = &OpenSpan> {
        self.slots.iter().filter(|slot| slot.open)
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Forgets all spans and gives the memory back.
    pub(crate) fn clear(&mut self) -> Vec<OpenSpan> {
        self.free = Vec::new();
        let mut slots = std::mem::take(&mut self.slots);
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
        let open: Vec<_> = slab.open().map(|span| span.name.as_slice()).collect();
        assert_eq!(open, [b"second"]);
        assert_eq!(slab.clear().len(), 1);
        assert!(!slab.remove(second));
        let third = insert(&mut slab, "third");
        assert!(!slab.remove(second));
        assert!(slab.remove(third));
    }
}
