//! Where calls show that pass the gateway: while they are under way, and when they have ended.

use std::time::{Duration, Instant};

use http_body_util::BodyExt;
use serde_json::{Value, json};

use crate::passing::{chat, client};
use crate::provider::Provider;
use crate::server::LONG;
use crate::spans::Rig;

fn ask(rig: &Rig, path: &str) -> Value {
    let (status, body) = rig.server.ask(path);
    assert_eq!(status, 200, "{path}: {body}");
    serde_json::from_str(&body).expect("JSON")
}

/// Asks until something is so.
async fn wait_for(rig: &Rig, path: &str, is_so: impl Fn(&Value) -> bool) -> Value {
    let deadline = Instant::now() + LONG;
    loop {
        let found = ask(rig, path);
        if is_so(&found) {
            return found;
        }
        assert!(Instant::now() < deadline, "{found}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A call that streams is in its session, open, before it has ended; then with what it used. It counts in the line
/// of what arrives.
#[tokio::test(flavor = "multi_thread")]
async fn a_stream_shows_while_it_is_under_way() {
    // Longer than the test waits: 20 chunks, a minute apart.
    let provider = Provider::pausing(Duration::from_secs(60));
    let rig = Rig::start(provider).await;
    let mut request = chat(&format!("{}/openai", rig.url()), true);
    let named = "conv-7".parse().expect("a value");
    request.headers_mut().insert("x-session-id", named);
    let client = client();
    let mut body = client
        .request(request)
        .await
        .expect("it answers")
        .into_body();
    body.frame().await.expect("a chunk").expect("whole");

    let found = wait_for(&rig, "/api/v1/sessions", |found| found["total"] == json!(1)).await;
    assert_eq!(found["items"][0]["id"], "conv-7");
    assert_eq!(found["items"][0]["state"], "running");
    let open = |found: &Value| {
        let spans = found["items"].as_array().cloned().unwrap_or_default();
        let chat = spans.into_iter().find(|span| span["name"] == "chat");
        chat.is_some_and(|span| span["end_us"].is_null())
    };
    wait_for(&rig, "/api/v1/sessions/conv-7/spans", open).await;

    drop((body, client));
    let ended = |found: &Value| found["items"][0]["llm_calls"] == json!(1);
    let found = wait_for(&rig, "/api/v1/sessions", ended).await;
    assert_eq!(found["items"][0]["models"], json!(["gpt-5"]));
    let page = rig.server.ask("/metrics").1;
    for line in ["spanreel_sessions_total 1", "spanreel_error_spans_total 1"] {
        assert!(page.contains(line), "{line} in {page}");
    }
    rig.stop();
}
