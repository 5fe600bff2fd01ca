//! The attributes of an event or a link: what is kept of a list that was given at once.

use super::Draft;
use crate::model::attribute::Value;
use crate::model::limits::{TextLimit, truncate_bytes};
use crate::model::otlp::writer::Writer;

/// The first attributes of a list, as many as may be kept. OTLP wants keys to differ, so the last
/// value of a key wins; what has no key is dropped.
pub(super) struct Inner<'a> {
    kept: &'a [(&'a str, Value<'a>)],
    text: TextLimit,
    name_limit: usize,
    /// How many were dropped.
    pub(super) dropped: u64,
}

impl<'a> Inner<'a> {
    pub(super) fn new(attributes: &'a [(&'a str, Value<'a>)], limit: usize, draft: &Draft) -> Self {
        let name_limit = draft.name_limit;
        let kept = &attributes[..attributes.len().min(limit)];
        let unnamed = kept
            .iter()
            .filter(|(key, _)| truncate_bytes(key, name_limit).is_empty());
        Self {
            kept,
            text: draft.text,
            name_limit,
            dropped: (attributes.len() - kept.len() + unnamed.count()) as u64,
        }
    }

    /// How many bytes they take.
    pub(super) fn len(&self) -> usize {
        self.each()
            .map(|(key, value)| Writer::attribute_len(key, value, self.text))
            .sum()
    }

    pub(super) fn write(&self, field: u32, out: &mut Writer) {
        for (key, value) in self.each() {
            out.attribute(field, key, value, self.text);
        }
    }

    /// Those that are written.
    fn each(&self) -> impl Iterator<Item = (&'a str, Value<'a>)> {
        let (kept, limit) = (self.kept, self.name_limit);
        let named = move |(at, (key, value)): (usize, &(&'a str, Value<'a>))| {
            let key = truncate_bytes(key, limit);
            let set_again = || {
                let mut later = kept[at + 1..].iter();
                later.any(|(later, _)| truncate_bytes(later, limit) == key)
            };
            (!key.is_empty() && !set_again()).then_some((key, *value))
        };
        kept.iter().enumerate().filter_map(named)
    }
}
