//! From a client through the receiver and a pipeline to an exporter, and the answer back.

use std::time::Duration;

use http::StatusCode;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use spanreel::testing::InMemory;
use spanreel::{Export, ExportError, Pipeline, Request, Signal};
use spanreel_cli::receive::{self, Ack, IntoPipeline, Outcome};
use tokio_util::sync::CancellationToken;

use crate::support::*;

/// What is received is exported, in either way of acknowledging; an answer of the one that waits
/// for the delivery comes after it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_received_is_exported() {
    for ack in [Ack::Accepted, Ack::Delivered] {
        let memory = InMemory::new();
        let pipeline = Pipeline::builder()
            .export(memory.clone())
            .start()
            .expect("starts");
        let take = IntoPipeline::new(pipeline.intake(), ack);
        let receiver = receive::bind(config(), take).expect("free ports");
        let (grpc, http) = (receiver.grpc_addr(), receiver.http_addr());
        let (grpc, http) = (grpc.expect("configured"), http.expect("configured"));
        let stop = CancellationToken::new();
        let task = tokio::spawn(receiver.run(stop.clone(), Duration::from_secs(5)));

        let mut client = TraceServiceClient::new(channel(grpc).await);
        client.export(spans(3)).await.expect("accepted");
        let json = serde_json::to_vec(&spans(4)).expect("JSON");
        let response = post(http, "/v1/traces", &[JSON], json).await;
        assert_eq!(response.status(), StatusCode::OK);
        if ack == Ack::Delivered {
            assert_eq!(memory.spans().len(), 7, "before the answer");
        }
        let response = post(http, "/v1/traces", &[PROTOBUF], "no protobuf").await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST);
        let short = Span {
            trace_id: vec![1; 5],
            ..Span::default()
        };
        let mut request = spans(1);
        request.resource_spans[0].scope_spans[0].spans = vec![short];
        let response = post(http, "/v1/traces", &[PROTOBUF], request.encode_to_vec()).await;
        assert_eq!(
            response.status(),
            StatusCode::BAD_REQUEST,
            "an id of five bytes"
        );

        let report = pipeline.shutdown(Duration::from_secs(5)).await;
        assert!(report.is_lossless(), "{report}");
        assert_eq!(memory.spans().len(), 7);
        let refused = client.export(spans(1)).await.expect_err("it is shut down");
        assert_eq!(refused.code(), tonic::Code::Unavailable);
        stop.cancel();
        let stats = task.await.expect("no panic");
        assert_eq!(stats.items(Signal::Traces), 7);
        assert_eq!(stats.total(Outcome::Malformed), 2);
        assert_eq!(stats.total(Outcome::Closed), 1);
    }
}

/// A destination that refuses what logs hold, and three of the items of traces.
struct Choosy;

impl Export for Choosy {
    fn name(&self) -> &str {
        "choosy"
    }

    async fn export(&self, request: Request) -> Result<(), ExportError> {
        if request.signal() == Signal::Logs {
            return Err(ExportError::permanent("no logs"));
        }
        Err(ExportError::Partial {
            rejected: 3,
            message: "three have no name".into(),
        })
    }
}

/// A client that waits for the delivery is told how much the destination refused, and need not send
/// it again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_destination_refuses_is_told_to_who_waits_for_it() {
    let pipeline = Pipeline::builder().export(Choosy).start().expect("starts");
    let take = IntoPipeline::new(pipeline.intake(), Ack::Delivered);
    let receiver = receive::bind(config(), take).expect("free ports");
    let http = receiver.http_addr().expect("configured");
    let stop = CancellationToken::new();
    let task = tokio::spawn(receiver.run(stop.clone(), Duration::from_secs(5)));
    for (path, body, count) in [
        ("/v1/traces", serde_json::to_vec(&spans(8)), "rejectedSpans"),
        (
            "/v1/logs",
            serde_json::to_vec(&logs(3)),
            "rejectedLogRecords",
        ),
    ] {
        let response = post(http, path, &[JSON], body.expect("JSON")).await;
        assert_eq!(response.status(), StatusCode::OK);
        let said: serde_json::Value = serde_json::from_slice(response.body()).expect("JSON");
        assert_eq!(said["partialSuccess"][count], "3", "{said}");
        let message = said["partialSuccess"]["errorMessage"].as_str();
        assert!(message.expect("text").ends_with("rejected 3"), "{said}");
    }
    pipeline.shutdown(Duration::from_secs(5)).await;
    stop.cancel();
    let stats = task.await.expect("no panic");
    assert_eq!((stats.total(Outcome::Partial), stats.rejected), (2, 6));
    assert_eq!(stats.items(Signal::Traces), 5);
}
