//! OTLP over gRPC: what is delivered, and what each kind of answer means.

use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTracePartialSuccess;
use prost::Message;
use spanreel::{Compression, ExportError, Otlp, Request, Signal};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use crate::collector::{Collector, LIMIT};
use crate::web::{Answer, Web};
use crate::{class, log_request, logs, send, span_request, traces};

const COMPRESSIONS: [Compression; 3] = [Compression::None, Compression::Gzip, Compression::Zstd];

/// Requests of both signals and of any size arrive as they were, however they are compressed.
#[tokio::test]
async fn requests_arrive_as_they_were() {
    for compression in COMPRESSIONS {
        let collector = Collector::start().await;
        let exporter = Otlp::grpc(collector.url()).compression(compression);
        let exporter = exporter.build().unwrap();
        for (count, size) in [(0, 0), (1, 0), (100, 10), (1_000, 3_000)] {
            let sent = traces(count, size);
            let request = Request::from_bytes(Signal::Traces, count, sent.encode_to_vec().into());
            send(&exporter, request).await.unwrap();
            assert_eq!(collector.seen.lock().unwrap().traces.pop(), Some(sent));
        }
        send(&exporter, log_request(7)).await.unwrap();
        let seen = collector.seen.lock().unwrap();
        assert_eq!(seen.logs, [logs(7)]);
    }
}

/// Headers, those of one signal before those of all, the user agent and the time-out reach the
/// server.
#[tokio::test]
async fn headers_reach_the_server() {
    let collector = Collector::start().await;
    let exporter = Otlp::grpc(collector.url())
        .header("X-Tenant", "blue")
        .header("authorization", "replaced")
        .header("authorization", "Bearer all")
        .signal_header(Signal::Logs, "authorization", "Bearer logs")
        .timeout(Duration::from_millis(2_500))
        .build()
        .unwrap();
    send(&exporter, span_request(1)).await.unwrap();
    send(&exporter, log_request(1)).await.unwrap();
    let seen = collector.seen.lock().unwrap();
    for (metadata, token) in seen.metadata.iter().zip(["Bearer all", "Bearer logs"]) {
        assert_eq!(metadata.get("x-tenant").unwrap(), "blue");
        let tokens: Vec<_> = metadata.get_all("authorization").iter().collect();
        assert_eq!(tokens, [token]);
        assert_eq!(metadata.get("grpc-timeout").unwrap(), "2500m");
        let agent = metadata.get("user-agent").unwrap().to_str().unwrap();
        assert_eq!(agent, concat!("spanreel/", env!("CARGO_PKG_VERSION")));
    }
    assert_eq!(seen.metadata.len(), 2);
}

/// A signal with an address of its own goes there, and only that signal.
#[tokio::test]
async fn a_signal_can_have_a_server_of_its_own() {
    let (for_traces, for_logs) = (Collector::start().await, Collector::start().await);
    let exporter = Otlp::grpc(for_traces.address.to_string())
        .insecure()
        .signal_endpoint(Signal::Logs, format!("grpc://{}", for_logs.address))
        .build()
        .unwrap();
    send(&exporter, span_request(1)).await.unwrap();
    send(&exporter, log_request(1)).await.unwrap();
    for (collector, counts) in [(for_traces, (1, 0)), (for_logs, (0, 1))] {
        let seen = collector.seen.lock().unwrap();
        assert_eq!((seen.traces.len(), seen.logs.len()), counts);
    }
}

/// A status that tonic sends has the class of the table, and `RetryInfo` is kept to.
#[tokio::test]
async fn statuses_have_their_classes() {
    let wait = Duration::from_millis(1_500);
    let asking = |code| {
        let details = ErrorDetails::with_retry_info(Some(wait));
        Status::with_error_details(code, "later", details)
    };
    for (status, expected) in [
        (Status::unavailable("away"), "retryable"),
        (asking(Code::Unavailable), "retryable after"),
        (Status::resource_exhausted("quota"), "permanent"),
        (asking(Code::ResourceExhausted), "retryable after"),
        (Status::invalid_argument("wrong \u{fc}"), "permanent"),
        (Status::unauthenticated("who"), "denied"),
        (Status::deadline_exceeded("slow"), "retryable"),
    ] {
        let collector = Collector::replying(Err(status.clone())).await;
        let exporter = Otlp::grpc(collector.url()).build().unwrap();
        let error = send(&exporter, span_request(1)).await.unwrap_err();
        if let ExportError::Retryable { after, .. } = &error {
            assert!(after.is_none_or(|after| after == wait));
        }
        let (class, says) = class(Err(error));
        assert_eq!(class, expected, "{says}");
        assert!(says.contains(status.message()), "{says}");
    }
}

