//! The window: sessions that are not decided yet, with what they hold. Pure.
//!
//! Holds: for each session its spans and log records in wire form, at most 200 bytes beside them and 64
//! for each chunk. Who is too much is told ([`Window::over`]), and decided by others.

use std::collections::HashMap;
use std::sync::Arc;

use super::chain::{Chain, Link};
use super::held::{Ahead, Held, HeldBytes, HeldChunk};
use super::recent::Recent;
use crate::actors::pool::Pool;
use crate::model::chunk::{Chunk, SessionKey};
use crate::model::sampling::case::Case;
use crate::model::sampling::plan::{Decision, Plan};

/// Sessions in one piece of the table: it grows by pieces, so that none is copied.
const PIECE: usize = 1024;

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
    ahead: Ahead,
    table: Table,
    free: Vec<u32>,
    /// Sessions that are found by their key alone.
    by_key: HashMap<SessionKey, u32>,
    recent: Recent,
    /// The oldest first.
    ages: Chain,
    sizes: [Chain; SIZES],
    load: Load,
}

/// Places for sessions.
#[derive(Debug, Default)]
struct Table(Vec<Vec<Option<Held>>>);

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
            ahead: Ahead::default(),
            table: Table::default(),
            free: Vec::new(),
            by_key: HashMap::new(),
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
        if let Some(slot) = self.by_key.get(&key) {
            return Place::Held(*slot);
        }
        match self.recent.get(key) {
            Some((decision, plan)) => Place::Decided(decision, plan),
            None => Place::New,
        }
    }

    /// Makes room for a session, which may have to be found by its key.
    pub(super) fn open(
        &mut self,
        case: Arc<Case>,
        key: SessionKey,
        by_key: bool,
        now_ns: u64,
    ) -> u32 {
        let slot = self.free.pop().unwrap_or_else(|| self.table.grow());
        case.hold_at(Some(slot));
        if by_key {
            self.by_key.insert(key, slot);
        }
        self.table.put(slot, Held::new(case, key, by_key, now_ns));
        self.ages.push(&mut self.table, slot, Table::age);
        self.sizes[0].push(&mut self.table, slot, Table::size);
        self.load.sessions += 1;
        slot
    }

    /// Holds a chunk of a session, in memory `apart` from all else or as it came.
    pub(super) fn hold(&mut self, slot: u32, chunk: Chunk, apart: bool) {
        let Some(held) = self.table.get_mut(slot) else {
            return;
        };
        let (weight, items) = (chunk.weight() as u64, chunk.items());
        let before = size_of(held.bytes);
        held.bytes += weight;
        let after = size_of(held.bytes);
        held.push(HeldChunk {
            bytes: match apart {
                true => HeldBytes::apart(chunk.signal, chunk.bytes, &self.pool, &mut self.ahead),
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

    /// Sets apart what was held as it came and is not `large`.
    pub(super) fn set_apart(&mut self, slot: u32, large: usize) {
        let Some(held) = self.table.get_mut(slot) else {
            return;
        };
        for chunk in held.chunks.iter_mut().rev() {
            let HeldBytes::Shared(signal, bytes) = &mut chunk.bytes else {
                break;
            };
            if bytes.len() < large {
                let bytes = std::mem::take(&mut **bytes);
                chunk.bytes = HeldBytes::apart(*signal, bytes, &self.pool, &mut self.ahead);
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
        held.case.decide(decision);
        if held.by_key {
            let plan = Arc::clone(&held.case.plan);
            self.recent.remember(held.key, decision, plan);
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
        let Some(held) = self.table.take(slot) else {
            return Vec::new();
        };
        self.free.push(slot);
        held.case.hold_at(None);
        if held.by_key {
            self.by_key.remove(&held.key);
        }
        self.load.sessions -= 1;
        self.load.bytes -= held.bytes;
        if self.by_key.is_empty() {
            // A flood must not leave its table behind.
            self.by_key.shrink_to(PIECE);
        }
        let of_held = |it: HeldChunk| it.into_chunk(held.key, &self.pool);
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

impl Table {
    fn grow(&mut self) -> u32 {
        if self.0.last().is_none_or(|piece| piece.len() == PIECE) {
            self.0.push(Vec::with_capacity(PIECE));
        }
        let piece = self.0.len() - 1;
        self.0[piece].push(None);
        (piece * PIECE + self.0[piece].len() - 1) as u32
    }

    fn put(&mut self, slot: u32, held: Held) {
        self.0[slot as usize / PIECE][slot as usize % PIECE] = Some(held);
    }

    fn get(&self, slot: u32) -> Option<&Held> {
        self.0[slot as usize / PIECE][slot as usize % PIECE].as_ref()
    }

    fn get_mut(&mut self, slot: u32) -> Option<&mut Held> {
        self.0[slot as usize / PIECE][slot as usize % PIECE].as_mut()
    }

    fn take(&mut self, slot: u32) -> Option<Held> {
        self.0[slot as usize / PIECE][slot as usize % PIECE].take()
    }

    fn age(&mut self, slot: u32) -> &mut Link {
        &mut self
            .get_mut(slot)
            .expect("only held sessions are in lists")
            .age
    }

    fn size(&mut self, slot: u32) -> &mut Link {
        &mut self
            .get_mut(slot)
            .expect("only held sessions are in lists")
            .size
    }
}

/// For tests: what a session and a chunk take in the table.
#[cfg(test)]
pub(super) const SIZE_OF_HELD: usize = std::mem::size_of::<Option<Held>>();
#[cfg(test)]
pub(super) const SIZE_OF_CHUNK: usize = std::mem::size_of::<HeldChunk>();
