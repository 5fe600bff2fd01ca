//! Budgets: what a session may cost, and who is told when it comes near.
//!
//! Holds: what was spent. Waits: never. Loses: nothing.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use super::cell::Cell;
use super::drafts;
use crate::actors::own_thread;
use crate::model::genai::{event, key};
use crate::model::kind::Severity;

/// What a session may cost, in US dollars, and what happens at parts of it: an event (the log record
/// `spanreel.session.budget`) at each, and a call of yours where you give one. Nothing is stopped: the
/// host decides what to do.
///
/// What counts is the cost of spans ([`Span::cost`](crate::Span::cost)), as in the session's totals,
/// whether the session is sampled or not, over all its segments. Spans that other processes record do not
/// count here.
///
/// ```
/// use std::sync::atomic::{AtomicBool, Ordering};
/// use std::sync::Arc;
///
/// use spanreel::{Budget, Null, Pipeline};
///
/// let pipeline = Pipeline::builder().export(Null).start()?;
/// let session = pipeline.session("conv-1")?;
/// let stop = Arc::new(AtomicBool::new(false));
/// let stops = Arc::clone(&stop);
/// session.budget(Budget::usd(0.50).on_reached(move |reached| {
///     stops.store(reached.part() >= 1.0, Ordering::Relaxed);
/// }));
///
/// for _ in 0..3 {
///     session.chat("anthropic", "claude-sonnet-4-5").start().cost(0.20);
/// }
/// assert!(stop.load(Ordering::Relaxed), "0.60 of 0.50");
/// # pipeline.shutdown_blocking(std::time::Duration::from_secs(1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "give it to a session"]
pub struct Budget {
    usd: f64,
    parts: Vec<f64>,
    on_reached: Option<Box<OnReached>>,
}

type OnReached = dyn Fn(&BudgetReached) + Send + Sync;

impl Budget {
    /// So many dollars, told at 80 % and at all of them. What is no number, or less than nothing, is no
    /// budget: nothing is ever told.
    pub fn usd(usd: f64) -> Self {
        Self {
            usd,
            parts: vec![0.8, 1.0],
            on_reached: None,
        }
    }

    /// At which parts of it to tell, instead: `[0.5, 1.0, 2.0]` for half of it, all of it and twice as much.
    /// What is no number above zero is left out; at most 16 are kept.
    pub fn at(mut self, parts: impl IntoIterator<Item = f64>) -> Self {
        let parts = parts
            .into_iter()
            .filter(|part| part.is_finite() && *part > 0.0);
        self.parts = parts.take(MOST_PARTS).collect();
        self.parts.sort_by(f64::total_cmp);
        self.parts.dedup();
        self
    }

    /// Has this called at each part that is reached, once, on the thread that ends the span which reaches
    /// it. It must not block: the host waits. A panic in it is told and costs that call alone.
    pub fn on_reached(mut self, call: impl Fn(&BudgetReached) + Send + Sync + 'static) -> Self {
        self.on_reached = Some(Box::new(call));
        self
    }
}

const MOST_PARTS: usize = 16;

impl fmt::Debug for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Budget")
            .field("usd", &self.usd)
            .field("parts", &self.parts)
            .finish_non_exhaustive()
    }
}

/// A session has spent a part of its [`Budget`].
#[derive(Clone, Debug, PartialEq)]
pub struct BudgetReached {
    session_id: Arc<str>,
    part: f64,
    spent: f64,
    budget: f64,
}

impl BudgetReached {
    /// The id of the session, as it is exported.
    #[must_use]
    pub fn session_id(&self) -> &str {
        &self.session_id
    }

    /// The part that was reached: 0.8, say.
    #[must_use]
    pub fn part(&self) -> f64 {
        self.part
    }

    /// What was spent by then, in US dollars.
    #[must_use]
    pub fn spent(&self) -> f64 {
        self.spent
    }

    /// The budget, in US dollars.
    #[must_use]
    pub fn budget(&self) -> f64 {
        self.budget
    }
}

/// The budget of a session, and what was spent of it. Shared by all segments.
#[derive(Debug)]
pub(super) struct Allowance {
    budget: Budget,
    progress: Mutex<Progress>,
}

