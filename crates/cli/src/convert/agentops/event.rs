//! One event of AgentOps, in the words of the GenAI conventions 1.41.1.

use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use spanreel::SpanKind;

use super::super::describe::{tool_attributes, usage_attributes};
use super::super::draft::{Attribute, set};
use super::super::event::Usage;
use super::super::payload::{self, Payload};
use super::super::sessions::unix_nanos;

/// What an event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Llm,
    Tool,
    Action,
    Api,
    Error,
}

/// An event that was understood.
#[derive(Debug)]
pub(super) struct Event {
    pub(super) kind: Kind,
    /// Its own id, unless it has none.
    pub(super) id: Option<String>,
    /// The name of the span that it becomes.
    pub(super) name: String,
    pub(super) span_kind: SpanKind,
    pub(super) start: Option<u64>,
    pub(super) end: Option<u64>,
    pub(super) attributes: Vec<Attribute>,
    pub(super) usage: Usage,
    /// Of an error: the event that failed.
    pub(super) trigger: Option<String>,
    /// Of an error: its class and its text.
    pub(super) failure: Option<(String, String)>,
}

impl Event {
    /// Reads an event of a type; `None` for types that AgentOps does not have.
    pub(super) fn read(event_type: &str, record: &Payload<'_>, content: bool) -> Option<Self> {
        let kind = match event_type.to_ascii_lowercase().as_str() {
            "llms" | "llm" => Kind::Llm,
            "tools" | "tool" => Kind::Tool,
            "actions" | "action" => Kind::Action,
            "apis" | "api" => Kind::Api,
            "errors" | "error" => Kind::Error,
            _ => return None,
        };
        let mut event = Self {
            kind,
            id: record.text("id"),
            name: String::new(),
            span_kind: SpanKind::Internal,
            start: record
                .text_of(&["inittimestamp", "timestamp"])
                .as_deref()
                .and_then(time),
            end: record.text("endtimestamp").as_deref().and_then(time),
            attributes: Vec::new(),
            usage: Usage::default(),
            trigger: None,
            failure: None,
        };
        match kind {
            Kind::Llm => event.llm(record, content),
            Kind::Tool => event.tool(record, content),
            Kind::Action | Kind::Api => event.action(record, content),
            Kind::Error => event.error(record),
        }
        event.put("gen_ai.agent.id", record.text("agentid"));
        event.put("agentops.event.id", record.text("id"));
        Some(event)
    }

    fn put(&mut self, key: &'static str, value: Option<String>) {
        if let Some(value) = value {
            set(&mut self.attributes, key, value);
        }
    }

    fn llm(&mut self, record: &Payload<'_>, content: bool) {
        let model = record.text("model");
        self.name = model
            .as_deref()
            .map_or_else(|| "chat".to_owned(), |model| format!("chat {model}"));
        self.span_kind = SpanKind::Client;
        set(&mut self.attributes, "gen_ai.operation.name", "chat");
        self.put("gen_ai.request.model", model);
        self.put("agentops.thread.id", record.text("threadid"));
        self.usage = Usage {
            input: record.known_count("prompttokens"),
            output: record.known_count("completiontokens"),
            cost: record.number("cost").filter(|cost| *cost > 0.0),
            ..Usage::default()
        };
        self.attributes.extend(usage_attributes(&self.usage));
        if content {
            self.put(
                "gen_ai.input.messages",
                record.raw("prompt").and_then(|raw| messages(raw, "user")),
            );
            let said = record
                .raw("completion")
                .and_then(|raw| messages(raw, "assistant"));
            self.put("gen_ai.output.messages", said);
        }
    }

    fn tool(&mut self, record: &Payload<'_>, content: bool) {
        let name = record.text("name");
        self.name = name.as_deref().map_or_else(
            || "execute_tool".to_owned(),
            |name| format!("execute_tool {name}"),
        );
        let id = self.id.clone();
        self.attributes = tool_attributes(name.as_deref(), id.as_deref());
        if content {
            self.put(
                "gen_ai.tool.call.arguments",
                record.raw("params").map(plain),
            );
            self.put("gen_ai.tool.call.result", record.raw("returns").map(plain));
            self.put("agentops.logs", record.raw("logs").map(plain));
        }
    }

