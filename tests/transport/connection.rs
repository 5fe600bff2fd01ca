//! The connection of a gRPC exporter: shared, opened one at a time, opened again, closed at the end.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::future::join_all;
use spanreel::{Export, Otlp, OtlpExporter};
use tokio::io::AsyncReadExt;
use tonic::transport::Server;

use crate::collector::Collector;
use crate::web::listen;
use crate::{class, send, span_request};

async fn send_many(exporter: &OtlpExporter, count: usize) -> Vec<&'static str> {
    let sends = (0..count).map(|_| send(exporter, span_request(1)));
    let outcomes = join_all(sends).await;
    outcomes
        .into_iter()
        .map(|outcome| match outcome {
            Ok(()) => "delivered",
            failed => class(failed).0,
        })
        .collect()
}

/// All calls, at the same time or later, share one connection.
#[tokio::test]
async fn all_calls_share_one_connection() {
    let collector = Collector::start().await;
    let exporter = Otlp::grpc(collector.url()).build().unwrap();
    for _ in 0..2 {
        assert_eq!(send_many(&exporter, 50).await, ["delivered"; 50]);
    }
    let mut peers = collector.seen.lock().unwrap().peers.clone();
    assert_eq!(peers.len(), 100);
    peers.dedup();
    assert_eq!(peers.len(), 1);
}

/// Those who wait for one attempt to connect share its failure; who comes later tries again.
#[tokio::test]
async fn a_failed_attempt_to_connect_is_shared() {
    let attempts = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&attempts);
    // It takes the connection, keeps the client waiting and then answers no TLS.
    let (address, server) = listen(move |socket, _| {
        counter.fetch_add(1, Ordering::Relaxed);
        async move {
            tokio::time::sleep(Duration::from_millis(200)).await;
            drop(socket);
        }
    })
    .await;
    let exporter = Otlp::grpc(format!("https://{address}")).build().unwrap();
    for attempt in 1..=2 {
        assert_eq!(send_many(&exporter, 20).await, ["retryable"; 20]);
        assert_eq!(attempts.load(Ordering::Relaxed), attempt);
    }
    server.abort();
}

/// A server that is away is a failure that may pass; when it is back, so is the connection.
#[tokio::test]
async fn a_server_that_returns_is_connected_to_again() {
    let collector = Collector::start().await;
    let address = collector.address;
    let exporter = Otlp::grpc(collector.url()).build().unwrap();
    send(&exporter, span_request(1)).await.unwrap();
    collector.stop().await;
    let (kind, says) = class(send(&exporter, span_request(1)).await);
    assert_eq!(kind, "retryable", "{says}");

    let back = Collector::serve(address, Server::builder(), Ok(None)).await;
    send(&exporter, span_request(1)).await.unwrap();
    assert_eq!(back.seen.lock().unwrap().traces.len(), 1);
}

/// A connection that is cut under a call is a failure that may pass, and the next call has a new
/// one.
#[tokio::test]
async fn a_connection_cut_under_a_call_may_pass() {
    let connections = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&connections);
    let (address, server) = listen(move |mut socket, _| {
        counter.fetch_add(1, Ordering::Relaxed);
        async move {
            let mut some = [0; 64];
            let read = socket.read(&mut some).await.unwrap();
            assert!(read > 0);
        }
    })
    .await;
    let exporter = Otlp::grpc(format!("http://{address}")).build().unwrap();
    for attempt in 1..=3 {
        assert_eq!(class(send(&exporter, span_request(1)).await).0, "retryable");
        assert_eq!(connections.load(Ordering::Relaxed), attempt);
    }
    server.abort();
}

/// A call that is given up, at whatever moment, does no harm to later ones.
#[tokio::test]
async fn a_call_that_is_given_up_does_no_harm() {
    let collector = Collector::start().await;
    let exporter = Otlp::grpc(collector.url()).gzip().build().unwrap();
    for micros in (0..2_000).step_by(50) {
        let given_up = exporter.export(span_request(50));
        // Whether it still made it does not matter.
        let _outcome = tokio::time::timeout(Duration::from_micros(micros), given_up).await;
        if micros % 500 == 0 {
            send(&exporter, span_request(1)).await.unwrap();
        }
    }
    send(&exporter, span_request(1)).await.unwrap();
}

/// Dropping the exporter closes its connection.
#[tokio::test]
async fn dropping_the_exporter_closes_its_connection() {
    let (told, closed) = tokio::sync::oneshot::channel();
    let mut told = Some(told);
    let (address, server) = listen(move |mut socket, _| {
        let told = told.take().expect("there is one connection");
        async move {
            let mut bytes = Vec::new();
            socket.read_to_end(&mut bytes).await.unwrap();
            told.send(()).unwrap();
        }
    })
    .await;
    let exporter = Otlp::grpc(format!("http://{address}")).build().unwrap();
    let unanswered = exporter.export(span_request(1));
    let unanswered = tokio::time::timeout(Duration::from_millis(100), unanswered).await;
    assert!(unanswered.is_err());
    drop(exporter);
    let closed = tokio::time::timeout(Duration::from_secs(5), closed).await;
    closed.expect("it closes soon").unwrap();
    server.abort();
}
