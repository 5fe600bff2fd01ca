//! OTLP over HTTP: what is delivered, and what each kind of answer means.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use http::Method;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use prost::Message;
use spanreel::{Compression, Export, ExportError, Otlp, Request, Signal};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::web::{Answer, Web, listen};
use crate::{class, log_request, logs, send, span_request, traces};

const COMPRESSIONS: [(Compression, Option<&str>); 3] = [
    (Compression::None, None),
    (Compression::Gzip, Some("gzip")),
    (Compression::Zstd, Some("zstd")),
];

fn answer_in_protobuf(rejected_spans: i64, error_message: &str) -> Answer {
    let response = ExportTraceServiceResponse {
        partial_success: Some(ExportTracePartialSuccess {
            rejected_spans,
            error_message: error_message.to_owned(),
        }),
    };
    Answer::new(200)
        .header("content-type", "application/x-protobuf")
        .body(response.encode_to_vec())
}

/// Requests of both signals arrive as they were, in protobuf, however they are compressed.
#[tokio::test]
async fn protobuf_arrives_as_it_was() {
    for (compression, encoding) in COMPRESSIONS {
        let web = Web::answering(Answer::new(200)).await;
        let exporter = Otlp::http(web.url()).compression(compression);
        let exporter = exporter.build().unwrap();
        let sent = traces(1_000, 3_000);
        let large = Request::from_bytes(Signal::Traces, 1_000, sent.encode_to_vec().into());
        for (request, path) in [
            (large, "/v1/traces"),
            (log_request(9), "/v1/logs"),
            (span_request(0), "/v1/traces"),
        ] {
            send(&exporter, request.clone()).await.unwrap();
            let seen = web.seen().pop().unwrap();
            assert_eq!(seen.method, Method::POST);
            assert_eq!(seen.uri.path(), path);
            assert_eq!(seen.headers["content-type"], "application/x-protobuf");
            let encoded = seen.headers.get("content-encoding");
            assert_eq!(encoded.map(|value| value.to_str().unwrap()), encoding);
            assert!(seen.headers.contains_key("content-length"));
            assert_eq!(seen.body, request.to_bytes());
        }
    }
}

