//! Policies made ready: what they decide of a session, and with what probability. Pure but for the token
//! buckets, which stand behind a lock of their own; times are given.

mod making;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use self::making::Making;
use super::bucket::Buckets;
use super::node::{Evidence, Node};
use super::policy::Unit;
use super::scan::{self, Scans};
use super::threshold::{Randomness, Threshold};
use super::{Holding, Root, Sampling};
use crate::model::about::About;
use crate::model::problem::Problem;
use crate::model::request::Signal;

/// How many policies there may be, those in others included: their numbers travel in 7 bits.
const MOST_POLICIES: usize = 120;

/// A [`Sampling`] made ready.
#[derive(Debug)]
pub(crate) struct Plan {
    policies: Box<[Ready]>,
    root: Root,
    follow_parent: bool,
    at_most: Option<usize>,
    rates: Mutex<Vec<Buckets>>,
    scans: Scans,
    asks_about: bool,
    pub(crate) holding: Holding,
    /// By the number of the policy; the last is that of the rest.
    pub(crate) counters: Box<[Arc<Counter>]>,
}

/// A policy made ready.
#[derive(Debug)]
struct Ready {
    number: u8,
    when: Node,
    then: Then,
    at_most: Option<usize>,
}

#[derive(Debug)]
enum Then {
    Keep,
    Drop,
    Share(f64),
    AtLeast(usize),
    First(Box<[Ready]>),
}

/// What a policy kept and dropped.
#[derive(Debug, Default)]
pub(crate) struct Counter {
    pub(crate) name: String,
    pub(crate) kept: AtomicU64,
    pub(crate) dropped: AtomicU64,
    pub(crate) kept_items: AtomicU64,
    pub(crate) dropped_items: AtomicU64,
}

/// What of a session never changes and decides nothing by itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Draw {
    pub(crate) randomness: Randomness,
    /// The threshold that others applied before.
    pub(crate) incoming: Threshold,
    /// What the parent decided, where there is one.
    pub(crate) parent: Option<bool>,
}

/// What is decided of a session, for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Decision {
    pub(crate) keep: bool,
    /// With which probability it was kept.
    pub(crate) threshold: Threshold,
    pub(crate) policy: u8,
}

/// How far a list of policies decides.
enum Step {
    /// Not before more is known.
    Open,
    /// With this probability, by this policy.
    Final(f64, u8),
    /// The policies behind it decide, but for this probability.
    Through(Option<(f64, u8)>),
}

/// What is to be taken from a bucket if the session is kept at this threshold.
struct Charge {
    rate: usize,
    below: Option<Threshold>,
}

/// One judgment.
struct Judgment<'a> {
    of: &'a Evidence<'a>,
    /// The share that others let through before.
    incoming: f64,
    rates: Option<MutexGuard<'a, Vec<Buckets>>>,
    charges: Vec<Charge>,
    now_ns: u64,
}

impl Plan {
    /// Makes policies ready, or tells all that is wrong with them. Those of the same name as before go
    /// on counting.
    pub(crate) fn new(sampling: &Sampling, before: Option<&Self>) -> Result<Self, Vec<Problem>> {
        let mut making = Making::default();
        if let Root::Ratio(share) = sampling.root {
            making.share(share);
        }
        let policies = making.list(&sampling.policies, "policy", "", 0);
        let at_most = sampling
            .at_most
            .as_ref()
            .map(|rate| making.rate(rate, "at_most"));
        if making.names.len() > MOST_POLICIES {
            making.check.at("policy");
            making.check.wrong(format!(
                "there are {}; give at most {MOST_POLICIES}",
                making.names.len()
            ));
        }
        making.check.at("holding.max_sessions");
        if sampling.holding.max_sessions == 0 || sampling.holding.max_sessions > 1 << 31 {
            making.check.wrong("give a number from 1 to 2147483648");
        }
        if !making.check.found.is_empty() {
            return Err(making.check.found);
        }
        making.names.push(REST.to_owned());
        let counter = |name: String| {
            let known = before.and_then(|plan| plan.counters.iter().find(|it| it.name == name));
            known.cloned().unwrap_or_else(|| {
                Arc::new(Counter {
                    name,
                    ..Counter::default()
                })
            })
        };
        Ok(Self {
            policies,
            root: sampling.root,
            follow_parent: sampling.follow_parent,
            at_most,
            rates: Mutex::new(making.rates),
            scans: Scans::new(making.scans, making.asks_about),
            asks_about: making.asks_about,
            holding: sampling.holding.clone(),
            counters: making.names.into_iter().map(counter).collect(),
        })
    }

