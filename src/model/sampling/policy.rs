//! Policies: what is done with sessions of which something is true. Plain data.

use std::time::Duration;

use super::rule::Rule;

/// What is done with the sessions of which a rule is true.
///
/// ```
/// use spanreel::{Per, Policy, Rate, Rule, Sampling};
///
/// let sampling = Sampling::ratio(0.01)
///     .policy(Policy::keep(Rule::Errors).named("failed").at_most(Rate::per_second(20)))
///     .policy(Policy::drop(Rule::Agent("health-*".into())))
///     .policy(Policy::at_least(Rate::per_minute(10).per(Per::Agent), Rule::Always));
/// # let _ = sampling;
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// Its name in statistics. Where it is empty, its number is: `policy 1`.
    pub name: String,
    /// Which sessions it is for.
    pub when: Rule,
    /// What is done with them.
    pub then: Action,
    /// How many of those that it keeps are kept after all. Default: all.
    pub at_most: Option<Rate>,
}

/// What a policy does with a session.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Action {
    /// It is kept.
    Keep,
    /// It is dropped, unless an [`AtLeast`](Self::AtLeast) before has kept it.
    Drop,
    /// This share of the sessions is kept, from 0.0 to 1.0, chosen by the randomness of their traces;
    /// the others are dropped.
    Share(f64),
    /// So many are kept; of the others the policies behind it decide.
    AtLeast(Rate),
    /// The first of these that is for the session decides; where none is, the policies behind. Together
    /// with [`Policy::at_most`] it is a budget that several policies share.
    First(Vec<Policy>),
}

impl Policy {
    /// Keeps these sessions.
    #[must_use]
    pub fn keep(when: Rule) -> Self {
        Self::new(when, Action::Keep)
    }

    /// Drops these sessions.
    #[must_use]
    pub fn drop(when: Rule) -> Self {
        Self::new(when, Action::Drop)
    }

    /// Keeps this share of these sessions, from 0.0 to 1.0.
    #[must_use]
    pub fn share(share: f64, when: Rule) -> Self {
        Self::new(when, Action::Share(share))
    }

    /// Keeps so many of these sessions, and leaves the others to the policies behind it.
    #[must_use]
    pub fn at_least(rate: Rate, when: Rule) -> Self {
        Self::new(when, Action::AtLeast(rate))
    }

    /// Has the first of these decide that is for the session. Give them a budget with
    /// [`at_most`](Self::at_most).
    #[must_use]
    pub fn first(policies: impl IntoIterator<Item = Self>) -> Self {
        Self::new(Rule::Always, Action::First(policies.into_iter().collect()))
    }

    /// For these sessions, this.
    #[must_use]
    pub fn new(when: Rule, then: Action) -> Self {
        Self {
            name: String::new(),
            when,
            then,
            at_most: None,
        }
    }

    /// Its name in statistics.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Keeps no more than so many of those that it would keep.
    #[must_use]
    pub fn at_most(mut self, rate: Rate) -> Self {
        self.at_most = Some(rate);
        self
    }
}

/// So many sessions, or spans, in so much time, in this process.
///
/// A token bucket whose probability is known before a session is looked at: while there are tokens,
/// every session is kept and takes one (or one for each of its spans). Without a token the bucket
/// lends: the more it has lent, the fewer are kept, by chance, so that what is kept is still a fair
/// sample and carries its probability. In the long run no more is kept than the rate; in between, at
/// most the [`burst`](Self::burst) and about an eighth of it for each e-fold of what comes above what
/// is allowed (a hundred times too much: some three fifths of a burst).
#[derive(Clone, Debug, PartialEq)]
pub struct Rate {
    /// How many.
    pub count: f64,
    /// In how much time.
    pub every: Duration,
    /// Of what. Default: sessions.
    pub unit: Unit,
    /// So many for each of these. Default: in all.
    pub per: Option<Per>,
    /// How many are kept at once after a silence. Default: `count`, at least 1.
    pub burst: Option<f64>,
}

impl Rate {
    /// So many sessions each second.
    #[must_use]
    pub fn per_second(count: impl Into<f64>) -> Self {
        Self::new(count.into(), Duration::from_secs(1))
    }

    /// So many sessions each minute.
    #[must_use]
    pub fn per_minute(count: impl Into<f64>) -> Self {
        Self::new(count.into(), Duration::from_secs(60))
    }

    /// So many sessions in this time.
    #[must_use]
    pub fn new(count: f64, every: Duration) -> Self {
        Self {
            count,
            every,
            unit: Unit::Sessions,
            per: None,
            burst: None,
        }
    }

    /// Counts spans instead of sessions: those that are known when the session is decided.
    #[must_use]
    pub fn of_spans(mut self) -> Self {
        self.unit = Unit::Spans;
        self
    }

    /// So many for each agent, user or tag. Up to 4096 of them are told apart at a time; more than
    /// that share one rate.
    #[must_use]
    pub fn per(mut self, per: Per) -> Self {
        self.per = Some(per);
        self
    }

    /// How many are kept at once after a silence.
    #[must_use]
    pub fn burst(mut self, burst: impl Into<f64>) -> Self {
        self.burst = Some(burst.into());
        self
    }
}

/// What a rate counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unit {
    /// Sessions.
    #[default]
    Sessions,
    /// Spans.
    Spans,
}

/// What each has a rate of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Per {
    /// The session's agent.
    Agent,
    /// The session's user.
    User,
    /// The session's first tag.
    Tag,
}
