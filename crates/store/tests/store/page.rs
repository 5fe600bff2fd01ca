//! What the page and its API promise.

use std::sync::Arc;
use std::time::Duration;

use http::{Method, Request, Response};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use spanreel::{Pipeline, SessionConfig};
use spanreel_store::{Body, Live, MemoryStore, Retention, Store, StoreExporter, Web};

use super::T;
use super::telemetry::{span, spans, text, with};

/// A page of a store in memory that a pipeline feeds.
fn page() -> (Web, Arc<dyn Store>, StoreExporter) {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new(Retention::default()));
    let (exporter, live) = StoreExporter::start(Arc::clone(&store)).expect("a thread");
    (web(&store, live), store, exporter)
}

fn web(store: &Arc<dyn Store>, live: Live) -> Web {
    let pulse = Arc::new(|| json!({ "time_us": 1 }));
    Web::new(Arc::clone(store), live, pulse, None, true)
}

async fn ask(web: &Web, method: Method, path: &str) -> Response<Body> {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("host", "localhost:4320");
    web.answer(request.body(String::new()).expect("a request"))
        .await
}

async fn get(web: &Web, path: &str) -> (u16, Value) {
    let answer = ask(web, Method::GET, path).await;
    let status = answer.status().as_u16();
    let bytes = answer
        .into_body()
        .collect()
        .await
        .expect("a body")
        .to_bytes();
    (
        status,
        serde_json::from_slice(&bytes).unwrap_or(Value::Null),
    )
}

/// Hostile content is text in JSON, in every answer, and nothing may be loaded from elsewhere.
#[tokio::test]
async fn hostile_content_is_text_in_json() {
    let (web, store, _exporter) = page();
    let hostile = "</script><img src=x onerror=alert(1)>\u{0}\u{202e}";
    let of_hostile = with(
        span(7, 1, 0, hostile, T, T + 1),
        vec![
            text("session.id", hostile),
            text("tenant", hostile),
            text("input.value", hostile),
        ],
    );
    store
        .write(&[spans(hostile, vec![of_hostile])])
        .expect("it can be written");
    let id: String = hostile.bytes().map(|byte| format!("%{byte:02x}")).collect();
    let (status, sessions) = get(&web, "/api/v1/sessions").await;
    assert_eq!(
        (status, &sessions["items"][0]["id"]),
        (200, &json!(hostile))
    );
    for path in [
        String::new(),
        "/spans".to_owned(),
        "/spans/0000000000000001".to_owned(),
        "/messages".to_owned(),
        "/logs".to_owned(),
        "/export?format=json".to_owned(),
    ] {
        let answer = ask(&web, Method::GET, &format!("/api/v1/sessions/{id}{path}")).await;
        assert_eq!(answer.status(), 200, "{path}");
        let headers = answer.headers();
        assert_eq!(headers["content-type"], "application/json", "{path}");
        assert_eq!(headers["x-content-type-options"], "nosniff");
        let policy = headers["content-security-policy"].to_str().expect("text");
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"));
    }
}

/// What cannot be asked is refused with a reason; nothing is found outside of the page.
#[tokio::test]
async fn what_cannot_be_asked_is_refused() {
    let (web, _store, _exporter) = page();
    for (path, status, code) in [
        ("/api/v1/sessions?limit=0", 400, "bad_query"),
        ("/api/v1/sessions?limit=100000", 400, "bad_query"),
        ("/api/v1/sessions?sort=name", 400, "bad_query"),
        ("/api/v1/sessions?cursor=x", 400, "bad_query"),
        ("/api/v1/sessions?attr=x", 400, "bad_query"),
        ("/api/v1/sessions?min_cost=NaN", 400, "bad_query"),
        ("/api/v1/usage?from_us=5&to_us=4", 400, "bad_query"),
        ("/api/v1/usage?buckets=100000", 400, "bad_query"),
        ("/api/v1/usage?by=tool", 400, "bad_query"),
        ("/api/v1/sessions/none", 404, "no_session"),
        ("/api/v1/sessions/none/spans", 404, "no_session"),
        ("/api/v1/sessions/none/export", 404, "no_session"),
        ("/api/v1/nothing", 404, "no_path"),
    ] {
        let (found, body) = get(&web, path).await;
        assert_eq!(
            (found, &body["error"]["code"]),
            (status, &json!(code)),
            "{path}"
        );
        assert!(body["error"]["message"].is_string(), "{path}");
    }
    for path in [
        "/../Cargo.toml",
        "/%2e%2e/Cargo.toml",
        "/assets/../../Cargo.toml",
        "/export.html",
    ] {
        assert_eq!(ask(&web, Method::GET, path).await.status(), 404, "{path}");
    }
    assert_eq!(
        ask(&web, Method::POST, "/api/v1/sessions").await.status(),
        405
    );
    let description = get(&web, "/api/v1/openapi.json").await.1;
    assert_eq!(description["openapi"], "3.1.0");
}

