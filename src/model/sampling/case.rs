//! A session as it is judged: by whose policies, by what it is known from the start, and what was
//! decided. Pure but for atomic numbers and the lock around what a reload replaces.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use super::node::Evidence;
use super::plan::{Decision, Draw, Plan};
use super::threshold::{self, Randomness, Threshold};
use crate::model::about::About;
use crate::model::chunk::{Digest, SessionKey};
use crate::model::id::TraceId;
use crate::model::propagation::trace_state::TraceState;

/// Nothing is decided. No decision looks so: policies have numbers below 127.
const OPEN: u64 = u64::MAX;

/// It is not held.
const NOWHERE: u32 = u32::MAX;

/// Who judges a chunk.
#[derive(Clone, Debug)]
pub(crate) enum Judged {
    /// Its session was decided when it was opened: it passes.
    Already,
    /// Its session is open, or was when it was made.
    As(Arc<Case>),
    /// It came from elsewhere: whoever judges finds its session by its key.
    ByKey,
}

/// A session that is, or was, undecided when it was opened.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) plan: Arc<Plan>,
    pub(crate) about: Arc<About>,
    pub(crate) about_is_whole: bool,
    pub(crate) draw: Draw,
    /// The key that its session has to those who find sessions by what spans say.
    home: OnceLock<SessionKey>,
    decided: AtomicU64,
    /// Where it is held.
    slot: AtomicU32,
}

/// What becomes of a session when it is opened.
#[derive(Debug)]
pub(crate) enum Opening {
    /// It is not recorded.
    Unsampled,
    /// It is recorded and exported, with this `tracestate`, or that which it had.
    Sampled(Option<TraceState>),
    /// It is recorded and judged later.
    Undecided(Arc<Case>),
}

/// The policies for sessions that begin now.
#[derive(Debug)]
pub(crate) struct Plans {
    current: RwLock<Arc<Plan>>,
    /// Whether there ever were some that do not keep every session.
    judged: AtomicBool,
}

impl Plans {
    pub(crate) fn new(plan: Plan) -> Self {
        Self {
            judged: AtomicBool::new(!plan.keeps_all()),
            current: RwLock::new(Arc::new(plan)),
        }
    }

    pub(crate) fn current(&self) -> Arc<Plan> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn replace(&self, plan: Plan) {
        self.judged.fetch_or(!plan.keeps_all(), Ordering::Relaxed);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(plan);
    }

    /// Whether sessions of others have to be told apart: some may be dropped, or were, and what comes
    /// late of those follows.
    pub(crate) fn judge_others(&self) -> bool {
        self.judged.load(Ordering::Relaxed)
    }

    /// Judges a session that begins.
    pub(crate) fn open(
        &self,
        trace_id: TraceId,
        trace_state: &TraceState,
        parent: Option<bool>,
        about: &Arc<About>,
        now_ns: u64,
    ) -> Opening {
        let plan = self.current();
        if parent.is_none() && plan.keeps_all() {
            return Opening::Sampled(None);
        }
        let draw = Draw::new(trace_id, trace_state, parent);
        let start = Evidence {
            digest: &Digest::default(),
            about,
            about_is_whole: true,
            seen: 0,
            is_final: false,
        };
        let Some(decision) = plan.judge(&draw, &start, now_ns) else {
            let case = Case::new(plan, Arc::clone(about), true, draw);
            return Opening::Undecided(Arc::new(case));
        };
        if !decision.keep {
            return Opening::Unsampled;
        }
        let changed = decision.threshold != draw.incoming;
        Opening::Sampled(
            changed.then(|| threshold::with_threshold(trace_state, decision.threshold)),
        )
    }
}

impl Draw {
    pub(crate) fn new(trace_id: TraceId, trace_state: &TraceState, parent: Option<bool>) -> Self {
        let randomness = Randomness::of(trace_id, trace_state);
        Self {
            randomness,
            incoming: threshold::incoming(trace_state, randomness).unwrap_or(Threshold::KEEP_ALL),
            parent,
        }
    }
}

impl Case {
    pub(crate) fn new(
        plan: Arc<Plan>,
        about: Arc<About>,
        about_is_whole: bool,
        draw: Draw,
    ) -> Self {
        Self {
            plan,
            about,
            about_is_whole,
            draw,
            home: OnceLock::new(),
            decided: AtomicU64::new(OPEN),
            slot: AtomicU32::new(NOWHERE),
        }
    }

    /// The case of the next segment: the same session, judged by what it does from then on.
    pub(crate) fn of_next_segment(&self, trace_id: TraceId) -> Self {
        let draw = Draw::new(trace_id, &TraceState::EMPTY, None);
        Self::new(
            Arc::clone(&self.plan),
            Arc::clone(&self.about),
            self.about_is_whole,
            draw,
        )
    }

    pub(crate) fn home(&self) -> Option<SessionKey> {
        self.home.get().copied()
    }

    /// Says under which key its session is found; the first time counts.
    pub(crate) fn set_home(&self, home: SessionKey) {
        self.home.get_or_init(|| home);
    }

    pub(crate) fn decision(&self) -> Option<Decision> {
        match self.decided.load(Ordering::Relaxed) {
            OPEN => None,
            bits => Some(Decision::from_bits(bits)),
        }
    }

    pub(crate) fn decide(&self, decision: Decision) {
        self.decided.store(decision.bits(), Ordering::Relaxed);
    }

    pub(crate) fn slot(&self) -> Option<u32> {
        match self.slot.load(Ordering::Relaxed) {
            NOWHERE => None,
            slot => Some(slot),
        }
    }

    pub(crate) fn hold_at(&self, slot: Option<u32>) {
        self.slot.store(slot.unwrap_or(NOWHERE), Ordering::Relaxed);
    }
}

impl Decision {
    /// Kept, with the probability one.
    pub(crate) const fn kept(keep: bool) -> Self {
        Self {
            keep,
            threshold: Threshold::KEEP_ALL,
            policy: 0,
        }
    }

    /// A decision in 8 bytes: 56 bits of threshold, 7 of policy, 1 whether it is kept. The threshold of
    /// what is dropped is of no use any more.
    pub(crate) fn bits(self) -> u64 {
        let threshold = self.threshold.bits().filter(|_| self.keep).unwrap_or(0);
        threshold | u64::from(self.policy) << 56 | u64::from(self.keep) << 63
    }

    pub(crate) fn from_bits(bits: u64) -> Self {
        Self {
            keep: bits >> 63 == 1,
            threshold: Threshold::from_bits(bits),
            policy: (bits >> 56) as u8 & 0x7f,
        }
    }
}
