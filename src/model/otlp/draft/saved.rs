//! The root span of a session, which is put aside and gone on with: its draft is saved in as little
//! memory as it needs while nothing is written.

use std::ops::Range;

use super::keys::KeyFilter;
use super::{Draft, Dropped, most_attributes};
use crate::model::attribute::Value;
use crate::model::limits::Limits;
use crate::model::otlp::fields as f;
use crate::model::otlp::scan;
use crate::model::otlp::writer::Writer;

/// A draft put aside in as little memory as it needs: the root span of a session.
#[derive(Debug)]
pub(crate) struct Saved {
    bytes: Box<[u8]>,
    /// To work it out again would take longer than all else that goes on with a span.
    keys: KeyFilter,
    name: Range<usize>,
    attributes_left: u32,
    events: usize,
    links: usize,
    dropped: Dropped,
}

impl Draft {
    /// Puts the span aside.
    #[inline(always)]
    pub(crate) fn save(&self) -> Saved {
        Saved {
            bytes: self.out.written().into(),
            keys: self.keys,
            name: self.name.clone(),
            attributes_left: self.attributes_left,
            events: self.events,
            links: self.links,
            dropped: self.dropped,
        }
    }

    /// Goes on with a span that was put aside.
    pub(crate) fn resume(&mut self, saved: &Saved, limits: &Limits) {
        self.begin(
            f::span::ATTRIBUTES,
            most_attributes(limits.attribute_count),
            limits.text(),
            limits,
        );
        self.out.raw(&saved.bytes);
        self.keys = saved.keys;
        self.name = saved.name.clone();
        self.attributes_left = saved.attributes_left;
        self.events = saved.events;
        self.links = saved.links;
        self.dropped = saved.dropped;
    }

    /// Sets an attribute beyond the limit on their number: for the few that a session adds to its
    /// root, which must not be pushed out by a host's.
    #[inline(always)]
    pub(crate) fn set_own(&mut self, key: &str, value: Value<'_>) {
        if self.keys.insert(key.as_bytes()) {
            self.forget(key);
        }
        self.attributes_left = self.attributes_left.saturating_sub(1);
        let quick = self.plain && self.out.short_attribute(self.attribute_tag, key, value);
        if !quick {
            self.out
                .attribute(self.attribute_field(), key, value, self.text);
        }
    }

    /// The name of the span as a text.
    pub(crate) fn name_text(&self) -> &str {
        std::str::from_utf8(self.name()).expect("it was a text and is cut at a character")
    }

    /// Says with its flags that its parent is remote, where what it has in common with its session does not.
    pub(crate) fn flags(&mut self, flags: u32) {
        self.out.fixed32(f::span::FLAGS, flags);
    }

    /// What `write` writes, which is no item: the draft lends its memory, and what was in it is gone.
    pub(crate) fn lend(&mut self, write: impl FnOnce(&mut Writer)) -> Box<[u8]> {
        self.out.clear();
        write(&mut self.out);
        self.out.written().into()
    }

    /// Takes over the attributes and links of another span, which was begun with the same limits.
    pub(crate) fn adopt(&mut self, from: &Self, limits: &Limits) {
        let written = from.out.written();
        let rest = &written[from.name.end..];
        let is_bare =
            self.attributes_left == most_attributes(limits.attribute_count) && self.links == 0;
        if is_bare && self.out.len() + rest.len() <= self.size_limit {
            // Nothing that it says can be said by the other as well.
            self.out.raw(rest);
            self.keys = from.keys;
            self.attributes_left = from.attributes_left;
            self.links = from.links;
            self.dropped.attributes += from.dropped.attributes;
            self.dropped.links += from.dropped.links;
            return;
        }
        for field in scan::fields(written).filter(|field| field.is(f::span::ATTRIBUTES)) {
            let key = scan::key_of(&written[field.body]).unwrap_or_default();
            if self.keys.insert(key)
                && let Ok(key) = std::str::from_utf8(key)
                && !self.admit(key)
            {
                continue;
            }
            let attribute = &written[field.range];
            let is_full = self.attributes_left == 0;
            if is_full || self.out.len() + attribute.len() > self.size_limit {
                self.dropped.attributes += 1;
                continue;
            }
            self.attributes_left -= 1;
            self.out.raw(attribute);
        }
        self.dropped.attributes += from.dropped.attributes;
        for field in scan::fields(written).filter(|field| field.is(f::span::LINKS)) {
            let link = &written[field.range];
            let is_full = self.links >= limits.link_count;
            if is_full || self.out.len() + link.len() > self.size_limit {
                self.dropped.links += 1;
                continue;
            }
            self.links += 1;
            self.out.raw(link);
        }
        self.dropped.links += from.dropped.links;
    }
}
