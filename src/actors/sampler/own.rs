//! A sampler of the user's own.
//!
//! Waits: for the thread that asks it. Loses: nothing; what a panicking sampler was to judge is kept.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use crate::model::chunk::Digest;

/// Judges sessions by what they did (tail sampling).
///
/// Called when something of a session arrives, off the pipeline's own thread. A panic counts as
/// [`Verdict::Keep`]. Sessions that are not recorded in the first place
/// ([`Sampling`](crate::Sampling)) never get here.
///
/// ```
/// use spanreel::{Sample, SessionFacts, Verdict};
///
/// /// Keeps sessions that failed or were expensive.
/// struct Interesting;
///
/// impl Sample for Interesting {
///     fn sample(&mut self, session: &SessionFacts) -> Verdict {
///         if session.error || session.cost > 1.0 {
///             Verdict::Keep
///         } else if session.ended {
///             Verdict::Drop
///         } else {
///             Verdict::Wait
///         }
///     }
/// }
/// ```
pub trait Sample: Send + 'static {
    /// Judges a session by what is known of it so far. The verdict is final unless it is
    /// [`Verdict::Wait`]; what comes later follows it.
    fn sample(&mut self, session: &SessionFacts) -> Verdict;
}

/// What becomes of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// All of it is exported.
    Keep,
    /// None of it is.
    Drop,
    /// It is held until more is known. Where [`SessionFacts::last_chance`] is set, this means keep.
    Wait,
}

/// What is known of a session so far.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct SessionFacts {
    /// Its root span has ended.
    pub ended: bool,
    /// It cannot wait any longer: it has ended, the bound on what is held was reached, or the
    /// pipeline is shutting down.
    pub last_chance: bool,
    /// Spans that have ended.
    pub spans: u64,
    /// One of them failed.
    pub error: bool,
    /// The longest of them; the whole session, once it has ended.
    pub longest: Duration,
    /// LLM calls.
    pub llm_calls: u64,
    /// Tool calls.
    pub tool_calls: u64,
    /// Input and output tokens, as far as known.
    pub tokens: u64,
    /// The cost in US dollars, as far as known.
    pub cost: f64,
}

impl SessionFacts {
    pub(super) fn new(digest: &Digest, last_chance: bool) -> Self {
        Self {
            ended: digest.root_ended,
            last_chance: last_chance || digest.root_ended,
            spans: digest.spans,
            error: digest.error,
            longest: Duration::from_nanos(digest.longest_ns),
            llm_calls: digest.llm_calls.into(),
            tool_calls: digest.tool_calls.into(),
            tokens: digest.tokens,
            cost: digest.cost,
        }
    }
}

/// The user's sampler; lent to the thread that asks it, and gone with a runtime that goes down.
pub(super) struct Own(Option<Box<dyn Sample>>);

impl Own {
    pub(super) fn new(sample: Box<dyn Sample>) -> Self {
        Self(Some(sample))
    }

    /// Has these sessions judged, off the actors' thread.
    pub(super) async fn ask(&mut self, facts: Vec<SessionFacts>) -> Vec<Verdict> {
        let kept = vec![Verdict::Keep; facts.len()];
        let Some(mut sample) = self.0.take() else {
            return kept;
        };
        let judged = tokio::task::spawn_blocking(move || {
            let verdicts: Vec<_> = facts
                .iter()
                .map(|facts| judge_one(&mut *sample, facts))
                .collect();
            (sample, verdicts)
        });
        match judged.await {
            Ok((sample, verdicts)) => {
                self.0 = Some(sample);
                verdicts
            }
            // The runtime is going down: what it cannot judge it keeps.
            Err(_) => kept,
        }
    }
}

fn judge_one(sample: &mut dyn Sample, facts: &SessionFacts) -> Verdict {
    let verdict = std::panic::catch_unwind(AssertUnwindSafe(|| sample.sample(facts)));
    match verdict {
        Ok(Verdict::Wait) if facts.last_chance => Verdict::Keep,
        Ok(verdict) => verdict,
        Err(_) => {
            tracing::error!(target: "spanreel", "sampler panicked; the session is kept");
            Verdict::Keep
        }
    }
}
