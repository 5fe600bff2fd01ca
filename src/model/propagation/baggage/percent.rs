//! Percent-encoding of the values of baggage (W3C Baggage, section 3.3.1.3; RFC 3986, section 2.1).

use std::borrow::Cow;

use crate::model::id::decode_hex;

/// Whether a byte may stand in a value as it is received: `baggage-octet` of the standard.
pub(super) const fn is_octet(byte: u8) -> bool {
    matches!(byte, 0x21 | 0x23..=0x2b | 0x2d..=0x3a | 0x3c..=0x5b | 0x5d..=0x7e)
}

/// The text that was encoded. A percent sign without two digits behind it stands for itself; bytes
/// that are no UTF-8 become U+FFFD.
pub(super) fn decoded(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let mut byte = [0];
        if first == b'%'
            && let Some(digits) = after.get(..2)
            && decode_hex(digits, &mut byte).is_some()
        {
            bytes.push(byte[0]);
            rest = &after[2..];
        } else {
            bytes.push(first);
            rest = after;
        }
    }
    let text = String::from_utf8_lossy(&bytes).into_owned();
    Cow::Owned(text)
}

/// Appends the encoded text; `false` as soon as `to` is longer than `most`.
pub(super) fn encode(text: &str, most: usize, to: &mut String) -> bool {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for byte in text.bytes() {
        if is_octet(byte) && byte != b'%' {
            to.push(char::from(byte));
        } else {
            to.push('%');
            to.push(char::from(DIGITS[usize::from(byte >> 4)]));
            to.push(char::from(DIGITS[usize::from(byte & 0xf)]));
        }
        if to.len() > most {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Everything but what the standard lets stand is encoded, the percent sign too.
    #[test]
    fn all_but_octets_is_encoded() {
        let mut encoded = String::new();
        assert!(encode(
            "\t \"';=asdf!@#$%^&*()\\,\r\n\u{e9}",
            100,
            &mut encoded
        ));
        assert_eq!(encoded, "%09%20%22'%3B=asdf!@#$%25^&*()%5C%2C%0D%0A%C3%A9");
        assert!(encoded.bytes().all(is_octet));
        assert!(!encode("x", encoded.len(), &mut encoded));
    }

    /// What is not encoded is as it is, and what is no UTF-8 is replaced.
    #[test]
    fn decoding_never_fails() {
        for (text, decoded_text) in [
            ("plain", "plain"),
            ("a%20b", "a b"),
            ("%e4%bd%A0", "\u{4f60}"),
            ("100%", "100%"),
            ("%2", "%2"),
            ("%+1%zz", "%+1%zz"),
            ("a+b", "a+b"),
            ("%ff%C3x", "\u{fffd}\u{fffd}x"),
        ] {
            assert_eq!(decoded(text), decoded_text, "{text}");
        }
    }
}
