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

/// The most messages, and the most calls, of either side that are given one attribute at a time: with three
/// attributes for each, both sides together stay below the 10,000 attributes of a span at which the SDKs of
/// OpenInference stop.
const MOST: usize = 512;

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
        words.set_again("llm.model_name", model);
    }
    invocation(words, span);
    content(words, span);
}

/// Says the content in these words. What is said whole in them is left out under its own name.
fn content(words: &mut Words, span: &SpanView<'_>) {
    let content = |part: Part| text_of(span, part.key());
    for (name, part) in [
        ("input", Part::InputMessages),
        ("input", Part::ToolArguments),
        ("input", Part::RetrievalQuery),
        ("output", Part::OutputMessages),
        ("output", Part::ToolResult),
        ("output", Part::RetrievalDocuments),
    ] {
        if let Some(text) = content(part)
            && words.set(&format!("{name}.value"), text)
        {
            let is_json = messages::is_json(text);
            let mime_type = if is_json { JSON } else { PLAIN };
            words.set(&format!("{name}.mime_type"), mime_type);
            // Retrievals have no words for the parts of these.
            if !matches!(part, Part::RetrievalQuery | Part::RetrievalDocuments) {
                words.remove(part.key());
            }
        }
    }
    if let Some(arguments) = content(Part::ToolArguments)
        && words.set("tool.parameters", arguments)
    {
        words.remove(Part::ToolArguments.key());
    }
    let system = content(Part::SystemInstructions).and_then(messages::instructions);
    let has_system = system.is_some();
    let asked = content(Part::InputMessages).map(messages::read);
    let asked = system.into_iter().chain(asked.into_iter().flatten());
    if flatten(words, "llm.input_messages", asked) && has_system {
        words.remove(Part::SystemInstructions.key());
    }
    let answered = content(Part::OutputMessages).map(messages::read);
    flatten(words, "llm.output_messages", answered.into_iter().flatten());
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

/// Gives messages one attribute at a time, unless somebody did so; whether it did. Of a side no more than
/// [`MOST`] messages and as many calls: all of them stand in its value.
fn flatten(words: &mut Words, name: &str, messages: impl Iterator<Item = Message>) -> bool {
    if words.get(&format!("{name}.0.message.role")).is_some() {
        return false;
    }
    let mut calls_left = MOST;
    for (index, message) in messages.take(MOST).enumerate() {
        let at = format!("{name}.{index}.message");
        words.set(&format!("{at}.role"), &*message.role);
        if !message.content.is_empty() {
            words.set(&format!("{at}.content"), &*message.content);
        }
        if let Some(id) = &message.answers {
            words.set(&format!("{at}.tool_call_id"), &**id);
        }
        let calls = message.calls.iter().take(calls_left);
        calls_left -= calls.len();
        for (call, (tool, arguments, id)) in calls.enumerate() {
            let at = format!("{at}.tool_calls.{call}.tool_call");
            words.set(&format!("{at}.function.name"), &**tool);
            words.set(&format!("{at}.function.arguments"), &**arguments);
            words.set(&format!("{at}.id"), &**id);
        }
    }
    true
}
