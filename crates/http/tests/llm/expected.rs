//! What a span should tell of an exchange, worked out from its JSON by itself: nothing of the library is
//! used.

use serde_json::{Map, Value, json};

use crate::exchange::Exchange;

/// What should be on a span, by attribute.
pub(crate) type Expected = Map<String, Value>;

/// `None` where the exchange is no call of a model.
pub(crate) fn of(exchange: &Exchange) -> Option<Expected> {
    if exchange.method != "POST" {
        return None;
    }
    let (operation, provider) = kind(exchange)?;
    let asked: Value = serde_json::from_str(&exchange.asked).unwrap_or_default();
    let mut expected = Expected::new();
    let mut put = |key: &str, value: Value| {
        if !(value.is_null() || value.as_array().is_some_and(Vec::is_empty)) {
            expected.insert(key.to_owned(), value);
        }
    };
    put("gen_ai.operation.name", operation.into());
    put("gen_ai.provider.name", provider.into());
    let model = match exchange.path.split_once("/models/") {
        Some((_, rest)) => rest.split(':').next().expect("one").into(),
        None => asked["model"].clone(),
    };
    put("gen_ai.request.model", model);
    put("http.response.status_code", exchange.status.into());
    let settings = match provider {
        "gcp.gemini" if !asked["generationConfig"].is_null() => &asked["generationConfig"],
        "gcp.gemini" => &asked["generation_config"],
        "ollama" => &asked["options"],
        _ => &asked,
    };
    for (key, names) in [
        ("gen_ai.request.temperature", &["temperature"][..]),
        ("gen_ai.request.top_p", &["top_p", "topP"]),
    ] {
        let number = names.iter().find_map(|name| settings[*name].as_f64());
        put(key, json!(number));
    }
    let limits = [
        "max_tokens",
        "max_completion_tokens",
        "max_output_tokens",
        "maxOutputTokens",
        "num_predict",
    ];
    let limit = limits.iter().find_map(|name| settings[*name].as_u64());
    put("gen_ai.request.max_tokens", json!(limit));

    let documents = documents(exchange);
    if exchange.status >= 400 {
        if documents[0].is_null() {
            put(
                "spanreel.llm.unread",
                "not the JSON that was expected".into(),
            );
        }
        put("error.type", error(exchange, &documents[0]));
        return Some(expected);
    }
    let told = match provider {
        "anthropic" => anthropic(&documents),
        "gcp.gemini" if exchange.path.ends_with("/interactions") => interactions(&documents),
        "gcp.gemini" => gemini(&documents),
        "ollama" => ollama(&documents),
        _ if exchange.path.ends_with("/responses") => responses(&documents),
        _ => completions(&documents),
    };
    for (key, value) in told {
        put(&key, value);
    }
    Some(expected)
}

/// The operation and the provider's name.
fn kind(exchange: &Exchange) -> Option<(&'static str, &'static str)> {
    let path = exchange.path.as_str();
    let operation = match exchange.folder.as_str() {
        "gemini" if path.ends_with("EmbedContents") => "embeddings",
        "gemini" if path.ends_with("enerateContent") => "generate_content",
        "gemini" if path.ends_with("/interactions") => "generate_content",
        "anthropic" if path == "/v1/messages" => "chat",
        "ollama" if path == "/api/chat" => "chat",
        "gemini" | "anthropic" | "ollama" => return None,
        _ if path.ends_with("/chat/completions") || path.ends_with("/responses") => "chat",
        _ => return None,
    };
    let provider = match exchange.folder.as_str() {
        "gemini" => "gcp.gemini",
        "mistral" => "mistral_ai",
        "anthropic" => "anthropic",
        "deepseek" => "deepseek",
        "groq" => "groq",
        "ollama" => "ollama",
        "openai" => "openai",
        "openrouter" => "openrouter",
        _ => return None,
    };
    Some((operation, provider))
}

