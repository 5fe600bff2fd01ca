//! `spanreel serve` with `content = false`, and programs that send what was said as events.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::collector::Collector;
use crate::got;
use crate::planter::{Planter, files};
use crate::serve::post;
use crate::server::{File, LONG, Server};

const WORDS: &str = "when is the tide";

fn attribute(key: &str, value: &str) -> Value {
    json!({"key": key, "value": {"stringValue": value}})
}

/// What OpenTelemetry's instrumentation of OpenAI sends beside a span: a record for each message, and one of
/// Semantic Kernel, whose name is an attribute and whose body is JSON.
fn logs() -> Value {
    let map = json!({"kvlistValue": {"values": [attribute("role", "user"), attribute("content", WORDS)]}});
    let text = json!({"role": "assistant", "content": WORDS}).to_string();
    let records = json!([
        {"eventName": "gen_ai.user.message", "body": map, "traceId": "07".repeat(16), "spanId": "07".repeat(8),
         "timeUnixNano": "1700000000000000000", "attributes": [attribute("gen_ai.system", "openai")]},
        {"body": {"stringValue": text}, "traceId": "07".repeat(16), "spanId": "07".repeat(8),
         "timeUnixNano": "1700000000000000000", "attributes": [attribute("event.name", "gen_ai.choice")]},
        {"body": {"stringValue": "the tide is out"}, "traceId": "07".repeat(16), "spanId": "07".repeat(8),
         "timeUnixNano": "1700000000000000000"},
    ]);
    json!({"resourceLogs": [{"scopeLogs": [{"logRecords": records}]}]})
}

/// A span with the messages as events, as Azure's SDKs, Strands Agents and Langtrace write them.
fn traces() -> Value {
    let event = |name: &str, key: &str| json!({"name": name, "timeUnixNano": "1700000000000000000", "attributes": [attribute(key, WORDS)]});
    let span = json!({
        "traceId": "07".repeat(16), "spanId": "07".repeat(8), "name": "chat gpt-4o",
        "startTimeUnixNano": "1700000000000000000", "endTimeUnixNano": "1700000001000000000",
        "attributes": [attribute("session.id", "conv-1")],
        "events": [
            event("gen_ai.user.message", "gen_ai.event.content"),
            event("gen_ai.choice", "message"),
            event("gen_ai.content.prompt", "gen_ai.prompt"),
        ],
    });
    json!({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]})
}

/// Waits until the destination has everything.
async fn arrived(collector: &Collector) {
    let deadline = Instant::now() + LONG;
    while collector.spans().is_empty() || collector.logs().len() < 3 {
        assert!(Instant::now() < deadline, "{}", got(collector));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Their words are forwarded nowhere, and neither stored nor shown; what else they say is, and it is counted
/// how many were removed.
#[tokio::test(flavor = "multi_thread")]
async fn messages_that_are_events_do_not_leave_serve() {
    let (collector, mut planter) = (Collector::default(), Planter::new(0x3e55));
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().to_str().expect("text");
    let file = File::new(&format!(
        "batch-delay = \"50ms\"\n[[export]]\nurl = \"grpc://{}\"\n[redaction]\ncontent = false\n",
        collector.listen().await,
    ));
    let server = Server::start(&["--config", file.name(), "--data-dir", data]);
    for (path, body) in [("/v1/traces", traces()), ("/v1/logs", logs())] {
        let answer = post(server.http(), path, &mut planter, &body.to_string());
        assert!(answer.contains("200 OK"), "{answer}");
    }
    arrived(&collector).await;
    let (_, metrics) = server.ask("/metrics");
    let mut shown = String::new();
    let is_there = async {
        // The store has a lane of its own.
        while !shown.contains("chat gpt-4o") {
            tokio::time::sleep(Duration::from_millis(20)).await;
            shown = server.ask("/api/v1/sessions/conv-1/export?format=json").1;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), is_there)
        .await
        .expect("it is stored");
    server.stop();

    for (place, bytes) in [
        ("the destination", got(&collector).into_bytes()),
        ("the API", shown.clone().into_bytes()),
        ("the store", files(folder.path())),
    ] {
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains(WORDS), "{place}: {text}");
    }
    let got = got(&collector);
    for part in ["gen_ai.user.message", "gen_ai.choice", "the tide is out"] {
        assert!(got.contains(part), "{part}: {got}");
    }
    let counted = "spanreel_redacted_total{rule=\"content\",action=\"remove\"} 5";
    assert!(metrics.contains(counted), "{metrics}");
}
