//! How delegations end: one table of names, statuses and what counts as a failure.

use crate::model::kind::Severity;

/// How a delegation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The answer came.
    Answered,
    /// The other agent could not be reached, refused or failed.
    Failed,
    /// The one who waited for the answer gave up.
    Cancelled,
    /// No answer came before the deadline.
    Abandoned,
    /// The pipeline was shut down.
    Interrupted,
    /// There were too many to wait for this one.
    Untracked,
}

impl Outcome {
    pub(crate) const ALL: [Self; 6] = [
        Self::Answered,
        Self::Failed,
        Self::Cancelled,
        Self::Abandoned,
        Self::Interrupted,
        Self::Untracked,
    ];

    /// The value of `spanreel.delegation.outcome`.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Abandoned => "abandoned",
            Self::Interrupted => "interrupted",
            Self::Untracked => "untracked",
        }
    }

    /// `error.type` and the status message, where the outcome itself says what went wrong.
    pub(super) const fn error(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Cancelled => Some(("cancelled", "nobody waited for the answer any more")),
            Self::Abandoned => Some(("abandoned", "no answer came before the deadline")),
            Self::Answered | Self::Failed | Self::Interrupted | Self::Untracked => None,
        }
    }

    pub(super) const fn severity(self) -> Severity {
        match self {
            Self::Failed | Self::Abandoned => Severity::Warn,
            _ => Severity::Info,
        }
    }
}
