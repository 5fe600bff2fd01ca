//! The sweeper: the timers of all sessions. It seals lingering chunks, ends idle sessions, rolls
//! over old ones and gives memory back. It seals all of them for a flush, and ends all of them when
//! the pipeline shuts down: whatever waits for room on behalf of sessions does so here, in order, so
//! that neither a flush nor the shutdown can overtake what another is about to send.
//!
//! Holds: what it is about to send. Waits: for room at the head. Loses: nothing; what the deadline of a
//! shutdown cuts off is booked.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::Instant;

use super::cell::Cell;
use super::delegation::table::Due;
use super::gather::Gather;
use super::roll_over::roll_over;
use super::segment::{self, Cause};
use super::shared::Shared;
use super::will::Wills;
use crate::actors::baton::Baton;
use crate::actors::mailbox::Stopped;
use crate::actors::road::Msg as Road;
use crate::actors::run::Actor;
use crate::model::ledger::Fate;

/// How often all sessions are looked at, at the most.
const ROUND: Duration = Duration::from_secs(1);
/// How many times as long as it took the next look waits, so that very many sessions do not take more than a
/// hundredth of a core.
const REST: u32 = 100;
/// How long it waits at the most, however slow the machine.
const LONGEST_ROUND: Duration = Duration::from_secs(30);
/// How long the end of the sessions waits for a budget that is used up while none of it is given
/// back.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often it looks whether some was.
const LOOK: Duration = Duration::from_millis(20);

/// A message of the sweeper. Its inbox closes when the shutdown begins.
#[derive(Debug)]
pub(crate) enum Msg {
    /// Everything that has ended so far is to be settled.
    Flush(Baton),
}

pub(crate) struct Sweeper {
    shared: Arc<Shared>,
    next_tick: Instant,
    next_round: Instant,
    /// Where there is a spool: which sessions are open is noted there.
    wills: Option<Wills>,
}

impl Sweeper {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        let now = Instant::now();
        Self {
            shared,
            next_tick: now,
            next_round: now + ROUND,
            wills: None,
        }
    }

    /// The same with a place where open sessions are noted.
    pub(crate) fn with_wills(mut self, wills: Option<Wills>) -> Self {
        self.wills = wills;
        self
    }

    fn tick_interval(&self) -> Duration {
        (self.shared.config.linger / 5).clamp(Duration::from_millis(5), Duration::from_millis(100))
    }
}

impl Actor for Sweeper {
    const NAME: &'static str = "sweeper";
    type Msg = Msg;

    async fn handle(&mut self, msg: Msg) -> Result<(), Stopped> {
        let Msg::Flush(baton) = msg;
        let shared = &self.shared;
        let cells = shared.registry.all();
        self.send_open(&cells).await;
        // Closed means that all that is left is booked: then the baton's round is over, too.
        let _closed = shared.head.send(Road::Flush(baton)).await;
        Ok(())
    }

    fn due(&self) -> Option<Instant> {
        Some(self.next_tick)
    }

    async fn tick(&mut self) -> Result<(), Stopped> {
        if self.shared.is_closed() {
            // The shutdown is about to take over.
            self.next_tick = Instant::now() + ROUND;
            return Ok(());
        }
        let now_ns = self.shared.now_ns();
        let mut gather = Gather::default();
        // What a session has put among that of others came before what it has open now.
        send(
            &self.shared,
            self.shared.bundles.take(&self.shared, &mut gather),
        )
        .await;
        loop {
            let due = self.shared.linger.take_due(now_ns);
            if due.is_empty() {
                break;
            }
            for session in due {
                // A session that has ended meanwhile has handed on what it had.
                if let Some(cell) = self.shared.registry.get(session) {
                    take_from(&self.shared, &cell, &mut gather).await;
                }
            }
        }
        for cell in self.shared.registry.all_retired() {
            take_from(&self.shared, &cell, &mut gather).await;
        }
        send(&self.shared, gather.finish(&self.shared)).await;
        self.shared.bundles.end_round();
        self.see_to_delegations(now_ns).await;
        let now = Instant::now();
        if now >= self.next_round {
            self.round();
            let rest = now.elapsed() * REST;
            self.next_round = now + rest.clamp(ROUND, LONGEST_ROUND);
        }
        self.next_tick = now + self.tick_interval();
        Ok(())
    }

