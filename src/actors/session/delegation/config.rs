//! How long delegations may be in flight, and what is told of them meanwhile.

use std::time::Duration;

/// How long delegations may be in flight, and what is told of them meanwhile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DelegationConfig {
    /// How long one may be unanswered before it ends as abandoned, unless
    /// [`DelegationBuilder::deadline`](crate::DelegationBuilder::deadline) says otherwise.
    /// Default: 30 min.
    pub deadline: Duration,
    /// How often one that is in flight says so. Default: 30 s. It says so twice per
    /// [`SessionConfig::idle_timeout`](crate::SessionConfig::idle_timeout) at least, so that a session
    /// that waits for an answer is not taken for idle.
    pub heartbeat: Duration,
    /// How many may be in flight in a pipeline. Default: 16,384, some 0.5 KiB each beside what their
    /// spans say. One that is too many is a plain span: it ends when its handle is dropped, as
    /// `untracked`, and nothing waits for its answer.
    pub max_in_flight: usize,
    /// Whether the log records `spanreel.delegation.*` are written. Default: true.
    pub events: bool,
}

impl Default for DelegationConfig {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(30 * 60),
            heartbeat: Duration::from_secs(30),
            max_in_flight: 16_384,
            events: true,
        }
    }
}
