//! The calls that are traced: recorded exchanges, cut as they come over a connection, and one long stream.
//!
//! Holds: the bytes of all of them. Never waits, never loses.

use http::{HeaderMap, HeaderValue, Uri, header};

use crate::exchange::Exchange;

/// A call and its answer, as bytes come.
pub(crate) struct Recorded {
    /// The name that NeMo Relay has for its API.
    pub(crate) codec: &'static str,
    pub(crate) uri: Uri,
    /// Of the answer.
    pub(crate) headers: HeaderMap,
    pub(crate) asked: Vec<u8>,
    /// A stream comes event by event, any other answer at once.
    pub(crate) chunks: Vec<Vec<u8>>,
    pub(crate) is_stream: bool,
}

impl Recorded {
    fn of(exchange: &Exchange) -> Option<Self> {
        let codec = codec(&exchange.path)?;
        let is_stream = exchange.content_type.starts_with("text/event-stream");
        let is_json = exchange.content_type.starts_with("application/json");
        if exchange.status != 200 || !(is_stream || is_json && exchange.told.starts_with('{')) {
            return None;
        }
        let chunks = match is_stream {
            true => events(&exchange.told),
            false => vec![exchange.told.clone().into_bytes()],
        };
        let mut headers = HeaderMap::new();
        let kind = HeaderValue::from_str(&exchange.content_type).ok()?;
        headers.insert(header::CONTENT_TYPE, kind);
        Some(Self {
            codec,
            uri: exchange.url().parse().ok()?,
            headers,
            asked: exchange.asked.clone().into_bytes(),
            chunks,
            is_stream,
        })
    }

    /// A stream of a thousand chunks of text, as chat completions send them.
    pub(crate) fn long() -> Self {
        let chunk = |delta: &str, finish: &str, usage: &str| {
            format!(
                "data: {{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1,\
                 \"model\":\"gpt-5-2025-08-07\",\"service_tier\":\"default\",\"choices\":[{{\"index\":0,\
                 \"delta\":{delta},\"logprobs\":null,\"finish_reason\":{finish}}}],\"usage\":{usage}}}\n\n"
            )
        };
        let text = "{\"content\":\" tide\"}";
        let mut chunks = vec![chunk(text, "null", "null").into_bytes(); 1000];
        let usage = "{\"prompt_tokens\":20,\"completion_tokens\":1000,\"total_tokens\":1020}";
        chunks.push(chunk("{}", "\"stop\"", usage).into_bytes());
        chunks.push(b"data: [DONE]\n\n".to_vec());
        let mut headers = HeaderMap::new();
        let kind = HeaderValue::from_static("text/event-stream");
        headers.insert(header::CONTENT_TYPE, kind);
        let asked = br#"{"model":"gpt-5","stream":true,"messages":[{"role":"user","content":"The tide?"}]}"#;
        Self {
            codec: "openai_chat",
            uri: Uri::from_static("https://api.openai.com/v1/chat/completions"),
            headers,
            asked: asked.to_vec(),
            chunks,
            is_stream: true,
        }
    }
}

/// The calls among these that both can read by their form.
pub(crate) fn of(exchanges: &[Exchange]) -> Vec<Recorded> {
    exchanges.iter().filter_map(Recorded::of).collect()
}

fn codec(path: &str) -> Option<&'static str> {
    let path = path.split('?').next().unwrap_or_default();
    let ends = [
        ("/chat/completions", "openai_chat"),
        ("/responses", "openai_responses"),
        ("/messages", "anthropic_messages"),
        (":generateContent", "gemini_generate_content"),
        (":streamGenerateContent", "gemini_generate_content"),
    ];
    let known = ends.iter().find(|(end, _)| path.ends_with(end));
    known.map(|(_, codec)| *codec)
}

/// A stream, cut behind the blank line that ends each event.
fn events(stream: &str) -> Vec<Vec<u8>> {
    let mut events = Vec::new();
    let mut event = Vec::new();
    for line in stream.split_inclusive('\n') {
        event.extend_from_slice(line.as_bytes());
        if line.trim_end().is_empty() {
            events.push(std::mem::take(&mut event));
        }
    }
    if !event.is_empty() {
        events.push(event);
    }
    events
}
