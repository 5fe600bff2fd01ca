//! Times as models write and read them: RFC 3339, or how long ago.

use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp};
use serde_json::{Map, Value, json};

use super::Refused;

/// Fields that are instants; other `_us` are durations.
const INSTANTS: [&str; 5] = ["start_us", "end_us", "last_us", "time_us", "from_us"];

/// The instant of a text: `2026-01-31T12:00:00Z`, or `90m`, `24h`, `7d` for as long before `now_us`.
pub(super) fn instant(name: &str, text: &str, now_us: i64) -> Result<i64, Refused> {
    if let Ok(timestamp) = text.parse::<Timestamp>() {
        return Ok(timestamp.as_microsecond());
    }
    let ago = text
        .parse::<Span>()
        .and_then(|span| span.to_duration(SpanRelativeTo::days_are_24_hours()));
    let ago: SignedDuration = ago.map_err(|_| {
        Refused(format!(
            "{name} is an instant such as 2026-01-31T12:00:00Z, or how long ago, such as 30m, 24h or 7d"
        ))
    })?;
    let ago_us = i64::try_from(ago.as_micros()).unwrap_or(i64::MAX);
    Ok(now_us.saturating_sub(ago_us).max(0))
}

/// An instant as text.
pub(super) fn utc(us: i64) -> Value {
    match Timestamp::from_microsecond(us) {
        Ok(timestamp) => json!(timestamp.to_string()),
        Err(_) => json!(us),
    }
}

/// The same object with instants as text and durations in milliseconds.
pub(super) fn readable(value: Value) -> Value {
    let Value::Object(object) = value else {
        return value;
    };
    let readable = object.into_iter().map(|(key, value)| {
        let (Some(name), Some(us)) = (key.strip_suffix("_us"), value.as_i64()) else {
            return (key, value);
        };
        match INSTANTS.contains(&&*key) {
            true => (name.to_owned(), utc(us)),
            false => (format!("{name}_ms"), json!(us as f64 / 1_000.0)),
        }
    });
    Value::Object(readable.collect::<Map<_, _>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Instants are given by the clock or by how long ago; anything else is told what it can be.
    #[test]
    fn instants_are_given_by_the_clock_or_by_how_long_ago() {
        let now = 1_000_000_000_000_000;
        let of = |text| instant("since", text, now).ok();
        assert_eq!(of("1970-01-01T00:00:01Z"), Some(1_000_000));
        assert_eq!(of("1970-01-01T01:00:01+01:00"), Some(1_000_000));
        assert_eq!(of("30m"), Some(now - 30 * 60 * 1_000_000));
        assert_eq!(of("24h"), of("1d"));
        assert_eq!(of("1w"), of("7 days"));
        for wrong in ["", "yesterday", "5", "24 parsecs"] {
            assert_eq!(of(wrong), None, "{wrong}");
        }
        let Err(Refused(words)) = instant("since", "x", now) else {
            panic!("it is none");
        };
        assert!(words.contains("24h"), "{words}");
    }

    /// Instants become text and durations milliseconds; the rest is as it was.
    #[test]
    fn times_become_readable() {
        let value = json!({ "start_us": 1_000_000, "duration_us": 1_500, "spans": 3 });
        let expected = json!({ "start": "1970-01-01T00:00:01Z", "duration_ms": 1.5, "spans": 3 });
        assert_eq!(readable(value), expected);
    }
}