    /// Whether every session of which nothing is known that speaks against it is kept.
    pub(crate) fn keeps_all(&self) -> bool {
        let keeps_rest = self.root == Root::AlwaysOn || self.root == Root::Ratio(1.0);
        self.policies.is_empty() && self.at_most.is_none() && keeps_rest
    }

    /// Whether some sessions may have to be held until more is known of them.
    pub(crate) fn is_tail(&self) -> bool {
        let counts_spans = |rate: usize| self.lock()[rate].unit == Unit::Spans;
        self.at_most.is_some_and(counts_spans)
            || self
                .policies
                .iter()
                .any(|policy| policy.is_tail(&counts_spans))
    }

    /// Whether spans have to be looked into.
    pub(crate) fn looks(&self, about_is_whole: bool) -> bool {
        !self.scans.is_empty() || self.asks_about && !about_is_whole
    }

    /// Whether it asks who a session is.
    pub(crate) fn asks_about(&self) -> bool {
        self.asks_about
    }

    /// Looks into the items of a chunk.
    pub(crate) fn look(
        &self,
        signal: Signal,
        chunk: &[u8],
        seen: &mut u64,
        about: Option<&mut About>,
    ) {
        let about = about.filter(|_| self.asks_about);
        scan::look(signal, chunk, &self.scans, seen, about);
    }

    /// Decides of a session; none while that is open. What is decided with `is_final` never is.
    pub(crate) fn judge(&self, draw: &Draw, of: &Evidence<'_>, now_ns: u64) -> Option<Decision> {
        let mut judgment = Judgment {
            of,
            incoming: draw.incoming.share(),
            rates: None,
            charges: Vec::new(),
            now_ns,
        };
        let (mut share, policy) = match judgment.list(self, &self.policies) {
            Step::Open => return None,
            Step::Final(share, policy) => (share, policy),
            Step::Through(least) => {
                let rest = self.rest(draw);
                match least {
                    Some((least, policy)) if least > rest => (least, policy),
                    _ => (rest, self.policies_len()),
                }
            }
        };
        if let Some(rate) = self.at_most {
            share *= judgment.chance(self, rate)?;
            judgment.charges.push(Charge { rate, below: None });
        }
        // Not by way of a float, which has fewer bits.
        let threshold = if share >= judgment.incoming {
            draw.incoming
        } else {
            Threshold::of_share(share).max(draw.incoming)
        };
        let decision = Decision {
            keep: threshold.keeps(draw.randomness),
            threshold,
            policy,
        };
        judgment.take(draw, &decision);
        let counter = &self.counters[usize::from(policy)];
        let count = if decision.keep {
            &counter.kept
        } else {
            &counter.dropped
        };
        count.fetch_add(1, Ordering::Relaxed);
        Some(decision)
    }

    /// Counts items that followed a decision.
    pub(crate) fn count_items(&self, decision: &Decision, items: u64) {
        let Some(counter) = self.counters.get(usize::from(decision.policy)) else {
            return;
        };
        let count = if decision.keep {
            &counter.kept_items
        } else {
            &counter.dropped_items
        };
        count.fetch_add(items, Ordering::Relaxed);
    }

    fn policies_len(&self) -> u8 {
        (self.counters.len() - 1) as u8
    }

