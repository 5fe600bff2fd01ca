//! Headers of message queues as carriers: a list of keys with bytes.

use spanreel::{Carrier, CarrierMut};

use super::NO_TEXT;

/// Headers of a message that context is read from: keys and bytes, as Kafka, NATS and AMQP clients
/// give them. Keys are found in any ASCII case.
#[derive(Clone, Copy, Debug)]
pub struct MessageHeaders<'a, K, V>(pub &'a [(K, V)]);

impl<K: AsRef<str>, V: AsRef<[u8]>> Carrier for MessageHeaders<'_, K, V> {
    fn get_all<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        let of_key = self
            .0
            .iter()
            .filter(move |(held, _)| held.as_ref().eq_ignore_ascii_case(key));
        of_key.map(|(_, value)| std::str::from_utf8(value.as_ref()).unwrap_or(NO_TEXT))
    }

    fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(key, _)| key.as_ref())
    }
}

/// Headers of a message that context is written to.
///
/// ```
/// use spanreel::Span;
/// use spanreel_http::MessageHeadersMut;
///
/// fn headers(publish: &Span) -> Vec<(String, Vec<u8>)> {
///     let mut headers = Vec::new();
///     publish.inject(&mut MessageHeadersMut(&mut headers));
///     headers
/// }
/// ```
#[derive(Debug)]
pub struct MessageHeadersMut<'a>(pub &'a mut Vec<(String, Vec<u8>)>);

impl CarrierMut for MessageHeadersMut<'_> {
    fn set(&mut self, key: &'static str, value: &str) {
        self.remove(key);
        self.0.push((key.to_owned(), value.as_bytes().to_vec()));
    }

    fn remove(&mut self, key: &'static str) {
        self.0.retain(|(held, _)| !held.eq_ignore_ascii_case(key));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All values of a key are read, in any case, and bytes that are no text count as invalid.
    #[test]
    fn all_values_of_a_key_are_read() {
        let headers: [(&str, &[u8]); 3] = [("a", b"1"), ("A", b"\xff"), ("b", b"2")];
        let headers = MessageHeaders(&headers);
        assert_eq!(headers.get_all("a").collect::<Vec<_>>(), ["1", NO_TEXT]);
        assert_eq!(headers.keys().collect::<Vec<_>>(), ["a", "A", "b"]);
    }

    /// What is written is the only value of its key.
    #[test]
    fn what_is_written_is_the_only_value() {
        let mut headers = vec![
            ("A".to_owned(), b"1".to_vec()),
            ("b".to_owned(), b"2".to_vec()),
        ];
        let mut carrier = MessageHeadersMut(&mut headers);
        carrier.set("a", "3");
        carrier.remove("b");
        assert_eq!(headers, [("a".to_owned(), b"3".to_vec())]);
    }
}
