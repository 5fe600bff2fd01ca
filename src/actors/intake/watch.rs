//! Who is told of the sessions in received requests: a live line, a store.

use crate::model::id::TraceId;
use crate::model::otlp::foreign::sessions::{SessionFound, SessionName};
use crate::model::request::Signal;

/// Is told of the sessions in each accepted request.
///
/// Called on the thread that accepts, once for each session of each resource in a request, before
/// the request is answered: it should be quick, and must not wait. A panic costs that call alone.
pub trait Watch: Send + Sync + 'static {
    /// A session was seen in a request that was accepted.
    fn seen(&self, session: &SessionSeen<'_>);
}

/// How a session of others was recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SessionLabel<'a> {
    /// By an attribute; `docs/receiving.md` lists the keys.
    Id(&'a str),
    /// By its trace, where no attribute says more.
    Trace(TraceId),
    /// Not at all: log records outside of any trace, and spans without a valid trace id.
    None,
}

/// What one request says of one session.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct SessionSeen<'a> {
    /// The session.
    pub label: SessionLabel<'a>,
    /// `service.name` of the resource; empty where it has none.
    pub service: &'a str,
    /// What the request carries: spans or log records.
    pub signal: Signal,
    /// How many of them are of this session.
    pub items: u64,
    /// Spans among them that failed.
    pub errors: u64,
    /// LLM calls.
    pub llm_calls: u64,
    /// Tool calls.
    pub tool_calls: u64,
    /// Input and output tokens, as far as known.
    pub tokens: u64,
    /// The cost in US dollars, as far as known.
    pub cost: f64,
    /// A span without a parent is among them: one of its traces has ended.
    pub root_ended: bool,
}

impl<'a> SessionSeen<'a> {
    pub(super) fn new(signal: Signal, found: &SessionFound<'a>) -> Self {
        let SessionFound {
            name,
            service,
            items,
            errors,
            digest,
        } = found;
        let trace = |id| TraceId::from_slice(id).map(SessionLabel::Trace);
        Self {
            label: match name {
                SessionName::Id(id) => SessionLabel::Id(text(id)),
                SessionName::Trace(id) => trace(id).unwrap_or(SessionLabel::None),
                SessionName::None => SessionLabel::None,
            },
            service: text(service),
            signal,
            items: *items,
            errors: *errors,
            llm_calls: digest.llm_calls.into(),
            tool_calls: digest.tool_calls.into(),
            tokens: digest.tokens,
            cost: digest.cost,
            root_ended: digest.root_ended,
        }
    }
}

/// Text that was checked when the request was.
fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or_default()
}
