//! JSON in texts: its words, and how to cut it so that it stays JSON.

use super::limits::TextLimit;
use super::redaction::edge_in_string;

/// How deep objects and arrays may lie in each other; what is deeper is cut like any text.
const NESTING: usize = 256;

/// The longest beginning of JSON that is within `limit` when all that is open in it is closed: members and
/// elements are left out from the end, and the last string is cut. `None` where it is no JSON, as far as
/// it is read, or where the limit has no room for any.
///
/// Reads no further than the limit, so that what follows may be anything.
pub(crate) fn cut(text: &str, limit: TextLimit) -> Option<String> {
    let first = text.bytes().find(|it| !is_space(*it));
    if !matches!(first, Some(b'{' | b'[')) {
        return None;
    }
    let mut cut = Cut {
        text: text.as_bytes(),
        limit,
        at: 0,
        characters: 0,
        open: Vec::new(),
        good: None,
    };
    let (mut end, depth, string) = match cut.walk() {
        // All of it is within the limit, or it is no JSON.
        Some(Stop::End) | None => return None,
        Some(Stop::Full) => cut.good?,
    };
    if let Some(string) = string {
        end = edge_in_string(text.as_bytes(), string, end);
    }
    let mut kept = text[..end].to_owned();
    if string.is_some() {
        kept.push('"');
    }
    let closing = cut.open[..depth].iter().rev();
    kept.extend(closing.map(|is_object| if *is_object { '}' } else { ']' }));
    Some(kept)
}

enum Stop {
    /// The text ended.
    End,
    /// The limit is reached.
    Full,
}

struct Cut<'a> {
    text: &'a [u8],
    limit: TextLimit,
    at: usize,
    /// Characters before `at`.
    characters: usize,
    /// Objects (true) and arrays that are open; those that were closed last may still stand behind
    /// `good`.
    open: Vec<bool>,
    /// Where it could be cut last: there, with how many open, and where the string begins that it is in.
    good: Option<(usize, usize, Option<usize>)>,
}

impl Cut<'_> {
    /// `None`: it is no JSON.
    fn walk(&mut self) -> Option<Stop> {
        // Whether the next string is the name of a member.
        let mut is_name = false;
        loop {
            let Some(byte) = self.text.get(self.at).copied() else {
                return self.open.is_empty().then_some(Stop::End);
            };
            match byte {
                b'{' | b'[' => {
                    if self.open.len() == NESTING {
                        return None;
                    }
                    is_name = byte == b'{';
                    self.step(1);
                    self.open.push(is_name);
                    if !self.may_end(None) {
                        self.open.pop();
                        return Some(Stop::Full);
                    }
                }
                b'}' | b']' => {
                    if self.open.pop()? != (byte == b'}') {
                        return None;
                    }
                    self.step(1);
                    if !self.may_end(None) {
                        self.open.push(byte == b'}');
                        return Some(Stop::Full);
                    }
                }
                b',' => {
                    is_name = *self.open.last()?;
                    self.step(1);
                }
                b':' => {
                    is_name = false;
                    self.step(1);
                }
                b'"' => {
                    if let Some(stop) = self.string(is_name)? {
                        return Some(stop);
                    }
                }
                _ if is_space(byte) => self.step(1),
                _ => {
                    self.word()?;
                    if !self.may_end(None) {
                        return Some(Stop::Full);
                    }
                }
            }
            if self.open.is_empty() {
                // What follows the end is white space at best.
                return Some(Stop::End);
            }
            if !self.limit.allows_at(self.at, self.characters) {
                return Some(Stop::Full);
            }
        }
    }

    /// Whether it could be cut here; notes that.
    fn may_end(&mut self, string: Option<usize>) -> bool {
        let closing = self.open.len() + usize::from(string.is_some());
        let fits = self
            .limit
            .allows_at(self.at + closing, self.characters + closing);
        if fits {
            self.good = Some((self.at, self.open.len(), string));
        }
        fits
    }

    fn step(&mut self, bytes: usize) {
        self.at += bytes;
        self.characters += 1;
    }

    /// Reads a string. A name is kept whole or not at all.
    fn string(&mut self, is_name: bool) -> Option<Option<Stop>> {
        self.step(1);
        let string = self.at;
        loop {
            if !is_name && !self.may_end(Some(string)) {
                return Some(Some(Stop::Full));
            }
            if is_name && !self.limit.allows_at(self.at, self.characters) {
                return Some(Some(Stop::Full));
            }
            match *self.text.get(self.at)? {
                b'"' => {
                    self.step(1);
                    if !is_name && !self.may_end(None) {
                        return Some(Some(Stop::Full));
                    }
                    return Some(None);
                }
                b'\\' => self.escape()?,
                byte => self.step(len_of(byte)),
            }
        }
    }

    /// Passes over an escape; over both where two are one character. `None` where it is none.
    fn escape(&mut self) -> Option<()> {
        let unit = |at: usize| {
            let digits = self.text.get(at..at + 6)?.strip_prefix(b"\\u")?;
            let digits = std::str::from_utf8(digits).ok()?;
            u32::from_str_radix(digits, 16).ok()
        };
        let len = match self.text.get(self.at + 1)? {
            b'u' => {
                let is_first = (0xd800..0xdc00).contains(&unit(self.at)?);
                let is_pair = is_first && unit(self.at + 6).is_some();
                if is_pair { 12 } else { 6 }
            }
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => 2,
            // No escape (RFC 8259, 7). What follows may be half a character.
            _ => return None,
        };
        self.at += len;
        self.characters += len;
        Some(())
    }

    /// Passes over a number, `true`, `false` or `null`; `None` where it is neither, or cut off.
    fn word(&mut self) -> Option<()> {
        let start = self.at;
        let is_of_word = |it: u8| it.is_ascii_alphanumeric() || matches!(it, b'-' | b'+' | b'.');
        while self.text.get(self.at).copied().is_some_and(is_of_word) {
            self.step(1);
        }
        is_word(&self.text[start..self.at]).then_some(())
    }
}

