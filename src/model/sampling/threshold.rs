//! Consistent probabilities: thresholds, the randomness of traces, and both in `tracestate`
//! (OpenTelemetry, "TraceState: Probability Sampling" and "TraceState Handling"). Pure.

use crate::model::id::TraceId;

/// The number of values that the randomness of a trace can take.
const ALL: u64 = 1 << 56;

/// The longest `ot` entry that is written (the specification's bound).
const LONGEST_ENTRY: usize = 256;

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
        randomness.0 >= self.0
    }

    /// The threshold in 56 bits; none for the one that keeps nothing, which has no such form.
    pub(crate) fn bits(self) -> Option<u64> {
        (self.0 < ALL).then_some(self.0)
    }

    pub(crate) fn from_bits(bits: u64) -> Self {
        Self(bits & (ALL - 1))
    }

    /// The value of `th`: up to 14 hexadecimal digits without trailing zeros.
    fn digits(self) -> String {
        let all = format!("{:014x}", self.0 & (ALL - 1));
        match all.trim_end_matches('0') {
            "" => "0".to_owned(),
            digits => digits.to_owned(),
        }
    }
}

/// What a decision about a trace is drawn from: 56 random bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Randomness(u64);

impl Randomness {
    /// The randomness of a trace: the `rv` of its `tracestate` where there is one, the last 7 bytes of
    /// its id otherwise. Ids are presumed random there, whether their random flag says so or not
    /// (Trace SDK, "Presumption of TraceID randomness").
    pub(crate) fn of(trace_id: TraceId, trace_state: Option<&str>) -> Self {
        let explicit = trace_state.and_then(|state| OtEntry::of(state).randomness());
        let of_id = || u128::from_be_bytes(trace_id.to_bytes()) as u64 & (ALL - 1);
        Self(explicit.unwrap_or_else(of_id))
    }
}

/// The threshold that a `tracestate` brought along; none where it has none, or one that contradicts
/// the randomness (then it must not be used: "TraceState Handling", section "th").
pub(crate) fn incoming(trace_state: Option<&str>, randomness: Randomness) -> Option<Threshold> {
    let threshold = OtEntry::of(trace_state?).threshold()?;
    threshold.keeps(randomness).then_some(threshold)
}

/// The `tracestate` with this threshold in its `ot` entry, which comes first, as what was changed last
/// must. `explicit` says that the randomness is not that of the trace id, and has to be told.
pub(crate) fn with_threshold(
    trace_state: &str,
    threshold: Threshold,
    explicit: Option<Randomness>,
) -> String {
    let found = OtEntry::of(trace_state);
    let mut entry = format!("ot=th:{}", threshold.digits());
    if let Some(randomness) = explicit {
        entry.push_str(&format!(";rv:{:014x}", randomness.0));
    }
    for part in found.parts() {
        let replaced = part.starts_with("th:") || explicit.is_some() && part.starts_with("rv:");
        if !replaced && entry.len() + 1 + part.len() <= LONGEST_ENTRY {
            entry.push(';');
            entry.push_str(part);
        }
    }
    let others = trace_state.split(',').map(str::trim);
    for member in others.filter(|member| !member.is_empty() && !member.starts_with("ot=")) {
        entry.push(',');
        entry.push_str(member);
    }
    entry
}

/// The `tracestate` of a trace that goes on under another id, with the decision of the first: its
/// randomness is told. None where there is no threshold to be told.
pub(crate) fn carried_on(trace_state: &str, trace_id: TraceId) -> Option<String> {
    let randomness = Randomness::of(trace_id, Some(trace_state));
    let threshold = incoming(Some(trace_state), randomness)?;
    Some(with_threshold("", threshold, Some(randomness)))
}

/// The value of the member `ot`.
struct OtEntry<'a>(&'a str);

impl<'a> OtEntry<'a> {
    fn of(trace_state: &'a str) -> Self {
        let mut members = trace_state.split(',').map(str::trim);
        Self(members.find_map(|it| it.strip_prefix("ot=")).unwrap_or(""))
    }

