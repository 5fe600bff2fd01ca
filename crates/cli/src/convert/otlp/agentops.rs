//! Messages that AgentOps and older conventions spread over numbered attributes
//! (`gen_ai.prompt.0.content`, `gen_ai.completion.0.tool_calls.1.name`), put together to the structured
//! messages of GenAI 1.41.1.

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use serde_json::{Map, Value as Json, json};

use super::values::{self, Attributes};

/// One message by its attributes: the rest of the key, and the value as text.
type Fields = BTreeMap<String, String>;

/// Replaces numbered messages by `gen_ai.input.messages` and `gen_ai.output.messages`, as JSON.
pub(super) fn gather_messages(attributes: &mut Vec<KeyValue>) {
    for (prefix, key, role) in [
        ("gen_ai.prompt.", "gen_ai.input.messages", "user"),
        ("gen_ai.completion.", "gen_ai.output.messages", "assistant"),
    ] {
        let mut messages: BTreeMap<u32, Fields> = BTreeMap::new();
        attributes.retain(|attribute| {
            let Some((number, field, text)) = part(attribute, prefix) else {
                return true;
            };
            messages.entry(number).or_default().insert(field, text);
            false
        });
        if messages.is_empty() {
            continue;
        }
        let list: Vec<Json> = messages
            .values()
            .map(|fields| message(fields, role))
            .collect();
        let text = Json::Array(list).to_string();
        Attributes(attributes).set_new(key, Value::StringValue(text));
    }
}

/// The number of a message, the field of it, and what that says.
fn part(attribute: &KeyValue, prefix: &str) -> Option<(u32, String, String)> {
    let (number, field) = attribute.key.strip_prefix(prefix)?.split_once('.')?;
    let number = number.parse().ok()?;
    let value = attribute.value.as_ref()?.value.as_ref()?;
    let text = match value {
        Value::StringValue(text) => text.clone(),
        Value::BoolValue(it) => it.to_string(),
        value => values::number(value)?.to_string(),
    };
    Some((number, field.to_owned(), text))
}

fn message(fields: &Fields, role: &str) -> Json {
    let get = |field: &str| fields.get(field).filter(|text| !text.is_empty());
    let role = get("role").map_or(role, String::as_str);
    let mut parts = Vec::new();
    if let Some(content) = get("content") {
        match get("tool_call_id") {
            Some(id) => {
                parts.push(json!({"type": "tool_call_response", "id": id, "response": content}));
            }
            None => parts.push(json!({"type": "text", "content": content})),
        }
    }
    parts.extend(tool_calls(fields).into_values().map(|call| {
        let mut part = Map::from_iter([("type".to_owned(), "tool_call".into())]);
        for (field, text) in call {
            let value = match field.as_str() {
                "arguments" => serde_json::from_str(&text).unwrap_or(Json::String(text)),
                "id" | "name" => Json::String(text),
                _ => continue,
            };
            part.insert(field, value);
        }
        Json::Object(part)
    }));
    let mut message = Map::new();
    message.insert("role".to_owned(), role.into());
    message.insert("parts".to_owned(), parts.into());
    if let Some(reason) = get("finish_reason") {
        message.insert("finish_reason".to_owned(), reason.as_str().into());
    }
    message.into()
}

/// The tool calls of a message, by number.
fn tool_calls(fields: &Fields) -> BTreeMap<u32, Fields> {
    let mut calls: BTreeMap<u32, Fields> = BTreeMap::new();
    for (field, text) in fields {
        let numbered = field
            .strip_prefix("tool_calls.")
            .and_then(|rest| rest.split_once('.'));
        let Some((number, field)) = numbered else {
            continue;
        };
        if let Ok(number) = number.parse() {
            let call = calls.entry(number).or_default();
            call.insert(field.to_owned(), text.clone());
        }
    }
    calls
}

#[cfg(test)]
mod tests {
    use super::*;
    use values::attribute;

    /// Numbered attributes become messages in the order of their numbers, with their tool calls.
    #[test]
    fn numbered_attributes_become_messages() {
        let text = |key: &str, text: &str| attribute(key, Value::StringValue(text.to_owned()));
        let mut attributes = vec![
            text("gen_ai.prompt.10.content", "later"),
            text("gen_ai.prompt.2.content", "sooner"),
            text("gen_ai.prompt.2.role", "system"),
            text("gen_ai.completion.0.finish_reason", "tool_calls"),
            text("gen_ai.completion.0.tool_calls.0.id", "c1"),
            text("gen_ai.completion.0.tool_calls.0.name", "find"),
            text("gen_ai.completion.0.tool_calls.0.arguments", r#"{"q":1}"#),
            text("gen_ai.prompt.x.content", "no number"),
        ];
        gather_messages(&mut attributes);
        let all = Attributes(&mut attributes);
        let json = |key| -> Json {
            serde_json::from_str(all.text(key).expect("it is set")).expect("JSON")
        };
        assert_eq!(
            json("gen_ai.input.messages"),
            json!([
                {"role": "system", "parts": [{"type": "text", "content": "sooner"}]},
                {"role": "user", "parts": [{"type": "text", "content": "later"}]},
            ])
        );
        assert_eq!(
            json("gen_ai.output.messages"),
            json!([{
                "role": "assistant",
                "parts": [{"type": "tool_call", "id": "c1", "name": "find", "arguments": {"q": 1}}],
                "finish_reason": "tool_calls",
            }])
        );
        assert_eq!(attributes.len(), 3);
    }
}
