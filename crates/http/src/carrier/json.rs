//! JSON objects as carriers: `params._meta` of MCP, `metadata` of an A2A message.

use serde_json::{Map, Value};
use spanreel::{Carrier, CarrierMut};

use super::NO_TEXT;

/// A JSON object that context is read from: `params._meta` of an MCP request, where the keys
/// `traceparent`, `tracestate` and `baggage` are reserved for it (MCP SEP-414), or `metadata` of an
/// A2A message. Keys count in their exact case.
///
/// ```
/// use serde_json::json;
/// use spanreel::SpanContext;
/// use spanreel_http::Metadata;
///
/// let meta = json!({"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"});
/// let meta = meta.as_object().expect("an object");
/// assert!(SpanContext::extract(&Metadata(meta)).is_some());
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Metadata<'a>(pub &'a Map<String, Value>);

impl Carrier for Metadata<'_> {
    fn get_all<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        let value = self.0.get(key);
        value
            .map(|value| value.as_str().unwrap_or(NO_TEXT))
            .into_iter()
    }

    fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

/// A JSON object that context is written to.
///
/// ```
/// use serde_json::Map;
/// use spanreel::{Span, SpanRef};
/// use spanreel_http::MetadataMut;
///
/// fn meta(call: &Span) -> Map<String, serde_json::Value> {
///     let mut meta = Map::new();
///     call.inject(&mut MetadataMut(&mut meta));
///     meta
/// }
/// ```
#[derive(Debug)]
pub struct MetadataMut<'a>(pub &'a mut Map<String, Value>);

impl CarrierMut for MetadataMut<'_> {
    fn set(&mut self, key: &'static str, value: &str) {
        self.0.insert(key.to_owned(), Value::from(value));
    }

    fn remove(&mut self, key: &'static str) {
        self.0.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Texts are read under their exact keys, and what is no text counts as invalid.
    #[test]
    fn metadata_is_read_under_exact_keys() {
        let object = json!({"traceparent": "a", "Baggage": "b", "tracestate": 1});
        let metadata = Metadata(object.as_object().expect("an object"));
        assert_eq!(metadata.get("traceparent"), Some("a"));
        assert_eq!(metadata.get("baggage"), None);
        assert_eq!(metadata.get("tracestate"), Some(NO_TEXT));
        assert_eq!(metadata.keys().count(), 3);
    }

    /// What is written replaces what was there, and other keys stay.
    #[test]
    fn metadata_is_written_beside_what_is_there() {
        let mut object = Map::new();
        object.insert("progressToken".to_owned(), json!(7));
        object.insert("traceparent".to_owned(), json!({}));
        let mut metadata = MetadataMut(&mut object);
        metadata.set("traceparent", "a");
        metadata.set("baggage", "b");
        metadata.remove("baggage");
        let expected = json!({"progressToken": 7, "traceparent": "a"});
        assert_eq!(Value::Object(object), expected);
    }
}
