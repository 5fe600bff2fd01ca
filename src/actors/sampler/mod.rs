//! The sampler: passes sessions on, or holds each until the policies, or a user's [`Sample`], have
//! judged it.
//!
//! Holds: undecided sessions, within the bounds of [`Holding`](crate::Holding). Waits: for the batcher.
//! Loses: nothing; what is judged out is booked as `sampled_out`. Over a bound a session is judged
//! early. Where there is a spool, what is held is in a [`journal`] as well, and goes on after a restart.

mod asking;
mod chain;
pub(crate) mod counters;
mod held;
pub(crate) mod journal;
mod recent;
mod stamp;
mod taking_up;
mod window;

pub(crate) mod own;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use self::counters::SamplerCounters;
use self::held::Held;
use self::journal::Journal;
use self::own::{Own, Sample};
use self::stamp::stamp;
use self::window::{Bounds, Place, Window};
use crate::actors::clock::{Anchor, Clock};
use crate::actors::mailbox::{Mailbox, Stopped};
use crate::actors::pool::{CHUNK_BYTES, Pool};
use crate::actors::road::Msg;
use crate::actors::run::Actor;
use crate::model::about::About;
use crate::model::chunk::{Chunk, SessionKey};
use crate::model::ledger::Fate;
use crate::model::otlp::peek;
use crate::model::request::Signal;
use crate::model::sampling::case::{Case, Judged, Plans};
use crate::model::sampling::plan::{Decision, Draw};
use crate::model::sampling::threshold::Threshold;

/// A chunk of a session of this process that is larger fills its buffer nearly, and is held in it. All others
/// are copied: what they came in has room that they do not need, or holds what is of others.
const FULL: usize = CHUNK_BYTES / 16 * 15;

/// How often it is asked whether others wait for room, while much is held.
const LOOK_AROUND: Duration = Duration::from_millis(50);

/// Sessions whose time has come are decided so many at a time, so that nothing else waits for long.
const AT_A_TIME: usize = 256;

pub(crate) struct Sampler {
    next: Mailbox<Msg>,
    plans: Arc<Plans>,
    own: Option<Own>,
    pool: Arc<Pool>,
    clock: Clock,
    anchor: Anchor,
    /// What is known of a session before it tells.
    nobody: Arc<About>,
    window: Window,
    counters: Arc<SamplerCounters>,
    journal: Option<Journal>,
}

/// Why a session is decided before its end.
#[derive(Clone, Copy)]
enum Early {
    TooMuch,
    TooLong,
    Shutdown,
}

impl Sampler {
    pub(crate) fn new(
        next: Mailbox<Msg>,
        plans: Arc<Plans>,
        sample: Option<Box<dyn Sample>>,
        pool: Arc<Pool>,
        clock: Clock,
        counters: Arc<SamplerCounters>,
    ) -> Self {
        Self {
            next,
            plans,
            own: sample.map(Own::new),
            window: Window::new(Arc::clone(&pool)),
            pool,
            anchor: clock.anchor(),
            clock,
            nobody: Arc::default(),
            counters,
            journal: None,
        }
    }

    /// The same with a journal, and with what an earlier process left there.
    pub(crate) fn with_journal(mut self, journal: Option<Journal>) -> Self {
        self.journal = journal;
        self.recall();
        self
    }

    fn now_ns(&self) -> u64 {
        self.clock.now_ns(&self.anchor)
    }

    /// Whether this chunk is none of the sampler's business.
    fn passes(&self, chunk: &Chunk) -> bool {
        self.own.is_none() && matches!(chunk.judged, Judged::Already)
    }

    /// Takes in chunks and passes on those that are decided.
    async fn take_in(&mut self, chunks: Vec<Chunk>) -> Result<(), Stopped> {
        let mut out = Vec::new();
        if self.own.is_some() {
            self.take_in_for_own(chunks, &mut out).await;
        } else {
            let now_ns = self.now_ns();
            for chunk in chunks {
                self.take(chunk, now_ns, &mut out);
            }
        }
        self.relieve(&mut out).await;
        self.counters.note(self.window.load());
        self.pass_on(out).await
    }

