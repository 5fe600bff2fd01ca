//! The window: sessions that are not decided yet, with what they hold. Pure.
//!
//! Holds: for each session its spans and log records in wire form, at most 200 bytes beside them and 64
//! for each chunk, as the allocator is asked for them. A session of this process has 128 in the table and 72 in
//! its case; one that is found by its key 128, 56 and at most 8. Who is too much is told ([`Window::over`]), and
//! decided by others.

use std::sync::Arc;

use super::chain::Chain;
use super::held::{Held, HeldBytes, HeldChunk, Who, is_full, weight_of};
use super::keys::Keys;
use super::recent::Recent;
use super::table::Table;
use crate::actors::pool::Pool;
use crate::model::chunk::{Chunk, SessionKey};
use crate::model::sampling::case::Case;
use crate::model::sampling::plan::{Decision, Plan};

/// Lists of sessions by size: each is for sizes up to twice those of the one before; the last for all
/// from 1 GiB.
const SIZES: usize = 32;

/// How much may be held.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) sessions: u64,
    pub(super) items: u64,
    pub(super) bytes: u64,
}

/// How much is held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Load {
    pub(super) sessions: u64,
    pub(super) items: u64,
    pub(super) bytes: u64,
}

#[derive(Debug)]
pub(super) struct Window {
    /// Counts what is held.
    pool: Arc<Pool>,
    table: Table,
    /// Finds those that are found by their key alone.
    keys: Keys,
    recent: Recent,
    /// The oldest first.
    ages: Chain,
    sizes: [Chain; SIZES],
    load: Load,
}

/// Where a session stands.
#[derive(Debug)]
pub(super) enum Place {
    /// By these policies.
    Decided(Decision, Arc<Plan>),
    Held(u32),
    /// It was not seen before, or was forgotten.
    New,
}

impl Window {
    pub(super) fn new(pool: Arc<Pool>) -> Self {
        Self {
            pool,
            table: Table::default(),
            keys: Keys::default(),
            recent: Recent::default(),
            ages: Chain::default(),
            sizes: Default::default(),
            load: Load::default(),
        }
    }

    /// Where the session of this case stands.
    pub(super) fn find(&self, case: &Case) -> Place {
        match (case.decision(), case.slot()) {
            (Some(decision), _) => Place::Decided(decision, Arc::clone(&case.plan)),
            (None, Some(slot)) => Place::Held(slot),
            (None, None) => Place::New,
        }
    }

    /// Where the session of this key stands.
    pub(super) fn find_key(&mut self, key: SessionKey) -> Place {
        if let Some(slot) = self.keys.find(&self.table, key) {
            return Place::Held(slot);
        }
        match self.recent.get(key) {
            Some((decision, plan)) => Place::Decided(decision, plan),
            None => Place::New,
        }
    }

    /// Makes room for a session.
    pub(super) fn open(&mut self, who: Who, now_ns: u64) -> u32 {
        let slot = self.table.add(Held::new(who, now_ns));
        match self.table.get(slot).map(|held| &held.who) {
            Some(Who::Own(case)) => case.hold_at(Some(slot)),
            _ => self.keys.add(&mut self.table, slot),
        }
        self.ages.push(&mut self.table, slot, Table::age);
        self.sizes[0].push(&mut self.table, slot, Table::size);
        self.load.sessions += 1;
        slot
    }

    /// Holds a chunk of a session, in memory apart from all else, unless it fills its buffer nearly; as it came,
    /// where it may be decided at once (`later`).
    pub(super) fn hold(&mut self, slot: u32, mut chunk: Chunk, is_own: bool, later: bool) {
        let Some(held) = self.table.get_mut(slot) else {
            return;
        };
        // Most receipts were dropped when their request was taken in, and would be held as long as their items.
        chunk.tally.forget_receipts();
        let (weight, items) = (weight_of(&chunk, is_own) as u64, chunk.items());
        let apart = !later && !is_full(&chunk.bytes, is_own);
        let before = size_of(held.bytes);
        held.bytes += weight;
        let after = size_of(held.bytes);
        held.push(HeldChunk {
            bytes: match apart {
                true => HeldBytes::apart(chunk.signal, chunk.bytes, &self.pool),
                false => HeldBytes::shared(chunk.signal, chunk.bytes),
            },
            origin: chunk.origin,
            tally: chunk.tally,
        });
        self.load.bytes += weight;
        self.load.items += items;
        if before != after {
            self.sizes[before].remove(&mut self.table, slot, Table::size);
            self.sizes[after].push(&mut self.table, slot, Table::size);
        }
    }

