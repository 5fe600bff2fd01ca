//! Reads the values of `tracing` fields.
//!
//! Values are shown to a closure one by one, borrowed; only what is known by its `Debug` or
//! `Display` form alone is written to a text first, of at most [`TEXT_LIMIT`] bytes. Those forms are
//! the host's code: no lock is held while they run.

use std::error::Error;
use std::fmt::{self, Write};

use spanreel::Value;
use tracing::field::{Field, Visit};

/// The bytes of a text that a value is written to; the rest is left out. It is the default of
/// `Limits::value_hard_limit`, to which the pipeline cuts anyway.
const TEXT_LIMIT: usize = 256 << 10;

/// The value of a field.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Told<'a> {
    Value(Value<'a>),
    /// An error, as it displays itself.
    Error(&'a str),
}

impl<'a> Told<'a> {
    /// The value as it becomes an attribute.
    pub(crate) fn value(self) -> Value<'a> {
        match self {
            Self::Value(value) => value,
            Self::Error(message) => Value::Str(message),
        }
    }

    /// The text that it is.
    pub(crate) fn text(self) -> Option<&'a str> {
        match self.value() {
            Value::Str(text) => Some(text),
            _ => None,
        }
    }

    /// The count that it is, also as a text.
    pub(crate) fn count(self) -> Option<u64> {
        match self.value() {
            Value::Int(number) => u64::try_from(number).ok(),
            Value::Str(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    /// The number that it is, also as a text.
    pub(crate) fn number(self) -> Option<f64> {
        match self.value() {
            Value::Double(number) => Some(number),
            Value::Int(number) => Some(number as f64),
            Value::Str(text) => text.trim().parse().ok(),
            _ => None,
        }
    }
}

/// Shows each field with its value.
pub(crate) struct Fields<F>(pub(crate) F);

impl<F: FnMut(&'static str, Told<'_>)> Fields<F> {
    fn show<'v>(&mut self, field: &Field, value: impl Into<Value<'v>>) {
        (self.0)(field.name(), Told::Value(value.into()));
    }
}

impl<F: FnMut(&'static str, Told<'_>)> Visit for Fields<F> {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.show(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.show(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.show(field, value);
    }

    /// Numbers that OTLP cannot carry are written as text.
    fn record_i128(&mut self, field: &Field, value: i128) {
        match i64::try_from(value) {
            Ok(value) => self.show(field, value),
            Err(_) => self.record_debug(field, &value),
        }
    }

    /// Numbers that OTLP cannot carry are written as text.
    fn record_u128(&mut self, field: &Field, value: u128) {
        match i64::try_from(value) {
            Ok(value) => self.show(field, value),
            Err(_) => self.record_debug(field, &value),
        }
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.show(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.show(field, value);
    }

    fn record_bytes(&mut self, field: &Field, value: &[u8]) {
        self.show(field, value);
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        let text = Text::of(format_args!("{value}"));
        (self.0)(field.name(), Told::Error(&text));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let text = Text::of(format_args!("{value:?}"));
        self.show(field, text.as_str());
    }
}

/// A text that is cut when it is long enough.
#[derive(Default)]
struct Text {
    written: String,
    is_full: bool,
}

impl Text {
    fn of(arguments: fmt::Arguments<'_>) -> String {
        let mut text = Self::default();
        // A `Debug` that fails has told what it could.
        match text.write_fmt(arguments) {
            Ok(()) | Err(fmt::Error) => text.written,
        }
    }
}

impl Write for Text {
    /// What is over the limit is left out without an error, which hosts' code may not expect.
    fn write_str(&mut self, part: &str) -> fmt::Result {
        let room = TEXT_LIMIT - self.written.len();
        if !self.is_full {
            self.written.push_str(cut(part, room));
            self.is_full = part.len() > room;
        }
        Ok(())
    }
}

/// The longest beginning of a text that has at most `limit` bytes and cuts no character.
pub(crate) fn cut(text: &str, limit: usize) -> &str {
    let mut end = limit.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A long text is cut at a character, and what follows it is left out.
    #[test]
    fn a_long_text_is_cut() {
        let long = "x".repeat(TEXT_LIMIT - 1);
        let text = Text::of(format_args!("{long}{}{}", "\u{e4}", "y"));
        assert_eq!(text, long);
        assert_eq!(cut("a\u{e4}", 2), "a");
        assert_eq!(cut("a\u{e4}", 9), "a\u{e4}");
    }

    /// Numbers are understood as texts too, which some libraries send; nonsense is none.
    #[test]
    fn numbers_may_be_texts() {
        assert_eq!(Told::Value("12".into()).count(), Some(12));
        assert_eq!(Told::Value((-1i64).into()).count(), None);
        assert_eq!(Told::Value("0.5".into()).number(), Some(0.5));
        assert_eq!(Told::Value("many".into()).count(), None);
    }
}
