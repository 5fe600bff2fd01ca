//! Reads JSON objects whose names and types cannot be relied on.
//!
//! Recordings hold Go structs, some with JSON names (`call_id`) and some without (`CallID`), and
//! people edit them. A field is found by its name without case, `_` and `-`; a field of the wrong
//! type, null or beyond reason is as good as absent, and costs none of its neighbours. Values stay
//! raw text until asked for, so depth and size of what nobody asks for cost nothing.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The fields of a JSON object, in order, nulls left out.
#[derive(Debug, Default)]
pub(crate) struct Payload<'a> {
    fields: Vec<(Cow<'a, str>, &'a RawValue)>,
}

impl<'a> Payload<'a> {
    /// The fields of `raw`; none when it is not an object.
    pub(crate) fn of(raw: Option<&'a RawValue>) -> Self {
        raw.and_then(|raw| serde_json::from_str(raw.get()).ok())
            .unwrap_or_default()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// All fields with the names they have in the recording.
    pub(crate) fn fields(&self) -> impl Iterator<Item = (&str, &'a RawValue)> {
        self.fields.iter().map(|(name, raw)| (&**name, *raw))
    }

    /// The raw text of the first field that `name` (lower case, no separators) fits.
    pub(crate) fn raw(&self, name: &str) -> Option<&'a RawValue> {
        let (_, raw) = self.fields.iter().find(|(field, _)| fits(field, name))?;
        Some(raw)
    }

    /// A text that is not empty. A number counts as its digits, for ids written as numbers.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        text(self.raw(name)?).filter(|text| !text.is_empty())
    }

    /// The first of several names that has a text.
    pub(crate) fn text_of(&self, names: &[&str]) -> Option<String> {
        names.iter().find_map(|name| self.text(name))
    }

    /// A number that counts something: an integer, not negative.
    pub(crate) fn count(&self, name: &str) -> Option<i64> {
        integer(self.raw(name)?).filter(|count| *count >= 0)
    }

    /// A count that is above zero. Go writes zero for what was never set, so that a zero here says
    /// nothing.
    pub(crate) fn known_count(&self, name: &str) -> Option<i64> {
        self.count(name).filter(|count| *count > 0)
    }

    /// A finite number.
    pub(crate) fn number(&self, name: &str) -> Option<f64> {
        number(self.raw(name)?)
    }

    /// True or false.
    pub(crate) fn flag(&self, name: &str) -> Option<bool> {
        serde_json::from_str(self.raw(name)?.get()).ok()
    }

    /// How long something took, in nanoseconds: `Duration` counts these, `duration_ms` and
    /// `latency_ms` milliseconds. Zero was never set.
    pub(crate) fn duration_ns(&self) -> Option<u64> {
        let nanos = self
            .known_count("duration")
            .and_then(|ns| u64::try_from(ns).ok());
        nanos
            .or_else(|| self.millis_ns("durationms"))
            .or_else(|| self.millis_ns("latencyms"))
    }

    fn millis_ns(&self, name: &str) -> Option<u64> {
        u64::try_from(self.known_count(name)?)
            .ok()?
            .checked_mul(1_000_000)
    }

    /// The object in a field; empty when there is none.
    pub(crate) fn object(&self, name: &str) -> Payload<'a> {
        Payload::of(self.raw(name))
    }

    /// The elements of an array in a field; none when it is not an array.
    pub(crate) fn array(&self, name: &str) -> Vec<&'a RawValue> {
        self.raw(name)
            .and_then(|raw| serde_json::from_str(raw.get()).ok())
            .unwrap_or_default()
    }
}

/// Whether a recorded name is `name` but for case and separators.
fn fits(field: &str, name: &str) -> bool {
    field
        .bytes()
        .filter(|byte| !matches!(byte, b'_' | b'-'))
        .map(|byte| byte.to_ascii_lowercase())
        .eq(name.bytes())
}

/// A text, or the digits of a number.
pub(crate) fn text(raw: &RawValue) -> Option<String> {
    let json = raw.get();
    if json.starts_with('"') {
        return serde_json::from_str(json).ok();
    }
    json.starts_with(|first: char| first == '-' || first.is_ascii_digit())
        .then(|| json.to_owned())
}

/// An integer, also one written as `3.0` or `3e2`.
pub(crate) fn integer(raw: &RawValue) -> Option<i64> {
    if let Ok(integer) = serde_json::from_str(raw.get()) {
        return Some(integer);
    }
    /// Up to here every integer has a float of its own.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let float = number(raw)?;
    (float.fract() == 0.0 && float.abs() <= EXACT).then_some(float as i64)
}

/// A finite number.
pub(crate) fn number(raw: &RawValue) -> Option<f64> {
    serde_json::from_str(raw.get())
        .ok()
        .filter(|number: &f64| number.is_finite())
}

impl<'de: 'a, 'a> Deserialize<'de> for Payload<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Payload<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Payload<'de>, M::Error> {
                let mut fields = Vec::new();
                while let Some((Name(name), raw)) = map.next_entry::<Name<'de>, &RawValue>()? {
                    if raw.get() != "null" {
                        fields.push((name, raw));
                    }
                }
                Ok(Payload { fields })
            }
        }
        deserializer.deserialize_map(Fields)
    }
}

/// A field name, borrowed where it has no escapes.
struct Name<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
            type Value = Name<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a field name")
            }

            fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Borrowed(name)))
            }

            fn visit_str<E>(self, name: &str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Owned(name.to_owned())))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payload(json: &str) -> Payload<'_> {
        serde_json::from_str(json).expect("an object")
    }

    /// Go names, JSON names and their mixtures name the same field.
    #[test]
    fn names_are_found_however_they_are_written() {
        for name in ["CallID", "call_id", "callId", "CALL-ID", "call\\u0049d"] {
            let json = format!(r#"{{"{name}":"c1"}}"#);
            assert_eq!(
                payload(&json).text("callid").as_deref(),
                Some("c1"),
                "{name}"
            );
        }
    }

    /// What has the wrong type is absent and costs none of its neighbours.
    #[test]
    fn wrong_types_are_absent() {
        let deep = "[".repeat(100_000) + &"]".repeat(100_000);
        let json = format!(
            r#"{{"a":{deep},"b":"\ud800","c":1e400,"d":-1,"e":{{}},"f":null,"g":18446744073709551615,"h":3.0,"i":"ok"}}"#
        );
        let payload = payload(&json);
        assert_eq!(payload.object("a").fields().count(), 0);
        assert!(payload.array("a").len() == 1);
        assert_eq!(payload.text("b"), None);
        assert_eq!(payload.number("c"), None);
        assert_eq!(payload.count("d"), None);
        assert_eq!(payload.text("e"), None);
        assert!(payload.raw("f").is_none());
        assert_eq!(payload.count("g"), None);
        assert_eq!(payload.count("h"), Some(3));
        assert_eq!(payload.text("i").as_deref(), Some("ok"));
    }

    /// Durations are nanoseconds or, where the name says so, milliseconds; zero was never set.
    #[test]
    fn durations_have_the_unit_of_their_name() {
        assert_eq!(payload(r#"{"Duration":1500}"#).duration_ns(), Some(1500));
        assert_eq!(
            payload(r#"{"duration_ms":2}"#).duration_ns(),
            Some(2_000_000)
        );
        assert_eq!(payload(r#"{"Duration":0}"#).duration_ns(), None);
        assert_eq!(payload(r#"{"Duration":-5}"#).duration_ns(), None);
        assert_eq!(
            payload(r#"{"duration_ms":9223372036854775807}"#).duration_ns(),
            None
        );
    }
}