    /// The share of those that no policy is for.
    fn rest(&self, draw: &Draw) -> f64 {
        let incoming = draw.incoming.share();
        match (self.root, draw.parent.filter(|_| self.follow_parent)) {
            (_, Some(true)) | (Root::AlwaysOn, None) => incoming,
            (_, Some(false)) | (Root::AlwaysOff, None) => 0.0,
            (Root::Ratio(share), None) => share.min(incoming),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Buckets>> {
        self.rates.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ready {
    /// Whether it asks for what is not known when a session begins.
    fn is_tail(&self, counts_spans: &impl Fn(usize) -> bool) -> bool {
        let inner = match &self.then {
            Then::AtLeast(rate) => counts_spans(*rate),
            Then::First(policies) => policies.iter().any(|policy| policy.is_tail(counts_spans)),
            Then::Keep | Then::Drop | Then::Share(_) => false,
        };
        inner || self.at_most.is_some_and(counts_spans) || !self.when.is_of_start()
    }
}

/// The name of what becomes of sessions that no policy is for.
pub(crate) const REST: &str = "rest";

impl<'a> Judgment<'a> {
    /// The first policy decides of which it is certain that it is for the session, and that none before
    /// it would decide otherwise.
    fn list(&mut self, plan: &'a Plan, policies: &[Ready]) -> Step {
        let mut least: Option<(f64, u8)> = None;
        let mut may_keep = false;
        for policy in policies {
            let is_sure = matches!(policy.then, Then::Keep) && policy.at_most.is_none();
            match policy.when.holds(self.of) {
                Some(false) => continue,
                // It may yet be for the session; then it would be kept by it, as by the next that is sure.
                None if is_sure => {
                    may_keep = true;
                    continue;
                }
                None => return Step::Open,
                Some(true) if may_keep && !is_sure => return Step::Open,
                Some(true) => {}
            }
            match self.apply(plan, policy) {
                Step::Open => return Step::Open,
                Step::Final(share, number) => {
                    return match least {
                        Some((least, by)) if least >= share => Step::Final(least, by),
                        _ => Step::Final(share, number),
                    };
                }
                Step::Through(found) => {
                    if found.is_some_and(|(share, _)| least.is_none_or(|(least, _)| share > least))
                    {
                        least = found;
                    }
                }
            }
        }
        if may_keep {
            return Step::Open;
        }
        Step::Through(least)
    }

    fn apply(&mut self, plan: &'a Plan, policy: &Ready) -> Step {
        let step = match &policy.then {
            Then::Keep => Step::Final(self.incoming, policy.number),
            Then::Drop => Step::Final(0.0, policy.number),
            Then::Share(share) => Step::Final(share.min(self.incoming), policy.number),
            Then::AtLeast(rate) => {
                let Some(chance) = self.chance(plan, *rate) else {
                    return Step::Open;
                };
                let share = self.incoming * chance;
                let below = Some(Threshold::of_share(share));
                self.charges.push(Charge { rate: *rate, below });
                Step::Through(Some((share, policy.number)))
            }
            Then::First(policies) => self.list(plan, policies),
        };
        let Some(rate) = policy.at_most else {
            return step;
        };
        let (share, number) = match step {
            Step::Open | Step::Through(None) => return step,
            Step::Final(share, number) | Step::Through(Some((share, number))) => (share, number),
        };
        let Some(chance) = self.chance(plan, rate) else {
            return Step::Open;
        };
        let capped = share * chance;
        let below = Some(Threshold::of_share(capped));
        self.charges.push(Charge { rate, below });
        match step {
            Step::Final(..) => Step::Final(capped, number),
            _ => Step::Through(Some((capped, number))),
        }
    }

    /// The probability that a rate gives; none where it counts spans and there is nothing to count yet.
    fn chance(&mut self, plan: &'a Plan, rate: usize) -> Option<f64> {
        let rates = self.rates.get_or_insert_with(|| plan.lock());
        let bucket = &mut rates[rate];
        if bucket.unit == Unit::Spans && !self.of.is_final && self.of.digest.spans == 0 {
            return None;
        }
        Some(bucket.probability(self.of.about, self.now_ns))
    }

    /// Takes from the buckets what the session costs.
    fn take(&mut self, draw: &Draw, decision: &Decision) {
        let Some(rates) = &mut self.rates else {
            return;
        };
        if !decision.keep {
            return;
        }
        for charge in &self.charges {
            if charge
                .below
                .is_none_or(|threshold| threshold.keeps(draw.randomness))
            {
                rates[charge.rate].charge(self.of.about, self.of.digest.spans, self.now_ns);
            }
        }
    }
}
