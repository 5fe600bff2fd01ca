//! How a receiver ends.

use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use prost::Message;
use spanreel_cli::receive::Outcome;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::support::*;

/// Requests that are under way when the receiver is stopped are answered, over gRPC and HTTP, while
/// nobody can connect any more; idle connections do not hold it up.
#[tokio::test]
async fn a_stop_finishes_what_is_under_way() {
    let served = serve(config());
    let gate = served.collector.gate.clone();
    let all = gate.acquire_many(1_000_000).await.expect("open");
    let idle = [channel(served.grpc).await, channel(served.http).await];
    let silent = TcpStream::connect(served.http).await.expect("it listens");
    let mut client = TraceServiceClient::new(channel(served.grpc).await);
    let call = tokio::spawn(async move { client.export(spans(1)).await });
    let http = served.http;
    let body = spans(1).encode_to_vec();
    let request = tokio::spawn(async move { post(http, "/v1/traces", &[PROTOBUF], body).await });
    served
        .until("both are held", |stats| stats.request_bytes >= 2 * 48)
        .await;

    served.stop.cancel();
    while TcpStream::connect(http).await.is_ok() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(!call.is_finished() && !request.is_finished());
    drop(all);
    call.await.expect("no panic").expect("accepted");
    assert_eq!(request.await.expect("no panic").status(), 200);
    let began = Instant::now();
    let stats = served.end().await;
    assert!(
        began.elapsed() < Duration::from_secs(2),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(stats.total(Outcome::Accepted), 2);
    assert_eq!(stats.connections.cut, 0);
    drop((idle, silent));
}

/// What cannot be finished within the grace is cut off then, and counted.
#[tokio::test]
async fn a_stop_ends_in_time_whatever_is_under_way() {
    let served = serve_for(config(), Duration::from_millis(300));
    let gate = served.collector.gate.clone();
    let _all = gate.acquire_many(1_000_000).await.expect("open");
    let mut client = TraceServiceClient::new(channel(served.grpc).await);
    let call = tokio::spawn(async move { client.export(spans(1)).await });
    let mut slow = TcpStream::connect(served.http).await.expect("it listens");
    let head = b"POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
        content-length: 100\r\n\r\n{";
    slow.write_all(head).await.expect("sent");
    served
        .until("both are held", |stats| stats.held_bytes >= 2 * 8_192)
        .await;
    let began = Instant::now();
    let stats = served.end().await;
    let took = began.elapsed();
    assert!(
        took >= Duration::from_millis(290) && took < Duration::from_secs(3),
        "{took:?}"
    );
    assert!(
        call.await.expect("no panic").is_err(),
        "it was told nothing good"
    );
    assert_eq!((stats.total(Outcome::Cut), stats.connections.cut), (2, 2));
}
