//! Splits a request by session: each session's items of one scope become a chunk.
//!
//! The items are copied, so that a session that is held for long does not hold the request of all.
//! Small chunks share a buffer.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use super::Core;
use crate::actors::pool::CHUNK_BYTES;
use crate::model::chunk::{Chunk, Digest, SessionKey};
use crate::model::id::TraceId;
use crate::model::ledger::Tally;
use crate::model::otlp::fields as f;
use crate::model::otlp::foreign::sessions::{Part, SessionName, Sessions};
use crate::model::redaction::Redactor;
use crate::model::request::Signal;
use crate::model::resource::Origin;
use crate::model::sampling::case::Judged;
use crate::model::session_id::trace_id_of;
use crate::model::whole::header;

/// How many parts share a buffer at most: what each chunk takes beside its bytes stays small to it.
const SHARED: usize = 64;

/// How a request is to be split.
#[derive(Debug)]
pub(super) struct Plan {
    keys: Vec<(SessionKey, bool)>,
    scopes: Vec<(Range<usize>, Range<usize>)>,
    parts: Vec<Part>,
    /// By part, in the order of the request.
    stretches: Vec<(usize, Range<usize>)>,
}

impl Plan {
    pub(super) fn new(core: &Core, survey: &Sessions<'_>) -> Self {
        let hash_key = core.shared.config.hash_key.as_ref();
        let hash_key = hash_key.map(|key| key.as_bytes());
        let keys = survey.found.iter().map(|found| key(&found.name, hash_key));
        let mut stretches = survey.stretches.clone();
        stretches.sort_by_key(|(part, _)| *part);
        Self {
            keys: keys.collect(),
            scopes: survey.scopes.clone(),
            parts: survey.parts.clone(),
            stretches,
        }
    }

    /// The chunks, or `None` where the budget has no room for them. `tally` is custody of all items.
    pub(super) fn chunks(
        &self,
        core: &Core,
        signal: Signal,
        request: &Bytes,
        tally: impl FnOnce() -> Tally,
    ) -> Option<Vec<Chunk>> {
        let pool = &core.shared.pool;
        // What is taken below is no more than this.
        let spare = request.len() / 8 + CHUNK_BYTES;
        drop(pool.charge(request.len() + spare)?);
        let bytes = self.bytes(core, request, spare)?;
        let mut tally = tally();
        let origins: Vec<_> = self
            .scopes
            .iter()
            .map(|(group, scope)| self.origin(core, request, group, scope))
            .collect();
        let chunk = |(part, bytes): (&Part, Bytes)| {
            let (session, is_nobody) = self.keys[part.session];
            Chunk {
                signal,
                session,
                origin: Arc::clone(&origins[part.scope]),
                bytes,
                digest: Digest {
                    // What is of no session is judged by itself, and at once.
                    root_ended: part.digest.root_ended || is_nobody,
                    ..part.digest
                },
                judged: Judged::ByKey,
                tally: tally.split(part.items),
            }
        };
        Some(self.parts.iter().zip(bytes).map(chunk).collect())
    }

    fn origin(
        &self,
        core: &Core,
        request: &Bytes,
        group: &Range<usize>,
        scope: &Range<usize>,
    ) -> Arc<Origin> {
        let resource = header(request, group.clone(), f::resource_items::SCOPE_ITEMS);
        let scope = header(request, scope.clone(), f::scope_items::ITEMS);
        let (resource, scope) = match &core.shared.redactor {
            Some(redactor) => redacted(redactor, resource, scope),
            None => (resource, scope),
        };
        core.origins.get(&resource, &scope, &core.shared.pool)
    }

    /// The bytes of each part. Buffers take `spare` bytes more than is in them at the most, all together.
    fn bytes(&self, core: &Core, request: &Bytes, mut spare: usize) -> Option<Vec<Bytes>> {
        let pool = &core.shared.pool;
        if let [(_, whole)] = &self.stretches[..]
            && whole.len() >= request.len() / 2
        {
            // One session: it holds nothing but its own, mostly.
            let charge = pool.charge(request.len())?;
            return Some(vec![charge.over(request.clone()).slice(whole.clone())]);
        }
        let mut bytes: Vec<Bytes> = Vec::with_capacity(self.parts.len());
        let mut stretches = self.stretches.iter().peekable();
        let mut first = 0;
        while first < self.parts.len() {
            let (behind, size) = self.sharing(first);
            let mut buffer = pool.take_sparing(size, &mut spare)?;
            while let Some((_, range)) = stretches.next_if(|(of, _)| *of < behind) {
                buffer.append(&request[range.clone()]);
            }
            let mut shared = buffer.freeze();
            let parts = self.parts[first..behind].iter();
            bytes.extend(parts.map(|part| shared.split_to(part.bytes)));
            first = behind;
        }
        Some(bytes)
    }

    /// The end of the parts that share a buffer with the `first` of them, and their size.
    fn sharing(&self, first: usize) -> (usize, usize) {
        let mut size = self.parts[first].bytes;
        let mut behind = first + 1;
        while let Some(part) = self.parts.get(behind)
            && size + part.bytes <= CHUNK_BYTES
            && behind - first < SHARED
        {
            size += part.bytes;
            behind += 1;
        }
        (behind, size)
    }
}

/// A resource and a scope without what must not leave the process.
fn redacted(redactor: &Redactor, resource: Bytes, scope: Bytes) -> (Bytes, Bytes) {
    let origin = Origin { resource, scope }.redacted(redactor);
    (origin.resource, origin.scope)
}

/// The key by which a session is judged, the same that a session of this pipeline with the same id
/// has; and whether there is no session.
pub(super) fn key(name: &SessionName<'_>, hash_key: Option<&[u8]>) -> (SessionKey, bool) {
    match name {
        SessionName::Id(id) => {
            let id = String::from_utf8_lossy(id);
            (SessionKey(trace_id_of(&id, hash_key).0), false)
        }
        SessionName::Trace(id) => match TraceId::from_slice(id) {
            Some(id) => (SessionKey(id), false),
            None => (SessionKey(TraceId::random()), true),
        },
        SessionName::None => (SessionKey(TraceId::random()), true),
    }
}
