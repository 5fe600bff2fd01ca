//! Checks a whole request of others in one pass, and finds where its items stand and what they say.
//!
//! What passes may be joined to requests of others: nesting is bounded, lengths are right, fields have the types of their
//! schema, texts are UTF-8, ids have their length. Unknown fields are no error. Unlike
//! [`view`](super::view) it knows all three signals, counts instead of showing, and is made for
//! speed.
//!
//! Holds: borrowed bytes. Never waits, never allocates, never panics on any input.

mod common;
mod facts;
mod log;
mod metric;
mod places;
mod reader;
pub(crate) mod sessions;
mod span;

#[cfg(test)]
pub(crate) mod tests;

use std::ops::Range;

use self::common::known;
pub(crate) use self::facts::Facts;
pub(crate) use self::reader::MAX_DEPTH;
use self::reader::{LEN, Reader, tag};
use super::cursor::WireError;
use super::fields as f;
use crate::model::request::Signal;

/// The largest message that protobuf allows ("Proto Limits": any message must be under 2 GiB).
const MAX_MESSAGE: usize = i32::MAX as usize;

/// Is told of what is found, in the order of the request. Positions are those in the request.
pub(crate) trait Visit<'a> {
    /// Whether it wants to know what attributes mean.
    const FACTS: bool;

    /// A resource with what it emitted begins: the body of a `ResourceSpans`, and what its attributes say.
    fn resource(&mut self, group: Range<usize>, facts: &Facts<'a>);

    /// A scope with what it recorded begins: the body of a `ScopeSpans`.
    fn scope(&mut self, group: Range<usize>);

    /// An entry, its tag and length included, with the number of items in it: 1, or for a metric that of
    /// its data points.
    fn entry(&mut self, entry: Range<usize>, items: u64, facts: &Facts<'a>);
}

/// Only counts.
#[derive(Debug, Default)]
pub(crate) struct Count {
    pub(crate) items: u64,
}

impl<'a> Visit<'a> for Count {
    const FACTS: bool = false;

    fn resource(&mut self, _group: Range<usize>, _facts: &Facts<'a>) {}

    fn scope(&mut self, _group: Range<usize>) {}

    #[inline(always)]
    fn entry(&mut self, _entry: Range<usize>, items: u64, _facts: &Facts<'a>) {
        self.items += items;
    }
}

/// Checks a request and tells what is in it. What was told before an error is to be forgotten.
pub(crate) fn survey<'a, V: Visit<'a>>(
    signal: Signal,
    request: &'a [u8],
    visitor: &mut V,
) -> Result<(), WireError> {
    const GROUPS: u32 = tag(f::request::RESOURCE_ITEMS, LEN);
    if request.len() > MAX_MESSAGE {
        return Err(WireError::TooLarge { limit: MAX_MESSAGE });
    }
    let mut reader = Reader::new(request);
    while !reader.is_empty() {
        match reader.tag()? {
            GROUPS => resource_group(signal, reader.message()?, visitor)?,
            other => reader.skip(other, known!(f::request::RESOURCE_ITEMS))?,
        }
    }
    Ok(())
}

/// A `ResourceSpans` or the like. The resource is read first, wherever it stands.
fn resource_group<'a, V: Visit<'a>>(
    signal: Signal,
    group: Reader<'a>,
    visitor: &mut V,
) -> Result<(), WireError> {
    const RESOURCE: u32 = tag(f::resource_items::RESOURCE, LEN);
    const SCOPES: u32 = tag(f::resource_items::SCOPE_ITEMS, LEN);
    const SCHEMA: u32 = tag(f::resource_items::SCHEMA_URL, LEN);
    let mut facts = Facts::default();
    let mut reader = group;
    while !reader.is_empty() {
        match reader.tag()? {
            RESOURCE => common::resource(reader.message()?, |key, value| {
                if V::FACTS {
                    facts.note(key, value);
                }
            })?,
            SCOPES => drop(reader.message()?),
            SCHEMA => drop(reader.text()?),
            other => reader.skip(other, known!(1, 2, 3))?,
        }
    }
    visitor.resource(group.at()..group.end(), &facts);
    let mut reader = group;
    while !reader.is_empty() {
        match reader.tag()? {
            SCOPES => scope_group(signal, reader.message()?, visitor)?,
            RESOURCE | SCHEMA => drop(reader.message()?),
            other => reader.skip(other, 0)?,
        }
    }
    Ok(())
}

/// A `ScopeSpans` or the like.
fn scope_group<'a, V: Visit<'a>>(
    signal: Signal,
    mut reader: Reader<'a>,
    visitor: &mut V,
) -> Result<(), WireError> {
    const SCOPE: u32 = tag(f::scope_items::SCOPE, LEN);
    const ITEMS: u32 = tag(f::scope_items::ITEMS, LEN);
    const SCHEMA: u32 = tag(f::scope_items::SCHEMA_URL, LEN);
    visitor.scope(reader.at()..reader.end());
    while !reader.is_empty() {
        let start = reader.at();
        match reader.tag()? {
            ITEMS => {
                let item = reader.message()?;
                let mut facts = Facts::default();
                let items = match (signal, V::FACTS) {
                    (Signal::Traces, true) => span::span::<true>(item, &mut facts).map(|()| 1),
                    (Signal::Traces, false) => span::span::<false>(item, &mut facts).map(|()| 1),
                    (Signal::Logs, true) => log::log::<true>(item, &mut facts).map(|()| 1),
                    (Signal::Logs, false) => log::log::<false>(item, &mut facts).map(|()| 1),
                    (Signal::Metrics, _) => metric::metric(item),
                }?;
                visitor.entry(start..reader.at(), items, &facts);
            }
            SCOPE => common::scope(reader.message()?)?,
            SCHEMA => drop(reader.text()?),
            other => reader.skip(other, known!(1, 2, 3))?,
        }
    }
    Ok(())
}
