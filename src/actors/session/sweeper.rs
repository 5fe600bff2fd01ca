//! The sweeper: the timers of all sessions. It seals lingering chunks, ends idle sessions, rolls
//! over old ones and gives memory back.
//!
//! Holds: nothing between ticks. Waits: for room at the head. Loses: nothing.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::cell::Cell;
use super::gather::Gather;
use super::segment::{self, Cause};
use super::shared::Shared;
use crate::actors::mailbox::Stopped;
use crate::actors::road::Msg as Road;
use crate::actors::run::Actor;
use crate::model::chunk::Chunk;
use crate::model::ledger::Fate;

/// How often all sessions are looked at, at the most.
const ROUND: Duration = Duration::from_secs(1);

/// It is sent nothing: its inbox closes when the pipeline does.
#[derive(Debug)]
pub(crate) enum Msg {}

pub(crate) struct Sweeper {
    shared: Arc<Shared>,
    next_tick: Instant,
    next_round: Instant,
}

impl Sweeper {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        let now = Instant::now();
        Self {
            shared,
            next_tick: now,
            next_round: now + ROUND,
        }
    }

    fn tick_interval(&self) -> Duration {
        (self.shared.config.linger / 5).clamp(Duration::from_millis(5), Duration::from_millis(100))
    }
}

impl Actor for Sweeper {
    const NAME: &'static str = "sweeper";
    type Msg = Msg;

    async fn handle(&mut self, msg: Msg) -> Result<(), Stopped> {
        match msg {}
    }

    fn due(&self) -> Option<Instant> {
        Some(self.next_tick)
    }

    async fn tick(&mut self) -> Result<(), Stopped> {
        if self.shared.is_closed() {
            // The shutdown has taken over.
            self.next_tick = Instant::now() + ROUND;
            return Ok(());
        }
        let now_ns = self.shared.now_ns();
        let mut gather = Gather::default();
        while let Some(session) = self.shared.linger.pop_due(now_ns) {
            // A session that has ended meanwhile has handed on what it had.
            if let Some(cell) = self.shared.registry.get(session) {
                take_from(&self.shared, &cell, &mut gather).await;
            }
        }
        for cell in self.shared.registry.all_retired() {
            take_from(&self.shared, &cell, &mut gather).await;
        }
        send_rest(&self.shared, &mut gather).await;
        let now = Instant::now();
        if now >= self.next_round {
            self.round();
            self.next_round = now + ROUND;
        }
        self.next_tick = now + self.tick_interval();
        Ok(())
    }
}

impl Sweeper {
    /// Looks at every session.
    fn round(&self) {
        let shared = &self.shared;
        let idle_ns = nanos(shared.config.idle_timeout);
        let age_ns = nanos(shared.config.max_age);
        for cell in shared.registry.open() {
            cell.book_unsampled();
            let now_ns = cell.now_ns();
            let mut state = cell.lock();
            let idle_for = now_ns.saturating_sub(state.last_ns.max(cell.anchor.unix_ns()));
            if idle_for >= 2 * nanos(ROUND) {
                state.slab.trim();
            }
            drop(state);
            if idle_for >= idle_ns {
                segment::end(&cell, Cause::Forced, None);
            } else if now_ns.saturating_sub(cell.anchor.unix_ns()) >= age_ns {
                segment::roll_over(&cell);
            }
        }
        shared.registry.prune_retired(|cell| {
            let mut state = cell.lock();
            let keep = !cell.unpark(&mut state) || state.slab.len() > 0;
            state.retired = keep;
            keep
        });
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Hands chunks to the pipeline, waiting for room.
pub(crate) async fn send(shared: &Shared, chunks: Vec<Chunk>) {
    if chunks.is_empty() {
        return;
    }
    if let Err(Road::Chunks(chunks)) = shared.head.send(Road::Chunks(chunks)).await {
        for chunk in chunks {
            chunk.tally.settle(Fate::AfterShutdown);
        }
    }
}

/// Takes what a session has open into `gather`, and sends what is full.
pub(crate) async fn take_from(shared: &Shared, cell: &Arc<Cell>, gather: &mut Gather) {
    let taken = cell.take_open();
    for sealed in taken.into_iter().flatten() {
        send(shared, gather.add(shared, cell.identity.key, sealed)).await;
    }
}

/// Sends what was gathered, and what sessions left behind when they ended.
pub(crate) async fn send_rest(shared: &Shared, gather: &mut Gather) {
    send(shared, gather.finish(shared)).await;
    let left = shared.ended().take(shared);
    for chunks in left {
        send(shared, chunks).await;
    }
}
