//! Messages of a conversation, as recorded and as the GenAI semantic conventions write them.

use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::event::Usage;
use super::payload::{self, Payload};

/// What a `message.created` or `message.updated` event says.
#[derive(Debug, Default)]
pub(crate) struct Message {
    pub(crate) role: String,
    /// Its position in the conversation.
    pub(crate) index: Option<i64>,
    /// The tool calls that it asks for.
    pub(crate) requests: Vec<ToolRequest>,
    /// The outcome of a tool call that it carries.
    pub(crate) result: Option<ToolResult>,
    /// How long it took to make, in nanoseconds.
    pub(crate) latency: Option<u64>,
    pub(crate) usage: Usage,
    /// The message by the GenAI conventions, as JSON; only where content was asked for.
    pub(crate) json: Option<String>,
}

/// A tool call that a message asks for.
#[derive(Debug)]
pub(crate) struct ToolRequest {
    pub(crate) id: String,
    pub(crate) name: String,
    /// The arguments as JSON; only where content was asked for.
    pub(crate) arguments: Option<String>,
}

/// The outcome of a tool call that a message carries.
#[derive(Debug)]
pub(crate) struct ToolResult {
    pub(crate) id: String,
    pub(crate) name: Option<String>,
    pub(crate) error: Option<String>,
    /// How long the call took, in nanoseconds.
    pub(crate) latency: Option<u64>,
    /// What the tool said; only where content was asked for.
    pub(crate) text: Option<String>,
}

impl Message {
    /// Reads the payload of a `message.created`.
    pub(crate) fn created(payload: &Payload<'_>, content: bool) -> Self {
        let role = payload
            .text("role")
            .unwrap_or_default()
            .to_ascii_lowercase();
        let calls = payload.array("toolcalls");
        let requests = calls
            .iter()
            .filter_map(|raw| ToolRequest::read(raw, content))
            .collect();
        let result = ToolResult::read(&payload.object("toolresult"), content);
        let json = content.then(|| json_of(&role, payload, &calls));
        Self {
            role,
            index: payload.count("index"),
            requests,
            result,
            json,
            ..Self::default()
        }
    }

    /// Reads the payload of a `message.updated`.
    pub(crate) fn updated(payload: &Payload<'_>, usage: Usage) -> Self {
        let latency = payload.duration_ns();
        Self {
            index: payload.count("index"),
            latency,
            usage,
            ..Self::default()
        }
    }
}

impl ToolRequest {
    fn read(raw: &RawValue, content: bool) -> Option<Self> {
        let call = Payload::of(Some(raw));
        let id = call.text("id")?;
        let arguments = || call.raw("args").or_else(|| call.raw("arguments"));
        Some(Self {
            id,
            name: call.text("name").unwrap_or_default(),
            arguments: content.then(arguments).flatten().map(plain),
        })
    }
}

impl ToolResult {
    fn read(result: &Payload<'_>, content: bool) -> Option<Self> {
        Some(Self {
            id: result.text("id")?,
            name: result.text("name"),
            error: result.text("error"),
            latency: result.duration_ns(),
            text: content.then(|| said(result)).flatten(),
        })
    }
}

/// A text as itself, anything else as its JSON.
fn plain(raw: &RawValue) -> String {
    payload::text(raw).unwrap_or_else(|| raw.get().to_owned())
}

/// What content parts say: the text alone where there is only text, else the parts as JSON.
pub(crate) fn said(payload: &Payload<'_>) -> Option<String> {
    let Some(raw) = payload.raw("parts") else {
        return payload.text_of(&["content", "result"]);
    };
    let parts = payload.array("parts");
    let mut text = String::new();
    for part in &parts {
        match Payload::of(Some(part)).text("text") {
            Some(part) => text.push_str(&part),
            None => return Some(raw.get().to_owned()),
        }
    }
    if parts.is_empty() {
        payload.text_of(&["content", "result"])
    } else {
        Some(text)
    }
}

