//! Where long texts are cut, so that no secret is cut in half: nobody would know its beginning for one, and
//! it would leave the process.
//!
//! Whatever a redaction takes out later, a cut is made here by the forms of all secrets, on all levels of
//! escapes. Holds: nothing. Reads a few kilobytes around the cut, and of a string of JSON its beginning where
//! no space tells that no escape is split.

use super::detector::Detectors;
use super::find::find;
use super::unescape::Unescaped;

/// How far a secret may reach to either side of the cut: a private key is the longest.
const BEHIND: usize = 8 << 10;
const AHEAD: usize = 1 << 10;
/// Levels of escapes that are read.
const LEVELS: usize = 4;

/// Where to cut a text that is to be cut at `cut`: there, or where the secret begins that stands there.
pub(crate) fn edge(text: &[u8], cut: usize) -> usize {
    let start = cut.saturating_sub(BEHIND);
    start + on_all_levels(&text[start..text.len().min(cut + AHEAD)], cut - start, 0)
}

/// The same within a string of JSON, whose text begins at `string`: no escape is split.
pub(crate) fn edge_in_string(text: &[u8], string: usize, cut: usize) -> usize {
    let near = string.max(cut.saturating_sub(BEHIND));
    // A space belongs to no escape.
    let space = text[near..cut].iter().position(|it| *it == b' ');
    let start = match space {
        Some(space) if near > string => near + space,
        _ => string,
    };
    let around = &text[start..text.len().min(cut + AHEAD)];
    let mut plain = Unescaped::default();
    start
        + match plain.read(around) {
            true => below(&plain, cut - start, 0),
            false => on_all_levels(around, cut - start, LEVELS),
        }
}

fn on_all_levels(text: &[u8], cut: usize, level: usize) -> usize {
    let mut found = Vec::new();
    find(text, Detectors::ALL, &mut found);
    let split = found.iter().find(|it| it.start < cut && cut < it.end);
    let here = split.map_or(cut, |it| it.start);
    let mut plain = Unescaped::default();
    if level == LEVELS || !plain.read(text) {
        return here;
    }
    here.min(below(&plain, cut, level))
}

/// Where to cut a text for what its escapes stand for.
fn below(plain: &Unescaped, cut: usize, level: usize) -> usize {
    let within = plain.here(cut);
    let edge = on_all_levels(&plain.text, within, level + 1);
    match edge < within {
        true => plain.start(edge),
        false => cut,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::model::limits::TextLimit;

    const SECRETS: [&str; 7] = [
        "sk-ant-api03-AbCdEfGhIjKlMnOpQrStUv",
        "ada.lovelace@example.com",
        "4111 1111 1111 1111",
        "DE89370400440532013000",
        "+49 30 1234567",
        "192.168.17.23",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abcdefghijklmnop",
    ];

    fn escaped(text: &str) -> String {
        let units = text.encode_utf16();
        units.map(|unit| format!("\\u{unit:04x}")).collect()
    }

    /// Whether some of a secret is left, and not all of it.
    fn is_half(kept: &str, secret: &str) -> bool {
        !kept.contains(secret) && secret.len() > 6 && kept.contains(&secret[..6])
    }

    proptest! {
        /// Wherever a text is cut, a secret in it is kept whole or not at all, and what was JSON is JSON.
        #[test]
        fn no_secret_is_cut_in_half(
            which in 0..SECRETS.len(),
            before in 0..40_usize,
            limit in 4..140_usize,
            is_escaped: bool,
        ) {
            let secret = SECRETS[which];
            let written = if is_escaped { escaped(secret) } else { secret.to_owned() };
            let limit = TextLimit::new(None, limit);
            let text = format!("{} {written}, they say {}", "x".repeat(before), "y".repeat(200));
            let kept = limit.cut_whole(&text);
            prop_assert!(!is_half(&kept, &written), "{}", kept);
            let json = format!("[{{\"a\":\"{text}\"}}]");
            let kept = limit.cut_whole(&json);
            if kept.starts_with('[') && kept.ends_with(']') {
                let value: serde_json::Value = serde_json::from_str(&kept)
                    .map_err(|error| TestCaseError::fail(format!("{error}: {kept}")))?;
                let plain = value[0]["a"].as_str().unwrap_or_default();
                prop_assert!(!is_half(plain, secret), "{}", kept);
            }
        }

        /// A text without secrets is cut where it is told to be, whatever stands in it.
        #[test]
        fn other_texts_are_cut_where_they_are_told(text in "[a-z \\\\\"n{}]{20,60}", limit in 1..20_usize) {
            let limit = TextLimit::new(None, limit);
            prop_assert_eq!(limit.cut(&text), &text[..limit.cut(&text).len()]);
            let longest = (0..20).rev().find(|end| limit.allows(*end)).unwrap_or(0);
            prop_assert_eq!(limit.cut(&text).len(), longest);
        }
    }

    /// A private key is cut off at its beginning, and bytes are cut as texts are.
    #[test]
    fn a_private_key_is_cut_off_at_its_beginning() {
        let key = format!(
            "the key: -----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----",
            "MIIEvQ".repeat(500)
        );
        let limit = TextLimit::new(None, 2000);
        assert_eq!(limit.cut(&key), "the key: ");
        assert_eq!(limit.cut_bytes(key.as_bytes()), b"the key: ");
        let json = serde_json::json!([key]).to_string();
        assert_eq!(limit.cut_whole(&json), "[\"the key: \"]");
    }
}
