//! Head sampling: whether a session is recorded at all, decided when it begins.
//!
//! Pure: the decision follows from the trace id and the parent alone, so that every process that
//! sees the same trace decides alike.

use crate::model::context::SpanContext;
use crate::model::id::TraceId;
use crate::model::problem::Problem;

/// The number of values that the random part of a trace id (its last 7 bytes) can take.
const RANDOMNESS: u64 = 1 << 56;

/// Which sessions are recorded.
///
/// The default records every session except those whose parent was not sampled
/// (`parentbased_always_on`, as the OpenTelemetry specification has it).
///
/// ```
/// use spanreel::Sampling;
///
/// let one_in_ten = Sampling::ratio(0.10);
/// assert_eq!(one_in_ten, Sampling::parent_based(one_in_ten.ignoring_parent()));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampling {
    root: Root,
    follow_parent: bool,
}

/// What is decided where no parent decides.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Root {
    AlwaysOn,
    AlwaysOff,
    Ratio(f64),
}

impl Sampling {
    /// Records every session, also those whose parent was not sampled (`always_on`).
    #[must_use]
    pub const fn always_on() -> Self {
        Self::plain(Root::AlwaysOn)
    }

    /// Records no session (`always_off`).
    #[must_use]
    pub const fn always_off() -> Self {
        Self::plain(Root::AlwaysOff)
    }

    /// Records this share of the sessions, from 0.0 (none) to 1.0 (all), and follows the parent
    /// where there is one: a session with a sampled parent is kept, one with a parent that was not
    /// sampled is not (`parentbased_traceidratio`). Any other number is a problem that
    /// `start` reports.
    ///
    /// A session is kept when the last 7 bytes of its trace id, read as a number, are at least
    /// `(1 - ratio) * 2^56`: the consistent threshold of OpenTelemetry's "TraceState: Probability
    /// Sampling", so that whoever keeps a larger share of the same traces keeps these too.
    #[must_use]
    pub const fn ratio(ratio: f64) -> Self {
        Self {
            root: Root::Ratio(ratio),
            follow_parent: true,
        }
    }

    /// Follows the parent where there is one, and `root` where there is none (`parentbased_*`).
    #[must_use]
    pub const fn parent_based(root: Self) -> Self {
        Self {
            follow_parent: true,
            ..root
        }
    }

    /// The same rule for every session, whatever its parent says.
    #[must_use]
    pub const fn ignoring_parent(self) -> Self {
        Self {
            follow_parent: false,
            ..self
        }
    }

    const fn plain(root: Root) -> Self {
        Self {
            root,
            follow_parent: false,
        }
    }

    /// Whether a session of this trace and parent is recorded.
    pub(crate) fn decide(&self, trace_id: TraceId, parent: Option<&SpanContext>) -> bool {
        if let Some(parent) = parent
            && self.follow_parent
            && !parent.is_deferred()
        {
            return parent.is_sampled();
        }
        match self.root {
            Root::AlwaysOn => true,
            Root::AlwaysOff => false,
            Root::Ratio(ratio) => randomness(trace_id) >= threshold(ratio),
        }
    }

    /// Whether a caller's decision counts.
    pub(crate) const fn follows_parent(&self) -> bool {
        self.follow_parent
    }

    /// What is wrong with it, if anything.
    pub(crate) fn problem(&self) -> Option<Problem> {
        let Root::Ratio(ratio) = self.root else {
            return None;
        };
        (!(0.0..=1.0).contains(&ratio)).then(|| {
            let advice = format!("the ratio is {ratio}; give a number from 0.0 to 1.0");
            Problem::new("sampling", advice)
        })
    }
}

impl Default for Sampling {
    fn default() -> Self {
        Self::parent_based(Self::always_on())
    }
}

/// The last 7 bytes of a trace id, which W3C Trace Context level 2 asks to be random.
fn randomness(trace_id: TraceId) -> u64 {
    u128::from_be_bytes(trace_id.to_bytes()) as u64 & (RANDOMNESS - 1)
}

