//! Whole requests in batches: joined, cut, and the same spans all the while.

use std::sync::Arc;

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use proptest::collection::vec;
use proptest::prelude::*;
use prost::Message;

use super::*;
use crate::model::batch::{Batch, Parcel};
use crate::model::ledger::{Book, Fate};
use crate::model::otlp::foreign::tests::{
    POINTS, field, metrics, spans_in, unknown, with_right_ids, with_unknown,
};
use crate::model::otlp::view::arbitrary::{any_double, traces};
use crate::model::receipt::{Shares, Ticket};

fn whole(signal: Signal, bytes: Vec<u8>, items: u64, book: &Arc<Book>) -> Whole {
    Whole {
        signal,
        bytes: bytes.into(),
        tally: book.receive(items, Shares::default()),
    }
}

/// Every span of a request with its resource, its scope and their schemas, in wire form and sorted.
pub(crate) fn spans_with_origin(requests: &[ExportTraceServiceRequest]) -> Vec<Vec<Vec<u8>>> {
    let mut all = Vec::new();
    for group in requests.iter().flat_map(|it| &it.resource_spans) {
        for scope in &group.scope_spans {
            for span in &scope.spans {
                all.push(vec![
                    group
                        .resource
                        .as_ref()
                        .map(Message::encode_to_vec)
                        .unwrap_or_default(),
                    group.schema_url.clone().into_bytes(),
                    scope
                        .scope
                        .as_ref()
                        .map(Message::encode_to_vec)
                        .unwrap_or_default(),
                    scope.schema_url.clone().into_bytes(),
                    span.encode_to_vec(),
                ]);
            }
        }
    }
    all.sort();
    all
}

fn read(parcel: &Parcel) -> ExportTraceServiceRequest {
    let request = parcel.frame();
    let bytes = request.to_bytes();
    assert_eq!(bytes.len(), request.encoded_len());
    let read = ExportTraceServiceRequest::decode(bytes).expect("valid");
    assert_eq!(spans_in(&read), parcel.items());
    read
}

/// The parcels that are left when all that can be are cut.
fn singles(parcel: Parcel) -> Vec<Parcel> {
    let (mut open, mut singles) = (vec![parcel], Vec::new());
    while let Some(parcel) = open.pop() {
        match parcel.clone().bisect() {
            Some((left, right)) => {
                assert_eq!(left.items() + right.items(), parcel.items());
                open.extend([right, left]);
            }
            None => singles.push(parcel),
        }
    }
    singles
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Joined, framed, taken apart and cut down to single items, requests are the same spans of the same
    /// resources and scopes.
    #[test]
    fn requests_stay_the_same_spans(requests in vec(traces(any_double), 1..4)) {
        let requests: Vec<_> = requests.into_iter().map(with_right_ids).collect();
        let expected = spans_with_origin(&requests);
        let book = Arc::default();
        let wholes = || requests.iter().map(|request| {
            whole(Signal::Traces, request.encode_to_vec(), spans_in(request), &book)
        });

        let mut batch = Batch::new(Signal::Traces);
        wholes().for_each(|whole| batch.push_whole(whole));
        let (parcel, _) = batch.hand_over();
        prop_assert_eq!(&spans_with_origin(&[read(&parcel)]), &expected);
        let single: Vec<_> = singles(parcel).iter().map(read).collect();
        prop_assert!(single.iter().all(|it| spans_in(it) <= 1));
        prop_assert_eq!(&spans_with_origin(&single), &expected);

        let mut batch = Batch::new(Signal::Traces);
        for whole in wholes() {
            let (chunks, outside) = whole.into_chunks();
            prop_assert!(outside.is_none());
            chunks.into_iter().for_each(|chunk| batch.push(chunk));
        }
        let said = batch.encoded_len();
        let (parcel, _) = batch.hand_over();
        prop_assert!(parcel.frame().encoded_len() <= said);
        prop_assert_eq!(&spans_with_origin(&[read(&parcel)]), &expected);
        prop_assert_eq!(book.counts().in_flight(), 0);
    }
}

/// A request that is not cut leaves as it came, and one that is keeps every unknown field.
#[test]
fn unknown_fields_survive() {
    let book = Arc::default();
    let bytes = with_unknown(&Span::default());
    let mut batch = Batch::new(Signal::Traces);
    batch.push_whole(whole(Signal::Traces, bytes.clone(), 1, &book));
    assert_eq!(batch.hand_over().0.frame().to_bytes(), bytes);

    let (chunks, outside) = whole(Signal::Traces, bytes.clone(), 1, &book).into_chunks();
    let mut batch = Batch::new(Signal::Traces);
    chunks.into_iter().for_each(|chunk| batch.push(chunk));
    batch.push_whole(outside.expect("the request has a field of its own"));
    let framed = batch.hand_over().0.frame().to_bytes();
    assert_eq!(framed.len(), bytes.len());
    let unknown = unknown();
    let count = |bytes: &[u8]| {
        bytes
            .windows(unknown.len())
            .filter(|it| *it == unknown)
            .count()
    };
    assert_eq!(count(&framed), count(&bytes));
}

