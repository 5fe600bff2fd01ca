//! HTTP headers as a carrier.

use http::header::{HeaderMap, HeaderName, HeaderValue};

use super::carrier::{Carrier, CarrierMut};
use super::{propagators, w3c};

/// Stands for a value that is no text.
const NO_TEXT: &str = "\u{fffd}";

impl Carrier for HeaderMap {
    #[inline]
    fn get_all<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        let values = match known(key) {
            Some(name) => Self::get_all(self, name),
            None => Self::get_all(self, key),
        };
        values
            .into_iter()
            .map(|value| std::str::from_utf8(value.as_bytes()).unwrap_or(NO_TEXT))
    }

    fn keys(&self) -> impl Iterator<Item = &str> {
        Self::keys(self).map(HeaderName::as_str)
    }
}

/// The names of headers are lower case, and so is what is written here.
impl CarrierMut for HeaderMap {
    #[inline]
    fn set(&mut self, key: &'static str, value: &str) {
        // What is no header value is none of the formats' texts either.
        if let (Some(name), Ok(value)) = (name_of(key), HeaderValue::from_str(value)) {
            self.insert(name, value);
        }
    }

    fn remove(&mut self, key: &'static str) {
        match known(key) {
            Some(name) => Self::remove(self, name),
            None => Self::remove(self, key),
        };
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
        CarrierMut::set(&mut headers, "baggage", "line\r\nbreak");
        assert_eq!(headers["baggage"], "c=3", "no header is split");
    }
}