/// The whole answer, or the events of a stream.
fn documents(exchange: &Exchange) -> Vec<Value> {
    if !exchange.content_type.contains("event-stream") && !exchange.content_type.contains("ndjson")
    {
        let whole = serde_json::from_str(&exchange.told).unwrap_or_default();
        return match whole {
            Value::Array(items) if exchange.path.ends_with("streamGenerateContent") => items,
            whole => vec![whole],
        };
    }
    let lines = exchange.told.lines().map(str::trim);
    let data = lines.map(|line| line.strip_prefix("data:").unwrap_or(line).trim());
    data.filter_map(|data| serde_json::from_str(data).ok())
        .filter(Value::is_object)
        .collect()
}

fn error(exchange: &Exchange, document: &Value) -> Value {
    let error = match document {
        Value::Array(items) => &items[0]["error"],
        document => &document["error"],
    };
    let told = ["type", "status", "code"]
        .iter()
        .map(|key| &error[*key])
        .find(|it| it.is_string());
    let at_top = || {
        ["type", "code"]
            .iter()
            .map(|key| &document[*key])
            .find(|it| it.is_string())
    };
    let told = told.or_else(at_top).cloned();
    told.unwrap_or_else(|| exchange.status.to_string().into())
}

/// The last value of a kind that any document tells.
fn last<'a>(documents: &'a [Value], of: impl Fn(&'a Value) -> &'a Value) -> Value {
    let mut told = documents
        .iter()
        .map(of)
        .filter(|value| !value.is_null() && *value != "");
    told.next_back().cloned().unwrap_or_default()
}

/// Objects laid over each other.
fn overlaid<'a>(objects: impl Iterator<Item = &'a Value>) -> Value {
    let mut whole = Map::new();
    for object in objects.filter_map(Value::as_object) {
        let told = object.iter().filter(|(_, value)| !value.is_null());
        whole.extend(told.map(|(key, value)| (key.clone(), value.clone())));
    }
    Value::Object(whole)
}

fn sum(terms: &[&Value]) -> Value {
    let known: Vec<u64> = terms.iter().filter_map(|term| term.as_u64()).collect();
    if known.is_empty() {
        Value::Null
    } else {
        known.iter().sum::<u64>().into()
    }
}

struct Told(Expected);

impl Told {
    fn new(id: Value, model: Value, reasons: Vec<Value>) -> Self {
        let mut told = Expected::new();
        told.insert("gen_ai.response.id".to_owned(), id);
        told.insert("gen_ai.response.model".to_owned(), model);
        let reasons = reasons
            .into_iter()
            .filter(|reason| !reason.is_null())
            .collect();
        told.insert(
            "gen_ai.response.finish_reasons".to_owned(),
            Value::Array(reasons),
        );
        Self(told)
    }

    fn usage(mut self, figures: [Value; 5]) -> Self {
        let keys = [
            "input_tokens",
            "output_tokens",
            "cache_read.input_tokens",
            "cache_creation.input_tokens",
            "reasoning.output_tokens",
        ];
        for (key, figure) in keys.iter().zip(figures) {
            self.0.insert(format!("gen_ai.usage.{key}"), figure);
        }
        self
    }

    fn calls(mut self, calls: Vec<(Value, Value)>) -> Expected {
        let (ids, names): (Vec<_>, Vec<_>) = calls.into_iter().unzip();
        self.0.insert(
            "spanreel.llm.tool_calls.names".to_owned(),
            Value::Array(names),
        );
        if ids.iter().any(Value::is_string) {
            self.0
                .insert("spanreel.llm.tool_calls.ids".to_owned(), Value::Array(ids));
        }
        self.0
    }
}

