//! What the page may change: what destinations refused is sent again or dropped by who means it, and by nobody else.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use spanreel::{ByteSize, Export, ExportError, Pipeline};
use spanreel_store::{Body, MemoryStore, Retention, StoreExporter, Web};

/// Refuses everything for good until it is mended.
#[derive(Clone, Default)]
struct Strict {
    is_mended: Arc<AtomicBool>,
    taken: Arc<AtomicU64>,
}

impl Export for Strict {
    fn name(&self) -> &str {
        "strict"
    }

    async fn export(&self, request: spanreel::Request) -> Result<(), ExportError> {
        if !self.is_mended.load(Ordering::Relaxed) {
            return Err(ExportError::permanent("no field <b>tenant</b>"));
        }
        self.taken.fetch_add(request.items(), Ordering::Relaxed);
        Ok(())
    }
}

fn web(pipeline: Option<&Pipeline>, token: Option<&str>) -> Web {
    let store = Arc::new(MemoryStore::new(Retention::default()));
    let (_exporter, live) = StoreExporter::start(store.clone()).expect("a thread");
    let web = Web::new(store, live, Arc::new(|| json!({})), token, true);
    match pipeline {
        Some(pipeline) => web.quarantine_of(pipeline.clone()),
        None => web,
    }
}

async fn ask(web: &Web, method: Method, path: &str, headers: &[(&str, &str)]) -> (u16, Value) {
    let mut request = Request::builder()
        .method(method)
        .uri(format!("/api/v1/pipeline/quarantine{path}"))
        .header("host", "localhost:4320");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(String::new()).expect("a request");
    let answer: Response<Body> = web.answer(request).await;
    let status = answer.status().as_u16();
    let bytes = answer.into_body().collect().await.expect("a body");
    let value = serde_json::from_slice(&bytes.to_bytes()).unwrap_or(Value::Null);
    (status, value)
}

const MEANT: (&str, &str) = ("x-spanreel-request", "1");

/// A pipeline whose destination has refused two spans, each by itself.
fn refused(directory: &std::path::Path, strict: &Strict) -> Pipeline {
    let pipeline = Pipeline::builder()
        .spool(directory, ByteSize::mib(64))
        .export(strict.clone())
        .start()
        .expect("a pipeline");
    let session = pipeline.session("s").expect("open");
    session.child("work").start().end();
    session.end();
    let begun = Instant::now();
    while pipeline.quarantine(9).expect("a spool").requests < 2 {
        assert!(begun.elapsed() < Duration::from_secs(60), "never refused");
        std::thread::yield_now();
    }
    pipeline
}

/// Who means it has what was refused sent again or dropped, and what is refused is seen with its reason.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_refused_is_sent_again() {
    let directory = tempfile::tempdir().expect("a directory");
    let strict = Strict::default();
    let pipeline = refused(directory.path(), &strict);
    let web = web(Some(&pipeline), None);
    let (status, found) = ask(&web, Method::GET, "", &[]).await;
    assert_eq!((status, &found["total"]), (200, &json!(2)));
    let item = &found["items"][0];
    assert_eq!(
        (&item["lane"], &item["items"]),
        (&json!("strict"), &json!(1))
    );
    let reason = item["reason"].as_str().expect("words");
    assert!(reason.contains("no field <b>tenant</b>"), "{reason}");
    assert!(item["time_us"].as_u64().is_some_and(|us| us > 0));
    let path = |number: usize, what: &str| {
        let id = found["items"][number]["id"].as_str().expect("an id");
        format!("/{id}/{what}")
    };

    strict.is_mended.store(true, Ordering::Relaxed);
    let (status, sent) = ask(&web, Method::POST, &path(0, "replay"), &[MEANT]).await;
    assert_eq!((status, &sent["id"]), (200, &item["id"]));
    let begun = Instant::now();
    while strict.taken.load(Ordering::Relaxed) < 1 {
        assert!(begun.elapsed() < Duration::from_secs(60), "never delivered");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let (status, again) = ask(&web, Method::POST, &path(0, "replay"), &[MEANT]).await;
    assert_eq!(
        (status, &again["error"]["code"]),
        (404, &json!("not_in_quarantine"))
    );
    let (status, _) = ask(&web, Method::POST, &path(1, "drop"), &[MEANT]).await;
    assert_eq!(status, 200);
    let (_, found) = ask(&web, Method::GET, "", &[]).await;
    assert_eq!(found, json!({ "items": [], "total": 0 }));
    let report = pipeline.shutdown(Duration::from_secs(20)).await;
    assert_eq!(report.lanes[0].recovered, 1);
}

/// Pages of other sites, who does not say that it is meant, who lacks the token, and who only looks change nothing.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_else_changes_anything() {
    let directory = tempfile::tempdir().expect("a directory");
    let pipeline = refused(directory.path(), &Strict::default());
    let open = web(Some(&pipeline), None);
    let closed = web(Some(&pipeline), Some("secret"));
    let id = pipeline.quarantine(1).expect("a spool").newest[0]
        .id
        .clone();
    let paths = [format!("/{id}/replay"), format!("/{id}/drop")];
    let foreign = ("origin", "http://evil.example");
    let crossing = ("sec-fetch-site", "cross-site");
    for path in &paths {
        for (web, method, headers, status) in [
            (
                &open,
                Method::GET,
                &[MEANT][..],
                StatusCode::METHOD_NOT_ALLOWED,
            ),
            (&open, Method::PUT, &[MEANT], StatusCode::METHOD_NOT_ALLOWED),
            (&open, Method::POST, &[], StatusCode::FORBIDDEN),
            (
                &open,
                Method::POST,
                &[MEANT, foreign],
                StatusCode::FORBIDDEN,
            ),
            (
                &open,
                Method::POST,
                &[MEANT, crossing],
                StatusCode::FORBIDDEN,
            ),
            (&closed, Method::POST, &[MEANT], StatusCode::UNAUTHORIZED),
        ] {
            let found = ask(web, method.clone(), path, headers).await;
            assert_eq!(found.0, status, "{method} {path} {headers:?}: {}", found.1);
        }
    }
    for path in ["/..%2f..%2fFORMAT/drop", "/%2e%2e/drop", "/x/replay"] {
        let (status, _) = ask(&open, Method::POST, path, &[MEANT]).await;
        assert_eq!(status, 404, "{path}");
    }
    let (status, _) = ask(&open, Method::POST, "", &[MEANT]).await;
    assert_eq!(status, 405);
    assert_eq!(pipeline.quarantine(9).expect("a spool").requests, 2);

    let without = web(None, None);
    let (status, told) = ask(&without, Method::POST, &paths[0], &[MEANT]).await;
    assert_eq!((status, &told["error"]["code"]), (409, &json!("no_spool")));
    pipeline.shutdown(Duration::from_secs(5)).await;
}