/// Requests of both signals arrive as OTLP/JSON, which the reference reads as what was sent.
#[tokio::test]
async fn json_arrives_as_the_reference_reads_it() {
    for (compression, _) in COMPRESSIONS {
        let answer = Answer::new(200)
            .header("content-type", "application/json")
            .body("{}");
        let web = Web::answering(answer).await;
        let exporter = Otlp::http_json(web.url()).compression(compression);
        let exporter = exporter.build().unwrap();
        send(&exporter, span_request(3)).await.unwrap();
        send(&exporter, log_request(4)).await.unwrap();
        let seen = web.seen();
        assert!(
            seen.iter()
                .all(|seen| seen.headers["content-type"] == "application/json")
        );
        // Absent messages are written as empty ones, which mean the same.
        let mut sent = traces(3, 0);
        for group in &mut sent.resource_spans {
            group.resource.get_or_insert_default();
            for group in &mut group.scope_spans {
                group.scope.get_or_insert_default();
                for span in &mut group.spans {
                    span.status.get_or_insert_default();
                }
            }
        }
        let read: ExportTraceServiceRequest = serde_json::from_slice(&seen[0].body).unwrap();
        assert_eq!(read, sent);
        let mut sent = logs(4);
        for group in &mut sent.resource_logs {
            group.resource.get_or_insert_default();
            for group in &mut group.scope_logs {
                group.scope.get_or_insert_default();
            }
        }
        let read: ExportLogsServiceRequest = serde_json::from_slice(&seen[1].body).unwrap();
        assert_eq!(read, sent);
        // Ids are hexadecimal and 64-bit numbers are strings.
        let text = std::str::from_utf8(&seen[0].body).unwrap();
        assert!(text.contains(r#""traceId":"01010101010101010101010101010101""#));
        assert!(text.contains(r#""startTimeUnixNano":"1700000000000000000""#));
    }
}

/// Bytes that are no request cannot be written as JSON, and that will not pass.
#[tokio::test]
async fn what_is_no_request_cannot_be_json() {
    let web = Web::answering(Answer::new(200)).await;
    let exporter = Otlp::http_json(web.url()).build().unwrap();
    let request = Request::from_bytes(Signal::Traces, 1, "no protobuf".into());
    assert_eq!(class(send(&exporter, request).await).0, "permanent");
    assert!(web.seen().is_empty());
}

/// Headers reach the server, and a signal's own address is used as it is.
#[tokio::test]
async fn headers_and_addresses_are_used_as_set() {
    let web = Web::answering(Answer::new(200)).await;
    let exporter = Otlp::http(format!("{}/base/?key=1", web.url()))
        .signal_endpoint(Signal::Logs, format!("{}/in", web.url()))
        .header("x-tenant", "blue")
        .signal_header(Signal::Logs, "X-Tenant", "green")
        .build()
        .unwrap();
    send(&exporter, span_request(1)).await.unwrap();
    send(&exporter, log_request(1)).await.unwrap();
    for (seen, uri, tenant) in [
        (&web.seen()[0], "/base/v1/traces?key=1", "blue"),
        (&web.seen()[1], "/in", "green"),
    ] {
        assert_eq!(seen.uri, uri);
        assert_eq!(seen.headers["x-tenant"], tenant);
        assert_eq!(seen.headers["host"], web.address.to_string());
        let agent = concat!("spanreel/", env!("CARGO_PKG_VERSION"));
        assert_eq!(seen.headers["user-agent"], agent);
    }
}

/// Every answer that says yes is a delivery, whatever its body is; only one that is too large to
/// be read is not.
#[tokio::test]
async fn a_yes_is_a_delivery_whatever_its_body() {
    let protobuf = || Answer::new(200).header("content-type", "application/x-protobuf");
    let json = || Answer::new(200).header("content-type", "application/json; charset=utf-8");
    let html = Answer::new(200).header("content-type", "text/html");
    for answer in [
        Answer::new(200),
        Answer::new(202),
        Answer::new(204),
        protobuf(),
        protobuf().body("garbage"),
        json().body("{}"),
        json().body(r#"{"partialSuccess":{"rejectedSpans":"0","errorMessage":"slow down"}}"#),
        json().body("garbage"),
        html.body("<html>Sign in</html>"),
        Answer::new(200).body("no content type"),
        answer_in_protobuf(0, "a warning"),
        answer_in_protobuf(-1, ""),
    ] {
        let web = Web::answering(answer.clone()).await;
        let exporter = Otlp::http(web.url()).build().unwrap();
        let outcome = send(&exporter, span_request(5)).await;
        assert!(outcome.is_ok(), "{answer:?}: {outcome:?}");
    }
    for too_large in [
        protobuf().body(vec![0; (4 << 20) + 1]),
        protobuf().header("content-length", "5000000").then_hang(),
    ] {
        let web = Web::answering(too_large).await;
        let exporter = Otlp::http(web.url()).build().unwrap();
        let (class, says) = class(send(&exporter, span_request(5)).await);
        assert_eq!(class, "permanent", "{says}");
        assert!(says.contains("larger than 4194304 bytes"), "{says}");
    }
}

/// An answer that says yes and then breaks off is a delivery: what was taken is not sent again.
#[tokio::test]
async fn a_yes_that_breaks_off_is_a_delivery() {
    let (address, _server) = listen(|mut socket, _| async move {
        let mut request = vec![0; 64 << 10];
        let read = socket.read(&mut request).await.unwrap();
        assert!(read < request.len());
        let head = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\ncut";
        socket.write_all(head).await.unwrap();
    })
    .await;
    let exporter = Otlp::http(format!("http://{address}")).build().unwrap();
    send(&exporter, span_request(5)).await.unwrap();
}

/// What a server refuses of a request is counted within what was sent, in both encodings.
#[tokio::test]
async fn partial_success_is_counted() {
    let json = r#"{"partialSuccess":{"rejectedSpans":"2","errorMessage":"too old"}}"#;
    for (answer, counted) in [
        (answer_in_protobuf(2, "too old"), 2),
        (answer_in_protobuf(9, "too old"), 5),
        (
            Answer::new(200)
                .header("content-type", "application/json")
                .body(json),
            2,
        ),
    ] {
        let web = Web::answering(answer).await;
        let exporter = Otlp::http(web.url()).build().unwrap();
        let outcome = send(&exporter, span_request(5)).await;
        let Err(ExportError::Partial { rejected, message }) = outcome else {
            panic!("{outcome:?}");
        };
        assert_eq!((rejected, message.as_str()), (counted, "too old"));
    }
}

/// Each status that says no has its class, and its words are passed on.
#[tokio::test]
async fn refusals_have_their_classes() {
    let status = b"\x08\x03\x12\x08bad span".to_vec();
    for (answer, expected, words) in [
        (
            Answer::new(400)
                .header("content-type", "application/x-protobuf")
                .body(status),
            "permanent",
            "bad span",
        ),
        (
            Answer::new(400)
                .header("content-type", "application/json")
                .body(r#"{"code":3,"message":"bad json"}"#),
            "permanent",
            "bad json",
        ),
        (
            Answer::new(500)
                .header("content-type", "text/plain; charset=utf-8")
                .body("oh\nno"),
            "permanent",
            "oh no",
        ),
        (Answer::new(401), "denied", "401"),
        (Answer::new(408), "permanent", "408"),
        (Answer::new(413), "too large", "413"),
        (Answer::new(429), "retryable", "429"),
        (Answer::new(502).body("<html>"), "retryable", "502"),
        (Answer::new(503).then_hang(), "retryable", "503"),
        (
            Answer::new(504).body(vec![b'x'; 1 << 20]),
            "retryable",
            "504",
        ),
        (
            Answer::new(503).header("retry-after", "soon"),
            "retryable",
            "503",
        ),
        (
            Answer::new(307).header("location", "http://127.0.0.1:1/elsewhere"),
            "permanent",
            "redirects are not followed",
        ),
    ] {
        let web = Web::answering(answer).await;
        let exporter = Otlp::http(web.url()).build().unwrap();
        let (class, says) = class(send(&exporter, span_request(1)).await);
        assert_eq!(class, expected, "{says}");
        assert!(says.contains(words), "{says}");
        assert_eq!(web.seen().len(), 1);
    }
}

/// `Retry-After` is read as seconds and as a date.
#[tokio::test]
async fn retry_after_is_passed_on() {
    let date = SystemTime::now() + Duration::from_secs(100);
    for (value, least, most) in [
        ("7", 7, 7),
        (httpdate::fmt_http_date(date).as_str(), 60, 100),
        ("Tue, 08 Nov 1994 08:49:37 GMT", 0, 0),
    ] {
        for status in [429, 503] {
            let web = Web::answering(Answer::new(status).header("retry-after", value)).await;
            let exporter = Otlp::http(web.url()).build().unwrap();
            let outcome = send(&exporter, span_request(1)).await;
            let Err(ExportError::Retryable { after, .. }) = outcome else {
                panic!("{outcome:?}");
            };
            let after = after.unwrap();
            assert!(after >= Duration::from_secs(least) && after <= Duration::from_secs(most));
        }
    }
}

/// A server that is absent, hangs up without an answer, or cuts the answer's head off is a failure
/// that may pass.
#[tokio::test]
async fn a_lost_connection_may_pass() {
    let (absent, server) = listen(|_, _| async {}).await;
    server.abort();
    let _stopped = server.await;
    let (hangs_up, _server) = listen(|mut socket, _| async move {
        let mut some = [0; 64];
        socket.read_exact(&mut some).await.unwrap();
    })
    .await;
    let (cuts, _server) = listen(|mut socket, _| async move {
        let mut some = [0; 64];
        socket.read_exact(&mut some).await.unwrap();
        socket.write_all(b"HTTP/1.1 200 O").await.unwrap();
    })
    .await;
    for address in [absent, hangs_up, cuts] {
        let exporter = Otlp::http(format!("http://{address}")).build().unwrap();
        let (class, says) = class(send(&exporter, span_request(1)).await);
        assert_eq!(class, "retryable", "{says}");
    }
}

/// A server that never answers holds the attempt until the caller gives it up, and no longer.
#[tokio::test]
async fn a_hanging_server_holds_the_attempt_alone() {
    let (address, _server) = listen(|socket, _| async move {
        std::future::pending::<()>().await;
        drop(socket);
    })
    .await;
    let exporter = Otlp::http(format!("http://{address}")).build().unwrap();
    let attempt = exporter.export(span_request(1));
    let attempt = tokio::time::timeout(Duration::from_millis(200), attempt).await;
    assert!(attempt.is_err());
}

/// One attempt is one request on the wire: the pool never sends it again by itself, even when a
/// kept connection turns out to be dead.
#[tokio::test]
async fn one_attempt_is_one_request() {
    let requests = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&requests);
    // It answers the first request of a connection and hangs up on the second.
    let (address, _server) = listen(move |mut socket, _| {
        let requests = Arc::clone(&counter);
        async move {
            let mut bytes = vec![0; 64 << 10];
            for answered in [true, false] {
                let read = socket.read(&mut bytes).await.unwrap();
                assert!(read < bytes.len());
                if read == 0 {
                    return;
                }
                requests.fetch_add(1, Ordering::Relaxed);
                if answered {
                    let yes = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
                    socket.write_all(yes).await.unwrap();
                }
            }
        }
    })
    .await;
    let exporter = Otlp::http(format!("http://{address}")).build().unwrap();
    send(&exporter, span_request(1)).await.unwrap();
    assert_eq!(class(send(&exporter, span_request(1)).await).0, "retryable");
    assert_eq!(requests.load(Ordering::Relaxed), 2);
    send(&exporter, span_request(1)).await.unwrap();
    assert_eq!(requests.load(Ordering::Relaxed), 3);
}