    /// Sets apart what was held as it came and does not fill its buffer nearly.
    pub(super) fn set_apart(&mut self, slot: u32, is_own: bool) {
        let Some(held) = self.table.get_mut(slot) else {
            return;
        };
        for chunk in held.chunks.iter_mut().rev() {
            let HeldBytes::Shared(signal, bytes) = &mut chunk.bytes else {
                break;
            };
            if !is_full(bytes, is_own) {
                let bytes = std::mem::take(&mut **bytes);
                chunk.bytes = HeldBytes::apart(*signal, bytes, &self.pool);
            }
        }
    }

    pub(super) fn get(&self, slot: u32) -> Option<&Held> {
        self.table.get(slot)
    }

    pub(super) fn get_mut(&mut self, slot: u32) -> Option<&mut Held> {
        self.table.get_mut(slot)
    }

    /// A session whose chunks are to be shared, and what counts their copies.
    pub(super) fn lend(&mut self, slot: u32) -> Option<(&mut Held, &Arc<Pool>)> {
        Some((self.table.get_mut(slot)?, &self.pool))
    }

    /// Acts on a decision: the session is held no more, and what it held comes out, in its order.
    pub(super) fn decide(&mut self, slot: u32, decision: Decision) -> Vec<Chunk> {
        let Some(held) = self.table.get(slot) else {
            return Vec::new();
        };
        match &held.who {
            Who::Own(case) => case.decide(decision),
            Who::Keyed(it) => self.recent.remember(it.key, decision, Arc::clone(&it.plan)),
        }
        self.give_up(slot)
    }

    /// A session is held no more, and nothing was decided of it: what it held comes out, in its order.
    pub(super) fn give_up(&mut self, slot: u32) -> Vec<Chunk> {
        let Some(held) = self.table.get(slot) else {
            return Vec::new();
        };
        let size = size_of(held.bytes);
        self.ages.remove(&mut self.table, slot, Table::age);
        self.sizes[size].remove(&mut self.table, slot, Table::size);
        self.keys.remove(&mut self.table, slot);
        let Some(held) = self.table.take(slot) else {
            return Vec::new();
        };
        if let Who::Own(case) = &held.who {
            case.hold_at(None);
        }
        self.load.sessions -= 1;
        self.load.bytes -= held.bytes;
        let key = held.key();
        let of_held = |it: HeldChunk| it.into_chunk(key, &self.pool);
        let chunks: Vec<_> = held.chunks.into_iter().map(of_held).collect();
        self.load.items -= chunks.iter().map(Chunk::items).sum::<u64>();
        chunks
    }

    /// Remembers what was decided elsewhere.
    pub(super) fn remember(&mut self, key: SessionKey, decision: Decision, plan: Arc<Plan>) {
        self.recent.remember(key, decision, plan);
    }

    /// The places of all sessions, the oldest first.
    pub(super) fn slots(&self) -> Vec<u32> {
        let mut slots = Vec::new();
        let mut next = self.ages.first();
        while let Some(slot) = next {
            slots.push(slot);
            next = self.table.get(slot).and_then(|held| Chain::after(held.age));
        }
        slots
    }

    /// The session to be decided early, while more is held than may be: the oldest, where sessions are
    /// too many; one that holds its share at least (but for a sixteenth), where bytes or items are.
    pub(super) fn over(&self, bounds: &Bounds) -> Option<u32> {
        let load = &self.load;
        if load.sessions > bounds.sessions {
            return self.ages.first();
        }
        if load.bytes <= bounds.bytes && load.items <= bounds.items {
            return None;
        }
        let share = load.bytes / load.sessions.max(1);
        let share = share - share / 16;
        let largest = self.sizes.iter().rev().find_map(Chain::first)?;
        // Among those of the largest size there is one: the largest of all is no smaller than its share.
        let mut next = Some(largest);
        while let Some(slot) = next {
            let held = self.table.get(slot)?;
            if held.bytes >= share {
                return Some(slot);
            }
            next = Chain::after(held.size);
        }
        Some(largest)
    }

    /// The oldest session, and since when it is held.
    pub(super) fn oldest(&self) -> Option<(u32, u64)> {
        let slot = self.ages.first()?;
        Some((slot, self.table.get(slot)?.since_ns))
    }

    pub(super) fn load(&self) -> Load {
        self.load
    }
}

/// What is held when the pipeline is cut off is counted no more.
impl Drop for Window {
    fn drop(&mut self) {
        for slot in self.slots() {
            drop(self.give_up(slot));
        }
    }
}

/// The list for a size in bytes.
fn size_of(bytes: u64) -> usize {
    let class = u64::BITS - bytes.leading_zeros();
    (class as usize).min(SIZES - 1)
}
