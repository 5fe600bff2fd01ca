//! What a model is told, in the form of the conventions (`gen_ai.input.messages` and its likes), whatever
//! the API. Only where content is wanted.
//!
//! Holds: nothing. Loses: pictures, sounds and files, of which no more than their kind is told.

use serde_json::{Map, Value, json};

use super::asked::Asked;

/// Chat completions, and Ollama's chats: all in `messages`; plain completions: a `prompt`.
pub(crate) fn of_chat(body: &[u8], asked: &mut Asked) {
    keep(body, asked, |asked| Content {
        instructions: Value::Null,
        messages: match &asked["messages"] {
            Value::Null => text_of_user(&asked["prompt"]),
            messages => list(messages, message),
        },
        tools: asked["tools"].clone(),
    });
}

/// Responses: `instructions` and `input`.
pub(crate) fn of_responses(body: &[u8], asked: &mut Asked) {
    keep(body, asked, |asked| Content {
        instructions: parts(&asked["instructions"]),
        messages: match &asked["input"] {
            Value::Array(_) => list(&asked["input"], item),
            input => text_of_user(input),
        },
        tools: asked["tools"].clone(),
    });
}

/// Anthropic's messages: `system` and `messages`.
pub(crate) fn of_messages(body: &[u8], asked: &mut Asked) {
    keep(body, asked, |asked| Content {
        instructions: parts(&asked["system"]),
        messages: list(&asked["messages"], message),
        tools: asked["tools"].clone(),
    });
}

/// Gemini's contents.
pub(crate) fn of_contents(body: &[u8], asked: &mut Asked) {
    keep(body, asked, |asked| Content {
        instructions: parts(&asked["systemInstruction"]["parts"]),
        messages: list(&asked["contents"], message),
        tools: asked["tools"].clone(),
    });
}

struct Content {
    instructions: Value,
    messages: Value,
    tools: Value,
}

fn keep(body: &[u8], asked: &mut Asked, read: impl FnOnce(&Value) -> Content) {
    if !asked.wants_content() {
        return;
    }
    let Ok(document) = serde_json::from_slice::<Value>(body) else {
        return;
    };
    let content = read(&document);
    let text = |value: &Value| match value {
        Value::Array(items) if !items.is_empty() => Some(value.to_string()),
        _ => None,
    };
    asked.instructions = text(&content.instructions);
    asked.messages = text(&content.messages);
    asked.tools = text(&content.tools);
}

fn list(items: &Value, each: impl Fn(&Value) -> Value) -> Value {
    items.as_array().into_iter().flatten().map(each).collect()
}

fn text_of_user(text: &Value) -> Value {
    match text {
        Value::Null => Value::Null,
        text => json!([{"role": "user", "parts": parts(text)}]),
    }
}

/// A message of any API.
fn message(message: &Value) -> Value {
    let role = match message["role"].as_str() {
        Some("model") => "assistant",
        Some(role) => role,
        None => "user",
    };
    let content = match &message["content"] {
        Value::Null => &message["parts"],
        content => content,
    };
    if let Some(id) = message["tool_call_id"].as_str() {
        let part = json!({"type": "tool_call_response", "id": id, "response": content});
        return json!({"role": role, "parts": [part]});
    }
    let mut told = match parts(content) {
        Value::Array(parts) => parts,
        _ => Vec::new(),
    };
    for call in message["tool_calls"].as_array().into_iter().flatten() {
        let function = &call["function"];
        told.push(tool_call(
            &call["id"],
            &function["name"],
            &function["arguments"],
        ));
    }
    json!({"role": role, "parts": told})
}

/// An item of the input of a response.
fn item(item: &Value) -> Value {
    match item["type"].as_str() {
        Some("function_call") => json!({
            "role": "assistant",
            "parts": [tool_call(&item["call_id"], &item["name"], &item["arguments"])],
        }),
        Some("function_call_output") => json!({
            "role": "tool",
            "parts": [{
                "type": "tool_call_response",
                "id": item["call_id"],
                "response": item["output"],
            }],
        }),
        Some("reasoning") => json!({"role": "assistant", "parts": parts(&item["summary"])}),
        _ => message(item),
    }
}

/// Arguments may be JSON in a text.
fn tool_call(id: &Value, name: &Value, arguments: &Value) -> Value {
    let arguments = match arguments {
        Value::String(text) => serde_json::from_str(text).unwrap_or_else(|_| arguments.clone()),
        arguments => arguments.clone(),
    };
    json!({"type": "tool_call", "id": id, "name": name, "arguments": arguments})
}

/// Parts, or one text.
fn parts(content: &Value) -> Value {
    match content {
        Value::String(text) => json!([{"type": "text", "content": text}]),
        content => list(content, part),
    }
}

/// A part of any API's message.
fn part(part: &Value) -> Value {
    if let Value::String(text) = part {
        return json!({"type": "text", "content": text});
    }
    if part["functionCall"].is_object() {
        let call = &part["functionCall"];
        return tool_call(&call["id"], &call["name"], &call["args"]);
    }
    if part["functionResponse"].is_object() {
        let response = &part["functionResponse"];
        return json!({
            "type": "tool_call_response",
            "id": response["id"],
            "name": response["name"],
            "response": response["response"],
        });
    }
    match part["type"].as_str() {
        Some("tool_use") => tool_call(&part["id"], &part["name"], &part["input"]),
        Some("tool_result") => json!({
            "type": "tool_call_response",
            "id": part["tool_use_id"],
            "response": parts(&part["content"]),
        }),
        Some("thinking") => json!({"type": "reasoning", "content": part["thinking"]}),
        Some("summary_text") => json!({"type": "reasoning", "content": part["text"]}),
        kind => match (&part["text"], &part["refusal"]) {
            (Value::String(text), _) if part["thought"] == true => {
                json!({"type": "reasoning", "content": text})
            }
            (Value::String(text), _) | (_, Value::String(text)) => {
                json!({"type": "text", "content": text})
            }
            _ => other(kind, part),
        },
    }
}