    /// Ends all sessions, waiting for room, and closes the head.
    async fn finish(&mut self) -> Result<(), Stopped> {
        let shared = &self.shared;
        shared.linger.close();
        shared.delegations.close();
        let cells = shared.registry.take_all();
        // First what has ended: only what is sent gives memory back.
        self.send_open(&cells).await;
        let mut gather = Gather::default();
        let mut patient = true;
        while let Some(flight) = shared.delegations.take_any() {
            patient = patient && self.wait_for_budget().await;
            let incomplete = flight.interrupt();
            shared.incomplete.fetch_add(incomplete, Ordering::Relaxed);
            flight.cell.wait_unparked().await;
            take_from(shared, &flight.cell, &mut gather).await;
        }
        for cell in cells {
            patient = patient && self.wait_for_budget().await;
            let incomplete = segment::end_for_shutdown(&cell);
            shared.incomplete.fetch_add(incomplete, Ordering::Relaxed);
            cell.wait_unparked().await;
            take_from(shared, &cell, &mut gather).await;
        }
        send_rest(shared, &mut gather).await;
        shared.head.close();
        if let Some(wills) = &mut self.wills {
            // All have ended.
            let changes = wills.begin();
            wills.finish(changes);
        }
        Ok(())
    }
}

impl Sweeper {
    /// Sends what these sessions hold that has ended, and what others left behind.
    async fn send_open(&self, cells: &[Arc<Cell>]) {
        let mut gather = Gather::default();
        send(
            &self.shared,
            self.shared.bundles.take(&self.shared, &mut gather),
        )
        .await;
        for cell in cells {
            cell.wait_unparked().await;
            take_from(&self.shared, cell, &mut gather).await;
        }
        // What those had open that ended meanwhile is bundled now.
        send_rest(&self.shared, &mut gather).await;
        for cell in cells {
            // What a busy session had to park meanwhile had ended before, too.
            cell.wait_unparked().await;
        }
    }

    /// Waits until there is room for what is written when a session ends; `false` when none is
    /// made.
    async fn wait_for_budget(&self) -> bool {
        let pool = &self.shared.pool;
        let (mut in_use, mut changed) = (pool.in_use(), Instant::now());
        while !pool.has_room() {
            if changed.elapsed() >= PATIENCE {
                return false;
            }
            tokio::time::sleep(LOOK).await;
            if pool.in_use() != in_use {
                (in_use, changed) = (pool.in_use(), Instant::now());
            }
        }
        true
    }

    /// Has delegations in flight say so, and ends those whose deadline has passed.
    async fn see_to_delegations(&self, now_ns: u64) {
        let shared = &self.shared;
        loop {
            let due = shared.delegations.take_due(now_ns, &shared.config);
            if due.is_empty() {
                return;
            }
            due.iter().for_each(Due::see_to);
            // Many can be due at once: the other actors run in between.
            tokio::task::yield_now().await;
        }
    }

    /// Looks at every session.
    fn round(&mut self) {
        let shared = &self.shared;
        let mut changes = self.wills.as_mut().map(Wills::begin);
        let idle_ns = nanos(shared.config.idle_timeout);
        let age_ns = nanos(shared.config.max_age);
        for cell in shared.registry.open() {
            cell.book_unsampled();
            let now_ns = cell.now_ns();
            let mut state = cell.lock();
            let idle_for = state.idle_for(now_ns, cell.unsampled.ended());
            if idle_for >= 2 * nanos(ROUND) {
                state.slab.trim();
            }
            drop(state);
            if idle_for >= idle_ns {
                segment::end(&cell, Cause::Forced, None, &[]);
            } else if now_ns.saturating_sub(cell.anchor.unix_ns()) >= age_ns {
                roll_over(&cell);
            } else if let (Some(wills), Some(changes)) = (&mut self.wills, &mut changes) {
                wills.see(&cell, changes);
            }
        }
        if let (Some(wills), Some(changes)) = (&mut self.wills, changes) {
            wills.finish(changes);
        }
        shared.registry.prune_retired(|cell| {
            let mut state = cell.lock();
            let is_handed_on = cell.unpark(&mut state) && state.is_sealed();
            let keep = !is_handed_on || state.slab.len() > 0;
            state.retired = keep;
            keep
        });
    }
}

impl Drop for Sweeper {
    /// Nothing may follow it: when the deadline cuts it short, the stages behind it end as well.
    fn drop(&mut self) {
        self.shared.head.close();
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Hands messages to the pipeline, waiting for room.
async fn send(shared: &Shared, msgs: impl IntoIterator<Item = Road>) {
    for msg in msgs {
        if let Err(msg) = shared.head.send(msg).await {
            msg.settle(Fate::AfterShutdown);
        }
    }
}

/// Takes what a session has open into `gather`, and sends what is full.
async fn take_from(shared: &Shared, cell: &Arc<Cell>, gather: &mut Gather) {
    let taken = cell.take_open();
    for sealed in taken.into_iter().flatten() {
        send(shared, gather.add(cell, sealed).into_iter().flatten()).await;
    }
}

/// Sends what was gathered, and what is bundled.
async fn send_rest(shared: &Shared, gather: &mut Gather) {
    send(shared, shared.bundles.take(shared, gather)).await;
    send(shared, gather.finish(shared)).await;
}
