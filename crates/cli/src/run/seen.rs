//! What a command sent, in numbers.

use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use spanreel::{SessionSeen, Signal, Watch};

/// The sums over all that was received. Of metrics the receiver knows.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Sums {
    pub(crate) spans: u64,
    pub(crate) logs: u64,
    pub(crate) llm_calls: u64,
    pub(crate) tool_calls: u64,
    /// Spans that failed.
    pub(crate) errors: u64,
    /// Input and output.
    pub(crate) tokens: u64,
    /// In US dollars.
    pub(crate) cost: f64,
}

/// Adds up what is received. Clones share the sums.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen(Arc<Mutex<Sums>>);

impl Seen {
    /// The sums so far.
    pub(crate) fn sums(&self) -> Sums {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Watch for Seen {
    fn seen(&self, session: &SessionSeen<'_>) {
        let mut sums = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match session.signal {
            Signal::Traces => sums.spans += session.items,
            Signal::Logs => sums.logs += session.items,
            _ => {}
        }
        sums.llm_calls += session.llm_calls;
        sums.tool_calls += session.tool_calls;
        sums.errors += session.errors;
        sums.tokens = sums.tokens.saturating_add(session.tokens);
        // What is sent may be anything; a sum that is no number would stay so.
        if session.cost.is_finite() && session.cost >= 0.0 {
            sums.cost += session.cost;
        }
    }
}