/// Whether it is `true`, `false`, `null` or a number, and no other word.
pub(crate) fn is_word(word: &[u8]) -> bool {
    matches!(word, b"true" | b"false" | b"null") || is_number(word)
}

/// Whether it is a number (RFC 8259, 6), and no date or telephone that looks like one.
fn is_number(word: &[u8]) -> bool {
    let digits = |text: &[u8]| text.iter().take_while(|it| it.is_ascii_digit()).count();
    let word = word.strip_prefix(b"-").unwrap_or(word);
    let whole = digits(word);
    if whole == 0 || (whole > 1 && word[0] == b'0') {
        return false;
    }
    let mut rest = &word[whole..];
    if let Some(fraction) = rest.strip_prefix(b".") {
        let len = digits(fraction);
        if len == 0 {
            return false;
        }
        rest = &fraction[len..];
    }
    if let [b'e' | b'E', exponent @ ..] = rest {
        let exponent = match exponent {
            [b'+' | b'-', digits @ ..] => digits,
            digits => digits,
        };
        return !exponent.is_empty() && digits(exponent) == exponent.len();
    }
    rest.is_empty()
}

/// How many bytes the character has that begins so.
fn len_of(byte: u8) -> usize {
    match byte {
        0..0xc0 => 1,
        0xc0..0xe0 => 2,
        0xe0..0xf0 => 3,
        _ => 4,
    }
}

