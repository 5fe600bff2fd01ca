//! The story of a session: what was said, in the order in which it was said.
//!
//! Content is read from the attributes of spans in the forms of the GenAI conventions (messages with parts, and
//! the numbered keys of older days), OpenInference, OpenLLMetry, AgentOps and Langfuse, and from log records of
//! the conventions' events. A model is sent the whole conversation with each call: what was told before is not
//! told again.

use std::collections::{BTreeMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::Value;
use spanreel::view::{AttributesView, SpanView, ValueView};

use crate::answer::{Message, Piece};
use crate::error::StoreError;
use crate::facts::{Bones, Facts, micros};
use crate::json;
use crate::query::Patience;
use crate::read::Blocks;
use crate::store::Story;

/// Messages by whether they are output and by their number: the role, and what was said.
type Numbered = BTreeMap<(bool, u32), (Option<String>, Vec<Piece>)>;

/// The most messages of a story.
const MOST: usize = 5_000;

/// The story that the blocks of a session tell.
pub(crate) fn story(blocks: &Blocks, patience: &Patience) -> Result<Story, StoreError> {
    let mut teller = Teller::default();
    blocks.each_span(patience, |bones, span| teller.span(bones, span))?;
    blocks.each_log(|log| {
        if log.event_name() == "gen_ai.client.inference.operation.details" {
            let span = log.span_id().map(|id| id.to_string()).unwrap_or_default();
            let us = micros(log.time_unix_nanos());
            teller.messages_of(log.attributes(), &span, us, us);
        }
    })?;
    let mut items = teller.told;
    items.sort_by_key(|message| message.time_us);
    Ok(Story {
        captured: !items.is_empty(),
        items,
    })
}

/// Gathers messages, each once.
#[derive(Default)]
struct Teller {
    told: Vec<Message>,
    known: HashSet<u64>,
}

impl Teller {
    fn tell(&mut self, span_id: &str, time_us: i64, role: &'static str, parts: Vec<Piece>) {
        if parts.is_empty() || self.told.len() == MOST {
            return;
        }
        let mut hasher = DefaultHasher::new();
        role.hash(&mut hasher);
        for part in &parts {
            (part.kind, &part.text, &part.call_id, &part.name).hash(&mut hasher);
            for value in [&part.arguments, &part.result].into_iter().flatten() {
                value.to_string().hash(&mut hasher);
            }
        }
        if self.known.insert(hasher.finish()) {
            self.told.push(Message {
                span_id: span_id.to_owned(),
                time_us,
                role,
                parts,
            });
        }
    }

    fn span(&mut self, bones: &Bones<'_>, span: &SpanView<'_>) {
        let id = bones.id.to_string();
        let facts = Facts::of_span(span);
        if let Some(tool) = facts.tool(bones.name) {
            return self.tool(bones, span, &facts, tool, &id);
        }
        self.messages_of(span.attributes(), &id, bones.start_us, bones.end_us);
        for event in span.events() {
            let us = micros(event.time_unix_nanos());
            let role = match event.name() {
                "gen_ai.system.message" => "system",
                "gen_ai.user.message" => "user",
                "gen_ai.assistant.message" | "gen_ai.choice" => "assistant",
                "gen_ai.tool.message" => "tool",
                _ => continue,
            };
            let said = |key: &str| event.attributes().get(key);
            let content = said("content").or_else(|| said("gen_ai.message.content"));
            let content = content.or_else(|| said("message"));
            self.tell(
                &id,
                us,
                role,
                content.map(|it| pieces(&it)).unwrap_or_default(),
            );
        }
    }

    fn tool(
        &mut self,
        bones: &Bones<'_>,
        span: &SpanView<'_>,
        facts: &Facts<'_>,
        tool: &str,
        id: &str,
    ) {
        let said = |keys: [&str; 6]| {
            let value = keys.iter().find_map(|key| span.attributes().get(key));
            value.and_then(|value| called_with(structured(&value)))
        };
        let arguments = said([
            "gen_ai.tool.call.arguments",
            "input.value",
            "traceloop.entity.input",
            "agentops.tool.input",
            "agentops.entity.input",
            "tool.parameters",
        ]);
        let result = said([
            "gen_ai.tool.call.result",
            "output.value",
            "traceloop.entity.output",
            "agentops.tool.output",
            "agentops.entity.output",
            "tool.result",
        ]);
        let call = Piece {
            name: Some(tool.to_owned()),
            call_id: facts.call_id.map(str::to_owned),
            ..Piece::default()
        };
        if let Some(arguments) = arguments {
            let arguments = Some(arguments);
            let kind = "tool_call";
            let part = Piece {
                kind,
                arguments,
                ..call.clone()
            };
            self.tell(id, bones.start_us, "assistant", vec![part]);
        }
        if let Some(result) = result {
            let result = Some(result);
            let kind = "tool_result";
            let part = Piece {
                kind,
                result,
                ..call
            };
            self.tell(id, bones.end_us, "tool", vec![part]);
        }
    }

    /// What the attributes of a model's call, an agent or a workflow say.
    fn messages_of(
        &mut self,
        attributes: AttributesView<'_>,
        id: &str,
        start_us: i64,
        end_us: i64,
    ) {
        let mut numbered = Numbered::new();
        for (key, value) in attributes {
            match key {
                "gen_ai.system_instructions" => {
                    self.tell(id, start_us, "system", pieces(&value));
                }
                "gen_ai.input.messages" => self.list(&value, id, start_us, "user"),
                "gen_ai.output.messages" => self.list(&value, id, end_us, "assistant"),
                "traceloop.entity.input" | "agentops.entity.input" => {
                    let said = called_with(structured(&value));
                    self.tell(
                        id,
                        start_us,
                        "user",
                        said.as_ref().map(pieces_of).unwrap_or_default(),
                    );
                }
                "input.value" | "langfuse.observation.input" => {
                    self.tell(id, start_us, "user", pieces(&value));
                }
                "output.value"
                | "traceloop.entity.output"
                | "agentops.entity.output"
                | "langfuse.observation.output" => {
                    self.tell(id, end_us, "assistant", pieces(&value));
                }
                _ => note_numbered(key, &value, &mut numbered),
            }
        }
        for ((is_output, _), (role, parts)) in numbered {
            let (us, usual) = match is_output {
                true => (end_us, "assistant"),
                false => (start_us, "user"),
            };
            let role = role.as_deref().map_or(usual, |role| role_of(role, usual));
            self.tell(id, us, role, parts);
        }
    }

    /// A list of messages with parts.
    fn list(&mut self, value: &ValueView<'_>, id: &str, us: i64, usual: &'static str) {
        let Value::Array(messages) = structured(value) else {
            return self.tell(id, us, usual, pieces(value));
        };
        for message in messages {
            let role = message.get("role").and_then(Value::as_str);
            let role = role.map_or(usual, |role| role_of(role, usual));
            let parts = message.get("parts").or_else(|| message.get("content"));
            self.tell(id, us, role, parts.map(pieces_of).unwrap_or_default());
        }
    }
}

fn role_of(role: &str, usual: &'static str) -> &'static str {
    match role {
        "system" | "developer" => "system",
        "user" | "human" => "user",
        "assistant" | "model" | "ai" => "assistant",
        "tool" | "function" => "tool",
        _ => usual,
    }
}

/// Notes `gen_ai.prompt.0.content`, `llm.output_messages.0.message.role` and their like.
fn note_numbered(key: &str, value: &ValueView<'_>, into: &mut Numbered) {
    let starts = [
        ("gen_ai.prompt.", false),
        ("gen_ai.completion.", true),
        ("llm.input_messages.", false),
        ("llm.output_messages.", true),
    ];
    let found = starts
        .iter()
        .find_map(|(start, is_output)| Some((key.strip_prefix(start)?, *is_output)));
    let Some((rest, is_output)) = found else {
        return;
    };
    let Some((number, what)) = rest.split_once('.') else {
        return;
    };
    let Ok(number) = number.parse() else { return };
    let what = what.strip_prefix("message.").unwrap_or(what);
    let (role, parts) = into.entry((is_output, number)).or_default();
    let text = value.as_str();
    match what {
        "role" => *role = text.map(str::to_owned),
        "content" => parts.splice(0..0, pieces(value)).for_each(drop),
        _ if what.starts_with("tool_calls.") => {
            let at = what.rsplit('.').next().unwrap_or_default();
            let is_new = parts
                .last()
                .is_none_or(|it| it.kind != "tool_call" || at == "id");
            if is_new {
                parts.push(Piece {
                    kind: "tool_call",
                    ..Piece::default()
                });
            }
            let Some(call) = parts.last_mut() else { return };
            match at {
                "id" => call.call_id = text.map(str::to_owned),
                "name" => call.name = text.map(str::to_owned),
                "arguments" => call.arguments = Some(structured(value)),
                _ => {}
            }
        }
        _ => {}
    }
}

/// A value as JSON; of text that is JSON, what it says.
fn structured(value: &ValueView<'_>) -> Value {
    if let Some(text) = value.as_str()
        && text.trim_start().starts_with(['{', '['])
        && let Ok(parsed) = serde_json::from_str(text)
    {
        return parsed;
    }
    json::value(value)
}

/// What a function was called with, in the form of the decorators of AgentOps and OpenLLMetry,
/// `{"args": [..], "kwargs": {..}}`: nothing where it took nothing, the argument where it took one, and all other
/// values as they are.
fn called_with(value: Value) -> Option<Value> {
    let Value::Object(call) = &value else {
        return Some(value);
    };
    let (Some(Value::Array(args)), Some(Value::Object(named))) =
        (call.get("args"), call.get("kwargs"))
    else {
        return Some(value);
    };
    if call.len() > 2 {
        return Some(value);
    }
    match (&args[..], named.is_empty()) {
        ([], true) => None,
        ([], false) => Some(Value::Object(named.clone())),
        ([argument], true) => Some(argument.clone()),
        _ => Some(value),
    }
}

fn pieces(value: &ValueView<'_>) -> Vec<Piece> {
    pieces_of(&structured(value))
}

fn text(kind: &'static str, text: &str) -> Piece {
    Piece {
        kind,
        text: Some(text.to_owned()),
        ..Piece::default()
    }
}

/// The parts of a message.
fn pieces_of(value: &Value) -> Vec<Piece> {
    match value {
        Value::Null => Vec::new(),
        Value::String(said) if said.is_empty() => Vec::new(),
        Value::String(said) => vec![text("text", said)],
        Value::Array(parts) => parts.iter().flat_map(pieces_of).collect(),
        Value::Object(part) => vec![piece(part)],
        other => vec![text("text", &other.to_string())],
    }
}

fn piece(part: &serde_json::Map<String, Value>) -> Piece {
    let said = |key: &str| part.get(key).and_then(Value::as_str);
    let owned = |text: Option<&str>| text.map(str::to_owned);
    match said("type").unwrap_or_default() {
        "reasoning" | "thinking" => {
            let content = said("content").or(said("thinking")).unwrap_or_default();
            text("reasoning", content)
        }
        "tool_call" | "tool_use" | "function" | "server_tool_call" => Piece {
            kind: "tool_call",
            name: owned(said("name")),
            call_id: owned(said("id")),
            arguments: part.get("arguments").or(part.get("input")).cloned(),
            ..Piece::default()
        },
        "tool_call_response" | "tool_result" | "server_tool_call_response" => Piece {
            kind: "tool_result",
            call_id: owned(said("id").or(said("tool_use_id"))),
            result: part
                .get("response")
                .or(part.get("result"))
                .or(part.get("content"))
                .cloned(),
            ..Piece::default()
        },
        "blob" | "file" | "uri" | "image" | "image_url" | "audio" => {
            let what = said("mime_type").or(said("modality")).or(said("uri"));
            text("media", what.unwrap_or("media"))
        }
        _ => match said("content").or(said("text")) {
            Some(content) => text("text", content),
            None => text("text", &Value::Object(part.clone()).to_string()),
        },
    }
}
