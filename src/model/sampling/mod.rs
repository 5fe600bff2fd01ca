//! Sampling: which sessions are recorded and kept.
//!
//! Pure: the decision follows from the policies, the facts of the session, the randomness of its trace
//! and the state of the rates, all of which are given.
//!
//! A decision is a probability, chosen without a look at the randomness, and then whether the
//! randomness is within it. That is what keeps counts that are scaled up by it without bias.

mod bucket;
pub(crate) mod case;
pub(crate) mod node;
mod parse;
pub(crate) mod plan;
pub(crate) mod policy;
pub(crate) mod rule;
mod scan;
mod text;
pub(crate) mod threshold;

use std::time::Duration;

use self::plan::Plan;
use self::policy::{Policy, Rate};
use self::rule::Rule;
use crate::model::byte_size::ByteSize;
use crate::model::problem::Problem;

/// Which sessions are recorded and kept: an ordered list of policies, and what becomes of the rest.
///
/// The default records and keeps every session except those whose parent was not sampled
/// (`parentbased_always_on`, as the OpenTelemetry specification has it).
///
/// Policies are asked in their order, and the first that is for a session decides. Without any,
/// the decision is made when a session is opened (head sampling), and one that is not sampled costs next
/// to nothing. A policy that asks for what is not known then (an error, the cost, the end) makes the
/// session be recorded and held until the decision is certain (tail sampling): at the latest when it
/// ends, or after [`Holding::max_wait`].
///
/// ```
/// use std::time::Duration;
/// use spanreel::{Rate, Rule, Sampling};
///
/// let sampling = Sampling::ratio(0.01)
///     .always_keep(Rule::Errors)
///     .always_keep(Rule::CostAbove(1.0))
///     .always_keep(Rule::SlowerThan(Duration::from_secs(60)))
///     .at_most(Rate::per_second(50));
/// # let _ = sampling;
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Sampling {
    root: Root,
    follow_parent: bool,
    policies: Vec<Policy>,
    at_most: Option<Rate>,
    holding: Holding,
}

/// What is decided where no policy and no parent decides.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Root {
    AlwaysOn,
    AlwaysOff,
    Ratio(f64),
}

/// How much is held of sessions that are not decided yet, and for how long. Over a bound a session is
/// decided by what is known of it then: the one that holds the most where bytes or spans are too many
/// (the oldest of those of about that size), so that a session that floods is decided before those that
/// hold less than their share; the oldest where sessions are too many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holding {
    /// How long a session is held before it is decided by what is known of it. Default: 10 min.
    pub max_wait: Duration,
    /// Undecided sessions. Default: 1,000,000; from 1 to 2,147,483,648.
    pub max_sessions: u64,
    /// Spans and log records of them. Default: no bound of its own.
    pub max_spans: u64,
    /// Bytes of them. Default: half of the pipeline's budget, and never more than three quarters.
    pub max_bytes: Option<ByteSize>,
}

impl Default for Holding {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl Holding {
    const DEFAULT: Self = Self {
        max_wait: Duration::from_secs(10 * 60),
        max_sessions: 1_000_000,
        max_spans: u64::MAX,
        max_bytes: None,
    };
}

impl Sampling {
    /// Records every session, also those whose parent was not sampled (`always_on`).
    #[must_use]
    pub const fn always_on() -> Self {
        Self::plain(Root::AlwaysOn, false)
    }

    /// Records no session (`always_off`).
    #[must_use]
    pub const fn always_off() -> Self {
        Self::plain(Root::AlwaysOff, false)
    }

    /// Records this share of the sessions, from 0.0 (none) to 1.0 (all), and follows the parent
    /// where there is one: a session with a sampled parent is kept, one with a parent that was not
    /// sampled is not (`parentbased_traceidratio`). Any other number is a problem that
    /// `start` reports.
    ///
    /// A session is kept when the last 7 bytes of its trace id, read as a number, are at least
    /// `(1 - ratio) * 2^56`: the consistent threshold of OpenTelemetry's "TraceState: Probability
    /// Sampling", so that whoever keeps a larger share of the same traces keeps these too. Where the
    /// `tracestate` has an `rv`, that number decides.
    #[must_use]
    pub const fn ratio(ratio: f64) -> Self {
        Self::plain(Root::Ratio(ratio), true)
    }

    /// Follows the parent where there is one, and `root` where there is none (`parentbased_*`).
    #[must_use]
    pub fn parent_based(root: Self) -> Self {
        Self {
            follow_parent: true,
            ..root
        }
    }

    /// The same rule for every session, whatever its parent says.
    #[must_use]
    pub fn ignoring_parent(self) -> Self {
        Self {
            follow_parent: false,
            ..self
        }
    }

    const fn plain(root: Root, follow_parent: bool) -> Self {
        Self {
            root,
            follow_parent,
            policies: Vec::new(),
            at_most: None,
            holding: Holding::DEFAULT,
        }
    }

    /// Keeps all sessions of which this is true, whatever the policies behind it say.
    #[must_use]
    pub fn always_keep(self, rule: Rule) -> Self {
        self.policy(Policy::keep(rule))
    }

    /// Adds a policy behind those that were added before. What the ratio, the parent and so on decide is
    /// for the sessions that no policy is for.
    #[must_use]
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policies.push(policy);
        self
    }

    /// Keeps no more than so many in all, whatever the policies say.
    #[must_use]
    pub fn at_most(mut self, rate: Rate) -> Self {
        self.at_most = Some(rate);
        self
    }

    /// How much is held of undecided sessions.
    #[must_use]
    pub fn holding(mut self, holding: Holding) -> Self {
        self.holding = holding;
        self
    }

    /// The policies, in their order.
    #[must_use]
    pub fn policies(&self) -> &[Policy] {
        &self.policies
    }

    /// Everything that is wrong with it.
    pub(crate) fn problems(&self) -> Vec<Problem> {
        Plan::new(self, None).err().unwrap_or_default()
    }
}

impl Default for Sampling {
    fn default() -> Self {
        Self::parent_based(Self::always_on())
    }
}

/// Collects what is wrong.
#[derive(Debug, Default)]
struct Check {
    setting: String,
    found: Vec<Problem>,
}

impl Check {
    /// What is looked at now.
    fn at(&mut self, setting: impl std::fmt::Display) {
        self.setting = format!("sampling.{setting}");
    }

    fn wrong(&mut self, advice: impl Into<String>) {
        let setting = match &*self.setting {
            "" => "sampling",
            setting => setting,
        };
        self.found.push(Problem::new(setting, advice));
    }
}

#[cfg(test)]
mod tests;