/// How many of the `RANDOMNESS` values are rejected. A float keeps all of a ratio's 53 bits when
/// multiplied by a power of two; the conversion saturates, so that no ratio escapes the range.
fn threshold(ratio: f64) -> u64 {
    RANDOMNESS.saturating_sub((ratio * RANDOMNESS as f64).round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::context::TraceFlags;
    use crate::model::id::SpanId;

    fn trace(high: u64, low: u64) -> TraceId {
        let bytes = (u128::from(high) << 64 | u128::from(low)).to_be_bytes();
        TraceId::from_bytes(bytes).expect("not zero")
    }

    fn parent(flags: TraceFlags) -> SpanContext {
        SpanContext::new(trace(1, 1), SpanId::random(), flags)
    }

    /// The decision compares the last 56 bits of the trace id with the rejection threshold.
    #[test]
    fn the_last_seven_bytes_decide() {
        const ALL: u64 = RANDOMNESS - 1;
        for (ratio, lowest_kept) in [
            (1.0, 0),
            (0.5, 1 << 55),
            (0.25, 3 << 54),
            (1.0 / 65536.0, ALL - (1 << 40) + 1),
            (1.0 / RANDOMNESS as f64, ALL),
        ] {
            let sampling = Sampling::ratio(ratio);
            for noise in [0, 0xff << 56] {
                assert!(
                    sampling.decide(trace(7, lowest_kept | noise), None),
                    "{ratio}"
                );
                assert!(sampling.decide(trace(7, ALL | noise), None), "{ratio}");
                if lowest_kept > 0 {
                    let below = (lowest_kept - 1) | noise;
                    assert!(!sampling.decide(trace(7, below), None), "{ratio}");
                }
            }
        }
        assert!(!Sampling::ratio(0.0).decide(trace(7, ALL), None));
    }

    /// Who keeps a larger share keeps every trace that a smaller share keeps.
    #[test]
    fn a_larger_share_contains_a_smaller_one() {
        for _ in 0..10_000 {
            let id = TraceId::random();
            let kept = |ratio| Sampling::ratio(ratio).decide(id, None);
            assert!(!kept(0.1) || kept(0.3));
            assert!(!kept(0.3) || kept(0.30001));
        }
    }

    /// A ratio keeps about that share of random trace ids.
    #[test]
    fn a_ratio_keeps_about_its_share() {
        let sampling = Sampling::ratio(0.1);
        let kept = (0..100_000)
            .filter(|_| sampling.decide(TraceId::random(), None))
            .count();
        // Six standard deviations around 10,000: wrong once in some hundred million runs.
        assert!((9_430..=10_570).contains(&kept), "{kept}");
    }

    /// A parent decides for the parent based rules, and for no other.
    #[test]
    fn a_parent_decides_only_where_it_is_followed() {
        let on = Sampling::always_on();
        let off = Sampling::always_off();
        for (sampling, alone, under_sampled, under_unsampled) in [
            (Sampling::default(), true, true, false),
            (on, true, true, true),
            (off, false, false, false),
            (Sampling::parent_based(on), true, true, false),
            (Sampling::parent_based(off), false, true, false),
            (Sampling::ratio(0.0), false, true, false),
            (Sampling::ratio(1.0), true, true, false),
            (Sampling::ratio(0.0).ignoring_parent(), false, false, false),
            (Sampling::ratio(1.0).ignoring_parent(), true, true, true),
        ] {
            let id = TraceId::random();
            let sampled = parent(TraceFlags::SAMPLED);
            assert_eq!(sampling.decide(id, None), alone, "{sampling:?}");
            assert_eq!(
                sampling.decide(id, Some(&sampled)),
                under_sampled,
                "{sampling:?}"
            );
            let unsampled = parent(TraceFlags::RANDOM);
            assert_eq!(
                sampling.decide(id, Some(&unsampled)),
                under_unsampled,
                "{sampling:?}"
            );
        }
    }

    /// A ratio that is no share is reported, and decides something without a panic.
    #[test]
    fn a_ratio_out_of_range_is_a_problem() {
        for ratio in [f64::NAN, -0.1, 1.1, f64::INFINITY, f64::NEG_INFINITY] {
            let sampling = Sampling::ratio(ratio);
            let problem = sampling.problem().expect("out of range");
            assert_eq!(problem.setting, "sampling");
            assert!(problem.advice.contains("from 0.0 to 1.0"), "{problem}");
            assert_eq!(sampling.decide(trace(7, 0), None), ratio > 1.0);
        }
        for fine in [
            Sampling::ratio(0.0),
            Sampling::ratio(1.0),
            Sampling::default(),
        ] {
            assert_eq!(fine.problem(), None);
        }
    }
}
