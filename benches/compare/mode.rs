//! The questions that a run can answer, and the shape of the work that answers each.

use std::fmt;
use std::time::Duration;

use clap::ValueEnum;

/// Spans in a turn of the workload: one LLM call and its two tool calls.
pub(crate) const SPANS_PER_TURN: u64 = 3;
/// Tasks of the host that produce spans.
pub(crate) const PRODUCERS: u64 = 4;
/// Sessions that are open at once in [`Mode::Interleaved`].
const QUIET_SESSIONS: u64 = 100_000;
/// Time a contestant gets, after the last span has ended, to deliver what it still holds. It counts
/// in the spans per second.
pub(crate) const GRACE: Duration = Duration::from_secs(30);

/// What is asked of each contestant. The text of each is the question it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Mode {
    /// What does telemetry cost a host that is busy but not overloaded? 300,000 spans/s, sessions of
    /// 1,000 spans.
    Paced,
    /// How much goes through, what of it arrives, and what memory does it take, when spans come as
    /// fast as the host can make them? Sessions of 1,000 spans.
    Flat,
    /// What do many quiet sessions cost? 300,000 spans/s, spread over 100,000 sessions that are all
    /// open at once and take turns.
    Interleaved,
    /// What does a session itself cost? Flat out, sessions of ten spans, opened and ended one after
    /// the other.
    Ten,
    /// What arrives when the backend is far away? 100,000 spans/s for 20 s, to a receiver that
    /// answers each request after 50 ms.
    Latency,
    /// What does a session cost that is not sampled? Nanoseconds for a span without attributes and
    /// for a whole LLM span, on one thread.
    Unsampled,
}

/// The work of one run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    /// How often each producer task opens sessions.
    pub(crate) cohorts: u64,
    /// Sessions that it opens at once; each gets one turn in a round.
    pub(crate) together: u64,
    /// Turns of each session; its root is one span more.
    pub(crate) turns: u64,
    /// Spans per second over all tasks; `None` is as fast as possible.
    pub(crate) rate: Option<u32>,
}

impl Shape {
    /// Sessions of the whole run.
    pub(crate) fn sessions(&self) -> u64 {
        PRODUCERS * self.cohorts * self.together
    }

    /// Spans that the whole run ends.
    pub(crate) fn spans(&self) -> u64 {
        self.sessions() * (1 + self.turns * SPANS_PER_TURN)
    }
}

impl Mode {
    /// The question it answers, as `--help` prints it.
    pub(crate) fn question(self) -> String {
        let value = self.to_possible_value();
        value
            .and_then(|value| value.get_help().map(ToString::to_string))
            .unwrap_or_default()
    }

    /// The work for about `spans` spans: rounded up to whole sessions, as many for each task.
    /// `Latency` goes by `seconds` instead.
    pub(crate) fn shape(self, spans: u64, seconds: u64) -> Shape {
        let (turns, rate) = match self {
            Self::Paced => (333, Some(300_000)),
            Self::Flat | Self::Unsampled => (333, None),
            Self::Interleaved => (
                spans.div_ceil(SPANS_PER_TURN * QUIET_SESSIONS),
                Some(300_000),
            ),
            Self::Ten => (3, None),
            Self::Latency => (333, Some(100_000)),
        };
        let spans = match (self, rate) {
            (Self::Latency, Some(rate)) => u64::from(rate) * seconds,
            _ => spans,
        };
        let sessions = spans.div_ceil(PRODUCERS * (1 + turns * SPANS_PER_TURN));
        let (cohorts, together) = match self {
            Self::Interleaved => (1, QUIET_SESSIONS / PRODUCERS),
            _ => (sessions, 1),
        };
        Shape {
            cohorts,
            together,
            turns,
            rate,
        }
    }

    /// What a library with a memory budget may hold: 100,000 open sessions need more than usual.
    pub(crate) fn budget_mib(self) -> u64 {
        match self {
            Self::Interleaved => 256,
            _ => 64,
        }
    }

    /// How long the receiver waits before it answers a request.
    pub(crate) fn answer_after(self) -> Duration {
        match self {
            Self::Latency => Duration::from_millis(50),
            _ => Duration::ZERO,
        }
    }
}

/// The name on the command line.
impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Paced => "paced",
            Self::Flat => "flat",
            Self::Interleaved => "interleaved",
            Self::Ten => "ten",
            Self::Latency => "latency",
            Self::Unsampled => "unsampled",
        })
    }
}
