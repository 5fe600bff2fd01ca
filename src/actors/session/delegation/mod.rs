//! Delegations: work that one agent hands to another, and the time until the answer comes.
//!
//! Holds: for each delegation in flight the span that will tell of it, in as little memory as it
//! needs; at most [`DelegationConfig::max_in_flight`](crate::DelegationConfig::max_in_flight) of
//! them. Waits: never; the sweeper has the timers. Loses: nothing; what is in flight when the
//! pipeline shuts down is exported as incomplete.

mod builder;
pub(crate) mod config;
pub(crate) mod counts;
pub(crate) mod flight;
pub(crate) mod live;
mod outcome;
pub(crate) mod received;
mod record;
pub(crate) mod table;

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

pub use self::builder::DelegationBuilder;
use self::flight::Flight;
use self::outcome::Outcome;
use super::live::time;
use crate::model::attribute::Value;
use crate::model::context::SpanContext;
use crate::model::id::SpanId;
use crate::model::propagation::carrier::CarrierMut;

/// Work that was handed to another agent and is not answered yet: a span named
/// `invoke_agent {agent}`, in flight until one of these happens:
///
/// | what happens | outcome | the span |
/// | --- | --- | --- |
/// | [`answered`](Self::answered) | `answered` | ends |
/// | [`failed`](Self::failed) | `failed` | ends in error |
/// | a synchronous one is dropped | `cancelled` | ends with `error.type = "cancelled"` |
/// | an asynchronous one is dropped | | stays in flight |
/// | its deadline passes | `abandoned` | ends with `error.type = "abandoned"` |
/// | the pipeline shuts down | `interrupted` | ends as incomplete |
///
/// A synchronous delegation (the default, of kind client) belongs to whoever holds this handle: a
/// caller that returns early by `?`, or whose future is dropped, has given up waiting. An
/// [asynchronous](DelegationBuilder::asynchronous) one (of kind producer) is a message that was sent:
/// the handle may be dropped, and whoever gets the answer finds it again with
/// [`Pipeline::delegation`](crate::Pipeline::delegation).
///
/// It outlives the end of its session: a session that has said all it has to say may end while its
/// delegations are in flight, and their spans are exported when they end. A session with a
/// delegation in flight is not idle.
#[must_use = "a synchronous delegation is cancelled when it is dropped"]
pub struct Delegation {
    flight: Arc<Flight>,
}

impl Delegation {
    pub(crate) fn of(flight: Arc<Flight>) -> Self {
        Self { flight }
    }

    /// The id of its span: what to ask [`Pipeline::delegation`](crate::Pipeline::delegation) for.
    #[must_use]
    pub fn id(&self) -> SpanId {
        self.flight.id
    }

    /// The context to send to the other agent, which opens its session
    /// [from it](crate::SessionBuilder::from_delegation).
    #[must_use]
    pub fn context(&self) -> SpanContext {
        self.flight.cell.context_of(self.flight.id)
    }

    /// Writes its context to a carrier, in the formats of the pipeline: what to send along with the
    /// work. No baggage travels; what the carrier held is removed. Whoever must not trust ids that
    /// anybody can claim gets a signed token beside it: see the crate `spanreel-http`.
    pub fn inject<C: CarrierMut + ?Sized>(&self, carrier: &mut C) {
        self.flight.cell.inject(&self.context(), None, carrier);
    }

    /// As [`inject`](Self::inject), with the baggage that the
    /// [`BaggagePolicy`](crate::BaggagePolicy) of the pipeline lets travel to this host.
    pub fn inject_to<C: CarrierMut + ?Sized>(&self, host: &str, carrier: &mut C) {
        self.flight
            .cell
            .inject(&self.context(), Some(host), carrier);
    }

    /// The id of the session that delegates, as it is exported.
    #[must_use]
    pub fn session_id(&self) -> &str {
        self.flight.cell.identity.id()
    }

    /// The agent that the work was handed to.
    #[must_use]
    pub fn agent(&self) -> &str {
        &self.flight.agent
    }

    /// When it is abandoned unless it was answered before.
    #[must_use]
    pub fn deadline(&self) -> SystemTime {
        time(self.flight.deadline_ns())
    }

    /// Whether it has not ended: `false` once it was abandoned, say.
    #[must_use]
    pub fn is_in_flight(&self) -> bool {
        self.flight.is_in_flight()
    }

    /// Sets an attribute of its span. Does nothing after its end.
    pub fn set<'v>(&self, key: &str, value: impl Into<Value<'v>>) -> &Self {
        // Not under its lock, for what makes the value may be the host's code.
        let value = value.into();
        self.flight.edit(|draft, _| draft.set(key, value));
        self
    }

    /// Notes that the other agent took the work on, and in which session: its span is linked to that
    /// session's root, also when no answer ever comes. Does nothing after its end, or when it is
    /// linked already.
    pub fn accepted(&self, sub_session: &SpanContext) -> &Self {
        self.flight.link(sub_session);
        self
    }

    /// Ends it: the answer came, from this session if that is known.
    ///
    /// An answer that comes after the deadline changes nothing in the span, which has been exported;
    /// it is told by the log record `spanreel.delegation.late`.
    pub fn answered(self, sub_session: impl Into<Option<SpanContext>>) {
        if let Some(sub_session) = sub_session.into() {
            self.flight.link(&sub_session);
        }
        self.flight.end_or_tell(Outcome::Answered, None);
    }

    /// Ends it: the other agent could not be reached, refused the work, or failed at it.
    /// `error_type` is a low-cardinality name (`rejected`, `503`), `message` is for people.
    pub fn failed(self, error_type: &str, message: &str) {
        self.flight
            .end_or_tell(Outcome::Failed, Some((error_type, message)));
    }
}

impl Drop for Delegation {
    fn drop(&mut self) {
        self.flight.let_go();
    }
}

impl fmt::Debug for Delegation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delegation")
            .field("agent", &self.flight.agent)
            .field("trace_id", &self.flight.cell.identity.trace_id)
            .field("id", &self.flight.id)
            .finish_non_exhaustive()
    }
}
