//! Why something could not be stored or found.

use std::path::PathBuf;

/// What a store could not do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The files were written by a newer version, which alone understands them. They are untouched.
    #[error(
        "{path} has format {found}, and this version knows {known}; use the newer spanreel, or another \
         directory"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: i64,
        /// The newest format that is known here.
        known: i64,
    },
    /// The files were written by an older version, and are opened to be read. They are untouched.
    #[error(
        "{path} has format {found} of an older version, and this version reads {known}; all sessions are still in \
         it: start 'spanreel serve' with the same --data-dir once, which brings it up to date"
    )]
    Older {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: i64,
        /// The format that is read here.
        known: i64,
    },
    /// Nothing was stored in this directory, or there is no such directory.
    #[error("there is no store in {directory}")]
    Missing {
        /// The directory.
        directory: PathBuf,
    },
    /// What has the name of the store's file is something else. It is untouched.
    #[error("{path} is no store of spanreel: {why}")]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What it is.
        why: &'static str,
    },
    /// Another process writes to it.
    #[error("{path} is in use by another process; stop that, or use another directory")]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// It was opened to be read.
    #[error("the store was opened to be read")]
    ReadOnly,
    /// SQLite says that it could not.
    #[error("the store's file could not be used")]
    Sqlite(#[from] rusqlite::Error),
    /// A file or directory could not be used.
    #[error("{path} could not be used")]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// What was stored cannot be read any more.
    #[error("a stored block is damaged: {0}")]
    Damaged(&'static str),
    /// A query took longer than it may, or whoever asked has gone.
    #[error("the query took too long; ask for less, a shorter time say")]
    TooSlow,
    /// A query says something that cannot be.
    #[error("{0}")]
    BadQuery(String),
    /// The scopes of a request would repeat its resources for more bytes than one request may take: no program
    /// sends such a thing in earnest.
    #[error(
        "the resources of a request, repeated for each of its scopes, have more than {limit} bytes; send it with \
         fewer scopes, or smaller resources"
    )]
    Repeated {
        /// How many bytes they may have.
        limit: usize,
    },
    /// A request of telemetry is none.
    #[error("the request is no OTLP")]
    Wire(#[from] spanreel::view::WireError),
}

impl StoreError {
    /// Whether one request of several, or what is stored of its session, is the reason: the others can be
    /// written without it.
    pub(crate) fn is_of_one_request(&self) -> bool {
        matches!(
            self,
            Self::Wire(_) | Self::Repeated { .. } | Self::Damaged(_)
        )
    }

    /// What SQLite says when a query is stopped from outside becomes [`StoreError::TooSlow`].
    pub(crate) fn of_query(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::OperationInterrupted) => Self::TooSlow,
            _ => Self::Sqlite(error),
        }
    }
}
