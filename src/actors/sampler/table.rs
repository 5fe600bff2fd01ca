//! Places for undecided sessions. Pure.
//!
//! Holds: sessions, in pieces, so that none is copied when there are more; all of them go with the last session.
//! Beside a session there is nothing: what is free is in a list through the free places themselves.

use super::chain::Link;
use super::held::{Held, Keyed, Who};

/// Places in one piece: below what glibc maps by itself, 128 KiB.
const PIECE: usize = 512;

/// No place.
const NONE: u32 = u32::MAX;

#[derive(Debug)]
pub(super) struct Table {
    pieces: Vec<Vec<Place>>,
    taken: usize,
    /// The first that is free.
    free: u32,
}

#[derive(Debug)]
enum Place {
    Taken(Held),
    /// And the next that is.
    Free(u32),
}

impl Default for Table {
    fn default() -> Self {
        Self {
            pieces: Vec::new(),
            taken: 0,
            free: NONE,
        }
    }
}

impl Table {
    /// The place of a session that is added.
    pub(super) fn add(&mut self, held: Held) -> u32 {
        self.taken += 1;
        if let Some(place) = self.place(self.free)
            && let Place::Free(next) = *place
        {
            *place = Place::Taken(held);
            return std::mem::replace(&mut self.free, next);
        }
        if self.pieces.last().is_none_or(|piece| piece.len() == PIECE) {
            self.pieces.push(Vec::with_capacity(PIECE));
        }
        let last = self.pieces.len() - 1;
        let piece = &mut self.pieces[last];
        piece.push(Place::Taken(held));
        (last * PIECE + piece.len() - 1) as u32
    }

    /// Takes a session out.
    pub(super) fn take(&mut self, slot: u32) -> Option<Held> {
        let free = Place::Free(self.free);
        let place = self.place(slot)?;
        let held = match std::mem::replace(place, free) {
            Place::Taken(held) => held,
            was_free => {
                *place = was_free;
                return None;
            }
        };
        self.free = slot;
        self.taken -= 1;
        if self.taken == 0 {
            // A flood must not leave its table behind.
            self.pieces.truncate(1);
            self.pieces.iter_mut().for_each(Vec::clear);
            self.free = NONE;
        }
        Some(held)
    }

    fn place(&mut self, slot: u32) -> Option<&mut Place> {
        self.pieces
            .get_mut(slot as usize / PIECE)?
            .get_mut(slot as usize % PIECE)
    }

    pub(super) fn get(&self, slot: u32) -> Option<&Held> {
        match self
            .pieces
            .get(slot as usize / PIECE)?
            .get(slot as usize % PIECE)?
        {
            Place::Taken(held) => Some(held),
            Place::Free(_) => None,
        }
    }

    pub(super) fn get_mut(&mut self, slot: u32) -> Option<&mut Held> {
        match self.place(slot)? {
            Place::Taken(held) => Some(held),
            Place::Free(_) => None,
        }
    }

    fn listed(&mut self, slot: u32) -> &mut Held {
        self.get_mut(slot).expect("only held sessions are in lists")
    }

    pub(super) fn age(&mut self, slot: u32) -> &mut Link {
        &mut self.listed(slot).age
    }

    pub(super) fn size(&mut self, slot: u32) -> &mut Link {
        &mut self.listed(slot).size
    }

    /// A session that is found by its key.
    pub(super) fn keyed(&self, slot: u32) -> Option<&Keyed> {
        match &self.get(slot)?.who {
            Who::Keyed(it) => Some(it),
            Who::Own(_) => None,
        }
    }

    pub(super) fn keyed_mut(&mut self, slot: u32) -> Option<&mut Keyed> {
        match &mut self.get_mut(slot)?.who {
            Who::Keyed(it) => Some(it),
            Who::Own(_) => None,
        }
    }
}

/// For tests: what a session takes in the table.
#[cfg(test)]
pub(super) const SIZE_OF_PLACE: usize = size_of::<Place>();

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actors::sampler::held::tests::keyed;
    use crate::model::id::TraceId;

    fn held(key: u128) -> Held {
        let key = TraceId::from_bytes(key.to_be_bytes()).expect("not zero");
        Held::new(keyed(key), 0)
    }

    /// Places are given again, the places of others stay what they are, and what a flood took is gone with the
    /// last session.
    #[test]
    fn places_are_given_again() {
        let mut table = Table::default();
        let many = 3 * PIECE as u32;
        for slot in 0..many {
            assert_eq!(table.add(held(1 + u128::from(slot))), slot);
        }
        assert!(table.take(7).is_some());
        assert!(table.take(7).is_none(), "it is free");
        assert!(table.get(7).is_none() && table.get(many).is_none());
        assert!(table.take(1000).is_some());
        let again = [table.add(held(1)), table.add(held(2)), table.add(held(3))];
        assert_eq!(again, [1000, 7, many], "the last that was free first");
        for slot in 0..=many {
            assert!(table.take(slot).is_some());
        }
        assert_eq!(table.pieces.len(), 1);
        assert_eq!(table.add(held(1)), 0);
    }
}
