//! What the taker says reaches the client in its own protocol.

use std::time::Duration;

use http::StatusCode;
use opentelemetry_proto::tonic::collector::logs::v1::logs_service_client::LogsServiceClient;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceResponse, trace_service_client::TraceServiceClient,
};
use prost::Message;
use spanreel_cli::receive::{Outcome, Taken, Wire};
use tonic::Code;
use tonic_types::{StatusExt, pb};

use crate::support::*;

/// Every refusal has the status of OTLP's tables over gRPC, HTTP with protobuf and HTTP with JSON,
/// and a client is told when to come back exactly where coming back helps.
#[tokio::test]
async fn refusals_have_the_status_that_clients_act_upon() {
    let served = serve(config());
    let later = Duration::from_millis(2_500);
    let cases = [
        (
            Taken::Malformed("field 7".into()),
            400,
            Code::InvalidArgument,
            None,
        ),
        (
            Taken::TooLarge("4 MiB at most".into()),
            413,
            Code::ResourceExhausted,
            None,
        ),
        (
            Taken::NotTaken("no logs".into()),
            404,
            Code::Unimplemented,
            None,
        ),
        (
            Taken::Full { retry_after: later },
            429,
            Code::Unavailable,
            Some(later),
        ),
        (
            Taken::Closed,
            503,
            Code::Unavailable,
            Some(Duration::from_secs(1)),
        ),
    ];
    let mut client = TraceServiceClient::new(channel(served.grpc).await);
    for (taken, status, code, retry_after) in cases {
        *served.collector.answer.lock().expect("no panic") = Some(taken.clone());
        let refused = client.export(spans(1)).await.expect_err("refused");
        assert_eq!(refused.code(), code, "{taken:?}");
        let told = refused.get_details_retry_info();
        assert_eq!(
            told.and_then(|info| info.retry_delay),
            retry_after,
            "{taken:?}"
        );

        let body = spans(1).encode_to_vec();
        let response = post(served.http, "/v1/traces", &[PROTOBUF], body).await;
        assert_eq!(response.status().as_u16(), status, "{taken:?}");
        assert_eq!(response.headers()["content-type"], PROTOBUF.1);
        let said = pb::Status::decode(response.body().clone()).expect("google.rpc.Status");
        assert_eq!(said.code, i32::from(code));
        assert_eq!(said.message, refused.message());
        let header = response.headers().get("retry-after");
        let seconds = retry_after.map(|delay| delay.as_secs_f64().ceil().to_string());
        let header = header.map(|value| value.to_str().expect("digits").to_owned());
        assert_eq!(header, seconds, "whole seconds, never too early");

        let response = post(served.http, "/v1/traces", &[JSON], "{}").await;
        assert_eq!(response.status().as_u16(), status);
        assert_eq!(response.headers()["content-type"], JSON.1);
        let said: serde_json::Value = serde_json::from_slice(response.body()).expect("JSON");
        assert_eq!(said["code"], i32::from(code));
        assert_eq!(said["message"], refused.message());
    }
    *served.collector.answer.lock().expect("no panic") = None;
    served.is_well().await;
    let stats = served.end().await;
    for outcome in [
        Outcome::Malformed,
        Outcome::TooLarge,
        Outcome::NotTaken,
        Outcome::Full,
        Outcome::Closed,
    ] {
        for wire in Wire::ALL {
            assert_eq!(stats.requests(wire, outcome), 1, "{wire:?} {outcome:?}");
        }
    }
}

/// A message with letters of any script reaches a gRPC client whole.
#[tokio::test]
async fn a_message_with_any_letters_reaches_the_client() {
    let served = serve(config());
    let message = "Wert \u{201e}\u{1f980}\u{201c} \n bei 7%";
    *served.collector.answer.lock().expect("no panic") = Some(Taken::TooLarge(message.into()));
    let mut client = TraceServiceClient::new(channel(served.grpc).await);
    let refused = client.export(spans(1)).await.expect_err("refused");
    assert_eq!(refused.message(), message);
    served.end().await;
}

/// A request that was taken in part is a success that says how much was not, under the name that
/// the signal has for it.
#[tokio::test]
async fn what_was_taken_in_part_is_a_success_that_says_so() {
    let served = serve(config());
    *served.collector.answer.lock().expect("no panic") = Some(Taken::Partial {
        accepted: 5,
        rejected: 3,
        message: "three have no id".into(),
    });
    let channel = channel(served.grpc).await;
    let response = TraceServiceClient::new(channel.clone())
        .export(spans(8))
        .await;
    let partial = response.expect("accepted").into_inner().partial_success;
    let partial = partial.expect("a part");
    assert_eq!(partial.rejected_spans, 3);
    assert_eq!(partial.error_message, "three have no id");
    let response = LogsServiceClient::new(channel).export(logs(8)).await;
    let partial = response.expect("accepted").into_inner().partial_success;
    assert_eq!(partial.expect("a part").rejected_log_records, 3);

    let body = spans(8).encode_to_vec();
    let response = post(served.http, "/v1/traces", &[PROTOBUF], body).await;
    assert_eq!(response.status(), StatusCode::OK);
    let said = ExportTraceServiceResponse::decode(response.body().clone()).expect("protobuf");
    assert_eq!(said.partial_success.expect("a part").rejected_spans, 3);
    for (path, count) in [
        ("/v1/traces", "rejectedSpans"),
        ("/v1/logs", "rejectedLogRecords"),
        ("/v1/metrics", "rejectedDataPoints"),
    ] {
        let response = post(served.http, path, &[JSON], "{}").await;
        let said: serde_json::Value = serde_json::from_slice(response.body()).expect("JSON");
        assert_eq!(said["partialSuccess"][count], "3", "{path}");
        assert_eq!(said["partialSuccess"]["errorMessage"], "three have no id");
    }
    let stats = served.end().await;
    assert_eq!((stats.total(Outcome::Partial), stats.rejected), (6, 18));
    assert_eq!(stats.items(spanreel::Signal::Traces), 15);
}