    /// Decides of sessions early while more is held than may be.
    async fn relieve(&mut self, out: &mut Vec<Chunk>) {
        let now_ns = self.now_ns();
        while let Some(slot) = self.window.over(&self.bounds()) {
            self.judge_now(slot, Early::TooMuch, now_ns, out).await;
        }
    }

    /// Holds a chunk, or follows what was decided of its session, or decides that.
    fn take(&mut self, mut chunk: Chunk, now_ns: u64, out: &mut Vec<Chunk>) {
        let (place, by_key) = match &chunk.judged {
            Judged::Already => return out.push(chunk),
            Judged::As(case) => (self.window.find(case), false),
            Judged::ByKey => (self.window.find_key(chunk.session), true),
        };
        let is_own = !by_key;
        let slot = match (place, &chunk.judged) {
            (Place::Decided(decision, plan), judged) => {
                let incoming = match judged {
                    Judged::As(case) => case.draw.incoming,
                    _ => Threshold::KEEP_ALL,
                };
                plan.count_items(&decision, chunk.items());
                return self.follow(chunk, &decision, incoming, out);
            }
            (Place::Held(slot), _) => slot,
            (Place::New, judged) => {
                let case = match judged {
                    Judged::As(case) => Arc::clone(case),
                    _ => Arc::new(self.foreign(&chunk)),
                };
                self.window.open(case, chunk.session, by_key, now_ns)
            }
        };
        self.learn(slot, &chunk);
        if let Some((case, decision)) = self.judge(slot, false, now_ns, out) {
            case.plan.count_items(&decision, chunk.items());
            return self.follow(chunk, &decision, case.draw.incoming, out);
        }
        self.note(slot, is_own, &mut chunk);
        let is_apart = !is_own || chunk.bytes.len() < FULL;
        self.window.hold(slot, chunk, is_apart);
    }

    /// Learns what a session is judged by from a chunk of it.
    fn learn(&mut self, slot: u32, chunk: &Chunk) {
        let Some(held) = self.window.get_mut(slot) else {
            return;
        };
        held.digest.merge(&chunk.digest);
        if held.case.plan.looks(held.case.about_is_whole) {
            let mut found =
                (!held.case.about_is_whole).then(|| held.found.take().unwrap_or_default());
            let plan = Arc::clone(&held.case.plan);
            plan.look(
                chunk.signal,
                &chunk.bytes,
                &mut held.seen,
                found.as_deref_mut(),
            );
            held.found = found;
        }
    }

    /// Decides of a session if that can be done now: tells what it was judged as and what was decided.
    fn judge(
        &mut self,
        slot: u32,
        is_final: bool,
        now_ns: u64,
        out: &mut Vec<Chunk>,
    ) -> Option<(Arc<Case>, Decision)> {
        let held = self.window.get(slot)?;
        let case = Arc::clone(&held.case);
        let evidence = held.evidence(is_final);
        let decision = case.plan.judge(&case.draw, &evidence, now_ns)?;
        for chunk in self.decide(slot, decision) {
            case.plan.count_items(&decision, chunk.items());
            self.follow(chunk, &decision, case.draw.incoming, out);
        }
        Some((case, decision))
    }

    /// Acts on a decision: what the session held comes out.
    fn decide(&mut self, slot: u32, decision: Decision) -> Vec<Chunk> {
        let key = self.window.get(slot).map(Held::lasting_key);
        let mut chunks = self.window.decide(slot, decision);
        if let (Some(journal), Some(key)) = (&mut self.journal, key) {
            journal.decide(slot, key, decision, &mut chunks);
        }
        chunks
    }

    fn judge_early(&mut self, slot: u32, why: Early, now_ns: u64, out: &mut Vec<Chunk>) {
        self.counters.count_early(why);
        let decided = self.judge(slot, true, now_ns, out);
        debug_assert!(decided.is_some(), "what is final is decided");
    }

    /// Decides of a session by what is known of it.
    async fn judge_now(&mut self, slot: u32, why: Early, now_ns: u64, out: &mut Vec<Chunk>) {
        if self.own.is_some() {
            self.counters.count_early(why);
            self.ask(vec![slot], true, out).await;
        } else {
            self.judge_early(slot, why, now_ns, out);
        }
    }

