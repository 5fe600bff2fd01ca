//! The limits that are configured are those that are kept.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use tonic::Code;

use super::collector::Collector;
use super::server::{File, LONG, Server, request};

/// Sends bytes and gives everything that comes back until the other end closes.
fn exchange(addr: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(addr).expect("it listens");
    stream.set_read_timeout(Some(LONG)).expect("a time");
    stream.write_all(bytes).expect("sent");
    let mut answer = Vec::new();
    // Closed or reset: what matters is that it ends.
    let _ended = stream.read_to_end(&mut answer);
    String::from_utf8(answer).expect("text")
}

/// A connection that does not say what it wants, or not to the end, is closed when its time is up.
#[test]
fn times_are_kept() {
    let begun = Instant::now();
    let server = Server::start(&[
        "--header-timeout",
        "300ms",
        "--body-timeout",
        "300ms",
        "--idle-timeout",
        "300ms",
    ]);
    exchange(server.http(), b"");
    exchange(server.http(), b"POST /v1/traces HTTP/1.1\r\nhost: ");
    let head = "POST /v1/traces HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/x-protobuf\r\ncontent-length: 9\r\n\r\n";
    let answer = exchange(server.http(), head.as_bytes());
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    assert!(begun.elapsed() < Duration::from_secs(30));
}

/// More connections than allowed are closed.
#[test]
fn connections_are_bounded() {
    let server = Server::start(&["--max-connections", "1"]);
    let answer = b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let mut first = TcpStream::connect(server.http()).expect("it listens");
    first.write_all(answer).expect("sent");
    let mut byte = [0];
    first.read_exact(&mut byte).expect("it is answered");
    assert_eq!(exchange(server.http(), b""), "");
    let (_, page) = server.ask("/metrics");
    assert!(
        page.contains("spanreel_receiver_connection_errors_total{reason=\"over_limit\"} 1\n"),
        "{page}"
    );
}

/// A request that is larger than allowed once it is unpacked is refused for good.
#[tokio::test(flavor = "multi_thread")]
async fn unpacked_sizes_are_kept() {
    let server = Server::start(&["--max-request-bytes", "1KiB"]);
    let url = format!("http://{}", server.grpc());
    let client = TraceServiceClient::connect(url).await.expect("it listens");
    let mut client = client.send_compressed(tonic::codec::CompressionEncoding::Gzip);
    let refused = client.export(request(&"s".repeat(5_000), 1)).await;
    assert_eq!(
        refused.expect_err("too large").code(),
        Code::ResourceExhausted
    );
    client.export(request("s", 1)).await.expect("taken");
}

/// Where the backend stands still, senders are told to come back once the memory is used up, and nothing
/// that was accepted is lost for it.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_memory_sends_senders_away() {
    // Takes connections and never answers.
    let hanging = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let backend = format!("grpc://{}", hanging.local_addr().expect("an address"));
    let server = Server::start(&[
        "--export",
        &backend,
        "--memory",
        "8MiB",
        "--patience",
        "200ms",
        "--batch-delay",
        "10ms",
    ]);
    let url = format!("http://{}", server.grpc());
    let mut client = TraceServiceClient::connect(url).await.expect("it listens");
    let large = request(&"s".repeat(500_000), 2);
    let mut accepted = 0;
    let refused = loop {
        match client.export(large.clone()).await {
            Ok(_) => accepted += 2,
            Err(refused) => break refused,
        }
        assert!(accepted < 100, "the memory is bounded");
    };
    assert_eq!(refused.code(), Code::Unavailable, "{refused:?}");
    assert!(accepted > 0);
    let (_, page) = server.ask("/metrics");
    let sample = |name: &str| {
        let line = page
            .lines()
            .find(|line| line.starts_with(&format!("{name} ")));
        let value = line
            .unwrap_or_else(|| panic!("{name} in {page}"))
            .rsplit(' ')
            .next();
        value.expect("a value").parse::<u64>().expect("a number")
    };
    assert_eq!(
        sample("spanreel_items_total{signal=\"traces\",fate=\"queue_full\"}"),
        0
    );
    assert_eq!(
        sample("spanreel_receiver_items_total{signal=\"traces\"}"),
        accepted
    );
    assert!(sample("spanreel_memory_bytes") <= sample("spanreel_memory_budget_bytes"));
}

/// A batch leaves when it has so many spans, whatever the delay.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_batch_leaves() {
    let collector = Collector::default();
    let backend = format!("grpc://{}", collector.listen().await);
    let server = Server::start(&[
        "--export",
        &backend,
        "--batch-delay",
        "10m",
        "--batch-size",
        "5",
    ]);
    let url = format!("http://{}", server.grpc());
    let mut client = TraceServiceClient::connect(url).await.expect("it listens");
    client.export(request("s", 5)).await.expect("taken");
    let deadline = Instant::now() + LONG;
    while collector.spans().len() < 5 {
        assert!(Instant::now() < deadline, "it leaves");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// An attempt that takes too long is given up, and tried again for so long; the name that an export was
/// given is the one in the report.
#[tokio::test(flavor = "multi_thread")]
async fn attempts_are_given_up_in_time() {
    let hanging = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let backend = hanging.local_addr().expect("an address");
    let file = File::new(&format!(
        "ack = \"delivered\"\n[[export]]\nurl = \"grpc://{backend}\"\nname = \"backend\"\ntimeout = \"100ms\"\nretry-for = \"200ms\"\nconcurrency = 1\n"
    ));
    let server = Server::start(&["--config", file.name()]);
    let url = format!("http://{}", server.grpc());
    let mut client = TraceServiceClient::connect(url).await.expect("it listens");
    let begun = Instant::now();
    let refused = client
        .export(request("s", 3))
        .await
        .expect_err("not delivered");
    assert_eq!(refused.code(), Code::Unavailable);
    assert!(
        begun.elapsed() < Duration::from_secs(20),
        "{:?}",
        begun.elapsed()
    );
    let ended = server.stop();
    assert!(
        ended.report.contains("backend: 3 handed: 3 expired"),
        "{ended:?}"
    );
}

/// Only so many sessions are remembered for the line; all are counted.
#[tokio::test(flavor = "multi_thread")]
async fn remembered_sessions_are_bounded() {
    let server = Server::start(&["--sessions", "2"]);
    let url = format!("http://{}", server.grpc());
    let mut client = TraceServiceClient::connect(url).await.expect("it listens");
    for number in 0..5 {
        client
            .export(request(&format!("s{number}"), 1))
            .await
            .expect("taken");
    }
    let (_, page) = server.ask("/metrics");
    assert!(page.contains("\nspanreel_sessions_total 5\n"), "{page}");
    assert!(page.contains("\nspanreel_sessions_live 2\n"), "{page}");
}

/// A web page may send if it was invited.
#[test]
fn web_pages_send_if_invited() {
    let server = Server::start(&["--cors-origin", "https://app.example.com"]);
    let preflight = |origin: &str| {
        let request = format!(
            "OPTIONS /v1/traces HTTP/1.1\r\nhost: localhost\r\norigin: {origin}\r\naccess-control-request-method: POST\r\nconnection: close\r\n\r\n"
        );
        exchange(server.http(), request.as_bytes()).to_ascii_lowercase()
    };
    let allowed = "access-control-allow-origin: https://app.example.com";
    assert!(preflight("https://app.example.com").contains(allowed));
    let evil = preflight("https://evil.example");
    assert!(
        evil.starts_with("http/1.1 403") && !evil.contains("allow-origin"),
        "{evil}"
    );
}
