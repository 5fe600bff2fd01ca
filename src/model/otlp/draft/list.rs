//! The attributes of an event or a link, which are given at once.

use super::{Draft, SHORT, tag};
use crate::model::attribute::Value;
use crate::model::limits::truncate_bytes;

impl Draft {
    /// Writes the first attributes of a list, as many as may be kept, and, as field `dropped`, how
    /// many are missing. OTLP wants keys to differ, so the last value of a key wins; what has no key
    /// is dropped and counted.
    // For literal keys in a literal list, the compiler works out most of it beforehand: whether keys differ, too.
    #[inline(always)]
    pub(super) fn write_list(
        &mut self,
        field: u32,
        dropped: u32,
        attributes: &[(&str, Value<'_>)],
        limit: usize,
    ) {
        let is_short = |key: &str| !key.is_empty() && key.len() < SHORT;
        let all_short = attributes.iter().all(|(key, _)| is_short(key));
        if !self.plain || attributes.len() > limit || !all_short {
            return self.write_list_with_care(field, dropped, attributes, limit);
        }
        for (at, (key, value)) in attributes.iter().enumerate() {
            if attributes[at + 1..].iter().any(|(later, _)| later == key) {
                continue;
            }
            if !self.out.short_attribute(tag(field), key, *value) {
                // A copy, made here: the list itself then need not be in memory for those that come this far.
                self.write_with_care(field, &[(*key, *value)]);
            }
        }
    }

    /// Writes a list that may be over a limit, or of which some may be long or without a key.
    #[inline(never)]
    fn write_list_with_care(
        &mut self,
        field: u32,
        dropped: u32,
        attributes: &[(&str, Value<'_>)],
        limit: usize,
    ) {
        let kept = &attributes[..attributes.len().min(limit)];
        let missing = attributes.len() - kept.len() + self.write_with_care(field, kept);
        if missing > 0 {
            self.out.uint(dropped, missing as u64);
        }
    }

    /// Writes attributes that may be long, or whose keys may be too long or none; how many have none.
    #[inline(never)]
    fn write_with_care(&mut self, field: u32, attributes: &[(&str, Value<'_>)]) -> usize {
        let mut missing = 0;
        for (at, (key, value)) in attributes.iter().enumerate() {
            let key = truncate_bytes(key, self.name_limit);
            let mut later = attributes[at + 1..].iter();
            if key.is_empty() {
                missing += 1;
            } else if !later.any(|(later, _)| truncate_bytes(later, self.name_limit) == key) {
                self.out.attribute(field, key, *value, self.text);
            }
        }
        missing
    }

    /// Closes a nested item that was opened at `start`. One over the size limit is taken out
    /// again; whether it stayed.
    #[inline]
    pub(super) fn close(&mut self, start: usize) -> bool {
        self.out.close(start);
        self.plain &= self.out.capacity() <= self.size_limit;
        let fits = self.out.len() <= self.size_limit;
        if !fits {
            self.out.truncate(start);
        }
        fits
    }
}
