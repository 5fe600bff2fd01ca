//! What is wrong in a configuration, so that all of it can be reported at once.

use std::fmt;

/// Something wrong in the configuration: which setting, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The setting, as the user wrote it: a method of the builder, with the field where it has
    /// several (`batch.max_export_batch_size`), or an environment variable.
    pub setting: String,
    /// What is wrong and what would be right, in one sentence, without secrets.
    pub advice: String,
}

impl Problem {
    pub(crate) fn new(setting: impl Into<String>, advice: impl Into<String>) -> Self {
        Self {
            setting: setting.into(),
            advice: advice.into(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.setting, self.advice)
    }
}
