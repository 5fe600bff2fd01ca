//! A session as it is judged: by whose policies, by what it is known from the start, and what was
//! decided. Pure but for atomic numbers and the lock around what a reload replaces.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use super::node::Evidence;
use super::plan::{Decision, Draw, Plan};
use super::threshold::{self, Randomness, Threshold};
use crate::model::about::Said;
use crate::model::chunk::{Digest, SessionKey};
use crate::model::id::TraceId;
use crate::model::propagation::trace_state::TraceState;

/// Nothing is decided. No decision looks so: policies have numbers below 127. The lower half says where the
/// session is held.
const OPEN: u64 = 0x7f << 56;

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

/// A session of this process that is, or was, undecided when it was opened. It is kept small: undecided
/// sessions are many.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) plan: Arc<Plan>,
    /// All that it was opened with.
    pub(crate) about: Said,
    pub(crate) draw: Draw,
    /// The key that its session has to those who find sessions by what spans say.
    pub(crate) home: SessionKey,
    /// What was decided; until then, where it is held. Written by one.
    state: AtomicU64,
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
        home: SessionKey,
        trace_id: TraceId,
        trace_state: &TraceState,
        parent: Option<bool>,
        about: &Said,
        now_ns: impl FnOnce() -> u64,
    ) -> Opening {
        let is_open = parent != Some(false) && trace_state.is_empty();
        if is_open && !self.judge_others() {
            // Whichever plan is the current one, it keeps all that nobody has decided otherwise.
            return Opening::Sampled(None);
        }
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
        let Some(decision) = plan.judge(&draw, &start, now_ns()) else {
            let case = Case::new(plan, about.clone(), home, draw);
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
    pub(crate) fn new(plan: Arc<Plan>, about: Said, home: SessionKey, draw: Draw) -> Self {
        Self {
            plan,
            about,
            draw,
            home,
            state: AtomicU64::new(OPEN | u64::from(NOWHERE)),
        }
    }

    /// The case of the next segment: the same session, judged by what it does from then on.
    pub(crate) fn of_next_segment(&self, trace_id: TraceId) -> Self {
        let draw = Draw::new(trace_id, &TraceState::EMPTY, None);
        Self::new(Arc::clone(&self.plan), self.about.clone(), self.home, draw)
    }

    pub(crate) fn decision(&self) -> Option<Decision> {
        let state = self.state.load(Ordering::Relaxed);
        (state & OPEN != OPEN).then(|| Decision::from_bits(state))
    }

    pub(crate) fn decide(&self, decision: Decision) {
        self.state.store(decision.bits(), Ordering::Relaxed);
    }

    /// Where it is held, while nothing is decided.
    pub(crate) fn slot(&self) -> Option<u32> {
        let state = self.state.load(Ordering::Relaxed);
        let slot = state as u32;
        (state & OPEN == OPEN && slot != NOWHERE).then_some(slot)
    }

    /// Says where it is held; nothing, once it is decided.
    pub(crate) fn hold_at(&self, slot: Option<u32>) {
        if self.decision().is_none() {
            let slot = slot.unwrap_or(NOWHERE);
            self.state.store(OPEN | u64::from(slot), Ordering::Relaxed);
        }
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
