//! Whole requests: telemetry of others that travels as it was received.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use super::chunk::{Chunk, Digest, SessionKey};
use super::id::TraceId;
use super::ledger::Tally;
use super::otlp::fields as f;
use super::otlp::frame::{Group, Run};
use super::otlp::scan;
use super::request::Signal;
use super::resource::Origin;
use super::sampling::case::Judged;

/// An OTLP request that was received and checked, whole and unchanged. Several of one signal form a
/// valid request when they are joined: `Resource*` is field 1 of all of them.
#[derive(Debug)]
pub(crate) struct Whole {
    pub(crate) signal: Signal,
    pub(crate) bytes: Bytes,
    pub(crate) tally: Tally,
}

impl Whole {
    pub(crate) fn items(&self) -> u64 {
        self.tally.items()
    }

    /// Takes it apart at the borders of its scopes, for a batcher to cut further. The second is what stands
    /// outside of all resources, which no OTLP of today has.
    pub(crate) fn into_chunks(self) -> (Vec<Chunk>, Option<Self>) {
        let Self {
            signal,
            bytes,
            mut tally,
        } = self;
        let (mut chunks, mut outside) = (Vec::new(), None);
        for group in groups(signal, &bytes) {
            let run = match group {
                Group::Run(run) => run,
                Group::Whole(bytes, _) => {
                    let tally = tally.split(0);
                    outside = Some(Self {
                        signal,
                        bytes,
                        tally,
                    });
                    continue;
                }
            };
            for (bytes, items) in run.pieces {
                chunks.push(Chunk {
                    signal,
                    // Whoever judges sessions has been passed.
                    session: SessionKey(TraceId::random()),
                    origin: Arc::clone(&run.origin),
                    bytes,
                    digest: Digest::default(),
                    judged: Judged::Already,
                    tally: tally.split(items),
                });
            }
        }
        (chunks, outside)
    }
}

/// What a checked request is made of: a run for each scope, and behind them what stands outside of
/// all resources. Items are shared, not copied.
pub(crate) fn groups(signal: Signal, request: &Bytes) -> Vec<Group> {
    let mut groups = Vec::new();
    let mut outside = Vec::new();
    for field in scan::fields(request) {
        if !field.is(f::request::RESOURCE_ITEMS) {
            outside.extend_from_slice(&request[field.range]);
            continue;
        }
        let group = field.body;
        let resource = header(request, group.clone(), f::resource_items::SCOPE_ITEMS);
        for scope_group in within(request, &group, f::resource_items::SCOPE_ITEMS) {
            let origin = Arc::new(Origin {
                resource: resource.clone(),
                scope: header(request, scope_group.clone(), f::scope_items::ITEMS),
            });
            let pieces: Vec<_> = stretches(request, &scope_group)
                .into_iter()
                .map(|stretch| {
                    let entries = scan::entries(signal, &request[stretch.clone()]);
                    let items = entries.map(|(_, items)| items).sum();
                    (request.slice(stretch), items)
                })
                .collect();
            if !pieces.is_empty() {
                groups.push(Group::Run(Run { origin, pieces }));
            }
        }
    }
    if !outside.is_empty() {
        groups.push(Group::Whole(outside.into(), 0));
    }
    groups
}

/// The bodies of the fields of this number in a message.
fn within(
    request: &Bytes,
    message: &Range<usize>,
    number: u32,
) -> impl Iterator<Item = Range<usize>> {
    let start = message.start;
    scan::fields(&request[message.clone()])
        .filter(move |field| field.is(number))
        .map(move |field| start + field.body.start..start + field.body.end)
}

/// All of a message but the fields of one number, as it came: a slice where that stands together.
pub(crate) fn header(request: &Bytes, message: Range<usize>, but: u32) -> Bytes {
    let start = message.start;
    let mut parts: Vec<Range<usize>> = Vec::new();
    for field in scan::fields(&request[message]).filter(|field| !field.is(but)) {
        let range = start + field.range.start..start + field.range.end;
        match parts.last_mut().filter(|last| last.end == range.start) {
            Some(last) => last.end = range.end,
            None => parts.push(range),
        }
    }
    match &parts[..] {
        [] => Bytes::new(),
        [whole] => request.slice(whole.clone()),
        parts => {
            let parts = parts.iter().map(|part| &request[part.clone()]);
            parts.collect::<Vec<_>>().concat().into()
        }
    }
}

/// Where the items of a scope stand next to each other.
fn stretches(request: &Bytes, scope_group: &Range<usize>) -> Vec<Range<usize>> {
    let start = scope_group.start;
    let mut stretches: Vec<Range<usize>> = Vec::new();
    let message = &request[scope_group.clone()];
    for field in scan::fields(message).filter(|field| field.is(f::scope_items::ITEMS)) {
        let range = start + field.range.start..start + field.range.end;
        match stretches.last_mut().filter(|last| last.end == range.start) {
            Some(last) => last.end = range.end,
            None => stretches.push(range),
        }
    }
    stretches
}

#[cfg(test)]
pub(crate) mod tests;
