//! How much one span or log record may hold, so that memory stays bounded whatever a host records.

use std::borrow::Cow;

use super::json_text;
use super::redaction::edge;

/// The limits of what spans and log records carry. What is over a limit is cut or left out, and
/// counted; it never fails.
///
/// The first block is OpenTelemetry's ("Attribute Limits", "Span Limits" and "LogRecord Limits" of
/// its specification) with the same defaults and variables. The second block is spanreel's own and
/// always in force: it bounds memory where the standard ones default to none.
///
/// Plain data; name what differs and take the rest from the defaults:
///
/// ```
/// use spanreel::Limits;
///
/// let limits = Limits { attribute_value_length: Some(4096), ..Limits::default() };
/// assert_eq!(limits.attribute_count, 128);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The characters of a text and the bytes of a byte value, in the attributes of spans, events
    /// and links; also inside arrays and maps. A text that is JSON is cut so that it stays JSON.
    /// Default: none.
    /// `OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT`, else `OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT`.
    pub attribute_value_length: Option<usize>,
    /// The attributes of a span. Default: 128. `OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT`, else
    /// `OTEL_ATTRIBUTE_COUNT_LIMIT`.
    pub attribute_count: usize,
    /// The events of a span. Default: 128. `OTEL_SPAN_EVENT_COUNT_LIMIT`.
    pub event_count: usize,
    /// The links of a span. Default: 128. `OTEL_SPAN_LINK_COUNT_LIMIT`.
    pub link_count: usize,
    /// The attributes of one event. Default: 128. `OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT`, else
    /// `OTEL_ATTRIBUTE_COUNT_LIMIT`.
    pub event_attribute_count: usize,
    /// The attributes of one link. Default: 128. `OTEL_LINK_ATTRIBUTE_COUNT_LIMIT`, else
    /// `OTEL_ATTRIBUTE_COUNT_LIMIT`.
    pub link_attribute_count: usize,
    /// As `attribute_value_length`, for the attributes of log records. Default: none.
    /// `OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT`, else `OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT`.
    pub log_attribute_value_length: Option<usize>,
    /// The attributes of a log record. Default: 128. `OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT`, else
    /// `OTEL_ATTRIBUTE_COUNT_LIMIT`.
    pub log_attribute_count: usize,

    /// The bytes of any one text or byte value, of the message of a status and of the body of a log
    /// record; a body that is an array or a map and larger is left out and counted as a dropped
    /// attribute. Default: 262,144 (256 KiB).
    pub value_hard_limit: usize,
    /// The bytes of the name of a span, an event or an attribute. Default: 1,024.
    pub name_length: usize,
    /// The bytes of a session id. Default: 256; at least 36, which a UUID takes.
    pub session_id_length: usize,
    /// The bytes of one span or log record in wire form, beside what its session adds (ids, times,
    /// counts, `session.id`; some 2 KiB at most). An attribute, event or link that goes over it is
    /// left out. Default: 1,048,576 (1 MiB).
    pub span_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            attribute_value_length: None,
            attribute_count: 128,
            event_count: 128,
            link_count: 128,
            event_attribute_count: 128,
            link_attribute_count: 128,
            log_attribute_value_length: None,
            log_attribute_count: 128,
            value_hard_limit: 256 << 10,
            name_length: 1024,
            session_id_length: 256,
            span_bytes: 1 << 20,
        }
    }
}

impl Limits {
    /// What values of span, event and link attributes are cut to.
    pub(crate) fn text(&self) -> TextLimit {
        TextLimit::new(self.attribute_value_length, self.value_hard_limit)
    }

    /// What names are cut to.
    #[inline]
    pub(crate) fn name_text(&self) -> TextLimit {
        TextLimit::new(None, self.name_length)
    }

    /// What values of log record attributes are cut to.
    pub(crate) fn log_text(&self) -> TextLimit {
        TextLimit::new(self.log_attribute_value_length, self.value_hard_limit)
    }
}

/// How long one text or byte value may be: the standard limit and the hard one at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TextLimit {
    /// Characters of a text, bytes of a byte value; `usize::MAX` for none.
    length: usize,
    /// Bytes of either.
    bytes: usize,
}

impl TextLimit {
    pub(crate) fn new(length: Option<usize>, bytes: usize) -> Self {
        Self {
            length: length.unwrap_or(usize::MAX),
            bytes,
        }
    }

    /// The hard limit alone, for texts that are no attributes.
    pub(crate) fn without_length(self) -> Self {
        Self::new(None, self.bytes)
    }

    /// Whether a value of `len` bytes is within the limits, whatever it is.
    #[inline]
    pub(crate) fn allows(self, len: usize) -> bool {
        len <= self.length && len <= self.bytes
    }

    /// Whether a text of so many bytes and characters is within the limits.
    #[inline]
    pub(crate) fn allows_at(self, bytes: usize, characters: usize) -> bool {
        characters <= self.length && bytes <= self.bytes
    }

