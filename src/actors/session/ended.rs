//! What sessions left behind when they ended: little chunks, gathered, on their way to the head.
//!
//! Holds: one shared buffer being filled, and full ones that the head had no room for, within the
//! byte budget. Waits: never; the sweeper waits on its behalf. Loses: under
//! [`WhenFull::DropNewest`], what comes when [`WAITING`] messages wait already.

use std::collections::VecDeque;

use super::config::WhenFull;
use super::gather::{Gather, LoneSpan};
use super::head::Declined;
use super::identity::Identity;
use super::shared::Shared;
use super::state::Sealed;
use crate::actors::road::Msg;
use crate::model::chunk::Chunk;
use crate::model::ledger::Fate;

/// Messages that may wait where a host does not: as much again as waits at the head.
const WAITING: usize = 256;

#[derive(Debug, Default)]
pub(crate) struct Ended {
    gather: Gather,
    waiting: VecDeque<Vec<Chunk>>,
}

impl Ended {
    /// Takes in what a session left.
    pub(super) fn add(&mut self, shared: &Shared, session: &Identity, sealed: Sealed) {
        let full = self.gather.add(shared, session, sealed);
        self.pass_on(shared, full);
    }

    /// Takes in the only span that a session left; whether there was room for it.
    pub(super) fn add_span(
        &mut self,
        shared: &Shared,
        session: &Identity,
        span: &LoneSpan<'_>,
    ) -> bool {
        let (full, taken) = self.gather.add_span(shared, session, span);
        self.pass_on(shared, full);
        taken
    }

    fn pass_on(&mut self, shared: &Shared, full: Vec<Chunk>) {
        if full.is_empty() {
            return;
        }
        self.offer(shared);
        if shared.when_full == WhenFull::DropNewest && self.waiting.len() >= WAITING {
            settle(full, Fate::QueueFull);
            return;
        }
        self.waiting.push_back(full);
        self.offer(shared);
    }

    /// Hands on what waits, as far as the head has room.
    pub(super) fn offer(&mut self, shared: &Shared) {
        while let Some(chunks) = self.waiting.pop_front() {
            match shared.head.offer(Msg::Chunks(chunks)) {
                Err(Declined::Full(Msg::Chunks(chunks))) => {
                    self.waiting.push_front(chunks);
                    return;
                }
                Err(Declined::Closed(Msg::Chunks(chunks))) => settle(chunks, Fate::AfterShutdown),
                _ => {}
            }
        }
    }

    /// Takes all of it, in messages.
    pub(crate) fn take(&mut self, shared: &Shared) -> VecDeque<Vec<Chunk>> {
        let mut all = std::mem::take(&mut self.waiting);
        all.push_back(self.gather.finish(shared));
        all
    }
}

fn settle(chunks: Vec<Chunk>, fate: Fate) {
    for chunk in chunks {
        chunk.tally.settle(fate);
    }
}
