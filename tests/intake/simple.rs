//! The simple case: one request in, the same spans out.

use std::time::Duration;

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;
use spanreel::testing::InMemory;
use spanreel::{Fate, Pipeline, Resource, Signal};

use crate::support::ledger::assert_settled;

/// What is received is exported, and its receipt says so.
#[tokio::test]
async fn what_is_received_is_exported() {
    let memory = InMemory::new();
    let builder = Pipeline::builder().resource(Resource::empty());
    let pipeline = builder.export(memory.clone()).start().expect("valid");
    let span = |id: u8| Span {
        trace_id: vec![id; 16],
        span_id: vec![id; 8],
        name: format!("span {id}"),
        ..Span::default()
    };
    let request = ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            scope_spans: vec![ScopeSpans {
                spans: vec![span(1), span(2)],
                ..ScopeSpans::default()
            }],
            ..ResourceSpans::default()
        }],
    };
    let intake = pipeline.intake();
    let bytes = Bytes::from(request.encode_to_vec());
    let receipt = intake.accept(Signal::Traces, bytes).await.expect("valid");
    assert_eq!((receipt.items(), receipt.sessions()), (2, 2));
    pipeline.flush(Duration::from_secs(5)).await.expect("open");
    let delivered = receipt.delivered().await;
    assert_eq!(delivered.of(Fate::Exported), 2);
    assert_eq!(memory.spans().len(), 2);
    let report = pipeline.shutdown(Duration::from_secs(5)).await;
    assert_settled(&report);
    assert_eq!((report.traces.received, report.traces.ended), (2, 0));
}
