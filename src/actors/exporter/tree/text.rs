//! Text as it may be shown: nothing that moves a cursor, units for people, columns that line up.

use std::borrow::Cow;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// The text with everything that a terminal would act on, or that hides or reorders what is shown,
/// written as an escape: control characters, line and paragraph separators, directional overrides,
/// zero-width characters (Unicode "Trojan Source" advice). The result is one line.
pub(crate) fn visible(text: &str) -> Cow<'_, str> {
    if !text.contains(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if is_hidden(character) {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    Cow::Owned(shown)
}

fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{61c}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

/// How many columns a terminal gives to the text.
pub(crate) fn columns(text: &str) -> usize {
    text.width()
}

/// The text, cut to at most `limit` columns; a cut text ends with `mark`.
pub(crate) fn fit<'a>(text: &'a str, limit: usize, mark: &str) -> Cow<'a, str> {
    if columns(text) <= limit {
        return Cow::Borrowed(text);
    }
    let room = limit.saturating_sub(columns(mark));
    let mut used = 0;
    let mut end = 0;
    for (at, character) in text.char_indices() {
        used += character.width().unwrap_or(0);
        if used > room {
            break;
        }
        end = at + character.len_utf8();
    }
    let mut cut = text[..end].to_owned();
    if columns(mark) <= limit {
        cut.push_str(mark);
    }
    Cow::Owned(cut)
}

/// A duration in the unit that suits it: `870ns`, `12.3us`, `4.56ms`, `1.20s`, `2m03s`, `1h02m`,
/// `3d04h`.
pub(crate) fn duration(nanos: u64) -> String {
    const SECOND: u64 = 1_000_000_000;
    let scaled = |unit: u64, name: &str| {
        let value = nanos as f64 / unit as f64;
        // Three digits that matter; rounding up to the next unit reads better than 1000us.
        let digits = match value {
            it if it < 9.995 => 2,
            it if it < 99.95 => 1,
            _ => 0,
        };
        format!("{value:.digits$}{name}")
    };
    match nanos {
        0..1_000 => format!("{nanos}ns"),
        1_000..999_500 => scaled(1_000, "us"),
        999_500..999_500_000 => scaled(1_000_000, "ms"),
        999_500_000..59_950_000_000 => scaled(SECOND, "s"),
        _ => {
            let seconds = nanos.saturating_add(SECOND / 2) / SECOND;
            let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
            match () {
                () if hours == 0 => format!("{minutes}m{:02}s", seconds % 60),
                () if days == 0 => format!("{hours}h{:02}m", minutes % 60),
                () => format!("{days}d{:02}h", hours % 24),
            }
        }
    }
}

/// A count of tokens: `340`, `1.2k`, `3.4M`.
pub(crate) fn tokens(count: i64) -> String {
    let size = count.unsigned_abs();
    match size {
        0..1_000 => count.to_string(),
        1_000..999_950 => format!("{:.1}k", count as f64 / 1e3),
        _ => format!("{:.1}M", count as f64 / 1e6),
    }
}

/// An amount of US dollars: `$0.0123`, `$12.34`, `<$0.0001`.
pub(crate) fn cost(amount: f64) -> String {
    let below = amount > 0.0 && amount < 0.000_1;
    let shown = if below { 0.000_1 } else { amount };
    let digits = if shown.abs() < 10.0 { 4 } else { 2 };
    let mark = if below { "<" } else { "" };
    format!("{mark}${shown:.digits$}")
}

/// A count with separated thousands: `9,980`.
pub(crate) fn grouped(count: usize) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Nothing that a terminal acts on is left in shown text, and nothing else is changed.
    #[test]
    fn control_characters_are_shown_as_text() {
        assert_eq!(visible("plain \u{4f60}\u{597d}"), "plain \u{4f60}\u{597d}");
        assert_eq!(visible("a\x1b[31mb\r\n\tc"), "a\\u{1b}[31mb\\r\\n\\tc");
        assert_eq!(
            visible("\u{9b}2J\u{7}\u{202e}x\u{2028}"),
            "\\u{9b}2J\\u{7}\\u{202e}x\\u{2028}"
        );
    }

    /// Durations, tokens, money and counts read as people write them.
    #[test]
    fn units_are_for_people() {
        let durations = [
            0,
            870,
            12_340,
            999_499,
            999_500,
            4_560_000,
            999_600_000,
            12_345_000_000,
        ];
        assert_eq!(
            durations.map(duration),
            [
                "0ns", "870ns", "12.3us", "999us", "1.00ms", "4.56ms", "1.00s", "12.3s"
            ]
        );
        let minutes = [59_960_000_000, 123_000_000_000, 3_720_000_000_000];
        assert_eq!(minutes.map(duration), ["1m00s", "2m03s", "1h02m"]);
        assert_eq!(duration(273_600_000_000_000), "3d04h");
        assert_eq!(duration(u64::MAX), "213503d23h");
        assert_eq!(
            [0, 999, 1_234, 999_949, 999_950].map(tokens),
            ["0", "999", "1.2k", "999.9k", "1.0M"]
        );
        assert_eq!(tokens(i64::MIN), "-9223372036854.8M");
        assert_eq!(cost(0.0123), "$0.0123");
        assert_eq!(cost(0.000_01), "<$0.0001");
        assert_eq!(cost(123.456), "$123.46");
        assert_eq!(
            [1, 999, 9_980, 1_234_567].map(grouped),
            ["1", "999", "9,980", "1,234,567"]
        );
    }

    /// Text is cut by columns, not by bytes or characters, and says that it was cut.
    #[test]
    fn text_is_cut_by_columns() {
        assert_eq!(fit("abcdef", 6, "..."), "abcdef");
        assert_eq!(fit("abcdefg", 6, "..."), "abc...");
        assert_eq!(
            fit("\u{4f60}\u{597d}\u{4f60}\u{597d}", 6, "."),
            "\u{4f60}\u{597d}."
        );
        assert_eq!(fit("abc", 2, "..."), "");
    }
}
