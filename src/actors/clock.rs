//! Time for spans: the wall clock once per session, monotonic afterwards.

use std::sync::atomic::{AtomicU64, Ordering};
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

/// How long the wall clock is not read again for another anchor, in nanoseconds.
const LASTS_NS: u64 = 10_000_000;

/// The wall clock for many anchors: what is read of it serves all of the next milliseconds, for the counter goes
/// on as it does, and is read in a fraction of the time. Once the wall clock is set, or the machine was asleep,
/// anchors of so long go by what it was before.
#[derive(Debug)]
pub(crate) struct Wall {
    /// What it would have said when the counter stood at zero.
    at_zero_ns: AtomicU64,
    /// Where the counter stood when it was read.
    read_at: AtomicU64,
    /// For how many ticks that is good.
    lasts: u64,
}

impl Wall {
    pub(crate) fn new(clock: &Clock) -> Self {
        let lasts = (u128::from(LASTS_NS) << SCALE) / u128::from(clock.scale.max(1));
        let wall = Self {
            at_zero_ns: AtomicU64::new(0),
            read_at: AtomicU64::new(0),
            lasts: u64::try_from(lasts).unwrap_or(0),
        };
        wall.read(clock);
        wall
    }

    /// A moment that is now.
    #[inline]
    pub(crate) fn anchor(&self, clock: &Clock) -> Anchor {
        self.anchor_at(clock, clock.source.raw())
    }

    /// The moment when the counter stood there, or, where what was read is too old for that, one that is now.
    #[inline]
    fn anchor_at(&self, clock: &Clock, raw: u64) -> Anchor {
        // It may have been read meanwhile, or on a core whose counter is a little ahead: then it is read again.
        let age = raw.wrapping_sub(self.read_at.load(Ordering::Acquire));
        if age >= self.lasts {
            return self.read(clock);
        }
        let at_zero_ns = self.at_zero_ns.load(Ordering::Relaxed);
        Anchor {
            raw,
            unix_ns: at_zero_ns.wrapping_add(clock.nanos(raw)),
        }
    }

    /// Reads both clocks.
    #[cold]
    #[inline(never)]
    fn read(&self, clock: &Clock) -> Anchor {
        let anchor = clock.anchor();
        let took = clock.source.raw().wrapping_sub(anchor.raw);
        // If the thread had to wait between the two, they are not of one moment: that is no measure for others.
        if took < self.lasts / 1000 {
            let at_zero_ns = anchor.unix_ns.wrapping_sub(clock.nanos(anchor.raw));
            self.at_zero_ns.store(at_zero_ns, Ordering::Relaxed);
            self.read_at.store(anchor.raw, Ordering::Release);
        }
        anchor
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

    /// Anchors tell the time of the wall clock, whether it was read for them or shortly before.
    #[test]
    fn an_anchor_that_was_not_read_for_itself_tells_the_time() {
        let clock = Clock::new();
        let wall = Wall::new(&clock);
        let mut last_ns = 0;
        // For longer than a reading lasts.
        let until_ns = clock.anchor().unix_ns() + 3 * LASTS_NS;
        while last_ns < until_ns {
            let before = clock.anchor().unix_ns();
            let anchor = wall.anchor(&clock);
            let after = clock.anchor().unix_ns();
            let slack = 1_000_000;
            assert!(before <= anchor.unix_ns() + slack, "it is not behind");
            assert!(anchor.unix_ns() <= after + slack, "nor ahead");
            assert!(anchor.unix_ns() + slack >= last_ns, "it goes on");
            last_ns = anchor.unix_ns();
        }
    }

    /// What was read is used for as long as it is good, and no longer.
    #[test]
    fn the_wall_clock_is_read_again_in_time() {
        let clock = Clock::new();
        let wall = Wall::new(&clock);
        // What was interrupted does not count.
        while wall.read_at.load(Ordering::Relaxed) == 0 {
            wall.read(&clock);
        }
        // As if it had been set by an hour since.
        let hour_ns = 3_600_000_000_000;
        wall.at_zero_ns.fetch_sub(hour_ns, Ordering::Relaxed);
        let read_at = wall.read_at.load(Ordering::Relaxed);
        let behind_ns = |raw| {
            let told = wall.anchor_at(&clock, raw).unix_ns();
            clock.anchor().unix_ns() - told
        };
        assert!(behind_ns(read_at) > hour_ns / 2, "not yet");
        assert!(
            behind_ns(read_at + wall.lasts - 1) > hour_ns / 2,
            "nor so soon"
        );
        assert!(behind_ns(read_at + wall.lasts) < hour_ns / 2, "now");
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
