//! Time for spans: the wall clock read once per session, monotonic afterwards.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Reads a clock that costs nanoseconds (the processor's time stamp counter where it is reliable).
#[derive(Clone, Debug)]
pub(crate) struct Clock {
    source: quanta::Clock,
    /// How many nanoseconds 2^[`SCALE`] ticks of the source take.
    scale: u64,
}

/// A shift that is known when this is compiled: the library's is not, and takes longer than its multiplication.
const SCALE: u32 = 40;

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
        let source = quanta::Clock::new();
        Self {
            scale: source.delta_as_nanos(0, 1 << SCALE),
            source,
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
        // Counters of two cores may differ by a little.
        let ticks = self.source.raw().saturating_sub(anchor.raw);
        anchor.unix_ns + self.nanos(ticks)
    }

    /// What so many ticks of the source take.
    #[inline]
    fn nanos(&self, ticks: u64) -> u64 {
        ((u128::from(ticks) * u128::from(self.scale)) >> SCALE) as u64
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
    let seconds_ns = since.as_secs().saturating_mul(1_000_000_000);
    seconds_ns.saturating_add(since.subsec_nanos().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ticks are converted as the library converts them: over a year, to within a nanosecond and a billionth.
    #[test]
    fn ticks_are_converted_as_the_library_does() {
        let clock = Clock::new();
        for shift in 0..57 {
            for ticks in [(1_u64 << shift) - 1, 1 << shift, 3 << shift] {
                let expected = clock.source.delta_as_nanos(0, ticks);
                let difference = expected.abs_diff(clock.nanos(ticks));
                assert!(difference <= 1 + expected / 1_000_000_000, "{ticks} ticks");
            }
        }
    }

    /// Times beyond what 64 bits of nanoseconds can say count as the last or the first that they can.
    #[test]
    fn times_that_cannot_be_said_are_bounded() {
        let at = |seconds, nanos| unix_ns(UNIX_EPOCH + Duration::new(seconds, nanos));
        assert_eq!(at(1, 999_999_999), 1_999_999_999);
        assert_eq!(at(18_446_744_073, 709_551_615), u64::MAX);
        assert_eq!(at(18_446_744_073, 709_551_616), u64::MAX);
        assert_eq!(at(18_446_744_074, 0), u64::MAX);
        assert_eq!(unix_ns(UNIX_EPOCH - Duration::from_secs(1)), 0);
    }
}
