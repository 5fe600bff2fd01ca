//! What the endpoint promises: it lists its tools with schemas, answers within bounds, and says what to do where it
//! cannot.

use std::sync::Arc;

use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use serde_json::{Value, json};

use super::*;
use crate::lane::StoreExporter;
use crate::memory::MemoryStore;
use crate::sqlite::Retention;

/// A page of an empty store.
fn web(token: Option<&str>) -> Web {
    let store = Arc::new(MemoryStore::new(Retention::default()));
    let (_exporter, live) = StoreExporter::start(store.clone()).expect("a thread");
    let pulse = Arc::new(|| json!({ "time_us": 1, "ledger": {}, "lanes": [] }));
    Web::new(store, live, pulse, token, true)
}

/// Posts a message of JSON-RPC with these headers beside those that MCP wants.
async fn post(web: &Web, message: &Value, headers: &[(&str, &str)]) -> (StatusCode, Value) {
    let mut request = Request::post("/mcp")
        .header("host", "127.0.0.1:4320")
        .header("content-type", "application/json")
        .header("accept", "application/json, text/event-stream");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let body = Full::new(Bytes::from(message.to_string()));
    let answer = web.answer(request.body(body).expect("a request")).await;
    let status = answer.status();
    let body = answer.into_body().collect().await.expect("a body");
    let body = serde_json::from_slice(&body.to_bytes()).unwrap_or(Value::Null);
    (status, body)
}

fn initialize() -> Value {
    json!({
        "jsonrpc": "2.0", "id": 1, "method": "initialize",
        "params": {
            "protocolVersion": "2025-06-18", "capabilities": {},
            "clientInfo": { "name": "test", "version": "1" },
        },
    })
}

async fn call(web: &Web, tool: &str, arguments: Value) -> (bool, String) {
    let params = json!({ "name": tool, "arguments": arguments });
    let message = json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": params });
    let (status, answer) = post(web, &message, &[]).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let result = &answer["result"];
    let text = result["content"][0]["text"].as_str().expect("a text");
    (result["isError"] == json!(true), text.to_owned())
}

/// A client that speaks plain HTTP learns what the server is and what it can be asked.
#[tokio::test]
async fn a_client_learns_what_it_can_ask() {
    let web = web(None);
    let (status, answer) = post(&web, &initialize(), &[]).await;
    assert_eq!(status, StatusCode::OK);
    let result = &answer["result"];
    assert_eq!(result["serverInfo"]["name"], "spanreel");
    let told = result["instructions"].as_str().expect("instructions");
    assert!(told.contains("never an instruction"), "{told}");

    let message = json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/list" });
    let (_, answer) = post(&web, &message, &[]).await;
    let tools = answer["result"]["tools"].as_array().expect("tools");
    assert_eq!(tools.len(), Ask::ALL.len());
    for tool in tools {
        let name = tool["name"].as_str().expect("a name");
        assert!(
            tool["description"].as_str().is_some_and(|it| it.len() > 80),
            "{name}"
        );
        assert_eq!(tool["annotations"]["readOnlyHint"], true, "{name}");
        assert_eq!(tool["inputSchema"]["type"], "object", "{name}");
        assert_eq!(tool["inputSchema"]["additionalProperties"], false, "{name}");
        let properties = tool["inputSchema"]["properties"].as_object();
        for (property, schema) in properties.into_iter().flatten() {
            assert!(
                schema["description"].is_string(),
                "{name}.{property}: {schema}"
            );
        }
    }
}

/// What cannot be answered is told in words that say what to do, as the result of the call, so that the model
/// reads them.
#[tokio::test]
async fn errors_say_what_to_do() {
    let web = web(None);
    for (tool, arguments, word) in [
        ("get_session", json!({ "id": "none" }), "list_sessions"),
        ("why_did_it_fail", json!({ "id": "none" }), "list_sessions"),
        ("get_spans", json!({ "id": "none" }), "list_sessions"),
        (
            "get_span",
            json!({ "id": "a", "span_id": "b" }),
            "list_sessions",
        ),
        ("get_session", json!({}), "missing field `id`"),
        (
            "get_session",
            json!({ "id": "a", "page": 1 }),
            "from_message",
        ),
        ("list_sessions", json!({ "limit": 1_000 }), "1 to 100"),
        ("list_sessions", json!({ "sort": "name" }), "duration"),
        ("list_sessions", json!({ "cursor": "x" }), "next"),
        ("list_sessions", json!({ "since": "yesterday" }), "24h"),
        ("list_sessions", json!({ "state": "lost" }), "stalled"),
        ("list_sessions", json!({ "attributes": ["a"] }), "key=value"),
        ("search_text", json!({ "text": " " }), "words"),
        (
            "usage_by_model",
            json!({ "since": "1h", "until": "2h" }),
            "before",
        ),
        ("usage_by_model", json!({ "by": "tool" }), "agent"),
    ] {
        let (is_error, words) = call(&web, tool, arguments.clone()).await;
        assert!(
            is_error && words.contains(word),
            "{tool} {arguments}: {words}"
        );
    }
    let params = json!({ "name": "delete_session", "arguments": {} });
    let message = json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": params });
    let (_, answer) = post(&web, &message, &[]).await;
    let words = answer["error"]["message"].as_str().expect("words");
    assert!(words.contains("list_sessions"), "{words}");
}

/// Pages of other sites are refused, and whoever lacks the token where there is one.
#[tokio::test]
async fn only_who_may_ask_is_answered() {
    let open = web(None);
    let foreign = [("origin", "http://evil.example")];
    let (status, _) = post(&open, &initialize(), &foreign).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    let own = [("origin", "http://127.0.0.1:4320")];
    assert_eq!(post(&open, &initialize(), &own).await.0, StatusCode::OK);

    let closed = web(Some("secret"));
    let (status, answer) = post(&closed, &initialize(), &[]).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    assert_eq!(answer["error"]["code"], "needs_token");
    let with_token = [("authorization", "Bearer secret")];
    let (status, _) = post(&closed, &initialize(), &with_token).await;
    assert_eq!(status, StatusCode::OK);
}

/// What is no message of MCP is refused, however long; there is no stream to listen to.
#[tokio::test]
async fn what_is_no_message_is_refused() {
    let web = web(None);
    let (status, _) = post(&web, &json!("hello"), &[]).await;
    assert!(status.is_client_error(), "{status}");
    let long = json!({ "jsonrpc": "2.0", "id": 1, "method": "x".repeat(LONGEST_REQUEST) });
    let (status, _) = post(&web, &long, &[]).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    let request = Request::get("/mcp")
        .header("host", "127.0.0.1:4320")
        .header("accept", "text/event-stream");
    let request = request.body(Full::new(Bytes::new())).expect("a request");
    assert_eq!(
        web.answer(request).await.status(),
        StatusCode::METHOD_NOT_ALLOWED
    );
}
