//! What can be said of a spool.

use std::path::PathBuf;

use crate::model::byte_size::ByteSize;

/// A directory on disk where telemetry waits that cannot be delivered now.
///
/// ```
/// use spanreel::{ByteSize, Spool, SpoolFull, SpoolMode};
///
/// let spool = Spool::at("planner.spool", ByteSize::gib(2))
///     .mode(SpoolMode::Always)
///     .when_full(SpoolFull::DropOldest);
/// # let _ = spool;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spool {
    pub(crate) path: PathBuf,
    pub(crate) max_size: ByteSize,
    pub(crate) segment_size: ByteSize,
    pub(crate) mode: SpoolMode,
    pub(crate) when_full: SpoolFull,
}

impl Spool {
    /// A spool in a directory of its own, which is created where it is missing, and takes at most
    /// `max_size` on disk. What the pipeline cannot use is told when it starts.
    ///
    /// Only its owner may read it (mode 0700, files 0600): it holds telemetry as it would be sent.
    #[must_use]
    pub fn at(path: impl Into<PathBuf>, max_size: ByteSize) -> Self {
        Self {
            path: path.into(),
            max_size,
            segment_size: ByteSize::mib(16),
            mode: SpoolMode::default(),
            when_full: SpoolFull::default(),
        }
    }

    /// What is written. Default: [`SpoolMode::Overflow`].
    #[must_use]
    pub fn mode(mut self, mode: SpoolMode) -> Self {
        self.mode = mode;
        self
    }

    /// What happens when it is full. Default: [`SpoolFull::Block`].
    #[must_use]
    pub fn when_full(mut self, when_full: SpoolFull) -> Self {
        self.when_full = when_full;
        self
    }

    /// How large one file may become. Default: 16 MiB, and never more than an eighth of the whole. Room
    /// is freed, and given up under [`SpoolFull::DropOldest`], a file at a time.
    #[must_use]
    pub fn segment_size(mut self, bytes: ByteSize) -> Self {
        self.segment_size = bytes;
        self
    }
}

/// What a spool is written with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SpoolMode {
    /// What an exporter cannot take now, and what is undelivered at a shutdown. The disk is idle while all
    /// goes well; a process that is killed loses what it held in memory.
    #[default]
    Overflow,
    /// Everything, before an exporter is given it. A process that is killed loses what was not yet on disk:
    /// [`Receipt::durable`](crate::Receipt::durable) tells for received requests when it is. Batches are sealed
    /// within 5 ms and the chunks of sessions within 20 ms, so that this comes soon: a span is on disk 50 ms
    /// after its end on a disk that works.
    Always,
}

/// What happens when a spool is full, or its disk is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SpoolFull {
    /// The pipeline waits, which [`WhenFull`](crate::WhenFull) then decides about: nothing on disk is given up.
    #[default]
    Block,
    /// The oldest is given up for the newest, booked [`Fate::Evicted`](crate::Fate::Evicted).
    DropOldest,
}
