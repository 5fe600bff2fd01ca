//! Messages of the GenAI conventions, read from the JSON that they are recorded as.

use serde_json::Value;

/// A message, as backends without parts show it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) role: String,
    /// The texts of its parts, a line each.
    pub(super) content: String,
    /// Name, arguments as JSON, and id of what is called.
    pub(super) calls: Vec<(String, String, String)>,
    /// The id of the call that it answers.
    pub(super) answers: Option<String>,
}

/// The messages in a JSON text; none where it is something else.
pub(super) fn read(json: &str) -> Vec<Message> {
    let Ok(Value::Array(messages)) = serde_json::from_str(json) else {
        return Vec::new();
    };
    messages.iter().map(message).collect()
}

/// System instructions as the message that they are for most: parts without a role.
pub(super) fn instructions(json: &str) -> Option<Message> {
    let parts: Value = serde_json::from_str(json).ok()?;
    let mut message = Message {
        role: "system".to_owned(),
        ..Message::default()
    };
    for it in parts.as_array()? {
        part(&mut message, it);
    }
    (!message.content.is_empty()).then_some(message)
}

fn message(value: &Value) -> Message {
    let mut message = Message {
        role: text(&value["role"]),
        ..Message::default()
    };
    match &value["parts"] {
        Value::Array(parts) => parts.iter().for_each(|it| part(&mut message, it)),
        // Older messages have their text alone.
        _ => message.content = text(&value["content"]),
    }
    message
}

fn part(message: &mut Message, part: &Value) {
    let said = match part["type"].as_str() {
        Some("tool_call") => {
            let call = (
                text(&part["name"]),
                text(&part["arguments"]),
                text(&part["id"]),
            );
            message.calls.push(call);
            return;
        }
        Some("tool_call_response") => {
            message.answers = Some(text(&part["id"]));
            match &part["response"] {
                Value::Null => text(&part["result"]),
                response => text(response),
            }
        }
        _ => text(&part["content"]),
    };
    if !message.content.is_empty() && !said.is_empty() {
        message.content.push('\n');
    }
    message.content.push_str(&said);
}

/// A text as it is, what is no text as JSON; nothing of nothing.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}
