//! The SDKs of OpenAI and Anthropic in Python, which know nothing of the gateway but its URL.

#![expect(
    clippy::disallowed_methods,
    reason = "the test is the host: it reads a variable"
)]

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::collector::Collector;
use crate::provider::{CHUNKS, Provider};
use crate::server::spanreel;
use crate::spans::{Rig, calls};

/// The interpreter with the SDKs; says so where there is none.
#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
fn interpreter(test: &str) -> Option<String> {
    let named = std::env::var("SPANREEL_PYTHON_MODELS")
        .ok()
        .filter(|it| !it.is_empty());
    if named.is_none() {
        eprintln!(
            "SKIPPED {test}: SPANREEL_PYTHON_MODELS names no Python interpreter (docs/gateway.md)"
        );
    }
    named
}

fn script() -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/gateway/models.py");
    script.to_str().expect("text").to_owned()
}

/// What the SDKs say is what the provider said.
fn assert_said(output: std::process::Output) {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let said: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let text = "tide ".repeat(CHUNKS);
    let expected = json!({
        "chat": ["Low tide.", 25],
        "chat_stream": [CHUNKS + 2, 60],
        "chat_error": 404,
        "messages": ["tide", 30],
        "messages_stream": [text, 40],
    });
    assert_eq!(said, expected, "{errors}");
}

/// The calls, as spans.
fn assert_called(spans: &[opentelemetry_proto::tonic::trace::v1::Span]) {
    let calls = calls(spans);
    let told = |index: usize, key: &str| calls[index].1.get(key).map(String::as_str);
    let names: Vec<&str> = calls.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        [
            "chat gpt-5",
            "chat gpt-5",
            "chat none",
            "chat claude-sonnet-4-5",
            "chat claude-sonnet-4-5"
        ]
    );
    assert_eq!(told(0, "gen_ai.usage.input_tokens"), Some("20"));
    assert_eq!(told(0, "gen_ai.provider.name"), Some("openai"));
    assert_eq!(told(0, "spanreel.cost.source"), Some("genai-prices"));
    assert_eq!(told(1, "gen_ai.usage.output_tokens"), Some("40"));
    assert_eq!(
        told(1, "spanreel.llm.chunks"),
        Some(&*(CHUNKS + 2).to_string())
    );
    assert_eq!(told(2, "error.type"), Some("invalid_request_error"));
    assert_eq!(told(3, "gen_ai.provider.name"), Some("anthropic"));
    assert_eq!(told(3, "gen_ai.usage.input_tokens"), Some("1008"));
    assert_eq!(told(3, "spanreel.llm.tool_calls.ids"), Some("toolu_1"));
    assert_eq!(told(4, "gen_ai.response.finish_reasons"), Some("end_turn"));
    let all = format!("{spans:?}");
    assert!(
        !all.contains("SECRET-KEY") && !all.contains("PROMPT"),
        "{all}"
    );
}

/// Both SDKs work through `serve --gateway` as they do without it, and each call is a span.
#[tokio::test(flavor = "multi_thread")]
async fn sdks_work_through_the_gateway() {
    let Some(python) = interpreter("sdks_work_through_the_gateway") else {
        return;
    };
    let rig = Rig::start(Provider::default()).await;
    let url = rig.url();
    let output = tokio::task::spawn_blocking(move || {
        Command::new(python)
            .arg(script())
            .env_clear()
            .env("OPENAI_BASE_URL", format!("{url}/openai/v1"))
            .env("ANTHROPIC_BASE_URL", format!("{url}/anthropic"))
            .output()
    });
    assert_said(output.await.expect("it ends").expect("it runs"));
    // Keys go to the provider.
    for headers in rig.provider.asked() {
        let has_key = |value: &http::HeaderValue| value.as_bytes().ends_with(b"SECRET-KEY");
        assert!(headers.values().any(has_key), "{headers:?}");
    }
    assert_called(&rig.stop());
}

/// `run --gateway` leads both SDKs through itself, to where their variables led before, and all calls are of
/// its session.
#[tokio::test(flavor = "multi_thread")]
async fn run_leads_sdks_through_itself() {
    let Some(python) = interpreter("run_leads_sdks_through_itself") else {
        return;
    };
    let provider = Provider::default();
    let upstream = format!("http://{}", provider.listen().await);
    let collector = Collector::default();
    let backend = format!("grpc://{}", collector.listen().await);
    let output = tokio::task::spawn_blocking(move || {
        let mut command = spanreel();
        command
            .env("OPENAI_BASE_URL", format!("{upstream}/v1"))
            .env("ANTHROPIC_BASE_URL", &upstream)
            .args([
                "run",
                "--gateway",
                "--quiet",
                "--session",
                "s-1",
                "--export",
                &backend,
            ])
            .args(["--", &python, &script()]);
        command.output()
    });
    assert_said(output.await.expect("it ends").expect("it runs"));
    let spans = collector.spans();
    assert_called(&spans);
    let root = spans
        .iter()
        .find(|span| span.parent_span_id.is_empty())
        .expect("a root");
    for span in spans.iter().filter(|span| span.name.starts_with("chat")) {
        assert_eq!(span.parent_span_id, root.span_id);
    }
}