#[derive(Debug)]
struct Progress {
    spent: f64,
    /// How many parts were told.
    told: usize,
}

/// Parts of a budget that a span reached, to be told once no lock is held.
#[derive(Debug)]
pub(super) struct Reached {
    allowance: Arc<Allowance>,
    parts: std::ops::Range<usize>,
    spent: f64,
}

impl Allowance {
    pub(super) fn new(budget: Budget) -> Arc<Self> {
        let progress = Progress {
            spent: 0.0,
            told: 0,
        };
        Arc::new(Self {
            budget,
            progress: Mutex::new(progress),
        })
    }

    /// Counts what a span cost.
    pub(super) fn spend(self: &Arc<Self>, usd: f64) -> Option<Box<Reached>> {
        let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        progress.spent += usd;
        let (from, spent) = (progress.told, progress.spent);
        let Budget { usd, parts, .. } = &self.budget;
        if *usd < 0.0 {
            return None;
        }
        // A comparison with what is no number is false: nothing is reached.
        let reached = parts.iter().take_while(|part| spent >= *part * usd).count();
        progress.told = reached.max(from);
        drop(progress);
        (reached > from).then(|| {
            Box::new(Reached {
                allowance: Arc::clone(self),
                parts: from..reached,
                spent,
            })
        })
    }
}

impl Reached {
    /// Tells of each part: as an event, and to the host.
    pub(super) fn tell(&self, cell: &Arc<Cell>) {
        let budget = &self.allowance.budget;
        for part in &budget.parts[self.parts.clone()] {
            let reached = BudgetReached {
                session_id: cell.identity.id().into(),
                part: *part,
                spent: self.spent,
                budget: budget.usd,
            };
            record(cell, &reached);
            let Some(call) = &budget.on_reached else {
                continue;
            };
            if catch_unwind(AssertUnwindSafe(|| call(&reached))).is_err() {
                let session = reached.session_id();
                tracing::error!(target: "spanreel", session, "the call for a budget panicked");
            }
        }
    }
}

fn record(cell: &Arc<Cell>, reached: &BudgetReached) {
    if !cell.logged || own_thread::is_own() {
        return;
    }
    let limits = &cell.shared.limits;
    let severity = match reached.part >= 1.0 {
        true => Severity::Warn,
        false => Severity::Info,
    };
    let now_ns = cell.now_ns();
    let mut draft = drafts::take();
    draft.begin_log(limits);
    draft.event_name(event::SESSION_BUDGET, limits);
    draft.severity(severity as u8, severity.name());
    draft.set(key::BUDGET_PART, reached.part.into());
    draft.set(key::BUDGET_SPENT, reached.spent.into());
    draft.set(key::BUDGET_LIMIT, reached.budget.into());
    draft.end_log(now_ns, now_ns, Some(cell.identity.root));
    cell.log(&draft);
    drafts::give_back(draft);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(allowance: &Arc<Allowance>, usd: f64) -> Vec<f64> {
        let reached = allowance.spend(usd);
        let told = |reached: Box<Reached>| allowance.budget.parts[reached.parts].to_vec();
        reached.map(told).unwrap_or_default()
    }

    /// Each part is told once, in its order, also where one span reaches several.
    #[test]
    fn each_part_is_told_once() {
        let allowance = Allowance::new(Budget::usd(10.0).at([2.0, 0.5, f64::NAN, 1.0, -1.0, 0.5]));
        assert_eq!(parts(&allowance, 4.9), [0.0; 0]);
        assert_eq!(parts(&allowance, 0.2), [0.5]);
        assert_eq!(parts(&allowance, 1.0), [0.0; 0]);
        assert_eq!(parts(&allowance, 20.0), [1.0, 2.0]);
        assert_eq!(parts(&allowance, 20.0), [0.0; 0]);
    }

    /// What is no amount of money is no budget; nothing at all is reached at once.
    #[test]
    fn what_is_no_budget_is_never_reached() {
        for usd in [f64::NAN, f64::INFINITY, -1.0] {
            assert_eq!(parts(&Allowance::new(Budget::usd(usd)), 1e9), [0.0; 0]);
        }
        assert_eq!(parts(&Allowance::new(Budget::usd(0.0)), 0.0), [0.8, 1.0]);
    }
}