/// A resource stands once in what is cut of it, however many scopes it has.
#[test]
fn a_resource_is_not_repeated_for_each_scope() {
    let resource = field(1, &field(1, &field(1, &[b'k'; 1000])));
    let scope = |name: &[u8]| {
        let spans = [field(2, b""), field(2, b"")].concat();
        field(2, &[field(1, &field(1, name)), spans].concat())
    };
    let scopes: Vec<u8> = (0..50_u8).flat_map(|it| scope(&[b'a' + it % 26])).collect();
    let bytes = field(1, &[resource, scopes].concat());
    let book = Arc::default();
    let mut batch = Batch::new(Signal::Traces);
    batch.push_whole(whole(Signal::Traces, bytes.clone(), 100, &book));
    let (left, right) = batch.hand_over().0.bisect().expect("100 spans");
    for half in [left, right] {
        assert_eq!(half.items(), 50);
        assert!(half.frame().encoded_len() < bytes.len());
    }
}

/// Metrics are cut between metrics, and their data points stay together.
#[test]
fn metrics_are_cut_between_metrics() {
    let book = Arc::default();
    let mut batch = Batch::new(Signal::Metrics);
    let bytes = metrics().encode_to_vec();
    batch.push_whole(whole(Signal::Metrics, bytes, POINTS, &book));
    let mut points: Vec<_> = singles(batch.hand_over().0)
        .iter()
        .map(|parcel| {
            let read = ExportMetricsServiceRequest::decode(parcel.frame().body()).expect("valid");
            let scope = &read.resource_metrics[0].scope_metrics[0];
            assert_eq!(scope.metrics.len(), 1);
            assert_eq!(scope.schema_url, "https://example.org");
            parcel.items()
        })
        .collect();
    points.sort();
    assert_eq!(points, [1, 1, 2, 3, 4]);
}

/// Several requests in one batch, cut in two again and again: each is told of its own items.
#[test]
fn receipts_survive_joining_and_cutting() {
    let book: Arc<Book> = Arc::default();
    let lane: Arc<Book> = Arc::default();
    let tickets: Vec<Arc<Ticket>> = (0..4).map(|_| Arc::default()).collect();
    let origin = crate::model::chunk::tests::origin("own");
    let mut batch = Batch::new(Signal::Traces);
    for (index, ticket) in tickets.iter().enumerate() {
        let items = index as u64 + 1;
        let spans: Vec<u8> = (0..items).flat_map(|_| field(2, b"")).collect();
        batch.push_whole(Whole {
            signal: Signal::Traces,
            bytes: field(1, &field(2, &spans)).into(),
            tally: book.receive(items, Shares::of(ticket, items)),
        });
        // One of the pipeline's own between them.
        batch.push(Chunk::of_sizes(Signal::Traces, &origin, &[1, 2], &book));
    }
    let (parcel, mut owed) = batch.hand_over();
    let tally = lane.enter(parcel.items()).owed_to(owed.for_lane());
    owed.settle(Fate::Handed);
    let mut open = vec![(parcel, tally)];
    let mut order = Vec::new();
    while let Some((parcel, mut tally)) = open.pop() {
        assert_eq!(parcel.items(), tally.items());
        match parcel.bisect() {
            Some((left, right)) => {
                let first = tally.split(left.items());
                open.extend([(right, tally), (left, first)]);
            }
            None => {
                let fate = [Fate::Rejected, Fate::Exported][order.len() / 9];
                tally.settle(fate);
                order.push(fate);
            }
        }
    }
    assert_eq!(order.len(), 18);
    for (index, ticket) in tickets.iter().enumerate() {
        assert_eq!(ticket.open(), 0);
        let fates = ticket.fates();
        let settled = fates[Fate::Exported as usize] + fates[Fate::Rejected as usize];
        assert_eq!(settled, index as u64 + 1);
        assert_eq!(fates[Fate::Handed as usize], index as u64 + 1);
    }
    // Own chunks of one origin stand together, behind the first request: with it, they are the first
    // nine items.
    let rejected = |ticket: usize| tickets[ticket].fates()[Fate::Rejected as usize];
    assert_eq!([0, 1, 2, 3].map(rejected), [1, 0, 0, 0]);
}