/// A message by the GenAI conventions: a role and parts.
fn json_of(role: &str, payload: &Payload<'_>, calls: &[&RawValue]) -> String {
    let mut parts: Vec<Value> = payload
        .array("parts")
        .iter()
        .filter_map(|part| part_of(&Payload::of(Some(part))))
        .collect();
    if parts.is_empty() {
        parts.extend(
            payload
                .text("content")
                .map(|text| json!({"type": "text", "content": text})),
        );
    }
    for call in calls {
        let call = Payload::of(Some(call));
        let arguments = call
            .raw("args")
            .or_else(|| call.raw("arguments"))
            .map(plain);
        let arguments =
            arguments.map(|text| serde_json::from_str(&text).unwrap_or(Value::String(text)));
        let mut part = Map::new();
        part.insert("type".to_owned(), "tool_call".into());
        part.extend(call.text("id").map(|id| ("id".to_owned(), id.into())));
        part.extend(
            call.text("name")
                .map(|name| ("name".to_owned(), name.into())),
        );
        part.extend(arguments.map(|arguments| ("arguments".to_owned(), arguments)));
        parts.push(part.into());
    }
    let result = payload.object("toolresult");
    if let Some(id) = result.text("id") {
        let response = said(&result).or_else(|| result.text("error"));
        parts.retain(|part| part["type"] != "text");
        parts.push(json!({"type": "tool_call_response", "id": id, "response": response}));
    }
    json!({"role": role, "parts": parts}).to_string()
}

/// A content part by the GenAI conventions.
fn part_of(part: &Payload<'_>) -> Option<Value> {
    let kind = part.text("type").unwrap_or_else(|| "text".to_owned());
    if let Some(text) = part.text("text") {
        return Some(json!({"type": "text", "content": text}));
    }
    let media = part.object("media");
    let mime_type = media.text("mimetype");
    let place = media.text_of(&["url", "storagereference", "filepath"]);
    if let Some(uri) = place {
        return Some(json!({"type": "uri", "modality": kind, "mime_type": mime_type, "uri": uri}));
    }
    let data = media.text("data")?;
    Some(json!({"type": "blob", "modality": kind, "mime_type": mime_type, "content": data}))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str, content: bool) -> Message {
        Message::created(&serde_json::from_str(json).expect("an object"), content)
    }

    /// Messages with text, media, tool calls and tool results take the form of the conventions.
    #[test]
    fn messages_take_the_form_of_the_conventions() {
        let message = read(
            r#"{"Role":"assistant","Content":"Let me see.","Index":1,"Parts":null,"ToolCalls":[{"id":"c1","name":"weather","args":"{\"city\":\"Rome\"}"}],"ToolResult":null}"#,
            true,
        );
        assert_eq!(
            message.json.as_deref(),
            Some(
                r#"{"role":"assistant","parts":[{"type":"text","content":"Let me see."},{"type":"tool_call","id":"c1","name":"weather","arguments":{"city":"Rome"}}]}"#
            )
        );
        assert_eq!(
            message.requests[0].arguments.as_deref(),
            Some(r#"{"city":"Rome"}"#)
        );

        let message = read(
            r#"{"Role":"tool","Content":"21 C","Parts":[{"type":"text","text":"21 C"}],"ToolResult":{"id":"c1","name":"weather","parts":[{"type":"text","text":"21 C"}],"latency_ms":80}}"#,
            true,
        );
        assert_eq!(
            message.json.as_deref(),
            Some(
                r#"{"role":"tool","parts":[{"type":"tool_call_response","id":"c1","response":"21 C"}]}"#
            )
        );
        let result = message.result.expect("a result");
        assert_eq!(
            (result.latency, result.text.as_deref()),
            (Some(80_000_000), Some("21 C"))
        );

        let message = read(
            r#"{"Role":"user","Parts":[{"type":"image","media":{"url":"https://x/y.png","mime_type":"image/png"}}]}"#,
            true,
        );
        assert_eq!(
            message.json.as_deref(),
            Some(
                r#"{"role":"user","parts":[{"type":"uri","modality":"image","mime_type":"image/png","uri":"https://x/y.png"}]}"#
            )
        );
    }

    /// Without the wish for content, nothing that anybody said is kept.
    #[test]
    fn content_is_kept_only_on_demand() {
        let message = read(
            r#"{"Role":"tool","Content":"SECRET","ToolCalls":[{"id":"c1","name":"t","args":"SECRET"}],"ToolResult":{"id":"c1","name":"t","parts":[{"type":"text","text":"SECRET"}]}}"#,
            false,
        );
        assert!(!format!("{message:?}").contains("SECRET"));
    }
}