/// What a server refuses of a request is counted within what was sent; a warning is no refusal.
#[tokio::test]
async fn partial_success_is_counted() {
    for (claimed, counted) in [(2, Some(2)), (9, Some(5)), (0, None), (-3, None)] {
        let partial = ExportTracePartialSuccess {
            rejected_spans: claimed,
            error_message: "too old".to_owned(),
        };
        let collector = Collector::replying(Ok(Some(partial))).await;
        let exporter = Otlp::grpc(collector.url()).build().unwrap();
        let outcome = send(&exporter, span_request(5)).await;
        let Some(counted) = counted else {
            outcome.unwrap();
            continue;
        };
        let Err(ExportError::Partial { rejected, message }) = outcome else {
            panic!("{outcome:?}");
        };
        assert_eq!((rejected, message.as_str()), (counted, "too old"));
    }
}

/// tonic's refusal of a large message, plain or after decompression, is known as one for size, and
/// the next request is not harmed by it.
#[tokio::test]
async fn a_refusal_for_size_is_known() {
    for compression in COMPRESSIONS {
        let collector = Collector::start().await;
        let exporter = Otlp::grpc(collector.url()).compression(compression);
        let exporter = exporter.build().unwrap();
        // Compressed, it is small: the limit is on what it decompresses to.
        let mut large = traces(1, 0);
        large.resource_spans[0].scope_spans[0].spans[0].name = "a".repeat(LIMIT + 1);
        let request = Request::from_bytes(Signal::Traces, 1, large.encode_to_vec().into());
        let (class, says) = class(send(&exporter, request).await);
        assert_eq!(class, "too large", "{compression:?}: {says}");
        send(&exporter, span_request(1)).await.unwrap();
    }
}

/// `RetryInfo` without a delay still says that an exhausted server may recover.
#[tokio::test]
async fn retry_info_without_a_delay_allows_another_attempt() {
    let details = ErrorDetails::with_retry_info(None);
    let status = Status::with_error_details(Code::ResourceExhausted, "full", details);
    let collector = Collector::replying(Err(status)).await;
    let exporter = Otlp::grpc(collector.url()).build().unwrap();
    let outcome = send(&exporter, span_request(1)).await;
    let Err(ExportError::Retryable { after, .. }) = outcome else {
        panic!("{outcome:?}");
    };
    assert_eq!(after, Some(Duration::ZERO));
}

/// A request over OTLP's own limit is not sent at all.
#[tokio::test]
async fn a_request_over_otlps_limit_is_not_sent() {
    let collector = Collector::start().await;
    let exporter = Otlp::grpc(collector.url()).gzip().build().unwrap();
    let request = Request::from_bytes(Signal::Traces, 1, vec![0; (64 << 20) + 1].into());
    assert_eq!(class(send(&exporter, request).await).0, "too large");
    assert!(collector.seen.lock().unwrap().peers.is_empty());
}

/// Answers that no gRPC server should give have a class, and none of them a panic.
#[tokio::test]
async fn odd_answers_have_their_classes() {
    let yes = || Answer::new(200).body(&b"\0\0\0\0\0"[..]);
    let delivered = [
        yes().trailer("grpc-status", "0"),
        // A yes without a message, with a cut one, with one that is not protobuf.
        Answer::new(200).header("grpc-status", "0"),
        Answer::new(200)
            .body(&b"\0\0\0\0\x09abc"[..])
            .trailer("grpc-status", "0"),
        Answer::new(200)
            .body(&b"\0\0\0\0\x06<html>"[..])
            .trailer("grpc-status", "0"),
    ];
    for answer in delivered {
        let web = Web::answering(answer).await;
        let exporter = Otlp::grpc(web.url()).build().unwrap();
        send(&exporter, span_request(1)).await.unwrap();
        assert_eq!(web.seen()[0].body.len(), span_request(1).encoded_len() + 5);
    }
    for (answer, expected, words) in [
        (Answer::new(502).body("bad gateway"), "retryable", "502"),
        (Answer::new(503).then_hang(), "retryable", "503"),
        (Answer::new(404).body("<html>"), "permanent", "404"),
        (Answer::new(401), "denied", "401"),
        (
            Answer::new(200).body("<html>"),
            "permanent",
            "no grpc status",
        ),
        (yes(), "permanent", "no grpc status"),
        (
            yes().trailer("grpc-status", "no number"),
            "permanent",
            "Unknown",
        ),
        (yes().then_break(), "retryable", "lost"),
        (
            Answer::new(200).body(vec![0; (4 << 20) + 1]),
            "permanent",
            "larger",
        ),
        (
            Answer::new(200)
                .header("grpc-status", "14")
                .header("grpc-message", "a%20way")
                .header("grpc-status-details-bin", "!no base64!"),
            "retryable",
            "Unavailable: a way",
        ),
    ] {
        let web = Web::answering(answer).await;
        let exporter = Otlp::grpc(web.url()).build().unwrap();
        let (class, says) = class(send(&exporter, span_request(1)).await);
        assert_eq!(class, expected, "{says}");
        assert!(says.contains(words), "{says}");
    }
}
