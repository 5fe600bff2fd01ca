//! What who listens is told when it was away for a moment.

use std::sync::Arc;
use std::time::Duration;

use http::Request;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use spanreel::Export as _;
use spanreel_store::{Body, MemoryStore, Retention, StoreExporter, Web};

use super::T;
use super::telemetry::{span, spans, text, with};

/// Longer than anything here takes, also on a busy machine.
const LONG: Duration = Duration::from_secs(60);

/// An event: its id, its name, its data.
type Event = (String, String, Value);

/// A connection that listens.
struct Listener(Body);

impl Listener {
    async fn new(web: &Web, path: &str, last_id: Option<&str>) -> Self {
        let mut request = Request::get(format!("/api/v1/live{path}")).header("host", "localhost");
        if let Some(id) = last_id {
            request = request.header("last-event-id", id);
        }
        let request = request.body(String::new()).expect("a request");
        Self(web.answer(request).await.into_body())
    }

    async fn next(&mut self) -> Event {
        let frame = tokio::time::timeout(LONG, self.0.frame()).await;
        let frame = frame.expect("in time").expect("it goes on");
        let bytes = frame.expect("it cannot fail").into_data().expect("data");
        let text = String::from_utf8(bytes.to_vec()).expect("text");
        let mut lines = text.lines();
        let mut field = |name: &str| {
            let line = lines.next().expect("a line");
            line.strip_prefix(name).expect(name).to_owned()
        };
        let (id, event, data) = (field("id: "), field("event: "), field("data: "));
        (id, event, serde_json::from_str(&data).expect("JSON"))
    }

    /// The next event of this name.
    async fn wait_for(&mut self, name: &str) -> Event {
        loop {
            let event = self.next().await;
            if event.1 == name {
                return event;
            }
            assert_ne!(event.1, "reset", "while {name} is waited for");
        }
    }
}

/// Keeps a session of one span.
async fn keep(exporter: &StoreExporter, id: &str, trace: u128) {
    let root = with(
        span(trace, 1, 0, "work", T, T + 1),
        vec![text("session.id", id)],
    );
    let request = spans("s", vec![root]);
    exporter.export(request).await.expect("it is kept");
}

/// Who names the last event that it saw is told what came after it and nothing anew; who names what nobody knows is
/// told to read everything again.
#[tokio::test(flavor = "multi_thread")]
async fn who_was_away_is_told_what_was_missed() {
    let store = Arc::new(MemoryStore::new(Retention::default()));
    let (exporter, live) = StoreExporter::start(store.clone()).expect("a thread");
    let web = Web::new(store, live, Arc::new(|| json!({})), None, true);

    let mut first = Listener::new(&web, "", None).await;
    assert_eq!(first.next().await.1, "hello");
    keep(&exporter, "a", 1).await;
    assert_eq!(first.wait_for("session").await.2["id"], "a");
    // What this goes by is behind the session.
    let (seen, ..) = first.wait_for("pipeline").await;
    drop(first);
    keep(&exporter, "b", 2).await;
    keep(&exporter, "c", 3).await;

    let mut again = Listener::new(&web, "", Some(&seen)).await;
    let mut told = Vec::new();
    while told.len() < 2 {
        told.push(again.wait_for("session").await.2["id"].to_string());
    }
    told.sort();
    assert_eq!(told, ["\"b\"", "\"c\""]);

    // Which spans of a session were told nobody knows: it is read anew, if it has changed.
    for (session, first) in [("a", "hello"), ("b", "reset")] {
        let mut watching = Listener::new(&web, &format!("?session={session}"), Some(&seen)).await;
        assert_eq!(watching.next().await.1, first, "{session}");
    }
    for wrong in ["1-1", "x", "", "99"] {
        let mut lost = Listener::new(&web, "", Some(wrong)).await;
        let (id, event, _) = lost.next().await;
        assert_eq!(event, "reset", "{wrong:?}");
        let mut found = Listener::new(&web, "", Some(&id)).await;
        assert_eq!(found.next().await.1, "hello", "it can go on from there");
    }
}
