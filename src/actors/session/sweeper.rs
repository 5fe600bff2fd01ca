//! The sweeper: the timers of all sessions. It seals lingering chunks, ends idle sessions, rolls
//! over old ones and gives memory back.
//!
//! Holds: nothing between ticks. Waits: for room at the head. Loses: nothing.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::cell::Cell;
use super::segment::{self, Cause};
use super::shared::Shared;
use super::state::Sealed;
use crate::actors::mailbox::Stopped;
use crate::actors::pool::CHUNK_BYTES;
use crate::actors::road::Msg as Road;
use crate::actors::run::Actor;
use crate::model::chunk::Chunk;
use crate::model::ledger::Fate;
use crate::model::request::Signal;

/// How often all sessions are looked at, at the most.
const ROUND: Duration = Duration::from_secs(1);

/// Small chunks of quiet sessions are copied into one buffer of this size, so that they cost one
/// allocation together and their own buffers can go to others at once.
const GATHERED_BYTES: usize = CHUNK_BYTES;

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
        Self { shared, next_tick: now, next_round: now + ROUND }
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
        while let Some(cell) = self.shared.linger.pop_due(now_ns) {
            if let Some(full) = gather.take_from(&cell) {
                send(&self.shared, full).await;
            }
        }
        send(&self.shared, gather.finish()).await;
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

/// Gathers the open chunks of quiet sessions into shared buffers.
#[derive(Default)]
pub(crate) struct Gather {
    held: Vec<(Arc<Cell>, Sealed)>,
    bytes: usize,
}

impl Gather {
    /// Takes what a session has open; chunks to be sent when enough has come together.
    pub(crate) fn take_from(&mut self, cell: &Arc<Cell>) -> Option<Vec<Chunk>> {
        let mut state = cell.lock();
        state.lingering = false;
        if !cell.unpark(&mut state) {
            // Its earlier chunks come first: it is sealed behind them, in its turn.
            cell.seal(&mut state);
            return None;
        }
        let sealed = Signal::ALL.map(|signal| state.seal(signal));
        drop(state);
        let mut full = None;
        for sealed in sealed.into_iter().flatten() {
            let len = sealed.buffer.len();
            if self.bytes + len > GATHERED_BYTES {
                full = Some(self.finish()).filter(|chunks| !chunks.is_empty());
            }
            self.bytes += len;
            self.held.push((Arc::clone(cell), sealed));
        }
        full
    }

    /// The chunks that were gathered.
    pub(crate) fn finish(&mut self) -> Vec<Chunk> {
        let bytes = std::mem::take(&mut self.bytes);
        let held = std::mem::take(&mut self.held);
        let [(first, _), _, ..] = held.as_slice() else { return each_alone(held) };
        let Some(mut together) = first.shared.pool.take(bytes) else { return each_alone(held) };
        for (_, sealed) in &held {
            together.as_mut_vec().extend_from_slice(sealed.buffer.as_slice());
        }
        let mut rest = together.freeze();
        let chunk = |(cell, sealed): (Arc<Cell>, Sealed)| {
            let bytes = rest.split_to(sealed.buffer.len());
            cell.book(sealed).with_bytes(bytes)
        };
        held.into_iter().map(chunk).collect()
    }
}

fn each_alone(held: Vec<(Arc<Cell>, Sealed)>) -> Vec<Chunk> {
    held.into_iter().map(|(cell, sealed)| cell.book(sealed)).collect()
}
