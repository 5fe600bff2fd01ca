//! Frames runs of items as one request. Their bytes are shared, not copied.

use std::sync::Arc;

use bytes::Bytes;

use super::fields as f;
use super::writer::{Writer, len_field, varint_len};
use crate::model::request::Body;
use crate::model::resource::Origin;

/// Items of one origin: pieces of wire form, each with the number of items in it.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) origin: Arc<Origin>,
    pub(crate) pieces: Vec<(Bytes, u64)>,
}

impl Run {
    pub(crate) fn new(origin: Arc<Origin>, bytes: Bytes, items: u64) -> Self {
        Self {
            origin,
            pieces: vec![(bytes, items)],
        }
    }

    pub(crate) fn push(&mut self, bytes: Bytes, items: u64) {
        self.pieces.push((bytes, items));
    }

    pub(crate) fn items(&self) -> u64 {
        self.pieces.iter().map(|(_, items)| items).sum()
    }

    fn len(&self) -> usize {
        self.pieces.iter().map(|(bytes, _)| bytes.len()).sum()
    }
}

/// The most that framing adds for one run of this origin.
pub(crate) fn overhead(origin: &Origin) -> usize {
    origin.resource.len() + origin.scope.len() + 2 * (1 + varint_len(u32::MAX.into()))
}

/// An `ExportTraceServiceRequest` or `ExportLogsServiceRequest`: one `Resource*` with one `Scope*`
/// for each run.
pub(crate) fn frame(runs: &[Run]) -> Body {
    let pieces: usize = runs.iter().map(|run| run.pieces.len()).sum();
    let mut parts = Vec::with_capacity(runs.len() + pieces);
    for run in runs {
        let scope_len = run.origin.scope.len() + run.len();
        let resource_len = run.origin.resource.len() + len_field(scope_len);
        let mut header = Writer::with_capacity(overhead(&run.origin));
        header.open(f::request::RESOURCE_ITEMS, resource_len);
        header.raw(&run.origin.resource);
        header.open(f::resource_items::SCOPE_ITEMS, scope_len);
        header.raw(&run.origin.scope);
        parts.push(Bytes::from(header.to_vec()));
        parts.extend(run.pieces.iter().map(|(bytes, _)| bytes.clone()));
    }
    Body::new(parts)
}