/// A session that a pipeline records is on the page within a second, whatever sampling says of it, and
/// whoever listens is told.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_on_the_page_within_a_second() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new(Retention::default()));
    let (exporter, live) = StoreExporter::start(Arc::clone(&store)).expect("a thread");
    let web = web(&store, live);
    let failures = spanreel::Policy::keep(spanreel::Rule::Errors);
    let never = spanreel::Sampling::always_off().policy(failures);
    let pipeline = Pipeline::builder()
        .disabled(false)
        .sampling(never)
        .sessions(SessionConfig {
            linger: Duration::from_millis(50),
            ..SessionConfig::default()
        })
        .export(spanreel::Null)
        .export_before_sampling(exporter.lane())
        .start()
        .expect("a pipeline");
    let events = ask(&web, Method::GET, "/api/v1/live?session=conv-1").await;
    assert_eq!(events.headers()["content-type"], "text/event-stream");
    let session = pipeline
        .open_session("conv-1")
        .agent("keeper")
        .open()
        .expect("open");
    session.chat("anthropic", "m-1").start().end();
    session.succeed();
    let mut told = String::new();
    let mut body = events.into_body();
    let listen = async {
        while !(told.contains("event: session") && told.contains("\"state\":\"done\"")) {
            let frame = body.frame().await.expect("it goes on").expect("infallible");
            told.push_str(&String::from_utf8_lossy(frame.data_ref().expect("data")));
        }
    };
    // A second is the promise on a quiet machine; tests run on busy ones.
    tokio::time::timeout(Duration::from_secs(20), listen)
        .await
        .expect("it is told");
    let (_, sessions) = get(&web, "/api/v1/sessions").await;
    assert_eq!(sessions["items"][0]["id"], "conv-1");
    let report = pipeline.shutdown(Duration::from_secs(10)).await;
    assert_eq!(report.traces.fates.of(spanreel::Fate::SampledOut), 2);
    let lane = report
        .lanes
        .iter()
        .find(|lane| lane.name == "store")
        .expect("its lane");
    assert!(lane.before_sampling);
    assert_eq!(lane.traces.of(spanreel::Fate::Exported), 2);
    assert!(report.is_lossless(), "{report}");
}

