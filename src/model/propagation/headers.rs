//! HTTP headers as a carrier.

use http::header::{HeaderMap, HeaderName, HeaderValue, Iter, ValueIter};

use super::carrier::{Carrier, CarrierMut};
use super::{propagators, w3c};

/// As many headers as are looked through one by one: to see that a name is another takes a nanosecond, to look
/// one up some ten, for the hash of all its bytes.
const FEW: usize = 8;

/// Stands for a value that is no text.
const NO_TEXT: &str = "\u{fffd}";

impl Carrier for HeaderMap {
    #[inline]
    fn get_all<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        let values = match known(key) {
            Some(name) if self.len() <= FEW => Values::Few(self.iter(), name),
            Some(name) => Values::Many(Self::get_all(self, name).into_iter()),
            None => Values::Many(Self::get_all(self, key).into_iter()),
        };
        values.map(|value| std::str::from_utf8(value.as_bytes()).unwrap_or(NO_TEXT))
    }

    fn keys(&self) -> impl Iterator<Item = &str> {
        Self::keys(self).map(HeaderName::as_str)
    }
}

/// All values of a name.
enum Values<'a> {
    Few(Iter<'a, HeaderValue>, &'static HeaderName),
    Many(ValueIter<'a, HeaderValue>),
}

impl<'a> Iterator for Values<'a> {
    type Item = &'a HeaderValue;

    #[inline]
    fn next(&mut self) -> Option<&'a HeaderValue> {
        match self {
            Self::Few(all, name) => all.find(|(held, _)| held == name).map(|(_, value)| value),
            Self::Many(values) => values.next(),
        }
    }
}

/// The names of headers are lower case, and so is what is written here.
impl CarrierMut for HeaderMap {
    #[inline]
    fn set(&mut self, key: &'static str, value: &str) {
        let Ok(value) = HeaderValue::from_str(value) else {
            // What is no header value is none of the formats' texts either.
            return;
        };
        if let Some(name) = known(key)
            && self.len() <= FEW
        {
            let mut held = self.iter_mut().filter(|(held, _)| *held == name);
            // A request that is passed on, or sent again, has it already.
            if let (Some((_, held)), None) = (held.next(), held.next()) {
                *held = value;
                return;
            }
        }
        if let Some(name) = name_of(key) {
            self.insert(name, value);
        }
    }

    fn remove(&mut self, key: &'static str) {
        match known(key) {
            Some(name) if self.len() <= FEW && !Self::keys(self).any(|held| held == name) => {}
            Some(name) => drop(Self::remove(self, name)),
            None => drop(Self::remove(self, key)),
        }
    }
}

/// The name of a header; those of the usual formats are not copied.
#[inline]
fn name_of(key: &'static str) -> Option<HeaderName> {
    known(key).cloned().or_else(|| key.parse().ok())
}

/// The names of the usual formats, which need not be checked and folded each time.
#[inline]
fn known(key: &str) -> Option<&'static HeaderName> {
    static TRACEPARENT: HeaderName = HeaderName::from_static(w3c::TRACEPARENT);
    static TRACESTATE: HeaderName = HeaderName::from_static(w3c::TRACESTATE);
    static BAGGAGE: HeaderName = HeaderName::from_static(propagators::BAGGAGE);
    match key {
        w3c::TRACEPARENT => Some(&TRACEPARENT),
        w3c::TRACESTATE => Some(&TRACESTATE),
        propagators::BAGGAGE => Some(&BAGGAGE),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Few headers are looked through and many looked up: what is found is the same, and what is removed is
    /// gone.
    #[test]
    fn few_and_many_headers_are_found_alike() {
        for others in [0, FEW - 3, FEW - 2, 4 * FEW] {
            let mut headers = HeaderMap::new();
            for number in 0..others {
                let name = HeaderName::try_from(format!("traceparen{number}")).expect("a name");
                headers.append(name, HeaderValue::from_static("other"));
            }
            for value in ["a", "b", "c"] {
                headers.append("tracestate", HeaderValue::from_static(value));
            }
            let found = |headers: &HeaderMap, key| {
                let all = Carrier::get_all(headers, key);
                all.map(str::to_owned).collect::<Vec<_>>()
            };
            assert_eq!(found(&headers, "tracestate"), ["a", "b", "c"], "{others}");
            assert_eq!(found(&headers, "traceparent"), [""; 0], "{others}");
            CarrierMut::set(&mut headers, "traceparent", "d");
            CarrierMut::remove(&mut headers, "tracestate");
            assert_eq!(found(&headers, "traceparent"), ["d"], "{others}");
            assert_eq!(found(&headers, "tracestate"), [""; 0], "{others}");
            assert_eq!(headers.len(), others + 1);
        }
    }

    /// Headers keep all values, and one that is no text is seen as one that is invalid.
    #[test]
    fn headers_keep_all_values() {
        let mut headers = HeaderMap::new();
        headers.append("baggage", HeaderValue::from_static("a=1"));
        headers.append(
            "baggage",
            HeaderValue::from_bytes(b"b=\xff").expect("bytes"),
        );
        let all: Vec<_> = Carrier::get_all(&headers, "Baggage").collect();
        assert_eq!(all, ["a=1", "\u{fffd}"]);
        CarrierMut::set(&mut headers, "baggage", "c=3");
        CarrierMut::set(&mut headers, "X-B3-Sampled", "1");
        let all: Vec<_> = Carrier::get_all(&headers, "baggage").collect();
        assert_eq!(all, ["c=3"]);
        assert_eq!(headers["x-b3-sampled"], "1");
        assert_eq!(Carrier::keys(&headers).count(), 2);
        CarrierMut::remove(&mut headers, "X-B3-Sampled");
        assert_eq!(headers.len(), 1);
        CarrierMut::remove(&mut headers, "tracestate");
        assert_eq!(headers.len(), 1);
        CarrierMut::set(&mut headers, "baggage", "line\r\nbreak");
        assert_eq!(headers["baggage"], "c=3", "no header is split");
    }
}