    fn parts(&self) -> impl Iterator<Item = &'a str> {
        self.0.split(';').filter(|part| !part.is_empty())
    }

    fn get(&self, key: &str) -> Option<&'a str> {
        self.parts()
            .find_map(|part| part.strip_prefix(key)?.strip_prefix(':'))
    }

    fn threshold(&self) -> Option<Threshold> {
        let digits = self.get("th")?;
        let value = hex(digits)?;
        (1..=14)
            .contains(&digits.len())
            .then(|| Threshold(value << (4 * (14 - digits.len()))))
    }

    fn randomness(&self) -> Option<u64> {
        let digits = self.get("rv")?;
        (digits.len() == 14).then(|| hex(digits)).flatten()
    }
}

/// A number of lower-case hexadecimal digits.
fn hex(digits: &str) -> Option<u64> {
    let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if digits.is_empty() || !digits.bytes().all(is_hex) {
        return None;
    }
    u64::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(last: u64) -> TraceId {
        let bytes = (1_u128 << 127 | u128::from(last)).to_be_bytes();
        TraceId::from_bytes(bytes).expect("not zero")
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
            assert_eq!(threshold.digits(), digits, "{share}");
            let state = with_threshold("", threshold, None);
            assert_eq!(state, format!("ot=th:{digits}"));
            assert_eq!(OtEntry::of(&state).threshold(), Some(threshold));
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
        assert_eq!(Randomness::of(id, None).0, 0x12_3456_789a_bcde);
        let state = "vendor=1,ot=p:8;rv:6e6d1a75832a2f;th:8";
        assert_eq!(Randomness::of(id, Some(state)).0, 0x6e_6d1a_7583_2a2f);
        for bad in [
            "ot=rv:6e6d1a75832a2",
            "ot=rv:6E6D1A75832A2F",
            "other=rv:1",
            "ot=rv:+e6d1a75832a2f",
        ] {
            assert_eq!(
                Randomness::of(id, Some(bad)).0,
                0x12_3456_789a_bcde,
                "{bad}"
            );
        }
    }

    /// A threshold that contradicts the randomness, or is none, does not count.
    #[test]
    fn a_contradicting_threshold_does_not_count() {
        let of = |state| incoming(Some(state), Randomness(9 << 52));
        assert_eq!(of("ot=th:8"), Some(Threshold(8 << 52)));
        assert_eq!(of("ot=th:a"), None);
        for bad in [
            "",
            "ot=",
            "ot=th:",
            "ot=th:123456789012345",
            "ot=th:x",
            "x=th:8",
        ] {
            assert_eq!(of(bad), None, "{bad}");
        }
    }

    /// What else a `tracestate` says stays; the entry that changed comes first.
    #[test]
    fn the_rest_of_the_state_stays() {
        let half = Threshold::of_share(0.5);
        assert_eq!(
            with_threshold("a=1,ot=x:y;th:4;rv:6e6d1a75832a2f, b=2", half, None),
            "ot=th:8;x:y;rv:6e6d1a75832a2f,a=1,b=2"
        );
        assert_eq!(
            with_threshold("ot=rv:6e6d1a75832a2f", half, Some(Randomness(1))),
            "ot=th:8;rv:00000000000001"
        );
        let long = format!("ot=x:{}", "y".repeat(300));
        assert_eq!(with_threshold(&long, half, None), "ot=th:8");
    }

    /// Whoever keeps a larger share keeps whatever a smaller share keeps.
    #[test]
    fn larger_shares_contain_smaller_ones() {
        for number in 0..10_000 {
            let randomness = Randomness::of(TraceId::random(), None);
            let kept: Vec<_> = [0.001, 0.1, 0.5, 1.0]
                .map(|share| Threshold::of_share(share).keeps(randomness))
                .into();
            assert!(kept.is_sorted(), "{number}: {kept:?}");
        }
    }
}
