//! Why a spool cannot be used.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why a spool cannot be used, looked at or changed. Nothing in its directory was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SpoolError {
    /// What stands there is no directory.
    #[error("{} is not a directory; give a directory of its own", .0.display())]
    NotADirectory(PathBuf),
    /// There is no directory to look at.
    #[error("there is no spool at {}; give the directory of one", .0.display())]
    Missing(PathBuf),
    /// The pipeline has none, or was shut down.
    #[error("the pipeline has no spool, or was shut down; start it with one")]
    NoSpool,
    /// A process writes it, so that nobody else may.
    #[error("{} is in use{}; stop that process first", path.display(), ProcessName(*process))]
    InUse {
        /// The directory.
        path: PathBuf,
        /// The process, where that is known.
        process: Option<u32>,
    },
    /// There is nothing of that name.
    #[error("there is no {what} in {}", path.display())]
    Unknown {
        /// The directory.
        path: PathBuf,
        /// What was asked for.
        what: String,
    },
    /// The directory holds other files and was never a spool.
    #[error("{} holds files that are not a spool's; give an empty directory", .0.display())]
    Foreign(PathBuf),
    /// A later version of spanreel wrote it.
    #[error("{} was written by a later version (format {format}); use that version, or another directory", path.display())]
    NewerFormat {
        /// The directory.
        path: PathBuf,
        /// The version of its format.
        format: u32,
    },
    /// There are more exporters than a spool can tell apart.
    #[error("{0} exporters are too many for a spool; give 32 at most")]
    TooManyExporters(usize),
    /// It cannot be read or written.
    #[error("cannot use {}: {source}; check that it can be written", path.display())]
    Io {
        /// The directory.
        path: PathBuf,
        /// What happened.
        source: io::Error,
    },
}

/// Names a process where it is known.
struct ProcessName(Option<u32>);

impl fmt::Display for ProcessName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(process) => write!(f, " by process {process}"),
            None => Ok(()),
        }
    }
}
