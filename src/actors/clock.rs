//! Time for spans: the wall clock read once per session, monotonic afterwards.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Reads a clock that costs nanoseconds (the processor's time stamp counter where it is reliable).
#[derive(Clone, Debug)]
pub(crate) struct Clock {
    source: quanta::Clock,
}

/// A moment on both clocks. Times after it are counted from it, so that a jump of the wall clock
/// never yields a negative or absurd duration.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Anchor {
    unix_ns: u64,
    raw: u64,
}

impl Clock {
    /// Calibrates on first use in the process, which takes some milliseconds.
    pub(crate) fn new() -> Self {
        Self {
            source: quanta::Clock::new(),
        }
    }

    /// Reads both clocks.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the wall clock"
    )]
    pub(crate) fn anchor(&self) -> Anchor {
        Anchor {
            raw: self.source.raw(),
            unix_ns: unix_ns(SystemTime::now()),
        }
    }

    /// Nanoseconds since 1970, counted from the anchor.
    #[inline]
    pub(crate) fn now_ns(&self, anchor: &Anchor) -> u64 {
        anchor.unix_ns + self.source.delta_as_nanos(anchor.raw, self.source.raw())
    }
}

impl Anchor {
    pub(crate) fn unix_ns(&self) -> u64 {
        self.unix_ns
    }
}

/// Nanoseconds since 1970; times before it count as 1970, times after 2554 as 2554.
pub(crate) fn unix_ns(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