/// A span that has begun and not ended is among the spans of its session, and told to who listens, when it
/// begins and again when it has ended: pipelines that record beginnings (`SessionEvents::span_start`).
#[tokio::test(flavor = "multi_thread")]
async fn an_open_span_is_told_when_it_begins_and_when_it_has_ended() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new(Retention::default()));
    let (exporter, live) = StoreExporter::start(Arc::clone(&store)).expect("threads");
    let web = web(&store, live);
    let pipeline = Pipeline::builder()
        .disabled(false)
        .sessions(SessionConfig {
            events: spanreel::SessionEvents {
                session: true,
                span_start: true,
            },
            linger: Duration::from_millis(50),
            ..SessionConfig::default()
        })
        .batch(spanreel::BatchConfig {
            schedule_delay: Duration::from_millis(50),
            ..spanreel::BatchConfig::default()
        })
        .export(spanreel::Null)
        .export_before_sampling(exporter.lane())
        .start()
        .expect("a pipeline");
    let session = pipeline
        .open_session("conv-1")
        .agent("keeper")
        .open()
        .expect("open");
    // The session is there before somebody looks at it.
    session.tool("search").start().end();
    let found = async || loop {
        let (status, page) = get(&web, "/api/v1/sessions/conv-1/spans").await;
        if status == 200 && page["items"].as_array().is_some_and(|it| !it.is_empty()) {
            break page;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    let wait = Duration::from_secs(20);
    tokio::time::timeout(wait, found()).await.expect("stored");
    let events = ask(&web, Method::GET, "/api/v1/live?session=conv-1").await;
    let mut told = String::new();
    let mut body = events.into_body();
    let mut until = async |wanted: &dyn Fn(&str) -> bool| {
        let listen = async {
            while !wanted(&told) {
                let frame = body.frame().await.expect("it goes on").expect("infallible");
                told.push_str(&String::from_utf8_lossy(frame.data_ref().expect("data")));
            }
        };
        tokio::time::timeout(wait, listen)
            .await
            .expect("it is told");
    };
    // Whoever listens is heard of by the time that it is told the first.
    until(&|told| told.contains("event: pipeline")).await;
    let call = session.chat("anthropic", "m-1").start();
    let spans_told = |told: &str, is_open: bool| {
        let of_calls = told
            .lines()
            .filter(|line| line.starts_with("data: {\"span_id\"") && line.contains("\"chat m-1\""));
        of_calls
            .filter(|line| line.contains("\"end_us\"") != is_open)
            .count()
    };
    until(&|told| spans_told(told, true) == 1).await;
    let (_, page) = get(&web, "/api/v1/sessions/conv-1/spans").await;
    let open = page["items"]
        .as_array()
        .expect("a list")
        .iter()
        .find(|span| span["name"] == "chat m-1");
    assert!(open.expect("it is listed").get("end_us").is_none());
    let root = page["items"]
        .as_array()
        .expect("a list")
        .iter()
        .find(|span| span["type"] == "session");
    let root = root.expect("it is open, too");
    assert!(root.get("end_us").is_none() && root.get("parent_id").is_none());
    assert_eq!(open.expect("it is listed")["parent_id"], root["span_id"]);
    call.end();
    until(&|told| spans_told(told, false) == 1).await;
    session.succeed();
    let report = pipeline.shutdown(Duration::from_secs(10)).await;
    assert!(report.is_lossless(), "{report}");
}

/// Exports that nobody reads on hold up nothing but exports, which are refused while there is no place for them, and
/// let in again when one has gone.
#[tokio::test(flavor = "multi_thread")]
async fn exports_that_nobody_reads_on_hold_up_nothing_else() {
    let (web, store, _exporter) = page();
    let says = || text("input.value", &"giraffe ".repeat(500));
    let all = (1..=5_000).map(|id| with(span(7, id, 0, "step", T, T), vec![says()]));
    store
        .write(&[spans("host", all.collect())])
        .expect("it can be written");
    let path = "/api/v1/sessions/00000000000000000000000000000007/export?format=json";
    let mut unread = Vec::new();
    for _reader in 0..4 {
        let mut answer = ask(&web, Method::GET, path).await;
        assert_eq!(answer.status(), 200);
        // It has begun, and more is to come than waits for a reader.
        assert!(answer.body_mut().frame().await.is_some());
        unread.push(answer);
    }
    let (status, refused) = get(&web, path).await;
    assert_eq!((status, &refused["error"]["code"]), (503, &json!("busy")));
    for _query in 0..10 {
        assert_eq!(get(&web, "/api/v1/sessions").await.0, 200);
    }
    assert_eq!(get(&web, "/api/v1/pipeline").await.0, 200);
    unread.pop();
    let again = async {
        while ask(&web, Method::GET, path).await.status() != 200 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), again)
        .await
        .expect("the place of one that has gone is free");
}

/// A query that finds no place in time is refused as one that takes too long.
#[tokio::test]
#[expect(
    clippy::disallowed_methods,
    reason = "the test asks several times at once"
)]
async fn a_query_that_finds_no_place_in_time_is_refused() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new(Retention::default()));
    let (_exporter, live) = StoreExporter::start(Arc::clone(&store)).expect("threads");
    let (go, stopped) = std::sync::mpsc::channel::<()>();
    let stopped = std::sync::Mutex::new(stopped);
    let (asked, mut is_asked) = tokio::sync::mpsc::channel(6);
    let pulse = Arc::new(move || {
        asked.try_send(()).expect("there is room for each");
        // Until the test is over.
        let _over = stopped.lock().expect("nobody panics").recv();
        json!({})
    });
    let web = Web::new(store, live, pulse, None, true);
    let mut stuck = tokio::task::JoinSet::new();
    for _query in 0..6 {
        let web = web.clone();
        stuck.spawn(async move { get(&web, "/api/v1/pipeline").await });
    }
    is_asked.recv().await.expect("the first is stuck");
    let late = tokio::spawn({
        let web = web.clone();
        async move { get(&web, "/api/v1/sessions").await }
    });
    for _turn in 0..20 {
        tokio::task::yield_now().await;
    }
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(11)).await;
    let late = tokio::time::timeout(Duration::from_secs(60), late).await;
    let (status, refused) = late.expect("an answer").expect("no panic");
    assert_eq!(
        (status, &refused["error"]["code"]),
        (503, &json!("too_slow"))
    );
    drop(go);
    while let Some(answered) = stuck.join_next().await {
        assert_eq!(answered.expect("no panic").0, 200);
    }
}