    fn action(&mut self, record: &Payload<'_>, content: bool) {
        let name = record.text_of(&["actiontype", "name"]);
        if self.kind == Kind::Action {
            self.put("spanreel.action.name", name.clone());
        } else {
            self.span_kind = SpanKind::Client;
        }
        let plain_name = if self.kind == Kind::Action {
            "action"
        } else {
            "api"
        };
        self.name = name.unwrap_or_else(|| plain_name.to_owned());
        if content {
            self.put("agentops.params", record.raw("params").map(plain));
            self.put("agentops.returns", record.raw("returns").map(plain));
            self.put("agentops.logs", record.raw("logs").map(plain));
        }
    }

    fn error(&mut self, record: &Payload<'_>) {
        let trigger = record.object("triggerevent").text("id");
        self.trigger = record
            .text_of(&["triggereventid", "triggerevent"])
            .or(trigger);
        let exception = record.object("exception");
        let class = record.text_of(&["errortype", "exception"]);
        let class = class.or_else(|| exception.text_of(&["type", "class"]));
        let class = class.unwrap_or_else(|| "_OTHER".to_owned());
        let message = record
            .text("details")
            .or_else(|| exception.text_of(&["message", "details"]));
        let message = message.unwrap_or_default();
        set(&mut self.attributes, "exception.type", class.as_str());
        if !message.is_empty() {
            set(&mut self.attributes, "exception.message", message.as_str());
        }
        self.put("exception.stacktrace", record.text("logs"));
        self.put("agentops.error.code", record.text("code"));
        self.failure = Some((class, message));
    }
}

/// A time; one without an offset is in UTC, as AgentOps wrote it.
pub(super) fn time(text: &str) -> Option<u64> {
    unix_nanos(text).or_else(|| unix_nanos(&format!("{text}Z")))
}

/// A text as itself, anything else as its JSON.
fn plain(raw: &RawValue) -> String {
    payload::text(raw).unwrap_or_else(|| raw.get().to_owned())
}

/// A prompt or completion as messages: a text, a message or a list of messages.
fn messages(raw: &RawValue, role: &str) -> Option<String> {
    let value: Value = serde_json::from_str(raw.get()).ok()?;
    let list = match value {
        Value::Null => return None,
        Value::Array(list) => list,
        value => vec![value],
    };
    let messages = list.into_iter().map(|value| message(value, role)).collect();
    Some(Value::Array(messages).to_string())
}

fn message(value: Value, role: &str) -> Value {
    let Value::Object(mut fields) = value else {
        let text = match value {
            Value::String(text) => text,
            other => other.to_string(),
        };
        return json!({"role": role, "parts": [{"type": "text", "content": text}]});
    };
    let role = fields.remove("role").unwrap_or_else(|| role.into());
    let mut parts = Vec::new();
    match fields.remove("content") {
        None | Some(Value::Null) => {}
        Some(Value::String(text)) => parts.push(json!({"type": "text", "content": text})),
        Some(other) => parts.push(json!({"type": "text", "content": other.to_string()})),
    }
    if let Some(Value::Array(calls)) = fields.remove("tool_calls") {
        parts.extend(calls.into_iter().map(tool_call));
    }
    json!({"role": role, "parts": parts})
}

/// A tool call as model providers write it.
fn tool_call(mut call: Value) -> Value {
    let mut part = Map::from_iter([("type".to_owned(), "tool_call".into())]);
    let mut function = call["function"].take();
    for (field, value) in [("id", call["id"].take()), ("name", function["name"].take())] {
        if !value.is_null() {
            part.insert(field.to_owned(), value);
        }
    }
    let arguments = match function["arguments"].take() {
        Value::String(text) => serde_json::from_str(&text).unwrap_or(Value::String(text)),
        other => other,
    };
    if !arguments.is_null() {
        part.insert("arguments".to_owned(), arguments);
    }
    part.into()
}