fn anthropic(documents: &[Value]) -> Expected {
    let starts = documents.iter().find(|it| it["type"] == "message_start");
    let message = starts.map_or(&documents[0], |event| &event["message"]);
    let deltas = documents.iter().filter(|it| it["type"] == "message_delta");
    let usages = std::iter::once(&message["usage"]).chain(deltas.clone().map(|it| &it["usage"]));
    let usage = overlaid(usages);
    let mut reasons = std::iter::once(&message["stop_reason"])
        .chain(deltas.map(|it| &it["delta"]["stop_reason"]));
    let reason = reasons.rfind(|reason| reason.is_string());
    let blocks = message["content"].as_array().into_iter().flatten();
    let begun = documents.iter().map(|it| &it["content_block"]);
    let calls = blocks
        .chain(begun)
        .filter(|block| block["type"] == "tool_use");
    let calls = calls
        .map(|call| (call["id"].clone(), call["name"].clone()))
        .collect();
    let (read, written) = (
        &usage["cache_read_input_tokens"],
        &usage["cache_creation_input_tokens"],
    );
    Told::new(
        message["id"].clone(),
        message["model"].clone(),
        reason.cloned().into_iter().collect(),
    )
    .usage([
        sum(&[&usage["input_tokens"], read, written]),
        usage["output_tokens"].clone(),
        read.clone(),
        written.clone(),
        usage["output_tokens_details"]["thinking_tokens"].clone(),
    ])
    .calls(calls)
}

fn completions(documents: &[Value]) -> Expected {
    let usage = match last(documents, |it| &it["usage"]) {
        Value::Null => last(documents, |it| &it["x_groq"]["usage"]),
        usage => usage,
    };
    let mut reasons: Vec<(u64, Value)> = Vec::new();
    let mut calls: Vec<((u64, u64), Value, Value)> = Vec::new();
    for choice in documents
        .iter()
        .flat_map(|it| it["choices"].as_array())
        .flatten()
    {
        let index = choice["index"].as_u64().unwrap_or_default();
        if choice["finish_reason"].is_string() {
            reasons.retain(|(it, _)| *it != index);
            reasons.push((index, choice["finish_reason"].clone()));
        }
        let whole = choice["message"]["tool_calls"].as_array();
        for (place, call) in whole.into_iter().flatten().enumerate() {
            calls.push((
                (index, place as u64),
                call["id"].clone(),
                call["function"]["name"].clone(),
            ));
        }
        for piece in choice["delta"]["tool_calls"]
            .as_array()
            .into_iter()
            .flatten()
        {
            let place = (index, piece["index"].as_u64().unwrap_or(calls.len() as u64));
            if !calls.iter().any(|(it, ..)| *it == place) {
                calls.push((place, Value::Null, Value::Null));
            }
            let (_, id, name) = calls.iter_mut().find(|(it, ..)| *it == place).expect("one");
            for (known, told) in [(id, &piece["id"]), (name, &piece["function"]["name"])] {
                if told.as_str().is_some_and(|told| !told.is_empty()) {
                    *known = told.clone();
                }
            }
        }
    }
    reasons.sort_by_key(|(index, _)| *index);
    let cached = match &usage["prompt_tokens_details"]["cached_tokens"] {
        Value::Null => &usage["prompt_cache_hit_tokens"],
        cached => cached,
    };
    Told::new(
        last(documents, |it| &it["id"]),
        last(documents, |it| &it["model"]),
        reasons.into_iter().map(|(_, reason)| reason).collect(),
    )
    .usage([
        usage["prompt_tokens"].clone(),
        usage["completion_tokens"].clone(),
        cached.clone(),
        usage["prompt_tokens_details"]["cache_write_tokens"].clone(),
        usage["completion_tokens_details"]["reasoning_tokens"].clone(),
    ])
    .calls(calls.into_iter().map(|(_, id, name)| (id, name)).collect())
}

fn responses(documents: &[Value]) -> Expected {
    let of = |it| -> &Value {
        let it: &Value = it;
        if it["response"].is_object() {
            &it["response"]
        } else {
            it
        }
    };
    let ends = ["completed", "incomplete", "failed", "cancelled"];
    let all: Vec<&Value> = documents.iter().map(of).collect();
    let whole = all.iter().rev().find(|it| {
        ends.contains(&it["status"].as_str().unwrap_or_default()) && it["object"] == "response"
    });
    let Some(whole) = whole else {
        let last = |key: &str| {
            all.iter()
                .rev()
                .map(|it| &it[key])
                .find(|it| it.is_string())
                .cloned()
        };
        return Told::new(
            last("id").unwrap_or_default(),
            last("model").unwrap_or_default(),
            Vec::new(),
        )
        .0;
    };
    let reason = match whole["status"].as_str() {
        Some("incomplete") => &whole["incomplete_details"]["reason"],
        _ => &whole["status"],
    };
    let usage = &whole["usage"];
    let items = whole["output"].as_array().into_iter().flatten();
    let calls = items.filter(|item| item["call_id"].is_string() && item["type"] == "function_call");
    Told::new(
        whole["id"].clone(),
        whole["model"].clone(),
        vec![reason.clone()],
    )
    .usage([
        usage["input_tokens"].clone(),
        usage["output_tokens"].clone(),
        usage["input_tokens_details"]["cached_tokens"].clone(),
        usage["input_tokens_details"]["cache_write_tokens"].clone(),
        usage["output_tokens_details"]["reasoning_tokens"].clone(),
    ])
    .calls(
        calls
            .map(|call| (call["call_id"].clone(), call["name"].clone()))
            .collect(),
    )
}

