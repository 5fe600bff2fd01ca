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

/// What stands in a request.
#[derive(Clone, Debug)]
pub(crate) enum Group {
    /// Items to be framed with their origin.
    Run(Run),
    /// A request that is whole already, with the number of its items.
    Whole(Bytes, u64),
}

impl Group {
    pub(crate) fn items(&self) -> u64 {
        match self {
            Self::Run(run) => run.items(),
            Self::Whole(_, items) => *items,
        }
    }
}

/// The most that framing adds for one run of this origin.
pub(crate) fn overhead(origin: &Origin) -> usize {
    origin.resource.len() + origin.scope.len() + 2 * (1 + varint_len(u32::MAX.into()))
}

/// A complete request: one `Resource*` for each resource of neighbouring runs, in it one `Scope*`
/// for each run; whole requests as they are.
pub(crate) fn frame(groups: &[Group]) -> Body {
    let pieces = |group: &Group| match group {
        Group::Run(run) => run.pieces.len() + 1,
        Group::Whole(..) => 1,
    };
    let mut parts = Vec::with_capacity(groups.iter().map(pieces).sum());
    let mut rest = groups;
    while let Some((first, others)) = rest.split_first() {
        let run = match first {
            Group::Run(run) => run,
            Group::Whole(bytes, _) => {
                parts.push(bytes.clone());
                rest = others;
                continue;
            }
        };
        let same = others
            .iter()
            .take_while(|other| shares_resource(run, other));
        let (together, others) = rest.split_at(1 + same.count());
        frame_resource(run, together, &mut parts);
        rest = others;
    }
    Body::new(parts)
}

/// Whether a group is a run of the very same resource: it is sent once for both.
fn shares_resource(run: &Run, other: &Group) -> bool {
    let resource = &run.origin.resource;
    match other {
        Group::Run(other) => {
            let other = &other.origin.resource;
            std::ptr::eq(resource.as_ptr(), other.as_ptr()) && resource.len() == other.len()
        }
        Group::Whole(..) => false,
    }
}

/// Runs of one resource.
fn frame_resource(first: &Run, together: &[Group], parts: &mut Vec<Bytes>) {
    let runs = || {
        together.iter().filter_map(|group| match group {
            Group::Run(run) => Some((run, run.origin.scope.len() + run.len())),
            Group::Whole(..) => None,
        })
    };
    let resource = &first.origin.resource;
    let scopes: usize = runs().map(|(_, scope_len)| len_field(scope_len)).sum();
    let mut header = Writer::with_capacity(overhead(&first.origin));
    header.open(f::request::RESOURCE_ITEMS, resource.len() + scopes);
    header.raw(resource);
    for (run, scope_len) in runs() {
        header.open(f::resource_items::SCOPE_ITEMS, scope_len);
        header.raw(&run.origin.scope);
        parts.push(Bytes::from(header.to_vec()));
        parts.extend(run.pieces.iter().map(|(bytes, _)| bytes.clone()));
        header.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::io::IoSlice;

    use bytes::Buf;
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
    use opentelemetry_proto::tonic::trace::v1::{ScopeSpans, Span};
    use prost::Message;

    use super::*;
    use crate::model::owned_value::OwnedValue;
    use crate::model::resource::Scope;

    fn origin(service: &str) -> Arc<Origin> {
        let resource = [("service.name".to_owned(), OwnedValue::from(service))];
        let scope = Scope {
            name: format!("recorder of {service}"),
            version: None,
            attributes: Vec::new(),
        };
        Arc::new(Origin::new(&resource, &scope))
    }

    /// A piece of `count` spans whose names are `name`.
    fn piece(name: &str, count: usize) -> Bytes {
        let span = Span {
            name: name.to_owned(),
            ..Span::default()
        };
        let scope = ScopeSpans {
            spans: vec![span; count],
            ..ScopeSpans::default()
        };
        scope.encode_to_vec().into()
    }

    /// Each run stands under its resource and its scope, its pieces one after the other.
    #[test]
    fn a_request_has_a_group_for_each_run() {
        let mut first = Run::new(origin("one"), piece("a", 2), 2);
        first.push(piece("b", 200), 200);
        let second = Run::new(origin("two"), piece("c", 1), 1);
        assert_eq!(first.items(), 202);
        let request = frame(&[Group::Run(first), Group::Run(second)]);
        let request = ExportTraceServiceRequest::decode(request).expect("wire form");
        let shown: Vec<_> = request
            .resource_spans
            .iter()
            .map(|group| {
                let resource = group.resource.as_ref().expect("a resource");
                let scope = group.scope_spans[0].scope.as_ref().expect("a scope");
                let names = group.scope_spans[0].spans.iter().map(|span| &*span.name);
                let names: String = names.collect();
                assert_eq!(group.scope_spans.len(), 1);
                assert_eq!(resource.attributes.len(), 1);
                (&*scope.name, names)
            })
            .collect();
        let names = format!("aa{}", "b".repeat(200));
        assert_eq!(
            shown,
            [
                ("recorder of one", names),
                ("recorder of two", "c".to_owned())
            ]
        );
    }

    /// No run is an empty request, and a run without items is a group without spans.
    #[test]
    fn what_is_empty_is_framed_too() {
        assert_eq!(frame(&[]).remaining(), 0);
        let empty = frame(&[Group::Run(Run::new(origin("one"), Bytes::new(), 0))]);
        let request = ExportTraceServiceRequest::decode(empty).expect("wire form");
        assert!(request.resource_spans[0].scope_spans[0].spans.is_empty());
    }

    /// Framing adds no more than it is said to add, whatever the lengths.
    #[test]
    fn framing_adds_no_more_than_it_says() {
        for len in [0, 1, 60, 127, 128, 16_000, 16_384, 3_000_000] {
            let origin = origin(&"s".repeat(len % 200));
            let added = overhead(&origin);
            let body = frame(&[Group::Run(Run::new(origin, vec![0; len].into(), 1))]);
            assert!(body.remaining() <= len + added, "{len}");
        }
    }

    /// The bytes of pieces are shared, not copied.
    #[test]
    fn pieces_are_shared() {
        let piece = piece("a", 100);
        let body = frame(&[Group::Run(Run::new(origin("one"), piece.clone(), 100))]);
        let mut slices = [IoSlice::new(&[]); 4];
        assert_eq!(
            body.chunks_vectored(&mut slices),
            2,
            "a header and the piece"
        );
        assert_eq!(slices[1].as_ptr(), piece.as_ptr());
    }
}
