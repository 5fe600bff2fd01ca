//! A real HTTP server takes what is sent, and answers as it is told.

use std::convert::Infallible;
use std::sync::Mutex;
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use super::*;

/// What a server was sent.
#[derive(Default)]
struct Received {
    head: String,
    body: Vec<u8>,
}

fn built(url: &str) -> Result<Arc<dyn DynExport>, Vec<Problem>> {
    let Exporter {
        build, settings, ..
    } = Zipkin::new(url).into();
    build(&settings)
}

/// Exports to a real server that answers once, with this status and these words.
async fn export_to(
    status: u16,
    words: &'static str,
    request: Request,
) -> (Result<(), ExportError>, Received) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    let exporter = built(&format!("http://{address}/api/v2/spans")).expect("a right URL");
    let received = Mutex::new(Received::default());
    let serve = async {
        let (stream, _) = listener.accept().await.expect("a client");
        let service = service_fn(|request: hyper::Request<hyper::body::Incoming>| async {
            let (head, body) = request.into_parts();
            let body = body.collect().await.expect("a whole body").to_bytes();
            *received.lock().unwrap() = Received {
                head: format!("{} {} {:?}", head.method, head.uri, head.headers),
                body: body.to_vec(),
            };
            let answer = http::Response::builder()
                .status(status)
                .header("retry-after", "7")
                .header("content-type", "text/plain")
                .body(Full::new(Bytes::from_static(words.as_bytes())));
            Ok::<_, Infallible>(answer.expect("a right answer"))
        });
        let connection = http1::Builder::new()
            .keep_alive(false)
            .serve_connection(TokioIo::new(stream), service);
        connection.await.expect("a client that keeps to HTTP");
    };
    let (result, ()) = tokio::join!(exporter.export(request), serve);
    (result, received.into_inner().unwrap())
}

/// A server gets one POST of JSON, and its acceptance is ours.
#[tokio::test]
async fn a_server_gets_what_was_mapped() {
    let request = request(vec![], vec![plain_span(), plain_span()]);
    let (result, received) = export_to(202, "", request.clone()).await;
    result.expect("accepted");
    assert!(
        received.head.starts_with("POST /api/v2/spans "),
        "{}",
        received.head
    );
    assert!(
        received
            .head
            .contains("\"content-type\": \"application/json\"")
    );
    assert!(received.head.contains("\"user-agent\": \"spanreel/"));
    let body: Value = serde_json::from_slice(&received.body).expect("JSON");
    assert_eq!(body, mapped(&request));
}

/// Each answer belongs to its class of failure, and a wait that the server asks for is kept.
#[tokio::test]
async fn answers_are_told_apart() {
    for status in [429, 502, 503, 504] {
        let (result, _) = export_to(status, "later", request(vec![], vec![plain_span()])).await;
        let Err(ExportError::Retryable { after, .. }) = result else {
            panic!("{status}: {result:?}");
        };
        assert_eq!(after, Some(Duration::from_secs(7)));
    }
    let (result, _) = export_to(413, "", request(vec![], vec![plain_span()])).await;
    assert!(matches!(result, Err(ExportError::TooLarge { .. })));
    for status in [400, 404, 500, 301] {
        let words = "bad \x1b[31mspan";
        let (result, _) = export_to(status, words, request(vec![], vec![plain_span()])).await;
        let Err(ExportError::Permanent { source }) = result else {
            panic!("{status}: {result:?}");
        };
        let text = source.to_string();
        assert!(
            text.contains(&status.to_string()) && text.contains("bad  [31mspan"),
            "{text}"
        );
    }
}

/// A server that is not there may come back.
#[tokio::test]
async fn no_server_is_retryable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    drop(listener);
    let exporter = built(&format!("http://{address}/api/v2/spans")).expect("a right URL");
    let error = exporter
        .export(request(vec![], vec![plain_span()]))
        .await
        .expect_err("gone");
    assert!(error.is_retryable(), "{error:?}");
}

/// Spans without valid ids are rejected, the others are sent.
#[tokio::test]
async fn spans_without_ids_are_rejected() {
    let invalid = Span {
        span_id: vec![],
        ..plain_span()
    };
    let (result, received) = export_to(202, "", request(vec![], vec![invalid, plain_span()])).await;
    assert!(matches!(
        result,
        Err(ExportError::Partial { rejected: 1, .. })
    ));
    let body: Value = serde_json::from_slice(&received.body).expect("JSON");
    assert_eq!(body.as_array().map(Vec::len), Some(1));
}

/// A wrong URL is a problem at the start, and no password in it is repeated.
#[test]
fn a_wrong_url_is_a_problem_at_start() {
    for url in [
        "",
        "localhost",
        "ftp://host/x",
        "http://user:secret@host/",
        "http://",
    ] {
        let Err(problems) = built(url) else {
            panic!("{url} was taken");
        };
        assert_eq!(problems[0].setting, "Zipkin::new");
        assert!(!problems[0].to_string().contains("secret"));
    }
    for url in [
        "http://[::1]:9411/api/v2/spans",
        "http://localhost",
        "https://10.0.0.1/x?y=z",
    ] {
        assert!(built(url).is_ok(), "{url}");
    }
}

/// Zipkin is given traces alone.
#[test]
fn only_traces_are_sent() {
    assert_eq!(
        Exporter::from(Zipkin::default()).settings.signals,
        [Signal::Traces]
    );
}
