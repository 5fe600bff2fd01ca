//! From received requests to the line of what arrives: which sessions they hold.

use std::sync::Arc;
use std::time::Instant;

use sha2::{Digest, Sha256};
use spanreel::{SessionLabel, SessionSeen, Signal, Watch};

use super::arrivals::{Arrival, Arrivals};

/// Notes the sessions in requests that are accepted.
#[derive(Debug)]
pub(crate) struct Watching(pub(crate) Arc<Arrivals>);

impl Watch for Watching {
    fn seen(&self, session: &SessionSeen<'_>) {
        let key = match session.label {
            SessionLabel::Id(id) => Some(key_of(id)),
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
        self.0.note(key, &arrival, Instant::now());
    }
}

/// An id of any length as one of a fixed one, which nobody can make collide with another's.
fn key_of(id: &str) -> [u8; 16] {
    let digest = Sha256::digest(id);
    std::array::from_fn(|index| digest[index])
}
