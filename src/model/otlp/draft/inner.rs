//! The attributes of an event or a link, which are given at once.

use super::Draft;
use crate::model::attribute::Value;
use crate::model::limits::truncate_bytes;

impl Draft {
    /// Writes the first attributes of a list, as many as may be kept, and returns how many were
    /// dropped. OTLP wants keys to differ, so the last value of a key wins; what has no key is
    /// dropped.
    #[inline]
    pub(super) fn write_inner(
        &mut self,
        field: u32,
        attributes: &[(&str, Value<'_>)],
        limit: usize,
    ) -> u64 {
        let kept = &attributes[..attributes.len().min(limit)];
        let mut dropped = attributes.len() - kept.len();
        for (at, (key, value)) in kept.iter().enumerate() {
            let key = truncate_bytes(key, self.name_limit);
            let mut later = kept[at + 1..].iter();
            if key.is_empty() {
                dropped += 1;
            } else if !later.any(|(later, _)| truncate_bytes(later, self.name_limit) == key) {
                self.inner.attribute(field, key, *value, self.text);
            }
        }
        dropped as u64
    }
}
