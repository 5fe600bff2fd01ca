//! From received requests to the line of what arrives: which sessions they hold.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Instant;

use spanreel::{SessionLabel, SessionSeen, Signal, Watch};

use super::arrivals::{Arrival, Arrivals};

/// Notes the sessions in requests that are accepted.
#[derive(Debug)]
pub(crate) struct Watching {
    arrivals: Arc<Arrivals>,
    /// Their keys are secret and differ: nobody can make the ids of two sessions collide.
    halves: [RandomState; 2],
}

impl Watching {
    pub(crate) fn new(arrivals: Arc<Arrivals>) -> Self {
        Self {
            arrivals,
            halves: [(); 2].map(|()| RandomState::new()),
        }
    }

    /// An id of any length as one of a fixed one.
    fn key_of(&self, id: &str) -> [u8; 16] {
        let [high, low] = self.halves.each_ref().map(|half| half.hash_one(id));
        (u128::from(high) << 64 | u128::from(low)).to_be_bytes()
    }

    fn arrival(&self, session: &SessionSeen<'_>) -> (Option<[u8; 16]>, Arrival) {
        let key = match session.label {
            SessionLabel::Id(id) => Some(self.key_of(id)),
            SessionLabel::Trace(trace) => Some(trace.to_bytes()),
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The same id has the same key, and another id another one.
    #[test]
    fn ids_have_keys_of_their_own() {
        let arrivals = Arc::new(Arrivals::new(std::num::NonZeroUsize::MIN));
        let watching = Watching::new(arrivals);
        assert_eq!(watching.key_of("one"), watching.key_of("one"));
        assert_ne!(watching.key_of("one"), watching.key_of("other"));
        let key = watching.key_of("one");
        let (high, low) = key.split_at(8);
        assert_ne!(high, low, "the halves are independent");
    }
}