/// What is no text: its kind, and where it is if that is not in it.
fn other(kind: Option<&str>, part: &Value) -> Value {
    let keys = part.as_object().into_iter().flat_map(Map::keys);
    let kind = kind
        .or(keys.map(String::as_str).next())
        .unwrap_or("unknown");
    let urls = [
        &part["image_url"]["url"],
        &part["image_url"],
        &part["source"]["url"],
        &part["fileData"]["fileUri"],
    ];
    let url = urls
        .into_iter()
        .filter_map(Value::as_str)
        .find(|url| !url.starts_with("data:"));
    match url {
        Some(url) => json!({"type": "uri", "uri": url}),
        None => json!({"type": kind}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(read: fn(&[u8], &mut Asked), body: &Value) -> [Value; 3] {
        let mut asked = Asked {
            wants_content: true,
            ..Asked::default()
        };
        read(body.to_string().as_bytes(), &mut asked);
        [asked.instructions, asked.messages, asked.tools].map(|text| {
            text.map_or(Value::Null, |text| {
                serde_json::from_str(&text).expect("JSON")
            })
        })
    }

    /// Messages of every API take the same form; what is in a picture is left out.
    #[test]
    fn messages_of_every_api_take_the_same_form() {
        let user = json!({"role": "user", "parts": [{"type": "text", "content": "tide?"}]});
        let call = json!({"role": "assistant", "parts": [
            {"type": "tool_call", "id": "c", "name": "tide", "arguments": {"port": "Brest"}}]});
        let image =
            json!({"type": "image_url", "image_url": {"url": "data:image/png;base64,SECRET"}});
        let chat = json!({"messages": [{"role": "user", "content": "tide?"},
            {"role": "assistant", "content": null, "tool_calls": [
                {"id": "c", "function": {"name": "tide", "arguments": "{\"port\":\"Brest\"}"}}]},
            {"role": "tool", "tool_call_id": "c", "content": "low"},
            {"role": "user", "content": [image]}], "tools": [{"type": "function"}]});
        let [instructions, messages, tools] = kept(of_chat, &chat);
        assert_eq!(
            (instructions, &messages[0], &messages[1]),
            (Value::Null, &user, &call)
        );
        assert_eq!(
            messages[2]["parts"][0],
            json!({"type": "tool_call_response", "id": "c", "response": "low"})
        );
        assert_eq!(messages[3]["parts"], json!([{"type": "image_url"}]));
        assert_eq!(tools, json!([{"type": "function"}]));

        let anthropic = json!({"system": "be brief", "messages": [
            {"role": "user", "content": [{"type": "text", "text": "tide?"}]},
            {"role": "assistant", "content": [
                {"type": "tool_use", "id": "c", "name": "tide", "input": {"port": "Brest"}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c", "content": "low"}]}]});
        let [instructions, messages, _] = kept(of_messages, &anthropic);
        assert_eq!(
            instructions,
            json!([{"type": "text", "content": "be brief"}])
        );
        assert_eq!((&messages[0], &messages[1]), (&user, &call));
        assert_eq!(messages[2]["parts"][0]["id"], "c");

        let responses = json!({"instructions": "be brief", "input": [
            {"role": "user", "content": [{"type": "input_text", "text": "tide?"}]},
            {"type": "function_call", "call_id": "c", "name": "tide", "arguments": "{\"port\":\"Brest\"}"},
            {"type": "function_call_output", "call_id": "c", "output": "low"}]});
        let [instructions, messages, _] = kept(of_responses, &responses);
        assert_eq!(
            instructions,
            json!([{"type": "text", "content": "be brief"}])
        );
        assert_eq!((&messages[0], &messages[1]), (&user, &call));
        assert_eq!(messages[2]["role"], "tool");

        let gemini = json!({"systemInstruction": {"parts": [{"text": "be brief"}]}, "contents": [
            {"role": "user", "parts": [{"text": "tide?"}]},
            {"role": "model", "parts": [
                {"functionCall": {"id": "c", "name": "tide", "args": {"port": "Brest"}}}]},
            {"role": "user", "parts": [{"inlineData": {"data": "SECRET"}}]}]});
        let [instructions, messages, _] = kept(of_contents, &gemini);
        assert_eq!(
            instructions,
            json!([{"type": "text", "content": "be brief"}])
        );
        assert_eq!((&messages[0], &messages[1]), (&user, &call));
        assert_eq!(messages[2]["parts"], json!([{"type": "inlineData"}]));
    }

    /// Nothing is kept where content is not wanted, nor of half a request.
    #[test]
    fn content_that_is_not_wanted_is_not_kept() {
        let mut asked = Asked::default();
        of_chat(
            br#"{"messages":[{"role":"user","content":"x"}]}"#,
            &mut asked,
        );
        assert_eq!(asked, Asked::default());
        asked.wants_content = true;
        of_chat(br#"{"messages":[{"role":"user","#, &mut asked);
        assert_eq!(asked.messages, None);
    }
}
