//! Comma lists of `key=value`, percent-encoded (the syntax of W3C Baggage without properties).

use crate::model::id::decode_hex;

/// The members of a comma list with their position, counted from 1; empty ones are skipped.
pub(super) fn members(list: &str) -> impl Iterator<Item = (usize, &str)> {
    let members = list.split(',').map(str::trim).zip(1..);
    members
        .filter(|(member, _)| !member.is_empty())
        .map(|(member, position)| (position, member))
}

/// Key and value of a member, white space around them removed, both decoded. `None` without an
/// equals sign, without a key, or where the encoding is bad.
pub(super) fn decoded_pair(member: &str) -> Option<(String, String)> {
    let (key, value) = member.split_once('=')?;
    let key = percent_decoded(key.trim())?;
    let value = percent_decoded(value.trim())?;
    (!key.is_empty()).then_some((key, value))
}

/// The text with each `%` and two hexadecimal digits replaced by the byte that they stand for.
/// `None` where a `%` is followed by anything else or the bytes are no UTF-8.
pub(super) fn percent_decoded(text: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        if first != b'%' {
            decoded.push(first);
            rest = after;
            continue;
        }
        let mut byte = [0];
        decode_hex(after.get(..2)?, &mut byte)?;
        decoded.push(byte[0]);
        rest = &after[2..];
    }
    String::from_utf8(decoded).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Encoded bytes are decoded as UTF-8, and a plus sign stays one.
    #[test]
    fn percent_encoding_is_decoded_strictly() {
        for (text, decoded) in [
            ("", Some("")),
            ("plain", Some("plain")),
            ("a%20b%2Cc%3dd", Some("a b,c=d")),
            ("%c3%A4+%F0%9F%A6%80", Some("\u{e4}+\u{1f980}")),
            ("100%25", Some("100%")),
            ("100%", None),
            ("%2", None),
            ("%zz", None),
            ("%+1", None),
            ("%\u{e4}", None),
            ("%ff", None),
        ] {
            assert_eq!(percent_decoded(text).as_deref(), decoded, "{text}");
        }
    }

    /// The first equals sign parts key and value; the rest belongs to the value.
    #[test]
    fn the_first_equals_sign_parts_key_and_value() {
        let pair = |key: &str, value: &str| Some((key.to_owned(), value.to_owned()));
        for (member, expected) in [
            ("a=b", pair("a", "b")),
            (" a = b ", pair("a", "b")),
            ("a=", pair("a", "")),
            ("a=b=c", pair("a", "b=c")),
            ("a%3D=b", pair("a=", "b")),
            ("a", None),
            ("=b", None),
            ("a=%", None),
        ] {
            assert_eq!(decoded_pair(member), expected, "{member}");
        }
    }

    /// Empty members are skipped, and positions count them.
    #[test]
    fn positions_count_every_member() {
        let found: Vec<_> = members(" a ,, b,").collect();
        assert_eq!(found, [(1, "a"), (3, "b")]);
    }
}
