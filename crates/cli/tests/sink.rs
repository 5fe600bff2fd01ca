//! The null receiver against real clients: tonic's and hyper's.

#![expect(
    clippy::disallowed_methods,
    reason = "clients run side by side with the test"
)]

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::logs::v1::logs_service_client::LogsServiceClient;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;
use spanreel_cli::sink::{MAX_BODY_BYTES, Sink, SinkConfig, SinkCounts};
use tonic::Code;
use tonic::codec::CompressionEncoding;
use tonic::transport::Channel;

fn spans(count: usize) -> ExportTraceServiceRequest {
    let span = Span {
        trace_id: vec![1; 16],
        span_id: vec![2; 8],
        name: "chat claude-sonnet-4-5".into(),
        ..Span::default()
    };
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            scope_spans: vec![ScopeSpans {
                spans: vec![span; count],
                ..ScopeSpans::default()
            }],
            ..ResourceSpans::default()
        }],
    }
}

fn logs(count: usize) -> ExportLogsServiceRequest {
    ExportLogsServiceRequest {
        resource_logs: vec![ResourceLogs {
            scope_logs: vec![ScopeLogs {
                log_records: vec![LogRecord::default(); count],
                ..ScopeLogs::default()
            }],
            ..ResourceLogs::default()
        }],
    }
}

fn start(config: SinkConfig) -> Sink {
    Sink::start(config).expect("a free port of this machine")
}

async fn channel(sink: &Sink) -> Channel {
    let endpoint = Channel::from_shared(format!("http://{}", sink.addr())).expect("a URL");
    endpoint.connect().await.expect("the sink listens")
}

/// A POST request over HTTP/1.1.
async fn post(
    sink: &Sink,
    path: &str,
    headers: &[(&str, &str)],
    body: impl Into<Bytes>,
) -> Response<Bytes> {
    send(sink, Method::POST, path, headers, body.into()).await
}

async fn send(
    sink: &Sink,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: Bytes,
) -> Response<Bytes> {
    let mut request = Request::builder()
        .method(method)
        .uri(format!("http://{}{path}", sink.addr()));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::new(body)).expect("a request");
    let client = Client::builder(TokioExecutor::new()).build_http();
    let response = client.request(request).await.expect("an answer");
    let (head, body) = response.into_parts();
    let body = body.collect().await.expect("a whole body").to_bytes();
    Response::from_parts(head, body)
}

const PROTOBUF: (&str, &str) = ("content-type", "application/x-protobuf");
const JSON: (&str, &str) = ("content-type", "application/json");

/// A gRPC client gets proper empty responses, packed and not, and every item is counted.
#[tokio::test]
async fn a_grpc_client_is_answered_and_its_items_are_counted() {
    let sink = start(SinkConfig::default());
    let channel = channel(&sink).await;
    let mut bytes = 0;
    for packing in [
        None,
        Some(CompressionEncoding::Gzip),
        Some(CompressionEncoding::Zstd),
    ] {
        let mut traces = TraceServiceClient::new(channel.clone());
        let mut records = LogsServiceClient::new(channel.clone());
        if let Some(packing) = packing {
            traces = traces.send_compressed(packing);
            records = records.send_compressed(packing);
        }
        // Large enough for many frames and for more than a stream's window.
        let response = traces.export(spans(120_000)).await.expect("accepted");
        assert_eq!(response.into_inner().partial_success, None);
        let before = sink.counts().bytes;
        records.export(logs(7)).await.expect("accepted");
        if packing.is_none() {
            bytes = logs(7).encoded_len() as u64 + 5;
            assert_eq!(sink.counts().bytes - before, bytes);
        }
    }
    let counts = sink.stop();
    assert_eq!((counts.spans, counts.logs), (360_000, 21));
    assert_eq!((counts.requests, counts.refused), (6, 0));
    let plain = spans(120_000).encoded_len() as u64;
    assert!(
        counts.bytes > plain + bytes && counts.bytes < plain + plain / 10,
        "{counts:?}"
    );
}

