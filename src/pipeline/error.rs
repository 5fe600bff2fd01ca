//! Why a pipeline does not start.

use std::fmt;

use crate::model::problem::Problem;

/// Why a pipeline did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The configuration is wrong; every problem is listed.
    #[error("the telemetry configuration is wrong: {}", List(.0))]
    Invalid(Vec<Problem>),
    /// The pipeline's own thread could not be started.
    #[error("the pipeline's thread could not be started")]
    Thread(#[source] std::io::Error),
    /// The spool cannot be used.
    #[cfg(feature = "spool")]
    #[error("the spool cannot be used: {0}")]
    Spool(#[source] crate::actors::spool::error::SpoolError),
}

/// Problems, one after the other.
struct List<'a>(&'a [Problem]);

impl fmt::Display for List<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("; ")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}
