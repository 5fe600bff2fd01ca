//! HTTP headers as a carrier.

use http::header::{HeaderMap, HeaderName, HeaderValue};

use super::carrier::{Carrier, CarrierMut};

/// Stands for a value that is no text.
const NO_TEXT: &str = "\u{fffd}";

impl Carrier for HeaderMap {
    #[inline]
    fn get_all<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        let values = Self::get_all(self, key).into_iter();
        values.map(|value| std::str::from_utf8(value.as_bytes()).unwrap_or(NO_TEXT))
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
        if let (Ok(name), Ok(value)) = (key.parse::<HeaderName>(), HeaderValue::from_str(value)) {
            self.insert(name, value);
        }
    }

    fn remove(&mut self, key: &'static str) {
        Self::remove(self, key);
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
