//! Whatever way a good request comes, it arrives as it was sent.

use http::{Method, StatusCode, Version};
use opentelemetry_proto::tonic::collector::logs::v1::logs_service_client::LogsServiceClient;
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_client::MetricsServiceClient;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use prost::Message;
use spanreel::Signal;
use spanreel_cli::receive::{Outcome, Wire};
use tonic::codec::CompressionEncoding;

use crate::support::*;

/// A gRPC client gets proper empty responses for each signal, packed and not, on either port, and
/// what it sent arrives to the byte.
#[tokio::test]
async fn grpc_clients_are_answered_and_their_bytes_arrive() {
    let served = serve(config());
    let packings = [
        None,
        Some(CompressionEncoding::Gzip),
        Some(CompressionEncoding::Zstd),
    ];
    for addr in [served.grpc, served.http] {
        let channel = channel(addr).await;
        for packing in packings {
            let mut traces = TraceServiceClient::new(channel.clone());
            let mut records = LogsServiceClient::new(channel.clone());
            let mut numbers = MetricsServiceClient::new(channel.clone());
            if let Some(packing) = packing {
                traces = traces.send_compressed(packing);
                records = records.send_compressed(packing);
                numbers = numbers.send_compressed(packing);
            }
            // Large enough for many frames and for more than a stream's window.
            let response = traces.export(spans(60_000)).await.expect("accepted");
            assert_eq!(response.into_inner().partial_success, None);
            let response = records.export(logs(7)).await.expect("accepted");
            assert_eq!(response.into_inner().partial_success, None);
            let response = numbers.export(metrics(3)).await.expect("accepted");
            assert_eq!(response.into_inner().partial_success, None);
        }
    }
    let expected = [
        (Signal::Traces, spans(60_000).encode_to_vec()),
        (Signal::Logs, logs(7).encode_to_vec()),
        (Signal::Metrics, metrics(3).encode_to_vec()),
    ];
    let taken = std::mem::take(&mut *served.collector.taken.lock().expect("no panic"));
    assert_eq!(taken.len(), 18);
    for (request, (signal, bytes)) in taken.iter().zip(expected.iter().cycle()) {
        assert!(request.0 == *signal && request.1 == *bytes, "{signal:?}");
    }
    let stats = served.end().await;
    assert_eq!(stats.requests(Wire::Grpc, Outcome::Accepted), 18);
    assert_eq!(stats.items(Signal::Traces), 360_000);
    assert_eq!(stats.items(Signal::Logs), 42);
    assert_eq!(stats.items(Signal::Metrics), 18);
    let whole: usize = expected.iter().map(|(_, bytes)| 6 * bytes.len()).sum();
    assert_eq!(stats.request_bytes, whole as u64);
    assert!(
        stats.wire_bytes < stats.request_bytes,
        "two thirds are packed"
    );
}

/// OTLP/HTTP works over HTTP/1.1 and HTTP/2, in protobuf and JSON, packed in every way, on either
/// port, and is answered in its own content type.
#[tokio::test]
async fn http_clients_are_answered_in_their_content_type_and_their_bytes_arrive() {
    let served = serve(config());
    let plain = spans(40).encode_to_vec();
    let text = serde_json::to_vec(&spans(40)).expect("JSON");
    let mut sent = 0;
    for addr in [served.http, served.grpc] {
        for version in [Version::HTTP_11, Version::HTTP_2] {
            for (content_type, body, empty) in [(PROTOBUF, &plain, ""), (JSON, &text, "{}")] {
                for (name, body) in [
                    ("identity", body.clone()),
                    ("gzip", gzip(body)),
                    ("deflate", deflate(body)),
                    ("zstd", zstd(body)),
                ] {
                    let headers = [content_type, ("content-encoding", name)];
                    let response =
                        send(addr, version, Method::POST, "/v1/traces", &headers, body).await;
                    assert_eq!(
                        response.status(),
                        StatusCode::OK,
                        "{headers:?} {response:?}"
                    );
                    assert_eq!(response.headers()["content-type"], content_type.1);
                    assert_eq!(response.body(), empty);
                    sent += 1;
                }
            }
        }
    }
    for (path, body) in [
        ("/v1/logs", serde_json::to_vec(&logs(3))),
        ("/v1/metrics", serde_json::to_vec(&metrics(2))),
    ] {
        let charset = ("content-type", "Application/JSON; charset=utf-8");
        let response = post(served.http, path, &[charset], body.expect("JSON")).await;
        assert_eq!(response.status(), StatusCode::OK);
    }
    for (signal, bytes) in &served.collector.taken.lock().expect("no panic")[..sent] {
        assert_eq!((*signal, bytes.len()), (Signal::Traces, plain.len()));
    }
    let stats = served.end().await;
    assert_eq!(stats.requests(Wire::HttpProtobuf, Outcome::Accepted), 16);
    assert_eq!(stats.requests(Wire::HttpJson, Outcome::Accepted), 18);
    assert_eq!(stats.items(Signal::Logs), 3);
    assert_eq!(stats.items(Signal::Metrics), 2);
}

