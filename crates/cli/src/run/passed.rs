//! What passed the gateway of a run, in numbers.

use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use spanreel_http::llm::Measured;

/// The sums over all calls of models.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct PassedSums {
    pub(crate) llm_calls: u64,
    /// Calls that failed.
    pub(crate) errors: u64,
    /// Input and output.
    pub(crate) tokens: u64,
    /// In US dollars.
    pub(crate) cost: f64,
}

/// Adds up calls as they end. Clones share the sums.
#[derive(Clone, Debug, Default)]
pub(crate) struct Passed(Arc<Mutex<PassedSums>>);

impl Passed {
    /// The sums so far.
    pub(crate) fn sums(&self) -> PassedSums {
        let sums = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sums.clone()
    }

    /// A call has ended.
    pub(crate) fn called(&self, call: &Measured<'_>) {
        let mut sums = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sums.llm_calls += 1;
        sums.errors += u64::from(call.error_type.is_some());
        sums.tokens = sums.tokens.saturating_add(call.usage.total());
        sums.cost += call.cost.unwrap_or(0.0);
    }
}
