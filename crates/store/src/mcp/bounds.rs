//! What an answer may have at the most: models read all of it, and clients cut what is too long.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use crate::answer::{Attribute, Span};
use crate::query::Cursor;

/// About how many bytes an answer has at the most: some 10,000 tokens, which is what clients take without
/// a warning.
pub(super) const MOST_BYTES: usize = 40_000;

/// The text, or its beginning with a word on how much is missing.
pub(super) fn cut(text: &str, most: usize) -> Cow<'_, str> {
    if text.len() <= most {
        return Cow::Borrowed(text);
    }
    let end = (0..=most)
        .rev()
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or(0);
    let missing = text.len() - end;
    Cow::Owned(format!("{} [cut: {missing} more bytes]", &text[..end]))
}

/// The value, where it is no longer than that; else its beginning as text.
pub(super) fn cut_value(value: &Value, most: usize) -> Value {
    if let Value::String(text) = value {
        return Value::String(cut(text, most).into_owned());
    }
    let text = value.to_string();
    match text.len() <= most {
        true => value.clone(),
        false => Value::String(cut(&text, most).into_owned()),
    }
}

/// The attributes as an object, with what each may have; says how many there is no room for.
pub(super) fn attributes(all: &[Attribute], most: usize, room: &mut usize) -> Value {
    let mut object = Map::new();
    let mut left_out = 0_u64;
    for attribute in all {
        let value = cut_value(&attribute.value, most);
        let needed = attribute.key.len() + value.to_string().len() + 4;
        if needed > *room {
            left_out += 1;
            continue;
        }
        *room -= needed;
        object.insert(attribute.key.clone(), value);
    }
    if left_out > 0 {
        object.insert("[left out]".to_owned(), json!(left_out));
    }
    Value::Object(object)
}

/// As many items as there is room for, one at least.
pub(super) fn fitting(items: impl IntoIterator<Item = Value>, room: usize) -> Vec<Value> {
    let mut taken: Vec<Value> = Vec::new();
    let mut bytes = 0;
    for item in items {
        bytes += item.to_string().len() + 1;
        if bytes > room && !taken.is_empty() {
            break;
        }
        taken.push(item);
    }
    taken
}

/// The first items of a list, and how many were left out behind them.
pub(super) fn first<T>(mut items: Vec<T>, most: usize) -> (Vec<T>, usize) {
    let left_out = items.len().saturating_sub(most);
    items.truncate(most);
    (items, left_out)
}

/// The cursor of the page behind a span.
pub(super) fn behind(span: &Span) -> String {
    let tie = u64::from_str_radix(&span.span_id, 16).unwrap_or_default();
    let value = span.start_us as f64;
    Cursor { value, tie }.to_text()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is cut stays text, says how much is missing, and is never longer than it may be and that word.
    #[test]
    fn what_is_cut_says_so() {
        assert_eq!(cut("short", 5), "short");
        assert_eq!(cut("longer", 4), "long [cut: 2 more bytes]");
        assert_eq!(cut("\u{e4}\u{e4}", 3), "\u{e4} [cut: 2 more bytes]");
        assert_eq!(cut("\u{1f980}", 2), " [cut: 4 more bytes]");
        assert_eq!(cut_value(&json!([1, 2]), 10), json!([1, 2]));
        let long = cut_value(&json!(["x".repeat(100)]), 10);
        assert!(
            long.as_str()
                .is_some_and(|text| text.ends_with("more bytes]"))
        );
    }

    /// An answer has what there is room for, and one item at least.
    #[test]
    fn an_answer_has_what_there_is_room_for() {
        let items = || (0..10).map(|_| json!("1234567"));
        assert_eq!(fitting(items(), 25).len(), 2);
        assert_eq!(fitting(items(), 1).len(), 1);
        assert_eq!(fitting(items(), 1_000).len(), 10);
        assert!(fitting([], 1_000).is_empty());
    }
}
