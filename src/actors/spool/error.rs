//! Why a spool cannot be used.

use std::io;
use std::path::PathBuf;

/// Why a spool cannot be used. Nothing in its directory was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SpoolError {
    /// What stands there is no directory.
    #[error("{} is not a directory; give a directory of its own", .0.display())]
    NotADirectory(PathBuf),
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
