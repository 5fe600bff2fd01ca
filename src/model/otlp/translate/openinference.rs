//! OpenInference: the words of Phoenix and Arize (semantic conventions of OpenInference, "Spans").

use super::messages::{self, Message};
use super::words::Words;
use super::{operation_of, text_of};
use crate::model::content::Part;
use crate::model::genai::{Operation, key};
use crate::model::otlp::view::{SpanView, ValueView};
use crate::model::owned_value::OwnedValue;

const JSON: &str = "application/json";
const PLAIN: &str = "text/plain";

pub(super) fn attribute(words: &mut Words, key: &str, value: ValueView<'_>) {
    let renamed = match key {
        key::PROVIDER_NAME => "llm.provider",
        key::REQUEST_MODEL => "llm.model_name",
        key::INPUT_TOKENS => "llm.token_count.prompt",
        key::OUTPUT_TOKENS => "llm.token_count.completion",
        key::CACHE_READ_TOKENS => "llm.token_count.prompt_details.cache_read",
        key::CACHE_CREATION_TOKENS => "llm.token_count.prompt_details.cache_write",
        key::REASONING_TOKENS => "llm.token_count.completion_details.reasoning",
        key::COST => "llm.cost.total",
        key::TOOL_NAME => "tool.name",
        key::TOOL_DESCRIPTION => "tool.description",
        key::TOOL_CALL_ID => "tool_call.id",
        key::AGENT_NAME => "agent.name",
        _ => return words.keep(key, value),
    };
    words.rename(renamed, value);
}

pub(super) fn conclude(words: &mut Words, span: &SpanView<'_>) {
    let operation = operation_of(span);
    words.set("openinference.span.kind", kind(operation));
    if let (Some(input), Some(output)) = (
        words.int("llm.token_count.prompt"),
        words.int("llm.token_count.completion"),
    ) {
        words.set("llm.token_count.total", input.saturating_add(output));
    }
    // What answered is what the price is for.
    if let Some(model) = text_of(span, key::RESPONSE_MODEL) {
        words.remove("llm.model_name");
        words.set("llm.model_name", model);
    }
    invocation(words, span);
    let content = |part: Part| text_of(span, part.key());
    for (name, part) in [
        ("input", Part::InputMessages),
        ("input", Part::ToolArguments),
        ("input", Part::RetrievalQuery),
        ("output", Part::OutputMessages),
        ("output", Part::ToolResult),
        ("output", Part::RetrievalDocuments),
    ] {
        if let Some(text) = content(part) {
            let is_json = serde_json::from_str::<serde_json::Value>(text).is_ok();
            words.set(&format!("{name}.value"), text);
            words.set(
                &format!("{name}.mime_type"),
                if is_json { JSON } else { PLAIN },
            );
        }
    }
    if let Some(arguments) = content(Part::ToolArguments) {
        words.set("tool.parameters", arguments);
    }
    let system = content(Part::SystemInstructions).and_then(messages::instructions);
    let asked = content(Part::InputMessages).map(messages::read);
    flatten(
        words,
        "llm.input_messages",
        system.into_iter().chain(asked.into_iter().flatten()),
    );
    let answered = content(Part::OutputMessages).map(messages::read);
    flatten(words, "llm.output_messages", answered.into_iter().flatten());
    for part in [
        Part::InputMessages,
        Part::OutputMessages,
        Part::SystemInstructions,
        Part::ToolArguments,
        Part::ToolResult,
    ] {
        words.remove(part.key());
    }
}

fn kind(operation: Operation) -> &'static str {
    match operation {
        Operation::Embeddings => "EMBEDDING",
        Operation::Retrieval => "RETRIEVER",
        Operation::ExecuteTool => "TOOL",
        Operation::InvokeAgent | Operation::CreateAgent => "AGENT",
        it if it.is_llm_call() => "LLM",
        _ => "CHAIN",
    }
}

/// The parameters of the request, as one JSON object.
fn invocation(words: &mut Words, span: &SpanView<'_>) {
    let mut parameters = serde_json::Map::new();
    for (key, value) in span.attributes() {
        let Some(name) = key.strip_prefix(key::REQUEST).filter(|it| *it != "model") else {
            continue;
        };
        let value = match value {
            ValueView::Str(text) => text.into(),
            ValueView::Bool(truth) => truth.into(),
            ValueView::Int(number) => number.into(),
            ValueView::Double(number) => number.into(),
            _ => continue,
        };
        parameters.insert(name.to_owned(), value);
    }
    if !parameters.is_empty() {
        let json = serde_json::Value::Object(parameters).to_string();
        words.set("llm.invocation_parameters", OwnedValue::Str(json));
    }
}

fn flatten(words: &mut Words, name: &str, messages: impl Iterator<Item = Message>) {
    for (index, message) in messages.enumerate() {
        let at = format!("{name}.{index}.message");
        words.set(&format!("{at}.role"), &*message.role);
        if !message.content.is_empty() {
            words.set(&format!("{at}.content"), &*message.content);
        }
        if let Some(id) = &message.answers {
            words.set(&format!("{at}.tool_call_id"), &**id);
        }
        for (call, (tool, arguments, id)) in message.calls.iter().enumerate() {
            let at = format!("{at}.tool_calls.{call}.tool_call");
            words.set(&format!("{at}.function.name"), &**tool);
            words.set(&format!("{at}.function.arguments"), &**arguments);
            words.set(&format!("{at}.id"), &**id);
        }
    }
}
