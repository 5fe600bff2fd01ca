//! What agents are told of sessions over MCP: what the store has, readable, and never more than they can take.

use std::sync::Arc;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use serde_json::{Value, json};
use spanreel_store::{MemoryStore, Retention, Store, StoreExporter, Web};

use super::T;
use super::telemetry::{failed, int, span, spans, text, with};

/// No answer is longer, in bytes: what is cut has a margin for what is not.
const MOST: usize = 60_000;

/// A page of a store.
fn web(store: &Arc<dyn Store>) -> Web {
    let (_exporter, live) = StoreExporter::start(Arc::clone(store)).expect("a thread");
    let pulse = Arc::new(|| json!({ "ledger": {}, "lanes": [] }));
    Web::new(Arc::clone(store), live, pulse, None, true)
}

/// A store with one session, `conv-1`, that failed: an agent's second try of a tool was the cause.
fn broken() -> Arc<dyn Store> {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new(Retention::default()));
    let root = with(
        span(7, 1, 0, "invoke_agent planner", T, T + 90_000),
        vec![
            text("session.id", "conv-1"),
            text("gen_ai.operation.name", "invoke_agent"),
            text("gen_ai.agent.name", "planner"),
        ],
    );
    let ask = r#"[{"role":"user","parts":[{"type":"text","content":"Find the blue heron"}]}]"#;
    let chat = with(
        span(7, 2, 1, "chat claude", T + 1_000, T + 20_000),
        vec![
            text("gen_ai.operation.name", "chat"),
            text("gen_ai.request.model", "claude"),
            text("gen_ai.input.messages", ask),
            int("gen_ai.usage.input_tokens", 120),
        ],
    );
    let tool = |id, from| {
        with(
            span(7, id, 1, "execute_tool search", T + from, T + from + 10_000),
            vec![
                text("gen_ai.operation.name", "execute_tool"),
                text("gen_ai.tool.name", "search"),
            ],
        )
    };
    let session = vec![
        failed(root, "ToolError", "gave up"),
        chat,
        failed(tool(3, 30_000), "Timeout", "no answer"),
        failed(tool(4, 50_000), "Denied", "the index is closed"),
    ];
    store
        .write(&[spans("birds", session)])
        .expect("it can be written");
    store
}

/// What a tool answers, and whether that is an error.
async fn call(web: &Web, tool: &str, arguments: Value) -> (bool, Value) {
    let message = json!({
        "jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": { "name": tool, "arguments": arguments },
    });
    let request = Request::post("/mcp")
        .header("host", "localhost:4320")
        .header("content-type", "application/json")
        .header("accept", "application/json, text/event-stream");
    let body = Full::new(Bytes::from(message.to_string()));
    let answer = web.answer(request.body(body).expect("a request")).await;
    let bytes = answer.into_body().collect().await.expect("a body");
    let answer: Value = serde_json::from_slice(&bytes.to_bytes()).expect("JSON");
    let result = &answer["result"];
    let text = result["content"][0]["text"].as_str().expect("a text");
    assert!(text.len() < MOST, "{tool}: {} bytes", text.len());
    let value = serde_json::from_str(text).unwrap_or_else(|_| json!(text));
    (result["isError"] == json!(true), value)
}

async fn told(web: &Web, tool: &str, arguments: Value) -> Value {
    let (is_error, value) = call(web, tool, arguments).await;
    assert!(!is_error, "{tool}: {value}");
    value
}

