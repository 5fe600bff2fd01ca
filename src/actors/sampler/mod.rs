//! The sampler: passes sessions on, or holds each until the policies, or a user's [`Sample`], have
//! judged it.
//!
//! Holds: undecided sessions, within the bounds of [`Holding`](crate::Holding). Waits: for the batcher.
//! Loses: nothing; what is judged out is booked as `sampled_out`. Over a bound a session is judged
//! early. Where there is a spool, what is held is in a [`journal`] as well, and goes on after a restart.

mod asking;
mod chain;
pub(crate) mod counters;
mod early;
mod held;
pub(crate) mod journal;
mod keys;
mod recent;
mod stamp;
mod table;
mod taking_up;
mod window;

pub(crate) mod own;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use self::counters::SamplerCounters;
use self::early::{AT_A_TIME, Early};
use self::held::{Held, Keyed, Who};
use self::journal::Journal;
use self::own::{Own, Sample};
use self::stamp::stamp;
use self::window::{Place, Window};
use crate::actors::clock::{Anchor, Clock};
use crate::actors::mailbox::{Mailbox, Stopped};
use crate::actors::notice::Notice;
use crate::actors::pool::Pool;
use crate::actors::road::Msg;
use crate::actors::run::Actor;
use crate::model::about::About;
use crate::model::chunk::{Chunk, SessionKey};
use crate::model::ledger::Fate;
use crate::model::otlp::peek;
use crate::model::request::Signal;
use crate::model::sampling::case::{Judged, Plans};
use crate::model::sampling::plan::{Decision, Draw, Plan};
use crate::model::sampling::threshold::Threshold;

/// How often it is asked whether others wait for room, while much is held.
const LOOK_AROUND: Duration = Duration::from_millis(50);

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
    early: Notice,
    journal: Option<Journal>,
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
            early: Notice::default(),
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

    /// Holds a chunk, or follows what was decided of its session, or decides that.
    fn take(&mut self, mut chunk: Chunk, now_ns: u64, out: &mut Vec<Chunk>) {
        let (place, is_own) = match &chunk.judged {
            Judged::Already => return out.push(chunk),
            Judged::As(case) => (self.window.find(case), true),
            Judged::ByKey => (self.window.find_key(chunk.session), false),
        };
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
                let who = match judged {
                    Judged::As(case) => Who::Own(Arc::clone(case)),
                    _ => self.keyed(&chunk),
                };
                self.window.open(who, now_ns)
            }
        };
        self.learn(slot, &chunk);
        if let Some((plan, incoming, decision)) = self.judge(slot, false, now_ns, out) {
            plan.count_items(&decision, chunk.items());
            return self.follow(chunk, &decision, incoming, out);
        }
        self.note(slot, is_own, &mut chunk);
        self.window.hold(slot, chunk, is_own, false);
    }

    /// Learns what a session is judged by from a chunk of it.
    fn learn(&mut self, slot: u32, chunk: &Chunk) {
        if let Some(held) = self.window.get_mut(slot) {
            held.learn(chunk);
        }
    }

    /// Decides of a session if that can be done now: tells by whose policies, with which threshold it came, and
    /// what was decided.
    fn judge(
        &mut self,
        slot: u32,
        is_final: bool,
        now_ns: u64,
        out: &mut Vec<Chunk>,
    ) -> Option<(Arc<Plan>, Threshold, Decision)> {
        let held = self.window.get(slot)?;
        let (plan, draw) = (Arc::clone(held.plan()), held.draw());
        let decision = plan.judge(&draw, &held.evidence(is_final), now_ns)?;
        for chunk in self.decide(slot, decision) {
            plan.count_items(&decision, chunk.items());
            self.follow(chunk, &decision, draw.incoming, out);
        }
        Some((plan, draw.incoming, decision))
    }

    /// Acts on a decision: what the session held comes out.
    fn decide(&mut self, slot: u32, decision: Decision) -> Vec<Chunk> {
        let key = self.window.get(slot).map(Held::key);
        let mut chunks = self.window.decide(slot, decision);
        if let (Some(journal), Some(key)) = (&mut self.journal, key) {
            journal.decide(slot, key, decision, &mut chunks);
        }
        chunks
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

    /// A session that is found by its key: what is known of it is what its spans tell.
    fn keyed(&self, chunk: &Chunk) -> Who {
        let SessionKey(key) = chunk.session;
        let (trace_id, trace_state) = peek::first_trace(chunk.signal, &chunk.bytes);
        let draw = Draw::new(trace_id.unwrap_or(key), &trace_state, None);
        self.keyed_as(chunk.session, draw, None)
    }

    /// The same, where it is known how its probability is drawn and, maybe, what it was opened with.
    fn keyed_as(&self, key: SessionKey, draw: Draw, about: Option<Arc<About>>) -> Who {
        Who::Keyed(Box::new(Keyed {
            key,
            plan: self.plans.current(),
            draw,
            about_is_whole: about.is_some(),
            about: about.unwrap_or_else(|| Arc::clone(&self.nobody)),
            next: keys::NONE,
        }))
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
