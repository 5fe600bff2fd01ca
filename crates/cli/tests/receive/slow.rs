//! Clients that take their time are waited for, and then no more.

use std::time::{Duration, Instant};

use prost::Message;
use spanreel_cli::receive::{Config, Limits, Outcome};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::support::*;

fn hasty() -> Config {
    Config {
        limits: Limits {
            header_timeout: Duration::from_millis(400),
            body_timeout: Duration::from_millis(400),
            idle_timeout: Duration::from_millis(600),
            ..Limits::default()
        },
        ..config()
    }
}

/// Writes a byte now and then until the connection ends. Gives how long that took.
async fn trickle(mut stream: TcpStream, bytes: &'static [u8]) -> Duration {
    let began = Instant::now();
    for byte in bytes.iter().cycle() {
        if stream.write_all(&[*byte]).await.is_err() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert!(began.elapsed() < Duration::from_secs(15), "it never ends");
    }
    began.elapsed()
}

/// A head that comes byte by byte, a connection that says nothing, and an HTTP/2 connection that
/// asks nothing are ended in time, however many there are, while others are served.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_never_ask_are_ended_in_time() {
    let served = serve(hasty());
    let mut clients = Vec::new();
    for number in 0..60 {
        let mut stream = TcpStream::connect(served.http).await.expect("it listens");
        clients.push(tokio::spawn(async move {
            match number % 3 {
                0 => {
                    rest(&mut stream).await;
                }
                1 => {
                    trickle(stream, b"POST /v1/traces HTTP/1.1\r\nx: y\r\n").await;
                }
                _ => {
                    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
                    stream.write_all(preface).await.expect("sent");
                    rest(&mut stream).await;
                }
            }
        }));
    }
    served
        .until("all are there", |stats| stats.connections.open >= 50)
        .await;
    served.is_well().await;
    for client in clients {
        client.await.expect("it ended in time");
    }
    served
        .until("none is left", |stats| stats.connections.open == 0)
        .await;
    served.is_well().await;
    let stats = served.end().await;
    assert!(stats.connections.idle >= 40, "{stats:#?}");
    assert_eq!(stats.total(Outcome::Cut), 0);
}

/// A body that comes too slowly is refused with a status that the client may try again on, and its
/// memory is given back.
#[tokio::test]
async fn a_slow_body_is_refused_and_may_be_tried_again() {
    let served = serve(hasty());
    let mut stream = TcpStream::connect(served.http).await.expect("it listens");
    let head = b"POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-protobuf\r\n\
        content-length: 1000000\r\n\r\n12345";
    stream.write_all(head).await.expect("sent");
    let stats = served
        .until("it is held", |stats| stats.held_bytes > 0)
        .await;
    assert!(
        stats.held_bytes < 100_000,
        "what is announced is not believed"
    );
    served.is_well().await;
    let answer = rest(&mut stream).await;
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert!(answer.contains("retry-after: 1\r\n"), "{answer}");
    let stats = served.end().await;
    assert_eq!(stats.total(Outcome::Slow), 1);
}

/// A client that goes away in the middle of its body is counted, and its memory is given back.
#[tokio::test]
async fn a_client_that_goes_away_leaves_nothing_behind() {
    let served = serve(config());
    for _ in 0..20 {
        let mut stream = TcpStream::connect(served.http).await.expect("it listens");
        let head = b"POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
            content-length: 1000000\r\n\r\n{";
        stream.write_all(head).await.expect("sent");
        stream.write_all(&[b' '; 200_000]).await.expect("sent");
    }
    served
        .until("all are cut", |stats| stats.total(Outcome::Cut) == 20)
        .await;
    served
        .until("nothing is held", |stats| stats.held_bytes == 0)
        .await;
    served.is_well().await;
    served.end().await;
}

/// More connections than allowed are closed at once, and there is room again when others leave.
#[tokio::test]
async fn connections_above_the_bound_are_closed_at_once() {
    let served = serve(Config {
        limits: Limits {
            connections: 5,
            ..Limits::default()
        },
        ..config()
    });
    let mut kept = Vec::new();
    for _ in 0..5 {
        kept.push(TcpStream::connect(served.http).await.expect("it listens"));
    }
    served
        .until("five are open", |stats| stats.connections.open == 5)
        .await;
    let mut sixth = TcpStream::connect(served.grpc).await.expect("it listens");
    assert!(rest(&mut sixth).await.is_empty());
    drop(kept);
    served
        .until("all have left", |stats| stats.connections.open == 0)
        .await;
    served.is_well().await;
    let stats = served.end().await;
    assert_eq!(stats.connections.over_limit, 1);
}

/// A connection that is in use is not idle, however long it lives.
#[tokio::test]
async fn a_connection_in_use_is_kept() {
    use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
    let served = serve(hasty());
    let mut client = TraceServiceClient::new(channel(served.grpc).await);
    for _ in 0..20 {
        client.export(spans(1)).await.expect("accepted");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let stats = served.stats();
    assert_eq!((stats.connections.accepted, stats.connections.idle), (1, 0));
    // A request that waits for its taker counts as well.
    let gate = served.collector.gate.clone();
    let all = gate.acquire_many(1_000_000).await.expect("open");
    let waiting = tokio::spawn(async move { client.export(spans(1)).await });
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    drop(all);
    waiting.await.expect("no panic").expect("accepted");
    assert_eq!(served.stats().connections.accepted, 1);
    assert_eq!(
        spans(1).encoded_len(),
        served.collector.taken.lock().expect("no panic")[0].1.len()
    );
    served.end().await;
}