/// An agent finds a session, reads its story and learns why it failed.
#[tokio::test]
async fn an_agent_learns_why_a_session_failed() {
    let web = web(&broken());
    let found = told(
        &web,
        "list_sessions",
        json!({ "state": "failed", "agent": "planner" }),
    )
    .await;
    let row = &found["sessions"][0];
    assert_eq!((&row["id"], &found["total"]), (&json!("conv-1"), &json!(1)));
    assert_eq!(row["duration_ms"], 90.0);
    let start = row["start"].as_str().expect("an instant");
    assert!(start.contains('T') && start.ends_with('Z'), "{start}");

    let found = told(&web, "search_text", json!({ "text": "HERON blue" })).await;
    let excerpt = &found["sessions"][0]["excerpts"][0];
    assert_eq!(excerpt["text"], "Find the blue heron");
    assert_eq!(excerpt["span_id"], "0000000000000002");
    let found = told(&web, "search_text", json!({ "text": "ostrich" })).await;
    assert!(found["advice"].is_string(), "{found}");

    let session = told(&web, "get_session", json!({ "id": "conv-1" })).await;
    assert_eq!(session["by_tool"][0]["errors"], 2);
    let message = &session["story"]["messages"][0];
    assert_eq!(message["parts"][0]["text"], "Find the blue heron");

    let why = told(&web, "why_did_it_fail", json!({ "id": "conv-1" })).await;
    let verdict = why["verdict"].as_str().expect("a verdict");
    assert_eq!(
        verdict,
        "The session failed: tool \"search\" ended with Denied: the index is closed"
    );
    assert_eq!(why["cause"]["span_id"], "0000000000000004");
    assert_eq!(why["cause"]["attributes"]["error.type"], "Denied");
    assert_eq!(why["failed_because_of_it"][0]["error_type"], "ToolError");
    assert_eq!(why["other_failures"][0]["error_type"], "Timeout");

    let spans = told(
        &web,
        "get_spans",
        json!({ "id": "conv-1", "failed": true, "limit": 2 }),
    )
    .await;
    assert_eq!(spans["spans"].as_array().map(Vec::len), Some(2));
    let rest = json!({ "id": "conv-1", "failed": true, "cursor": spans["next"] });
    let rest = told(&web, "get_spans", rest).await;
    assert_eq!(rest["spans"][0]["span_id"], "0000000000000004");
    assert!(rest.get("next").is_none(), "{rest}");

    let usage = told(
        &web,
        "usage_by_model",
        json!({ "since": "1970-01-01T00:00:00Z" }),
    )
    .await;
    let row = &usage["rows"][0];
    assert_eq!(
        (&row["key"], &row["input_tokens"]),
        (&json!("claude"), &json!(120))
    );
    assert_eq!(row["calls"], 1);
    assert!(row["p50_ms"].as_f64().is_some_and(|ms| ms >= 19.0), "{row}");
    let fields = told(&web, "list_fields", json!({ "key": "agent" })).await;
    assert_eq!(fields["values"][0]["value"], "planner");
    let health = told(&web, "pipeline_health", json!({})).await;
    assert_eq!(
        health["verdict"][0],
        "Nothing has been lost since the start."
    );
}

/// However large a session is, answers stay within what a client takes, and following `next` shows every span once.
#[tokio::test]
async fn answers_stay_bounded_and_pages_show_every_span_once() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new(Retention::default()));
    let long = "a long text with \"quotes\" and \u{1f980} ".repeat(2_000);
    let mut all = Vec::new();
    for id in 1..=1_500 {
        let said = format!(
            r#"[{{"role":"user","content":{}}}]"#,
            json!(format!("{id} {long}"))
        );
        let mut one = with(
            span(
                9,
                id,
                u64::from(id > 1),
                &format!("chat {id}"),
                T + id,
                T + id + 5,
            ),
            vec![
                text("session.id", "large"),
                text("gen_ai.operation.name", "chat"),
            ],
        );
        if id % 100 == 0 {
            one = with(one, vec![text("gen_ai.input.messages", &said)]);
            one = failed(one, "Error", &long);
        }
        all.push(one);
    }
    for chunk in all.chunks(500) {
        store
            .write(&[spans("s", chunk.to_vec())])
            .expect("it can be written");
    }
    let web = web(&store);
    let mut seen = Vec::new();
    let mut arguments = json!({ "id": "large", "limit": 500 });
    loop {
        let page = told(&web, "get_spans", arguments.clone()).await;
        assert_eq!(page["spans_in_all"], 1_500);
        let spans = page["spans"].as_array().expect("spans");
        seen.extend(spans.iter().map(|it| it["span_id"].to_string()));
        match page.get("next") {
            Some(next) => arguments["cursor"] = next.clone(),
            None => break,
        }
    }
    assert_eq!(seen.len(), 1_500);
    assert!(seen.is_sorted(), "each comes once, in its order");

    let most = json!({ "id": "large", "text_limit": 30_000, "messages": 200 });
    let session = told(&web, "get_session", most).await;
    assert!(session["story"]["more"].is_string(), "there is more");
    let why = json!({ "id": "large", "text_limit": 30_000 });
    let why = told(&web, "why_did_it_fail", why).await;
    assert_eq!(why["other_failures_in_all"], 14);
    let span = json!({ "id": "large", "span_id": "0000000000000064", "text_limit": 30_000 });
    let span = told(&web, "get_span", span).await;
    let said = span["attributes"]["gen_ai.input.messages"].as_str();
    assert!(said.is_some_and(|it| it.ends_with("more bytes]")), "{span}");
}
