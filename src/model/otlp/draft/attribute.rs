//! Sets attributes, within the limits: the usual one where a host calls, any other by a way of its own.

use super::keys::RESERVED;
use super::{Draft, SPAN_ATTRIBUTE};
use crate::model::attribute::Value;
use crate::model::limits::truncate_bytes;
use crate::model::otlp::scan;

impl Draft {
    /// The field of its attributes.
    pub(super) fn attribute_field(&self) -> u32 {
        u32::from(self.attribute_tag >> 3)
    }

    /// Sets an attribute. The last value of a key wins; what has no key or is over the limits is
    /// counted instead.
    #[inline]
    pub(crate) fn set(&mut self, key: &str, value: Value<'_>) {
        self.set_tagged(self.attribute_tag, key, value);
    }

    /// The same for what is known to be a span where a host calls: what comes before a literal key is then
    /// written in one move.
    #[inline(always)]
    pub(crate) fn set_in_span(&mut self, key: &str, value: Value<'_>) {
        debug_assert_eq!(self.attribute_tag, SPAN_ATTRIBUTE);
        self.set_tagged(SPAN_ATTRIBUTE, key, value);
    }

    #[inline(always)]
    fn set_tagged(&mut self, attribute_tag: u8, key: &str, value: Value<'_>) {
        let known = self.keys.insert(key.as_bytes());
        let quick = self.plain && !known && self.attributes_left > 0 && !key.is_empty();
        if quick && self.out.short_attribute(attribute_tag, key, value) {
            self.attributes_left -= 1;
            return;
        }
        // A copy, made here: the value itself then need not be in memory for those that come this far.
        self.set_with_care(key, &{ value }, known);
    }

    /// Sets an attribute that is long, probably set already, or may be over a limit.
    #[inline(never)]
    fn set_with_care(&mut self, key: &str, value: &Value<'_>, known: bool) {
        if key.is_empty() || key.len() > self.name_limit {
            return self.set_odd(key, *value);
        }
        if known && !self.admit(key) {
            return;
        }
        if self.attributes_left == 0 {
            self.dropped.attributes += 1;
            return;
        }
        let before = self.out.len();
        self.out
            .attribute(self.attribute_field(), key, *value, self.text);
        self.plain &= self.out.capacity() <= self.size_limit;
        if self.out.len() > self.size_limit {
            return self.take_back(before);
        }
        self.attributes_left -= 1;
    }

    /// Sets an attribute whose key is too long, or counts one that has none.
    #[cold]
    #[inline(never)]
    fn set_odd(&mut self, key: &str, value: Value<'_>) {
        match truncate_bytes(key, self.name_limit) {
            "" => self.dropped.attributes += 1,
            key => self.set(key, value),
        }
    }

    /// Removes an attribute that went over the size limit, and counts it.
    #[cold]
    #[inline(never)]
    pub(super) fn take_back(&mut self, before: usize) {
        self.out.truncate(before);
        self.dropped.attributes += 1;
    }

    /// Makes way for a key that was probably set before. `false` for one that the session sets.
    #[cold]
    #[inline(never)]
    pub(super) fn admit(&mut self, key: &str) -> bool {
        if RESERVED.contains(&key) {
            return false;
        }
        self.forget(key);
        true
    }

    /// Removes the attribute `key` if it was set.
    #[cold]
    #[inline(never)]
    pub(super) fn forget(&mut self, key: &str) {
        let attribute_field = self.attribute_field();
        let written = self.out.written();
        let is_it = |field: &scan::Field| {
            field.is(attribute_field)
                && scan::key_of(&written[field.body.clone()]) == Some(key.as_bytes())
        };
        let found = scan::fields(written).find(is_it);
        if let Some(found) = found {
            self.out.remove(found.range);
            self.attributes_left += 1;
        }
    }
}
