//! Consistent probabilities: thresholds, the randomness of traces, and what a `tracestate` says of both
//! (OpenTelemetry, "TraceState: Probability Sampling" and "TraceState Handling"). Pure.

use crate::model::id::TraceId;
use crate::model::propagation::trace_state::TraceState;

/// The number of values that the randomness of a trace can take.
const ALL: u64 = 1 << 56;

/// How many of the 2^56 values of randomness are rejected: 0 keeps all, 2^56 none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Threshold(u64);

impl Threshold {
    pub(crate) const KEEP_ALL: Self = Self(0);

    /// The threshold that keeps this share. A float keeps all of a share's 53 bits when multiplied by a
    /// power of two; the conversion saturates, so that no share escapes the range.
    pub(crate) fn of_share(share: f64) -> Self {
        Self(ALL.saturating_sub((share * ALL as f64).round() as u64))
    }

    /// The share that it keeps.
    pub(crate) fn share(self) -> f64 {
        (ALL - self.0) as f64 / ALL as f64
    }

    pub(crate) fn keeps(self, randomness: Randomness) -> bool {
        randomness.bits() >= self.0
    }

    /// The threshold in 56 bits; none for the one that keeps nothing, which has no such form.
    pub(crate) fn bits(self) -> Option<u64> {
        (self.0 < ALL).then_some(self.0)
    }

    pub(crate) fn from_bits(bits: u64) -> Self {
        Self(bits & (ALL - 1))
    }
}

/// What a decision about a trace is drawn from: 56 random bits, in seven bytes, for undecided sessions are many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Randomness([u8; 7]);

impl Randomness {
    /// The randomness of a trace: the `rv` of its `tracestate` where there is one, the last 7 bytes of
    /// its id otherwise. Ids are presumed random there, whether their random flag says so or not
    /// (Trace SDK, "Presumption of TraceID randomness").
    pub(crate) fn of(trace_id: TraceId, trace_state: &TraceState) -> Self {
        let of_id = || u128::from_be_bytes(trace_id.to_bytes()) as u64;
        Self::from_bits(trace_state.randomness().unwrap_or_else(of_id))
    }

    pub(crate) fn bits(self) -> u64 {
        let [a, b, c, d, e, f, g] = self.0;
        u64::from_be_bytes([0, a, b, c, d, e, f, g])
    }

    pub(crate) fn from_bits(bits: u64) -> Self {
        let [_, a, b, c, d, e, f, g] = bits.to_be_bytes();
        Self([a, b, c, d, e, f, g])
    }
}

/// The threshold that a `tracestate` brought along; none where it has none, or one that contradicts
/// the randomness (then it must not be used: "TraceState Handling", section "th").
pub(crate) fn incoming(trace_state: &TraceState, randomness: Randomness) -> Option<Threshold> {
    let threshold = Threshold(trace_state.threshold()?);
    threshold.keeps(randomness).then_some(threshold)
}

/// The `tracestate` with this threshold.
pub(crate) fn with_threshold(trace_state: &TraceState, threshold: Threshold) -> TraceState {
    trace_state.with_threshold(threshold.bits())
}

/// What the `tracestate` of a trace that goes on under another id says of the decision about the first:
/// its randomness is told. Nothing where there is no threshold to be told.
pub(crate) fn carried_on(trace_state: &TraceState, trace_id: TraceId) -> TraceState {
    let randomness = Randomness::of(trace_id, trace_state);
    match incoming(trace_state, randomness) {
        Some(threshold) => with_threshold(
            &TraceState::EMPTY.with_randomness(Some(randomness.bits())),
            threshold,
        ),
        None => TraceState::EMPTY,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(last: u64) -> TraceId {
        let bytes = (1_u128 << 127 | u128::from(last)).to_be_bytes();
        TraceId::from_bytes(bytes).expect("not zero")
    }

    fn state(text: &str) -> TraceState {
        TraceState::parse(text).expect(text)
    }

    /// Thresholds are written and read as in the specification's examples.
    #[test]
    fn thresholds_are_those_of_the_specification() {
        for (share, digits) in [
            (1.0, "0"),
            (0.5, "8"),
            (0.25, "c"),
            (0.1, "e6666666666666"),
            (0.01, "fd70a3d70a3d71"),
        ] {
            let threshold = Threshold::of_share(share);
            let state = with_threshold(&TraceState::EMPTY, threshold);
            assert_eq!(state.as_str(), format!("ot=th:{digits}"), "{share}");
            assert_eq!(state.threshold(), threshold.bits());
            assert!((threshold.share() - share).abs() < 1e-15);
        }
        assert_eq!(Threshold::of_share(0.0), Threshold(ALL));
        assert_eq!(Threshold::of_share(f64::MIN_POSITIVE), Threshold(ALL));
        assert_eq!(Threshold(ALL).bits(), None);
    }

    /// Randomness is the explicit one where there is one, the id's last 7 bytes otherwise.
    #[test]
    fn randomness_is_explicit_or_of_the_id() {
        let id = id(0xff12_3456_789a_bcde);
        let of = |text: &str| Randomness::of(id, &state(text)).bits();
        assert_eq!(
            of("vendor=1,ot=p:8;rv:6e6d1a75832a2f;th:8"),
            0x6e_6d1a_7583_2a2f
        );
        for none in ["", "ot=rv:6e6d1a75832a2", "other=rv:1"] {
            assert_eq!(of(none), 0x12_3456_789a_bcde, "{none}");
        }
    }

    /// A threshold that contradicts the randomness does not count.
    #[test]
    fn a_contradicting_threshold_does_not_count() {
        let of = |text: &str| incoming(&state(text), Randomness::from_bits(9 << 52));
        assert_eq!(of("ot=th:8"), Some(Threshold(8 << 52)));
        assert_eq!(of("ot=th:a"), None);
        assert_eq!(of("x=th:8"), None);
    }

    /// A trace that goes on under another id tells the threshold and the randomness of the first, and
    /// nothing where none was told, or one that does not count.
    #[test]
    fn a_decision_is_carried_on() {
        let carried = |text: &str| carried_on(&state(text), id(9 << 52));
        let found = carried("a=1,ot=x:y;th:8");
        assert_eq!(found.threshold(), Some(8 << 52));
        assert_eq!(found.randomness(), Some(9 << 52));
        assert_eq!(found.iter().count(), 1);
        for none in ["", "a=1", "ot=th:a", "ot=rv:00000000000001"] {
            assert_eq!(carried(none), TraceState::EMPTY, "{none}");
        }
    }

    /// Whoever keeps a larger share keeps whatever a smaller share keeps.
    #[test]
    fn larger_shares_contain_smaller_ones() {
        for number in 0..10_000 {
            let randomness = Randomness::of(TraceId::random(), &TraceState::EMPTY);
            let kept: Vec<_> = [0.001, 0.1, 0.5, 1.0]
                .map(|share| Threshold::of_share(share).keeps(randomness))
                .into();
            assert!(kept.is_sorted(), "{number}: {kept:?}");
        }
    }
}
