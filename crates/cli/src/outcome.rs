//! How a command ended, as its exit code tells.

use std::process::ExitCode;

/// How a command ended that came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All is well.
    Fine,
    /// Something could not be done, and was told; the rest was done.
    Failed,
    /// It ran, but telemetry was lost.
    Lost,
    /// `serve` stopped, and telemetry was lost. A code of its own, so that who supervises the process can
    /// tell it from what never served.
    LostWhileServing,
    /// `run` ended as its command did: with this code.
    AsCommand(u8),
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Fine => Self::SUCCESS,
            Outcome::Failed => Self::FAILURE,
            Outcome::Lost => Self::from(3),
            Outcome::LostWhileServing => Self::from(4),
            Outcome::AsCommand(code) => Self::from(code),
        }
    }
}
