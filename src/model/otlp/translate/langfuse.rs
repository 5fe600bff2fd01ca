//! Langfuse: the attributes that it reads before it falls back to those of others (its documentation of
//! OpenTelemetry, "Property Mapping").

use super::words::Words;
use super::{operation_of, text_of};
use crate::model::content::Part;
use crate::model::genai::{Operation, key};
use crate::model::otlp::view::{SpanView, ValueView};
use crate::model::owned_value::OwnedValue;

pub(super) fn attribute(words: &mut Words, key: &str, value: ValueView<'_>) {
    match key {
        key::SESSION_ID => {
            // Both: others read the one that is everybody's.
            words.keep(key, value.clone());
            words.rename("langfuse.session.id", value);
        }
        key::USER_ID => {
            words.keep(key, value.clone());
            words.rename("langfuse.user.id", value);
        }
        key::TAGS => words.rename("langfuse.trace.tags", value),
        key::REQUEST_MODEL => words.rename("langfuse.observation.model.name", value),
        _ => words.keep(key, value),
    }
}

pub(super) fn conclude(words: &mut Words, span: &SpanView<'_>) {
    let operation = operation_of(span);
    words.set("langfuse.observation.type", kind(operation));
    if let Some(model) = text_of(span, key::RESPONSE_MODEL) {
        words.set_again("langfuse.observation.model.name", model);
    }
    let parts = [
        (
            "langfuse.observation.input",
            [
                Part::InputMessages,
                Part::ToolArguments,
                Part::RetrievalQuery,
            ],
        ),
        (
            "langfuse.observation.output",
            [
                Part::OutputMessages,
                Part::ToolResult,
                Part::RetrievalDocuments,
            ],
        ),
    ];
    for (name, parts) in parts {
        let text_of_part = |part: &Part| Some((part.key(), text_of(span, part.key())?));
        if let Some((key, text)) = parts.iter().find_map(text_of_part)
            && words.set(name, text)
        {
            words.remove(key);
        }
    }
    usage(words);
    if let Some(OwnedValue::Double(cost)) = words.get(key::COST).cloned() {
        let details = serde_json::json!({ "total": cost }).to_string();
        if words.set(
            "langfuse.observation.cost_details",
            OwnedValue::Str(details),
        ) {
            words.remove(key::COST);
        }
    }
    let status = span.status();
    if status.code as i32 == 2 {
        words.set("langfuse.observation.level", "ERROR");
        if !status.message.is_empty() {
            words.set("langfuse.observation.status_message", status.message);
        }
    }
}

fn kind(operation: Operation) -> &'static str {
    match operation {
        Operation::Embeddings => "embedding",
        Operation::Retrieval => "retriever",
        Operation::ExecuteTool => "tool",
        Operation::InvokeAgent | Operation::CreateAgent => "agent",
        Operation::InvokeWorkflow => "chain",
        it if it.is_llm_call() => "generation",
        _ => "span",
    }
}

/// Tokens as one JSON object, of which no part is counted twice: Langfuse adds them up.
fn usage(words: &mut Words) {
    let read = words.int(key::CACHE_READ_TOKENS);
    let written = words.int(key::CACHE_CREATION_TOKENS);
    let reasoning = words.int(key::REASONING_TOKENS);
    let mut usage = serde_json::Map::new();
    let mut put = |name: &str, tokens: Option<i64>| {
        if let Some(tokens) = tokens {
            usage.insert(name.to_owned(), tokens.max(0).into());
        }
    };
    let cached = read.unwrap_or(0).saturating_add(written.unwrap_or(0));
    put(
        "input",
        words
            .int(key::INPUT_TOKENS)
            .map(|it| it.saturating_sub(cached)),
    );
    let thought = reasoning.unwrap_or(0);
    put(
        "output",
        words
            .int(key::OUTPUT_TOKENS)
            .map(|it| it.saturating_sub(thought)),
    );
    put("cache_read_input_tokens", read);
    put("cache_creation_input_tokens", written);
    put("output_reasoning_tokens", reasoning);
    if usage.is_empty() {
        return;
    }
    let details = serde_json::Value::Object(usage).to_string();
    let is_said = words.set(
        "langfuse.observation.usage_details",
        OwnedValue::Str(details),
    );
    for key in [
        key::INPUT_TOKENS,
        key::OUTPUT_TOKENS,
        key::CACHE_READ_TOKENS,
        key::CACHE_CREATION_TOKENS,
        key::REASONING_TOKENS,
    ] {
        if is_said && words.int(key).is_some() {
            words.remove(key);
        }
    }
}
