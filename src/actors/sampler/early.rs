//! Sessions that are decided before their end: over a bound, after too long, and at shutdown. None of it is
//! silent: it is counted, and that there is too much is warned of.
//!
//! Waits: for a user's sampler, and for the batcher. Loses: nothing.

use super::Sampler;
use super::journal::Journal;
use super::window::Bounds;
use crate::actors::mailbox::Stopped;
use crate::model::chunk::Chunk;

/// Sessions whose time has come are decided so many at a time, so that nothing else waits for long.
pub(super) const AT_A_TIME: usize = 256;

/// Why a session is decided before its end.
#[derive(Clone, Copy)]
pub(super) enum Early {
    TooMuch,
    TooLong,
    Shutdown,
}

impl Sampler {
    /// Decides of sessions early while more is held than may be.
    pub(super) async fn relieve(&mut self, out: &mut Vec<Chunk>) {
        let now_ns = self.now_ns();
        while let Some(slot) = self.window.over(&self.bounds()) {
            self.judge_now(slot, Early::TooMuch, now_ns, out).await;
        }
    }

    pub(super) fn judge_early(&mut self, slot: u32, why: Early, now_ns: u64, out: &mut Vec<Chunk>) {
        self.tell(why);
        let decided = self.judge(slot, true, now_ns, out);
        debug_assert!(decided.is_some(), "what is final is decided");
    }

    /// Says that a session is decided before its end.
    pub(super) fn tell(&self, why: Early) {
        self.counters.count_early(why);
        if let (Early::TooMuch, Some(more)) = (why, self.early.due()) {
            tracing::warn!(
                target: "spanreel", more, held = ?self.window.load(),
                "more is undecided than may be held; sessions are decided before their end"
            );
        }
    }

    /// Decides of a session by what is known of it.
    pub(super) async fn judge_now(
        &mut self,
        slot: u32,
        why: Early,
        now_ns: u64,
        out: &mut Vec<Chunk>,
    ) {
        if self.own.is_some() {
            self.tell(why);
            self.ask(vec![slot], true, out).await;
        } else {
            self.judge_early(slot, why, now_ns, out);
        }
    }

    pub(super) fn bounds(&self) -> Bounds {
        let plan = self.plans.current();
        let (holding, budget) = (&plan.holding, self.pool.budget() as u64);
        let bytes = holding.max_bytes.map_or(budget / 2, |bytes| bytes.as_u64());
        let most = match self.pool.is_tight() || self.pool.is_waited_for() {
            true => self.relieved(),
            false => budget / 4 * 3,
        };
        let on_disk = self.journal.as_ref().map_or(u64::MAX, Journal::most);
        Bounds {
            sessions: holding.max_sessions,
            items: holding.max_spans,
            bytes: bytes.min(most).min(on_disk),
        }
    }

    /// How much is held where others wait for room: what is left has room for the largest request.
    pub(super) fn relieved(&self) -> u64 {
        self.pool.budget() as u64 / 8
    }

    pub(super) fn max_wait_ns(&self) -> u64 {
        let wait = self.plans.current().holding.max_wait;
        u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX)
    }

    /// The oldest session, if it was held for this long.
    pub(super) fn oldest(&self, wait_ns: u64, now_ns: u64) -> Option<u32> {
        let (slot, since_ns) = self.window.oldest()?;
        (now_ns.saturating_sub(since_ns) >= wait_ns).then_some(slot)
    }

    /// Decides of sessions that were held for this long, some at a time.
    pub(super) async fn decide_old(&mut self, wait_ns: u64, why: Early) -> Result<bool, Stopped> {
        let (mut out, now_ns) = (Vec::new(), self.now_ns());
        let mut done = true;
        for number in 0.. {
            let Some(slot) = self.oldest(wait_ns, now_ns) else {
                break;
            };
            if number == AT_A_TIME {
                done = false;
                break;
            }
            self.judge_now(slot, why, now_ns, &mut out).await;
        }
        self.counters.note(self.window.load());
        self.pass_on(out).await?;
        Ok(done)
    }
}
