//! The sampler: passes sessions on, or holds each until a user's [`Sample`] has judged it.
//!
//! Holds: undecided sessions, at most `Window::max_bytes`. Waits: for the batcher. Loses: nothing; what
//! is judged out is booked as `sampled_out`. Over the bound the oldest session must be judged at
//! once.

pub(crate) mod policy;
mod window;

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use self::window::Window;
use crate::actors::mailbox::{Mailbox, Stopped};
use crate::actors::road::Msg;
use crate::actors::run::Actor;
use crate::model::chunk::{Chunk, Digest, SessionKey};

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
    fn new(digest: &Digest, last_chance: bool) -> Self {
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

pub(crate) struct Sampler {
    next: Mailbox<Msg>,
    /// None: every recorded session is passed on as it comes.
    judge: Option<Judge>,
}

/// A user's sampler with what it has not decided yet.
struct Judge {
    sample: Option<Box<dyn Sample>>,
    window: Window,
}

impl Sampler {
    pub(crate) fn new(
        next: Mailbox<Msg>,
        sample: Option<Box<dyn Sample>>,
        window_bytes: usize,
    ) -> Self {
        let judge = |sample| Judge {
            sample: Some(sample),
            window: Window::new(window_bytes),
        };
        Self {
            next,
            judge: sample.map(judge),
        }
    }

    /// Takes in chunks and passes on those that are decided.
    async fn take_in(&mut self, chunks: Vec<Chunk>) -> Result<(), Stopped> {
        let Some(judge) = &mut self.judge else {
            return Ok(());
        };
        let mut decided = Vec::new();
        let mut asked: Vec<SessionKey> = Vec::new();
        for chunk in chunks {
            let session = chunk.session;
            match judge.window.hold(chunk) {
                Some(chunk) => decided.push(chunk),
                None if asked.contains(&session) || !judge.window.holds(session) => {}
                None => asked.push(session),
            }
        }
        judge.ask(asked, false, &mut decided).await;
        while let Some(oldest) = judge.window.over_bound() {
            judge.ask(vec![oldest], true, &mut decided).await;
        }
        self.pass_on(decided).await
    }

    async fn pass_on(&mut self, decided: Vec<Chunk>) -> Result<(), Stopped> {
        if decided.is_empty() {
            return Ok(());
        }
        self.next.send(Msg::Chunks(decided)).await
    }
}

impl Judge {
    /// Has the sampler judge these sessions, off the actors' thread.
    async fn ask(
        &mut self,
        sessions: Vec<SessionKey>,
        last_chance: bool,
        decided: &mut Vec<Chunk>,
    ) {
        if sessions.is_empty() {
            return;
        }
        let facts: Vec<_> = sessions
            .iter()
            .map(|session| SessionFacts::new(&self.window.digest(*session), last_chance))
            .collect();
        let verdicts = match self.sample.take() {
            None => vec![Verdict::Keep; facts.len()],
            Some(mut sample) => {
                let count = facts.len();
                let judged = tokio::task::spawn_blocking(move || {
                    let verdicts: Vec<_> = facts
                        .iter()
                        .map(|facts| judge_one(&mut *sample, facts))
                        .collect();
                    (sample, verdicts)
                });
                match judged.await {
                    Ok((sample, verdicts)) => {
                        self.sample = Some(sample);
                        verdicts
                    }
                    // The runtime is going down: what it cannot judge it keeps.
                    Err(_) => vec![Verdict::Keep; count],
                }
            }
        };
        for (session, verdict) in sessions.into_iter().zip(verdicts) {
            decided.extend(self.window.decide(session, verdict));
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

impl Actor for Sampler {
    const NAME: &'static str = "sampler";
    type Msg = Msg;

    async fn handle(&mut self, msg: Msg) -> Result<(), Stopped> {
        match msg {
            Msg::Flush(_) | Msg::Whole(_) => self.next.send(msg).await,
            _ if self.judge.is_none() => self.next.send(msg).await,
            Msg::Chunk(chunk) => self.take_in(vec![chunk]).await,
            Msg::Chunks(chunks) => self.take_in(chunks).await,
        }
    }

    async fn finish(&mut self) -> Result<(), Stopped> {
        let Some(judge) = &mut self.judge else {
            return Ok(());
        };
        let mut decided = Vec::new();
        let undecided = judge.window.undecided();
        judge.ask(undecided, true, &mut decided).await;
        self.pass_on(decided).await
    }
}