/// OTLP/HTTP works on the same port, in protobuf and JSON, packed and not.
#[tokio::test]
async fn an_http_client_is_answered_on_the_same_port() {
    let sink = start(SinkConfig::default());
    let body = spans(40).encode_to_vec();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&body).expect("memory");
    let gzip = gzip.finish().expect("memory");
    let zstd = zstd::encode_all(&body[..], 1).expect("memory");
    let packed = |name| [PROTOBUF, ("content-encoding", name)];
    for (headers, body) in [
        (&[PROTOBUF][..], body),
        (&packed("gzip"), gzip),
        (&packed("zstd"), zstd),
    ] {
        let response = post(&sink, "/v1/traces", headers, body).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "application/x-protobuf");
        assert!(response.body().is_empty(), "an empty message");
    }
    let json = serde_json::to_vec(&spans(2)).expect("JSON");
    let response = post(&sink, "/v1/traces", &[JSON], json).await;
    assert_eq!(
        (response.status(), &response.body()[..]),
        (StatusCode::OK, &b"{}"[..])
    );
    let json = serde_json::to_vec(&logs(3)).expect("JSON");
    let charset = ("content-type", "Application/JSON; charset=utf-8");
    let response = post(&sink, "/v1/logs", &[charset], json).await;
    assert_eq!(response.status(), StatusCode::OK);

    let channel = channel(&sink).await;
    TraceServiceClient::new(channel)
        .export(spans(1))
        .await
        .expect("accepted");
    let SinkCounts {
        spans,
        logs,
        requests,
        refused,
        ..
    } = sink.counts();
    assert_eq!((spans, logs, requests, refused), (123, 3, 6, 0));
}

