//! From received requests, and calls that pass the gateway, to the line of what arrives: which sessions they are
//! of.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Instant;

use spanreel::{SessionLabel, SessionSeen, Signal, Watch};
use spanreel_http::llm::Measured;

use super::arrivals::{Arrival, Arrivals};

/// Notes the sessions in requests that are accepted, and of calls. Clones note to the same place.
#[derive(Clone, Debug)]
pub(crate) struct Watching {
    arrivals: Arc<Arrivals>,
    /// With a secret key: nobody can make two sessions collide, and chance does not with a million of them.
    hasher: RandomState,
}

impl Watching {
    pub(crate) fn new(arrivals: Arc<Arrivals>) -> Self {
        Self {
            arrivals,
            hasher: RandomState::new(),
        }
    }

    /// Notes a call of a model that has passed the gateway.
    pub(crate) fn called(&self, call: &Measured<'_>) {
        let key = self.hasher.hash_one(call.trace_id.to_bytes());
        let arrival = Arrival {
            spans: 1,
            errors: u64::from(call.error_type.is_some()),
            tokens: call.usage.total(),
            cost: call.cost.unwrap_or(0.0),
            ..Arrival::default()
        };
        self.arrivals.note([(Some(key), arrival)], Instant::now());
    }

    fn arrival(&self, session: &SessionSeen<'_>) -> (Option<u64>, Arrival) {
        let key = match session.label {
            SessionLabel::Id(id) => Some(self.hasher.hash_one(id)),
            SessionLabel::Trace(trace) => Some(self.hasher.hash_one(trace.to_bytes())),
            SessionLabel::None => None,
        };
        let (spans, logs) = match session.signal {
            Signal::Traces => (session.items, 0),
            Signal::Logs => (0, session.items),
            _ => (0, 0),
        };
        let arrival = Arrival {
            spans,
            logs,
            errors: session.errors,
            tokens: session.tokens,
            cost: session.cost,
            root_ended: session.root_ended,
        };
        (key, arrival)
    }
}

impl Watch for Watching {
    fn seen(&self, session: &SessionSeen<'_>) {
        self.seen_together(&mut std::iter::once(*session));
    }

    fn seen_together<'a>(&self, sessions: &mut dyn Iterator<Item = SessionSeen<'a>>) {
        let arrivals = sessions.map(|session| self.arrival(&session));
        self.arrivals.note(arrivals, Instant::now());
    }
}