    /// As [`cut`](Self::cut), but that JSON stays JSON.
    #[inline]
    pub(crate) fn cut_whole(self, text: &str) -> Cow<'_, str> {
        if text.len() <= self.length && text.len() <= self.bytes {
            return Cow::Borrowed(text);
        }
        match json_text::cut(text, self) {
            Some(cut) => Cow::Owned(cut),
            None => Cow::Borrowed(self.cut(text)),
        }
    }

    /// The longest beginning of `text` that both limits allow.
    #[inline]
    pub(crate) fn cut(self, text: &str) -> &str {
        if text.len() <= self.length && text.len() <= self.bytes {
            return text;
        }
        truncate(truncate_bytes(text, self.bytes), self.length)
    }

    /// The longest beginning of `bytes` that both limits allow.
    #[inline]
    pub(crate) fn cut_bytes(self, bytes: &[u8]) -> &[u8] {
        let end = self.length.min(self.bytes);
        match bytes.len() > end {
            true => &bytes[..edge(bytes, end)],
            false => bytes,
        }
    }
}

/// The first `limit` characters (Unicode scalar values) of a text; fewer where a secret would be cut in half.
///
/// OpenTelemetry counts characters, not bytes ("Attribute Limits"). A text of no more bytes than
/// `limit` has no more characters either, so that common texts are not walked through.
#[inline]
pub(crate) fn truncate(text: &str, limit: usize) -> &str {
    if text.len() <= limit {
        return text;
    }
    match text.char_indices().nth(limit) {
        Some((end, _)) => beginning(text, end),
        None => text,
    }
}

/// The longest beginning of a text that has at most `limit` bytes and cuts neither a character nor a secret.
#[inline]
pub(crate) fn truncate_bytes(text: &str, limit: usize) -> &str {
    if text.len() <= limit {
        return text;
    }
    beginning(text, limit)
}

/// The beginning of a text up to `end`, but for half a character or half a secret there.
fn beginning(text: &str, end: usize) -> &str {
    let mut end = edge(text.as_bytes(), end);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The length limit counts characters, whatever number of bytes they take.
    #[test]
    fn characters_are_counted_not_bytes() {
        for (text, limit, cut) in [
            ("", 0, ""),
            ("abc", 0, ""),
            ("abc", 2, "ab"),
            ("abc", 3, "abc"),
            ("äöü", 2, "äö"),
            ("äöü", 3, "äöü"),
            ("a🦀b", 2, "a🦀"),
            ("a🦀b", usize::MAX, "a🦀b"),
        ] {
            assert_eq!(truncate(text, limit), cut, "{text} to {limit}");
        }
    }

    /// A limit in bytes never splits a character.
    #[test]
    fn a_limit_in_bytes_splits_no_character() {
        for (text, limit, cut) in [
            ("abc", 0, ""),
            ("abc", 2, "ab"),
            ("äöü", 3, "ä"),
            ("🦀", 3, ""),
            ("🦀", 4, "🦀"),
        ] {
            assert_eq!(truncate_bytes(text, limit), cut, "{text} to {limit}");
        }
    }

    /// A value of 20 MiB is cut to the hard limit even where no other limit is set.
    #[test]
    fn a_huge_value_is_cut_to_the_hard_limit() {
        let huge = "x".repeat(20 << 20);
        let limit = Limits::default().text();
        assert_eq!(limit.cut(&huge).len(), 256 << 10);
        assert_eq!(limit.cut_bytes(huge.as_bytes()).len(), 256 << 10);
    }

    /// Span attributes and log record attributes each have a length limit of their own.
    #[test]
    fn logs_have_a_length_limit_of_their_own() {
        let limits = Limits {
            attribute_value_length: Some(2),
            log_attribute_value_length: Some(3),
            ..Limits::default()
        };
        assert_eq!(limits.text().cut("abcd"), "ab");
        assert_eq!(limits.text().cut_bytes(b"abcd"), b"ab");
        assert_eq!(limits.log_text().cut("abcd"), "abc");
        assert_eq!(limits.log_text().cut_bytes(b"abcd"), b"abc");
    }

    proptest! {
        /// What is kept is the longest beginning within both limits, of texts where no cut meets a secret. (A
        /// random one may hold some, mostly addresses of few letters; `edge` tests where those are cut.)
        #[test]
        fn the_longest_beginning_within_both_limits_is_kept(
            text in any::<String>(),
            characters in 0..40usize,
            bytes in 0..80usize,
        ) {
            prop_assume!((0..=text.len()).all(|cut| edge(text.as_bytes(), cut) == cut));
            let cut = TextLimit::new(Some(characters), bytes).cut(&text);
            prop_assert!(text.starts_with(cut));
            prop_assert!(cut.len() <= bytes && cut.chars().count() <= characters);
            if let Some(next) = text[cut.len()..].chars().next() {
                let one_more = cut.chars().count() + 1;
                prop_assert!(cut.len() + next.len_utf8() > bytes || one_more > characters);
            }
        }
    }
}