fn gemini(documents: &[Value]) -> Expected {
    let usage = overlaid(documents.iter().map(|it| &it["usageMetadata"]));
    let candidates = || {
        documents
            .iter()
            .flat_map(|it| it["candidates"].as_array())
            .flatten()
    };
    let mut reasons = std::collections::BTreeMap::new();
    for candidate in candidates().filter(|it| it["finishReason"].is_string()) {
        let index = candidate["index"].as_u64().unwrap_or_default();
        reasons.insert(index, candidate["finishReason"].clone());
    }
    let parts = candidates()
        .flat_map(|it| it["content"]["parts"].as_array())
        .flatten();
    let calls = parts
        .map(|it| &it["functionCall"])
        .filter(|it| it.is_object());
    let calls = calls
        .map(|it| (it["id"].clone(), it["name"].clone()))
        .collect();
    Told::new(
        last(documents, |it| &it["responseId"]),
        last(documents, |it| &it["modelVersion"]),
        reasons.into_values().collect(),
    )
    .usage([
        sum(&[
            &usage["promptTokenCount"],
            &usage["toolUsePromptTokenCount"],
        ]),
        sum(&[&usage["candidatesTokenCount"], &usage["thoughtsTokenCount"]]),
        usage["cachedContentTokenCount"].clone(),
        Value::Null,
        usage["thoughtsTokenCount"].clone(),
    ])
    .calls(calls)
}

fn interactions(documents: &[Value]) -> Expected {
    let all = documents.iter().map(|it| {
        if it["interaction"].is_object() {
            &it["interaction"]
        } else {
            it
        }
    });
    let whole = overlaid(all.filter(|it| it["object"] == "interaction"));
    let usage = &whole["usage"];
    let steps = whole["steps"].as_array().into_iter().flatten();
    let begun = documents.iter().map(|it| &it["step"]);
    let calls = steps
        .chain(begun)
        .filter(|step| step["type"] == "function_call");
    let calls = calls
        .map(|it| (it["id"].clone(), it["name"].clone()))
        .collect();
    Told::new(
        whole["id"].clone(),
        whole["model"].clone(),
        vec![whole["status"].clone()],
    )
    .usage([
        sum(&[
            &usage["total_input_tokens"],
            &usage["total_tool_use_tokens"],
        ]),
        sum(&[
            &usage["total_output_tokens"],
            &usage["total_thought_tokens"],
        ]),
        usage["total_cached_tokens"].clone(),
        Value::Null,
        usage["total_thought_tokens"].clone(),
    ])
    .calls(calls)
}

fn ollama(documents: &[Value]) -> Expected {
    let calls = documents
        .iter()
        .flat_map(|it| it["message"]["tool_calls"].as_array())
        .flatten();
    let calls = calls
        .map(|it| (it["id"].clone(), it["function"]["name"].clone()))
        .collect();
    let reason = last(documents, |it| &it["done_reason"]);
    Told::new(
        Value::Null,
        last(documents, |it| &it["model"]),
        vec![reason],
    )
    .usage([
        last(documents, |it| &it["prompt_eval_count"]),
        last(documents, |it| &it["eval_count"]),
        Value::Null,
        Value::Null,
        Value::Null,
    ])
    .calls(calls)
}
