//! What may be said of a session: plain data that users write and files are read into.

use std::time::Duration;

use crate::model::owned_value::OwnedValue;

/// A statement about a session. It is true of the whole session: "a span failed" means any of its
/// spans that arrived before the decision.
///
/// ```
/// use std::time::Duration;
/// use spanreel::{Match, Rule};
///
/// let slow_or_dear = Rule::any([Rule::SlowerThan(Duration::from_secs(60)), Rule::CostAbove(1.0)]);
/// let in_production = Rule::attribute("deployment.environment.name", "prod*");
/// let rule = Rule::all([slow_or_dear, in_production, !Rule::Agent(Match::from("health-check"))]);
/// # let _ = rule;
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Rule {
    /// True of every session.
    Always,
    /// True of none.
    Never,
    /// One of its spans failed (OTLP status error).
    Errors,
    /// It ended so. Never true of a session that is judged before its end.
    EndState(Outcome),
    /// One of its spans took longer; once it has ended, so did the session as a whole, for its root
    /// span is one of them.
    SlowerThan(Duration),
    /// It cost more than so many US dollars, as far as known.
    CostAbove(f64),
    /// It used more input and output tokens than this, as far as known.
    TokensAbove(u64),
    /// It made more LLM calls than this.
    LlmCallsAbove(u64),
    /// It made more tool calls than this.
    ToolCallsAbove(u64),
    /// More of its spans than this have ended.
    SpansAbove(u64),
    /// One of its evaluations (`gen_ai.evaluation.score.value`, on a span, an event of a span or a log
    /// record) has such a score; with a name, one of that name (`gen_ai.evaluation.name`).
    Score {
        /// Which evaluation; every one, where it is none.
        name: Option<Match>,
        /// What its score must be.
        score: Match,
    },
    /// Its agent's name.
    Agent(Match),
    /// Its user.
    User(Match),
    /// One of its tags.
    Tag(Match),
    /// A model that one of its spans asked for, or was answered by (`gen_ai.request.model`,
    /// `gen_ai.response.model`).
    Model(Match),
    /// One of its spans or log records has such an attribute.
    Attribute {
        /// The key, exactly.
        key: String,
        /// What the value must be.
        value: Match,
    },
    /// One of its spans has such a name.
    SpanName(Match),
    /// All of these are true. Of none, always.
    All(Vec<Self>),
    /// One of these is true. Of none, never.
    Any(Vec<Self>),
    /// This is not true.
    Not(Box<Self>),
}

impl Rule {
    /// All of these are true.
    #[must_use]
    pub fn all(rules: impl IntoIterator<Item = Self>) -> Self {
        Self::All(rules.into_iter().collect())
    }

    /// One of these is true.
    #[must_use]
    pub fn any(rules: impl IntoIterator<Item = Self>) -> Self {
        Self::Any(rules.into_iter().collect())
    }

    /// One of the session's spans or log records has such an attribute.
    #[must_use]
    pub fn attribute(key: impl Into<String>, value: impl Into<Match>) -> Self {
        Self::Attribute {
            key: key.into(),
            value: value.into(),
        }
    }

    /// One of the session's evaluations has a score below this.
    #[must_use]
    pub fn score_below(score: f64) -> Self {
        Self::Score {
            name: None,
            score: Match::Below(score),
        }
    }
}

impl std::ops::Not for Rule {
    type Output = Self;

    fn not(self) -> Self {
        Self::Not(Box::new(self))
    }
}

/// How a session ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// It has ended and nobody said how.
    #[default]
    Unset,
    /// It did what it was for.
    Success,
    /// It failed.
    Error,
}

/// What a value must be.
///
/// From a text it is a [`Glob`](Self::Glob) where there is a `*` in it, and [`Equals`](Self::Equals)
/// where there is none.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Match {
    /// There is one, whatever it is.
    Present,
    /// This value, of the same type; a whole number and a float of the same value are equal.
    Equals(OwnedValue),
    /// A text that begins so.
    Prefix(String),
    /// A text with this in it.
    Contains(String),
    /// A text that fits, where each `*` stands for any characters, or none.
    Glob(String),
    /// A number above this.
    Exceeds(f64),
    /// A number below this.
    Below(f64),
}

impl From<&str> for Match {
    fn from(text: &str) -> Self {
        if text.contains('*') {
            Self::Glob(text.to_owned())
        } else {
            Self::Equals(OwnedValue::Str(text.to_owned()))
        }
    }
}

impl From<String> for Match {
    fn from(text: String) -> Self {
        text.as_str().into()
    }
}

impl From<bool> for Match {
    fn from(truth: bool) -> Self {
        Self::Equals(OwnedValue::Bool(truth))
    }
}

impl From<i64> for Match {
    fn from(number: i64) -> Self {
        Self::Equals(OwnedValue::Int(number))
    }
}