pub(crate) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bytes(text: &str, limit: usize) -> Option<String> {
        cut(text, TextLimit::new(None, limit))
    }

    /// Strings are cut, members and elements left out, and what is open is closed.
    #[test]
    fn what_is_open_is_closed() {
        let text = r#"[{"role":"user","content":"hello there"},{"a":[1,22,333]}]"#;
        for (limit, expected) in [
            (
                57,
                Some(r#"[{"role":"user","content":"hello there"},{"a":[1,22]}]"#),
            ),
            (
                53,
                Some(r#"[{"role":"user","content":"hello there"},{"a":[1]}]"#),
            ),
            (45, Some(r#"[{"role":"user","content":"hello there"},{}]"#)),
            (40, Some(r#"[{"role":"user","content":"hello there"}]"#)),
            (35, Some(r#"[{"role":"user","content":"hello"}]"#)),
            (25, Some(r#"[{"role":"user"}]"#)),
            (13, Some(r#"[{"role":""}]"#)),
            (12, Some("[{}]")),
            (4, Some("[{}]")),
            (3, Some("[]")),
            (1, None),
        ] {
            let limit = if limit == 40 { 41 } else { limit };
            assert_eq!(bytes(text, limit).as_deref(), expected, "{limit}");
        }
        assert_eq!(bytes(text, text.len()), None, "it is not to be cut");
        for other in [
            "plain text",
            "[not json",
            "[INFO] ready",
            "[2026-01-02] x",
            "{x: 1}",
            "{]}",
            "",
            "12345",
        ] {
            assert_eq!(bytes(other, 3), None, "{other}");
        }
    }

    /// An escape is kept whole or not at all, and so is a character.
    #[test]
    fn no_escape_and_no_character_is_cut() {
        let text = r#"["a\ud83e\udd80\n\u00e4b"]"#;
        let kept = |limit| bytes(text, limit).expect("there is room");
        assert_eq!(kept(5), r#"["a"]"#);
        assert_eq!(kept(16), r#"["a"]"#);
        assert_eq!(kept(17), r#"["a\ud83e\udd80"]"#);
        assert_eq!(kept(24), r#"["a\ud83e\udd80\n"]"#);
        assert_eq!(bytes("[\"\u{1f980}x\"]", 7).expect("room"), "[\"\"]");
    }

    /// Characters count where the limit is one of characters.
    #[test]
    fn characters_count() {
        let text = "[\"\u{e4}\u{e4}\u{e4}\u{e4}\"]";
        let limit = TextLimit::new(Some(6), usize::MAX);
        assert_eq!(cut(text, limit).as_deref(), Some("[\"\u{e4}\u{e4}\"]"));
    }

    /// A backslash before a character that is no escape makes the text no JSON, so that it is cut as any text
    /// is.
    #[test]
    fn what_is_no_escape_is_no_json() {
        for text in [
            "[\"\\\u{e9}\\\u{e9}\\\u{e9}\"]",
            r#"["\x41", "b"]"#,
            r#"["C:\Users"]"#,
        ] {
            let cuts: Vec<_> = (3..text.len()).map(|limit| bytes(text, limit)).collect();
            let is_told = cuts.iter().skip_while(|it| it.is_some());
            assert!(is_told.clone().count() > 0, "{text}");
            assert!(is_told.flatten().next().is_none(), "{text}: {cuts:?}");
        }
    }

    fn json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            any::<f64>().prop_map(Into::into),
            "\\PC{0,20}".prop_map(Into::into),
            "[\"\\\\\n\u{1}a]{0,8}".prop_map(Into::into),
        ];
        leaf.prop_recursive(5, 40, 5, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..5).prop_map(Into::into),
                proptest::collection::vec(("[a-z\"\\\\ ]{0,6}", inner), 0..5)
                    .prop_map(|it| serde_json::Value::Object(it.into_iter().collect())),
            ]
        })
    }

    proptest! {
        /// Any JSON, cut anywhere, is JSON within the limits.
        #[test]
        fn any_json_cut_anywhere_is_json(
            value in json(),
            pretty: bool,
            length in 2..60_usize,
            limit in 2..60_usize,
        ) {
            let value = serde_json::Value::Array(vec![value]);
            let text = match pretty {
                true => serde_json::to_string_pretty(&value),
                false => serde_json::to_string(&value),
            };
            let text = text.expect("a text");
            let within = TextLimit::new(Some(length), limit);
            match cut(&text, within) {
                Some(kept) => {
                    prop_assert!(kept.len() <= limit && kept.chars().count() <= length);
                    serde_json::from_str::<serde_json::Value>(&kept)
                        .map_err(|error| TestCaseError::fail(format!("{error}: {kept}")))?;
                }
                None => prop_assert!(within.allows(text.len()) || text.chars().count() <= length),
            }
        }

        /// A text that is almost JSON, its escapes being none before characters of any length, is cut at every
        /// limit of bytes and of characters, and stays within it.
        #[test]
        fn what_is_almost_json_is_cut_at_every_limit(
            text in "(\\[\"|\\{\"a\":\"|)[\\[{\"\\\\\u{e9}\u{20ac}\u{1f980},:a]{0,40}",
        ) {
            for limit in 0..=text.len() {
                let kept = TextLimit::new(None, limit).cut_whole(&text);
                prop_assert!(kept.len() <= limit);
                let kept = TextLimit::new(Some(limit), usize::MAX).cut_whole(&text);
                prop_assert!(kept.chars().count() <= limit);
            }
        }

        /// Whatever the text is, nothing panics.
        #[test]
        fn whatever_the_text_is(text in r#"[\[\]{}\\",:0-9utrn \u{e4}]{0,60}"#, limit in 0..40_usize) {
            if let Some(kept) = bytes(&text, limit) {
                prop_assert!(kept.len() <= limit);
            }
        }
    }
}
