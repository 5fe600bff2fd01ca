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

/// The longest text that is taken apart, in bytes: the values in it may take ten times its room.
const LONGEST: usize = 4 << 20;

/// The messages in a JSON text; none where it is something else. What says nothing is no message.
pub(super) fn read(json: &str) -> Vec<Message> {
    let Some(Value::Array(messages)) = parsed(json) else {
        return Vec::new();
    };
    let messages = messages.iter().map(message);
    messages.filter(|it| *it != Message::default()).collect()
}

/// System instructions as the message that they are for most: parts without a role. `None` where a part of
/// them is no text, since the message would not say all.
pub(super) fn instructions(json: &str) -> Option<Message> {
    let parts = parsed(json)?;
    let mut message = Message {
        role: "system".to_owned(),
        ..Message::default()
    };
    for it in parts.as_array()? {
        it["content"].as_str()?;
        part(&mut message, it);
    }
    (!message.content.is_empty()).then_some(message)
}

/// Whether it is JSON; a text that is not taken apart is believed by how it begins.
pub(super) fn is_json(text: &str) -> bool {
    match text.len() > LONGEST {
        true => text.starts_with(['{', '[']),
        false => parsed(text).is_some(),
    }
}

fn parsed(json: &str) -> Option<Value> {
    if json.len() > LONGEST {
        return None;
    }
    serde_json::from_str(json).ok()
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
