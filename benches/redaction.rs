//! How many megabytes of prompts does one core look through, with all detectors and the names of secrets
//! on? One thread per row; what is measured is [`Redactor::redact`], which is what happens to each text.

use divan::Bencher;
use divan::counter::BytesCount;
use spanreel::{Redaction, Redactor};

fn main() {
    divan::main();
}

/// What stands for the prose of prompts, and for the code in them.
const PROSE: &str = concat!(
    include_str!("../docs/reliability.md"),
    include_str!("../docs/sessions.md"),
    include_str!("../docs/sampling.md"),
);
const CODE: &str = concat!(
    include_str!("../src/actors/session/span.rs"),
    include_str!("../src/actors/exporter/delivery.rs"),
    include_str!("../src/model/otlp/writer.rs"),
);

#[derive(Clone, Copy, Debug)]
enum Prompt {
    /// Text as people write it.
    Prose,
    Code,
    /// A conversation as `gen_ai.input.messages` has it: JSON, with line breaks escaped.
    Messages,
    /// The same with a tool call whose arguments and results are JSON in strings.
    ToolCalls,
    /// Rows of numbers, times and ids.
    Rows,
    /// A picture in Base64.
    Picture,
    /// A conversation with a secret in every message.
    Secrets,
    /// A list of words of six letters.
    Words,
}

const PROMPTS: [Prompt; 8] = [
    Prompt::Prose,
    Prompt::Code,
    Prompt::Messages,
    Prompt::ToolCalls,
    Prompt::Rows,
    Prompt::Picture,
    Prompt::Secrets,
    Prompt::Words,
];

fn message(role: &str, content: &str) -> serde_json::Value {
    serde_json::json!({"role": role, "parts": [{"type": "text", "content": content}]})
}

fn rows() -> serde_json::Value {
    let row = |number: u64| {
        serde_json::json!({
            "id": format!("{:08x}-4e1d-{:04x}", number * 2_654_435_761 % 0xffff_ffff, number),
            "created_at": format!("2026-03-{:02}T10:{:02}:07Z", 1 + number % 28, number % 60),
            "amount": number as f64 * 1.37,
            "count": number * 31,
            "name": "a row of a table that some tool returned",
        })
    };
    (0..400).map(row).collect()
}

fn text(prompt: Prompt) -> String {
    match prompt {
        Prompt::Prose => PROSE.to_owned(),
        Prompt::Code => CODE.to_owned(),
        Prompt::Messages => {
            let parts = PROSE.split("\n\n").map(|part| message("user", part));
            serde_json::Value::from_iter(parts).to_string()
        }
        Prompt::ToolCalls => {
            let call = serde_json::json!({
                "role": "assistant",
                "parts": [
                    {"type": "tool_call", "id": "call_1", "arguments": rows().to_string()},
                    {"type": "tool_call_response", "id": "call_1", "response": CODE},
                ],
            });
            serde_json::json!([message("user", PROSE), call]).to_string()
        }
        Prompt::Rows => rows().to_string(),
        Prompt::Picture => {
            let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
            let letter = |at: u64| {
                let mixed = at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 58;
                char::from(alphabet[mixed as usize])
            };
            let data: String = (0..200_000).map(letter).collect();
            serde_json::json!([{"type": "blob", "content": data}]).to_string()
        }
        Prompt::Secrets => {
            let parts = PROSE.split("\n\n").map(|part| {
                message(
                    "user",
                    &format!("{part} write to ada@example.com, +49 30 1234567"),
                )
            });
            serde_json::Value::from_iter(parts).to_string()
        }
        Prompt::Words => serde_json::Value::from_iter(vec!["harbor"; 10_000]).to_string(),
    }
}

/// A text by itself, as attributes have them.
#[divan::bench(args = ["harbor", "gpt-5-mini", "a row of a table that some tool returned"])]
fn one_text(bencher: Bencher<'_, '_>, text: &str) {
    let redactor = Redaction::standard().redactor();
    let redacted = || redactor.redact("name", divan::black_box(text)).len();
    bencher.counter(BytesCount::of_str(text)).bench(redacted);
}

/// All of a redaction.
#[divan::bench(args = PROMPTS)]
fn standard(bencher: Bencher<'_, '_>, prompt: Prompt) {
    measure(bencher, &Redaction::standard().redactor(), prompt);
}

/// The same without looking for anything: what the walk through JSON costs.
#[divan::bench(args = [Prompt::Messages, Prompt::ToolCalls, Prompt::Rows])]
fn names_of_secrets_alone(bencher: Bencher<'_, '_>, prompt: Prompt) {
    let redaction = Redaction::nothing().secret_names(true);
    measure(bencher, &redaction.redactor(), prompt);
}

fn measure(bencher: Bencher<'_, '_>, redactor: &Redactor, prompt: Prompt) {
    let text = text(prompt);
    bencher.counter(BytesCount::of_str(&*text)).bench(|| {
        redactor
            .redact("gen_ai.input.messages", divan::black_box(&text))
            .len()
    });
}
