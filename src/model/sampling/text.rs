//! Whether a value is what a rule wants. Pure; allocates nothing.

use super::rule::Match;
use crate::model::otlp::fields as f;
use crate::model::otlp::scan::{fields, varint};
use crate::model::owned_value::OwnedValue;

/// A value that rules can compare, in place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Scalar<'a> {
    Text(&'a [u8]),
    Bool(bool),
    Int(i64),
    Double(f64),
    /// A map, bytes, nothing.
    Other,
}

impl<'a> Scalar<'a> {
    /// The value of an `AnyValue`.
    pub(super) fn of(value: &'a [u8]) -> Self {
        let Some(field) = fields(value).last() else {
            return Self::Other;
        };
        if field.is(f::value::STRING) {
            return Self::Text(&value[field.body]);
        }
        let number = |body: &[u8]| varint(body).map_or(0, |(number, _)| number);
        let body = &value[field.body.clone()];
        match u32::from(value[field.range.start] >> 3) {
            f::value::BOOL => Self::Bool(number(body) != 0),
            f::value::INT => Self::Int(number(body) as i64),
            f::value::DOUBLE => match body.try_into() {
                Ok(bytes) => Self::Double(f64::from_le_bytes(bytes)),
                Err(_) => Self::Other,
            },
            _ => Self::Other,
        }
    }

    fn number(self) -> Option<f64> {
        match self {
            Self::Int(number) => Some(number as f64),
            Self::Double(number) => Some(number),
            _ => None,
        }
    }
}

/// Whether a value passes a test.
pub(super) fn is_match(test: &Match, value: &Scalar<'_>) -> bool {
    let text = match value {
        Scalar::Text(text) => *text,
        _ => &[],
    };
    let is_text = matches!(value, Scalar::Text(_));
    match test {
        Match::Present => true,
        Match::Equals(OwnedValue::Str(wanted)) => is_text && equals(text, wanted),
        Match::Equals(OwnedValue::Bool(wanted)) => *value == Scalar::Bool(*wanted),
        Match::Equals(OwnedValue::Int(wanted)) => match value {
            Scalar::Int(number) => number == wanted,
            other => other.number() == Some(*wanted as f64),
        },
        Match::Equals(OwnedValue::Double(wanted)) => value.number() == Some(*wanted),
        Match::Equals(_) => false,
        Match::Prefix(start) => is_text && text.starts_with(start.as_bytes()),
        Match::Contains(part) => is_text && contains(text, part.as_bytes()),
        Match::Glob(pattern) => is_text && glob(pattern.as_bytes(), text),
        Match::Exceeds(limit) => value.number().is_some_and(|number| number > *limit),
        Match::Below(limit) => value.number().is_some_and(|number| number < *limit),
    }
}

pub(super) fn equals(bytes: &[u8], text: &str) -> bool {
    bytes == text.as_bytes()
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    part.is_empty() || text.windows(part.len()).any(|window| window == part)
}

/// Whether a text fits a pattern in which `*` stands for any bytes. Linear in the text for each `*`:
/// a star that was passed is never tried again once a later one is reached.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut from) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while from < text.len() {
        if pattern.get(at) == Some(&b'*') {
            star = Some((at + 1, from));
            at += 1;
        } else if pattern.get(at) == Some(&text[from]) {
            (at, from) = (at + 1, from + 1);
        } else if let Some((after, tried)) = star {
            star = Some((after, tried + 1));
            (at, from) = (after, tried + 1);
        } else {
            return false;
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Scalar<'_> {
        Scalar::Text(text.as_bytes())
    }

    /// A star stands for anything, also nothing; all else for itself.
    #[test]
    fn stars_stand_for_anything() {
        for (pattern, yes, no) in [
            ("*", &["", "a", "*"][..], &[][..]),
            ("a*", &["a", "ab"], &["", "ba"]),
            ("*a", &["a", "ba", "aba"], &["", "ab"]),
            (
                "a*b*c",
                &["abc", "a1b2c", "abbcc", "abcbc"],
                &["ab", "acb", "abcd"],
            ),
            ("*a*a*", &["aa", "xaxax"], &["a", "xax"]),
            ("\u{fc}*", &["\u{fc}ber"], &["uber"]),
        ] {
            for fits in yes {
                assert!(
                    is_match(&Match::Glob(pattern.into()), &text(fits)),
                    "{pattern} {fits}"
                );
            }
            for not in no {
                assert!(
                    !is_match(&Match::Glob(pattern.into()), &text(not)),
                    "{pattern} {not}"
                );
            }
        }
    }

    /// A pattern of many stars does not take forever on a text that almost fits.
    #[test]
    fn a_nasty_pattern_ends() {
        let pattern = "*a".repeat(64) + "b";
        let long = "a".repeat(100_000);
        assert!(!is_match(&Match::Glob(pattern), &text(&long)));
    }

    /// Each test takes values of its type, and no others.
    #[test]
    fn tests_take_values_of_their_type() {
        let values = [
            text("10"),
            Scalar::Bool(true),
            Scalar::Int(10),
            Scalar::Double(10.0),
            Scalar::Other,
        ];
        for (test, expected) in [
            (Match::Present, [true; 5]),
            (Match::from("10"), [true, false, false, false, false]),
            (Match::from("1*"), [true, false, false, false, false]),
            (
                Match::Prefix("1".into()),
                [true, false, false, false, false],
            ),
            (
                Match::Contains("0".into()),
                [true, false, false, false, false],
            ),
            (
                Match::Contains(String::new()),
                [true, false, false, false, false],
            ),
            (Match::from(true), [false, true, false, false, false]),
            (Match::from(10), [false, false, true, true, false]),
            (
                Match::Equals(OwnedValue::Double(10.0)),
                [false, false, true, true, false],
            ),
            (Match::Equals(OwnedValue::Empty), [false; 5]),
            (Match::Exceeds(9.5), [false, false, true, true, false]),
            (Match::Exceeds(10.0), [false; 5]),
            (Match::Below(10.5), [false, false, true, true, false]),
        ] {
            let found = values.map(|value| is_match(&test, &value));
            assert_eq!(found, expected, "{test:?}");
        }
    }
}