    /// Does with a chunk what was decided of its session.
    fn follow(
        &mut self,
        mut chunk: Chunk,
        decision: &Decision,
        incoming: Threshold,
        out: &mut Vec<Chunk>,
    ) {
        if !decision.keep {
            match &mut self.journal {
                Some(journal) => journal.drop_out(chunk.tally),
                None => chunk.tally.settle(Fate::SampledOut),
            }
            return;
        }
        if decision.threshold != incoming && chunk.signal == Signal::Traces {
            let stamped = stamp(&chunk.bytes, decision.threshold);
            chunk.bytes = match self.pool.take(stamped.len()) {
                Some(mut buffer) => {
                    buffer.append(&stamped);
                    buffer.freeze()
                }
                // They take the place of bytes that are given back now.
                None => stamped.into(),
            };
        }
        out.push(chunk);
    }

    /// A session that came from elsewhere: what is known of it is what its spans tell.
    fn foreign(&self, chunk: &Chunk) -> Case {
        let SessionKey(key) = chunk.session;
        let (trace_id, trace_state) = peek::first_trace(chunk.signal, &chunk.bytes);
        let draw = Draw::new(trace_id.unwrap_or(key), &trace_state, None);
        Case::new(self.plans.current(), Arc::clone(&self.nobody), false, draw)
    }

    fn bounds(&self) -> Bounds {
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
    fn relieved(&self) -> u64 {
        self.pool.budget() as u64 / 8
    }

    fn max_wait_ns(&self) -> u64 {
        let wait = self.plans.current().holding.max_wait;
        u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX)
    }

    /// The oldest session, if it was held for this long.
    fn oldest(&self, wait_ns: u64, now_ns: u64) -> Option<u32> {
        let (slot, since_ns) = self.window.oldest()?;
        (now_ns.saturating_sub(since_ns) >= wait_ns).then_some(slot)
    }

    /// Decides of sessions that were held for this long, some at a time.
    async fn decide_old(&mut self, wait_ns: u64, why: Early) -> Result<bool, Stopped> {
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

    /// Has noted what is to be, and passes on what is kept.
    async fn pass_on(&mut self, decided: Vec<Chunk>) -> Result<(), Stopped> {
        if let Some(journal) = &mut self.journal {
            journal.send();
        }
        if decided.is_empty() {
            return Ok(());
        }
        self.next.send(Msg::Chunks(decided)).await
    }
}

impl Actor for Sampler {
    const NAME: &'static str = "sampler";
    type Msg = Msg;

    async fn handle(&mut self, msg: Msg) -> Result<(), Stopped> {
        // A timer that is due may still be a moment late: what is new never overtakes what was left.
        self.take_up_all().await?;
        match msg {
            Msg::Chunk(chunk) if !self.passes(&chunk) => self.take_in(vec![chunk]).await,
            Msg::Chunks(chunks) if !chunks.iter().all(|chunk| self.passes(chunk)) => {
                self.take_in(chunks).await
            }
            Msg::Flush(baton) if baton.is_until_durable() => {
                self.note_all();
                self.next.send(Msg::Flush(baton)).await
            }
            _ => self.next.send(msg).await,
        }
    }

    fn due(&self) -> Option<Instant> {
        if self.has_left() {
            return Some(Instant::now());
        }
        let (_, since_ns) = self.window.oldest()?;
        let due_ns = since_ns.saturating_add(self.max_wait_ns());
        let mut left = Duration::from_nanos(due_ns.saturating_sub(self.now_ns()));
        if self.window.load().bytes > self.relieved() {
            // Others may come to wait for what is held, and tell nobody.
            left = left.min(LOOK_AROUND);
        }
        Instant::now().checked_add(left)
    }

    async fn tick(&mut self) -> Result<(), Stopped> {
        if self.has_left() {
            return self.take_up().await;
        }
        self.decide_old(self.max_wait_ns(), Early::TooLong).await?;
        let mut out = Vec::new();
        self.relieve(&mut out).await;
        self.counters.note(self.window.load());
        self.pass_on(out).await
    }

    async fn finish(&mut self) -> Result<(), Stopped> {
        self.take_up_all().await?;
        self.leave();
        while !self.decide_old(0, Early::Shutdown).await? {}
        Ok(())
    }

    async fn cut_short(&mut self) {
        self.leave();
    }
}

#[cfg(test)]
mod tests;