/// What is not OTLP is refused for good, in the words of the client's protocol, and the sink goes on.
#[tokio::test]
async fn bytes_that_are_no_request_are_refused_for_good() {
    let sink = start(SinkConfig::default());
    let cut = &spans(3).encode_to_vec()[..20];
    let response = post(&sink, "/v1/traces", &[PROTOBUF], cut.to_vec()).await;
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    assert_eq!(
        response.body()[..2],
        [0x08, 3],
        "google.rpc.Status, INVALID_ARGUMENT"
    );
    let response = post(&sink, "/v1/logs", &[JSON], "{\"resourceLogs\": 1}").await;
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    assert!(response.body().starts_with(b"{\"code\":3,"));

    let unknown = StatusCode::UNSUPPORTED_MEDIA_TYPE;
    let cases = [
        ("/v1/metrics", &[PROTOBUF][..], StatusCode::NOT_FOUND),
        ("/v1/traces", &[], unknown),
        ("/v1/traces", &[("content-type", "text/plain")], unknown),
        (
            "/v1/traces",
            &[PROTOBUF, ("content-encoding", "br")],
            unknown,
        ),
    ];
    for (path, headers, status) in cases {
        assert_eq!(
            post(&sink, path, headers, "").await.status(),
            status,
            "{path} {headers:?}"
        );
    }
    let get = send(&sink, Method::GET, "/v1/traces", &[PROTOBUF], Bytes::new()).await;
    assert_eq!(get.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(get.headers()["allow"], "POST");

    for (body, code) in [
        (&[0, 0, 0, 0, 2, 0xff, 0xff][..], "3"),
        (&[0, 0, 0][..], "3"),
        (&[0, 0xff, 0, 0, 0][..], "8"),
    ] {
        assert_eq!(raw_grpc(&sink, body).await, code, "{body:?}");
    }
    let counts = sink.counts();
    assert_eq!((counts.requests, counts.refused), (10, 10));
    let response = post(&sink, "/v1/traces", &[PROTOBUF], spans(1).encode_to_vec()).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(sink.counts().spans, 1);
}

/// Sends bytes as a gRPC call and gives the number of the status.
async fn raw_grpc(sink: &Sink, body: &[u8]) -> String {
    let path = "opentelemetry.proto.collector.trace.v1.TraceService/Export";
    let request = Request::post(format!("http://{}/{path}", sink.addr()))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(Full::new(Bytes::copy_from_slice(body)))
        .expect("a request");
    let client = Client::builder(TokioExecutor::new())
        .http2_only(true)
        .build_http();
    let response = client.request(request).await.expect("an answer");
    assert_eq!(response.status(), StatusCode::OK);
    let status = &response.headers()["grpc-status"];
    status.to_str().expect("a number").to_owned()
}

/// The bound on the size of a request holds for what is sent as well as for what it unpacks to.
#[tokio::test]
async fn a_request_above_the_bound_is_refused_as_too_large() {
    let sink = start(SinkConfig::default());
    let bomb = zstd::encode_all(std::io::repeat(0x12).take(MAX_BODY_BYTES as u64 + 1), 1);
    // Each pair of bytes is a field of 18 bytes, so that the content is well-formed throughout.
    let headers = [PROTOBUF, ("content-encoding", "zstd")];
    let response = post(&sink, "/v1/traces", &headers, bomb.expect("memory")).await;
    assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
    let too_long = u32::try_from(MAX_BODY_BYTES + 1)
        .expect("fits")
        .to_be_bytes();
    assert_eq!(raw_grpc(&sink, &[&[0], &too_long[..]].concat()).await, "8");
}

/// Refusals on purpose come at the rate asked for, are retryable, count no items, and are the same
/// ones for the same seed.
#[tokio::test]
async fn requests_are_refused_on_purpose_at_the_rate_asked_for() {
    let mut runs = Vec::new();
    for seed in [1, 1, 2] {
        let sink = start(SinkConfig {
            fail_rate: 0.25,
            seed,
            ..SinkConfig::default()
        });
        let mut client = TraceServiceClient::new(channel(&sink).await);
        let mut refused = Vec::new();
        for request in 0..400 {
            if let Err(status) = client.export(spans(1)).await {
                assert_eq!(status.code(), Code::Unavailable);
                refused.push(request);
            }
        }
        let counts = sink.stop();
        assert_eq!(counts.refused, refused.len() as u64);
        assert_eq!(counts.spans, 400 - counts.refused);
        assert!(
            (60..140).contains(&refused.len()),
            "{} of 400",
            refused.len()
        );
        runs.push(refused);
    }
    assert_eq!(runs[0], runs[1]);
    assert_ne!(runs[0], runs[2]);

    let sink = start(SinkConfig {
        fail_rate: 1.0,
        ..SinkConfig::default()
    });
    let response = post(&sink, "/v1/traces", &[PROTOBUF], spans(1).encode_to_vec()).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    let error = Sink::start(SinkConfig {
        fail_rate: 1.5,
        ..SinkConfig::default()
    });
    assert_eq!(
        error.expect_err("not a rate").kind(),
        std::io::ErrorKind::InvalidInput
    );
}

/// Each request waits for its answer as long as asked for, and requests wait side by side.
#[tokio::test]
async fn latency_delays_every_answer_but_not_the_next_request() {
    let latency = Duration::from_millis(300);
    let sink = start(SinkConfig {
        latency,
        ..SinkConfig::default()
    });
    let client = TraceServiceClient::new(channel(&sink).await);
    let began = Instant::now();
    let calls: Vec<_> = (0..30)
        .map(|_| {
            let mut client = client.clone();
            tokio::spawn(async move { client.export(spans(1)).await })
        })
        .collect();
    for call in calls {
        call.await.expect("no panic").expect("accepted");
    }
    let took = began.elapsed();
    assert!(took >= latency && took < 20 * latency, "{took:?}");
    assert_eq!(sink.counts().spans, 30);
}

/// A sink that is stopped has let go of its port and answers nothing any more, even when a
/// connection was open and a request under way.
#[tokio::test]
async fn stopping_does_not_wait_for_clients() {
    let sink = start(SinkConfig {
        latency: Duration::from_secs(3_600),
        ..SinkConfig::default()
    });
    let addr = sink.addr();
    let mut client = TraceServiceClient::new(channel(&sink).await);
    let call = tokio::spawn(async move { client.export(spans(1)).await });
    while sink.counts().bytes == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let began = Instant::now();
    assert_eq!(sink.stop().spans, 0, "not answered, not counted");
    assert!(began.elapsed() < Duration::from_secs(10));
    assert!(call.await.expect("no panic").is_err());
    assert!(std::net::TcpStream::connect(addr).is_err());
}