/// A body may come in pieces of any size, and in chunks without a length.
#[tokio::test]
async fn a_body_arrives_whole_however_it_is_cut() {
    use tokio::io::AsyncWriteExt;
    let served = serve(config());
    let body = spans(3).encode_to_vec();
    for size in [1, 7, 100, body.len()] {
        let mut request = b"POST /v1/traces HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
            content-type: application/x-protobuf\r\ntransfer-encoding: chunked\r\n\r\n"
            .to_vec();
        for piece in body.chunks(size) {
            request.extend(format!("{:x}\r\n", piece.len()).into_bytes());
            request.extend(piece);
            request.extend(b"\r\n");
        }
        request.extend(b"0\r\n\r\n");
        let mut stream = tokio::net::TcpStream::connect(served.http)
            .await
            .expect("it listens");
        for piece in request.chunks(size.max(20)) {
            stream.write_all(piece).await.expect("sent");
            tokio::task::yield_now().await;
        }
        let answer = rest(&mut stream).await;
        assert!(answer.starts_with(b"HTTP/1.1 200 "), "pieces of {size}");
    }
    for (_, bytes) in &*served.collector.taken.lock().expect("no panic") {
        assert_eq!(bytes[..], body);
    }
    assert_eq!(served.end().await.total(Outcome::Accepted), 4);
}

/// What goes to the wrong place, or in the wrong way, is refused for good, in the words of the
/// client's protocol.
#[tokio::test]
async fn wrong_paths_methods_types_and_packings_are_refused_for_good() {
    let served = serve(config());
    served.is_well().await;
    let unknown = StatusCode::UNSUPPORTED_MEDIA_TYPE;
    let nested = [PROTOBUF, ("content-encoding", "gzip, gzip")];
    for (path, headers, status) in [
        ("/", &[PROTOBUF][..], StatusCode::NOT_FOUND),
        ("/v1/traces/", &[PROTOBUF], StatusCode::NOT_FOUND),
        ("/v1/profiles", &[JSON], StatusCode::NOT_FOUND),
        (TRACE_SERVICE, &[PROTOBUF], StatusCode::NOT_FOUND),
        ("/v1/traces", &[], unknown),
        ("/v1/traces", &[("content-type", "text/plain")], unknown),
        (
            "/v1/traces",
            &[PROTOBUF, ("content-encoding", "br")],
            unknown,
        ),
        ("/v1/traces", &nested, unknown),
    ] {
        let response = post(served.http, path, headers, spans(1).encode_to_vec()).await;
        assert_eq!(response.status(), status, "{path} {headers:?}");
        let json = headers.contains(&JSON);
        let expected = if json { JSON.1 } else { PROTOBUF.1 };
        assert_eq!(response.headers()["content-type"], expected);
        assert!(!response.headers().contains_key("retry-after"));
    }
    for method in [Method::GET, Method::PUT, Method::DELETE, Method::OPTIONS] {
        let version = Version::HTTP_11;
        let response = send(served.http, version, method, "/v1/logs", &[JSON], "").await;
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(response.headers()["allow"], "POST");
    }
    let headers = [GRPC, ("te", "trailers")];
    for path in [
        "/v1/traces",
        "/opentelemetry.proto.collector.trace.v1.TraceService/Other",
    ] {
        let (version, body) = (Version::HTTP_2, framed(0, b""));
        let response = send(served.grpc, version, Method::POST, path, &headers, body).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        assert_eq!(response.headers()["grpc-status"], "12", "UNIMPLEMENTED");
    }
    let response = call(served.grpc, &[("grpc-encoding", "br")], framed(1, b"")).await;
    assert_eq!(response.headers()["grpc-status"], "12");
    let known = &response.headers()["grpc-accept-encoding"];
    assert_eq!(known, "identity,gzip,deflate,zstd");
    served.is_well().await;
    let stats = served.end().await;
    assert_eq!(stats.total(Outcome::UnknownPath), 6);
    assert_eq!(stats.total(Outcome::UnknownContentType), 2);
    assert_eq!(stats.total(Outcome::UnknownEncoding), 3);
    assert_eq!(stats.total(Outcome::WrongMethod), 4);
    assert_eq!(stats.total(Outcome::Accepted), 4);
}
