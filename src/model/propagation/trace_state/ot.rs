//! OpenTelemetry's own member of a `tracestate`, `ot=`: what consistent probability sampling needs
//! to know (OpenTelemetry specification, "TraceState Handling" and "TraceState: Probability
//! Sampling").

use super::TraceState;

/// The key of OpenTelemetry's member.
const KEY: &str = "ot";
/// The digits of a threshold at most, and of a randomness exactly: 56 bits.
const DIGITS: usize = 14;
/// The characters of the member's value at most.
const MAX_LEN: usize = 256;

/// One of the fields that are numbers.
#[derive(Clone, Copy)]
enum Field {
    Threshold,
    Randomness,
}

impl Field {
    const fn name(self) -> &'static str {
        match self {
            Self::Threshold => "th",
            Self::Randomness => "rv",
        }
    }

    /// A threshold leaves out zeros at its end, a randomness has all of its digits.
    fn read(self, text: &str) -> Option<u64> {
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        let has_length = match self {
            Self::Threshold => (1..=DIGITS).contains(&text.len()),
            Self::Randomness => text.len() == DIGITS,
        };
        if !has_length || !text.bytes().all(is_digit) {
            return None;
        }
        let number = u64::from_str_radix(text, 16).ok()?;
        Some(number << (4 * (DIGITS - text.len())))
    }

    fn write(self, number: u64) -> String {
        let digits = format!("{:014x}", number & ((1 << 56) - 1));
        match (self, digits.trim_end_matches('0')) {
            (Self::Threshold, "") => "0".to_owned(),
            (Self::Threshold, short) => short.to_owned(),
            (Self::Randomness, _) => digits,
        }
    }
}

impl TraceState {
    /// The rejection threshold (`th` of the member `ot`) with which whoever recorded the parent
    /// sampled: of 2^56 values of randomness so many are left out. `None` where none is told, or
    /// none that can be read.
    #[must_use]
    pub fn threshold(&self) -> Option<u64> {
        self.ot_number(Field::Threshold)
    }

    /// The randomness of the trace (`rv` of the member `ot`), 56 bits, where it is not the last
    /// 7 bytes of the trace id.
    #[must_use]
    pub fn randomness(&self) -> Option<u64> {
        self.ot_number(Field::Randomness)
    }

    /// The same state that tells this rejection threshold, or none. Of a number the last 56 bits
    /// count. What else the member `ot` says is kept; the member goes to the left.
    #[must_use]
    pub fn with_threshold(&self, threshold: Option<u64>) -> Self {
        self.with_ot(Field::Threshold, threshold)
    }

    /// The same state that tells this randomness, or none. Of a number the last 56 bits count.
    #[must_use]
    pub fn with_randomness(&self, randomness: Option<u64>) -> Self {
        self.with_ot(Field::Randomness, randomness)
    }

    fn ot_number(&self, field: Field) -> Option<u64> {
        let member = self.get(KEY)?;
        let mut fields = member.split(';').filter_map(|it| it.split_once(':'));
        let (_, number) = fields.find(|(name, _)| *name == field.name())?;
        field.read(number)
    }

    fn with_ot(&self, field: Field, number: Option<u64>) -> Self {
        let before = self.get(KEY).unwrap_or_default();
        let mut value = match number {
            Some(number) => format!("{}:{}", field.name(), field.write(number)),
            None => String::new(),
        };
        let others = before.split(';').filter(|it| {
            let name = it.split_once(':').map(|(name, _)| name);
            name.is_some_and(|name| name != field.name())
        });
        for other in others {
            let gap = usize::from(!value.is_empty());
            if value.len() + gap + other.len() <= MAX_LEN {
                value.push_str(&";"[..gap]);
                value.push_str(other);
            }
        }
        // What is left out of a right value leaves a right value, or nothing.
        self.with(KEY, &value).unwrap_or_else(|_| self.without(KEY))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(text: &str) -> TraceState {
        TraceState::parse(text).expect(text)
    }

    /// A threshold leaves out zeros at its end, a randomness has all of its digits; anything else
    /// is as if it were not told.
    #[test]
    fn numbers_are_read_strictly() {
        for (text, threshold, randomness) in [
            ("ot=th:8", Some(1 << 55), None),
            ("ot=th:0", Some(0), None),
            ("ot=th:c;rv:00000000000001", Some(3 << 54), Some(1)),
            (
                "ot=rv:ffffffffffffff;th:fffffffffffff8",
                Some((1 << 56) - 8),
                Some((1 << 56) - 1),
            ),
            ("ot=th:80000000000000", Some(1 << 55), None),
            ("ot=th:800000000000000", None, None),
            ("ot=th:", None, None),
            ("ot=th:+8", None, None),
            ("ot=th:C", None, None),
            ("ot=rv:1", None, None),
            ("ot=rv:0000000000000g", None, None),
            ("ot=a:b;th", None, None),
            ("other=th:8", None, None),
        ] {
            assert_eq!(state(text).threshold(), threshold, "{text}");
            assert_eq!(state(text).randomness(), randomness, "{text}");
        }
        assert_eq!(TraceState::EMPTY.threshold(), None);
    }

    /// What is written reads back, and what others say in the member is kept.
    #[test]
    fn numbers_are_written_as_the_standard_has_them() {
        let other = state("a=1,ot=xy:z;th:4");
        let set = other.with_threshold(Some(1 << 55));
        assert_eq!(set.as_str(), "ot=th:8;xy:z,a=1");
        let set = set.with_randomness(Some(0x12));
        assert_eq!(set.as_str(), "ot=rv:00000000000012;th:8;xy:z,a=1");
        assert_eq!(
            set.with_threshold(None).as_str(),
            "ot=rv:00000000000012;xy:z,a=1"
        );
        assert_eq!(
            TraceState::EMPTY.with_threshold(Some(0)).as_str(),
            "ot=th:0"
        );
        let only = state("a=1,ot=th:4");
        assert_eq!(only.with_threshold(None).as_str(), "a=1");
        assert_eq!(TraceState::EMPTY.with_threshold(None), TraceState::EMPTY);
        assert_eq!(
            state("ot=th:zz;no").with_randomness(None).as_str(),
            "ot=th:zz"
        );
        let full = state(&format!("ot=xy:{}", "z".repeat(253)));
        assert_eq!(full.with_threshold(Some(1 << 55)).as_str(), "ot=th:8");
    }
}
