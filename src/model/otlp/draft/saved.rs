//! The root span of a session, which is put aside and gone on with: its draft is saved in as little
//! memory as it needs while nothing is written.

use std::ops::Range;

use super::{Draft, Dropped};
use crate::model::attribute::Value;
use crate::model::limits::Limits;
use crate::model::otlp::fields as f;
use crate::model::otlp::scan;

/// A draft put aside in as little memory as it needs: the root span of a session.
#[derive(Debug)]
pub(crate) struct Saved {
    bytes: Box<[u8]>,
    name: Range<usize>,
    attributes_left: usize,
    events: usize,
    links: usize,
    dropped: Dropped,
}

impl Draft {
    /// Puts the span aside.
    pub(crate) fn save(&self) -> Saved {
        Saved {
            bytes: self.out.written().into(),
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
            limits.attribute_count,
            limits.text(),
            limits,
        );
        self.out.raw(&saved.bytes);
        for field in scan::fields(&saved.bytes).filter(|field| field.is(f::span::ATTRIBUTES)) {
            let key = scan::key_of(&saved.bytes[field.body]).unwrap_or_default();
            self.keys.insert(key);
        }
        self.name = saved.name.clone();
        self.attributes_left = saved.attributes_left;
        self.events = saved.events;
        self.links = saved.links;
        self.dropped = saved.dropped;
    }

    /// Sets an attribute beyond the limit on their number: for the few that a session adds to its
    /// root, which must not be pushed out by a host's.
    pub(crate) fn set_own(&mut self, key: &str, value: Value<'_>) {
        if self.keys.insert(key.as_bytes()) {
            self.forget(key);
        }
        self.attributes_left = self.attributes_left.saturating_sub(1);
        self.out
            .attribute(self.attribute_field, key, value, self.text);
    }

    /// Takes over the attributes of another span.
    pub(crate) fn adopt(&mut self, from: &Self, limits: &Limits) {
        let written = from.out.written();
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
