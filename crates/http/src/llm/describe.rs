//! What is known of a call, as attributes of its span.
//!
//! Holds: nothing. Loses: what the span has no room for, which the span counts.

use std::time::Duration;

use spanreel::{Operation, Part, Span, Value};

use super::asked::Asked;
use super::key;
use super::prices::Cost;
use super::tokens::{ByModality, Settled};
use super::told::Told;

/// Says what was asked. The span is named after its model.
pub(crate) fn request(span: &mut Span, operation: Operation, asked: &Asked) {
    if let Some(model) = &asked.model {
        span.rename(&name(operation, model));
        span.set(key::REQUEST_MODEL, model);
    }
    if asked.stream == Some(true) {
        span.set(key::REQUEST_STREAM, true);
    }
    for (key, count) in [
        (key::REQUEST_MAX_TOKENS, asked.max_tokens),
        (key::EMBEDDINGS_DIMENSIONS, asked.dimensions),
        (
            key::REQUEST_CHOICES,
            asked.choices.filter(|count| *count != 1),
        ),
    ] {
        if let Some(count) = count {
            span.set(key, count);
        }
    }
    for (key, number) in [
        (key::REQUEST_TEMPERATURE, asked.temperature),
        (key::REQUEST_TOP_P, asked.top_p),
        (key::REQUEST_TOP_K, asked.top_k),
        (key::REQUEST_FREQUENCY_PENALTY, asked.frequency_penalty),
        (key::REQUEST_PRESENCE_PENALTY, asked.presence_penalty),
    ] {
        if let Some(number) = number {
            span.set(key, number);
        }
    }
    if let Some(seed) = asked.seed {
        span.set(key::REQUEST_SEED, seed);
    }
    if let Some(kind) = asked.output_type {
        span.set(key::OUTPUT_TYPE, kind);
    }
    texts(
        span,
        key::REQUEST_STOP_SEQUENCES,
        asked.stop_sequences.iter(),
    );
    texts(
        span,
        key::REQUEST_ENCODING_FORMATS,
        asked.encoding_formats.iter(),
    );
}

/// The name of a span: `chat gpt-5`.
pub(crate) fn name(operation: Operation, model: &str) -> String {
    format!("{} {model}", operation.name().unwrap_or("call"))
}

/// Says what was told.
pub(crate) fn response(span: &mut Span, told: &Told, settled: &Settled) {
    for (key, text) in [
        (key::RESPONSE_ID, &told.id),
        (key::RESPONSE_MODEL, &told.model),
        (key::SERVICE_TIER, &told.service_tier),
    ] {
        if let Some(text) = text {
            span.set(key, text);
        }
    }
    texts(span, key::RESPONSE_FINISH_REASONS, told.finish_reasons());
    let calls = told.tool_calls();
    texts(
        span,
        key::TOOL_CALL_NAMES,
        calls
            .iter()
            .map(|call| call.name.as_deref().unwrap_or_default()),
    );
    // Many have no ids at all: Gemini joins calls and results by their names.
    if calls.iter().any(|call| call.id.is_some()) {
        texts(
            span,
            key::TOOL_CALL_IDS,
            calls
                .iter()
                .map(|call| call.id.as_deref().unwrap_or_default()),
        );
    }
    span.usage(settled.usage);
    modalities(span, "input", &settled.input_by);
    modalities(span, "cache_read", &settled.cache_read_by);
    modalities(span, "output", &settled.output_by);
    if let Some(part) = settled.conflict {
        span.set(key::USAGE_CONFLICT, part);
    }
}

/// Says what was said, where the session wants it: on the span, in an event, or both.
pub(crate) fn content(span: &mut Span, asked: &Asked, told: &Told) {
    let content = span.content();
    if !content.is_wanted() {
        return;
    }
    let output = told.output_messages();
    let parts = [
        (Part::SystemInstructions, &asked.instructions),
        (Part::InputMessages, &asked.messages),
        (Part::OutputMessages, &output),
        (Part::ToolDefinitions, &asked.tools),
    ];
    let parts = parts.map(|(part, text)| text.as_deref().map(|text| (part, text)));
    for (part, text) in parts.into_iter().flatten() {
        span.set_content(part, text);
    }
    if !content.in_events() {
        return;
    }
    let mut event = span.inference_details();
    for (part, text) in parts.into_iter().flatten() {
        event = event.content(part, text);
    }
    event.emit();
}

/// Says what it cost.
pub(crate) fn cost(span: &mut Span, cost: &Cost, is_partial: bool) {
    span.cost(cost.usd);
    span.set(key::COST_CURRENCY, "USD");
    span.set(key::COST_SOURCE, cost.source.as_ref());
    if !cost.version.is_empty() {
        span.set(key::COST_VERSION, cost.version.as_ref());
    }
    if is_partial {
        span.set(key::COST_PARTIAL, true);
    }
}

/// Says how a stream went: events, the first of them after the start, and from then to the last.
pub(crate) fn stream(span: &mut Span, events: u64, first: Option<Duration>, rest: Duration) {
    span.set(key::CHUNKS, events);
    let Some(first) = first else { return };
    span.set(key::TIME_TO_FIRST_CHUNK, first.as_secs_f64());
    if events > 1 {
        span.set(
            key::TIME_PER_CHUNK,
            rest.as_secs_f64() / (events - 1) as f64,
        );
    }
}

fn texts<T: AsRef<str>>(span: &mut Span, key: &str, texts: impl Iterator<Item = T>) {
    if !span.is_recording() {
        return;
    }
    let texts: Vec<T> = texts.collect();
    if texts.is_empty() {
        return;
    }
    let values: Vec<Value<'_>> = texts.iter().map(|text| text.as_ref().into()).collect();
    span.set(key, &values[..]);
}

fn modalities(span: &mut Span, side: &str, by: &ByModality) {
    for (modality, tokens) in by.iter() {
        let key = format!("spanreel.llm.usage.{side}.{}_tokens", modality.name());
        span.set(&key, tokens);
    }
}
