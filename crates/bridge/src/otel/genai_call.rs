//! One call of a model, as metrics see it.
//!
//! Holds: borrowed names, and numbers. Never waits. Loses: the end of names that are too long.

use std::time::Duration;

use opentelemetry::KeyValue;
use spanreel::dialect::{Meaning, Work, meaning};
use spanreel::view::{SpanView, ValueView};

/// The longest name that becomes an attribute of a metric, in bytes: models are named by whoever asks.
const LONGEST_NAME: usize = 200;

/// A call of a model that has ended: names of low cardinality, and numbers. What is unknown is `None`, and
/// not reported.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct GenAiCall<'a> {
    /// `gen_ai.operation.name`.
    pub operation: Option<&'a str>,
    /// `gen_ai.provider.name`.
    pub provider: Option<&'a str>,
    /// `gen_ai.request.model`.
    pub request_model: Option<&'a str>,
    /// `gen_ai.response.model`.
    pub response_model: Option<&'a str>,
    /// `server.address`.
    pub server_address: Option<&'a str>,
    /// `server.port`.
    pub server_port: Option<i64>,
    /// `error.type`.
    pub error_type: Option<&'a str>,
    /// Those that are billed, cached ones included.
    pub input_tokens: Option<u64>,
    /// Those that are billed, reasoning included.
    pub output_tokens: Option<u64>,
    /// How long it took, in seconds.
    pub seconds: Option<f64>,
    /// Seconds to the first chunk of a stream.
    pub first_chunk: Option<f64>,
    /// How long chunks came after the one before them, and how many did so: what `spanreel_http::llm::Measured`
    /// tells. Spans do not say it.
    pub pauses: &'a [(Duration, u64)],
    /// The mean of the seconds between chunks, which counts for each where there are no `pauses`.
    pub per_chunk: Option<f64>,
    /// Chunks of the stream; 0 where there was none.
    pub chunks: u64,
}

impl<'a> GenAiCall<'a> {
    /// What a span says, in any dialect; `None` where it is no call of a model.
    #[must_use]
    pub fn of_span(span: &SpanView<'a>) -> Option<Self> {
        let mut call = Self::default();
        let mut is_llm_call = false;
        for (key, value) in span.attributes() {
            match meaning(key.as_bytes()) {
                Some(Meaning::Work) => {
                    let word = value.as_str().unwrap_or_default();
                    if Work::of(word.as_bytes()) == Some(Work::LlmCall) {
                        is_llm_call = true;
                        call.operation.get_or_insert(word);
                    }
                }
                Some(Meaning::InputTokens) => {
                    call.input_tokens = call.input_tokens.or(count(&value));
                }
                Some(Meaning::OutputTokens) => {
                    call.output_tokens = call.output_tokens.or(count(&value));
                }
                _ => call.other(key, &value),
            }
        }
        let took = span
            .end_unix_nanos()
            .saturating_sub(span.start_unix_nanos());
        call.seconds = Some(took as f64 / 1e9);
        is_llm_call.then_some(call)
    }

    fn other(&mut self, key: &str, value: &ValueView<'a>) {
        let text = |slot: &mut Option<&'a str>| *slot = slot.or(value.as_str());
        match key {
            "gen_ai.provider.name" | "gen_ai.system" => text(&mut self.provider),
            "gen_ai.request.model" => text(&mut self.request_model),
            "gen_ai.response.model" => text(&mut self.response_model),
            "server.address" => text(&mut self.server_address),
            "error.type" => text(&mut self.error_type),
            "server.port" => self.server_port = value.as_int(),
            "gen_ai.response.time_to_first_chunk" => self.first_chunk = seconds(value),
            "spanreel.llm.time_per_chunk" => self.per_chunk = seconds(value),
            "spanreel.llm.chunks" => self.chunks = count(value).unwrap_or(0),
            _ => {}
        }
    }

    /// The attributes of its metrics.
    pub(super) fn labels(&self) -> Vec<KeyValue> {
        let texts = [
            ("gen_ai.operation.name", self.operation),
            ("gen_ai.provider.name", self.provider),
            ("gen_ai.request.model", self.request_model),
            ("gen_ai.response.model", self.response_model),
            ("server.address", self.server_address),
            ("error.type", self.error_type),
        ];
        // One more for the type of tokens.
        let mut labels = Vec::with_capacity(texts.len() + 2);
        for (key, text) in texts {
            if let Some(text) = text {
                labels.push(KeyValue::new(key, short(text).to_owned()));
            }
        }
        if let Some(port) = self.server_port {
            labels.push(KeyValue::new("server.port", port));
        }
        labels
    }
}

/// The beginning of a text, as far as a name may be long.
fn short(text: &str) -> &str {
    let most = text.len().min(LONGEST_NAME);
    let end = (0..=most).rev().find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or(0)]
}

/// A number that can be one of tokens or chunks.
fn count(value: &ValueView<'_>) -> Option<u64> {
    value.as_int().and_then(|count| u64::try_from(count).ok())
}

/// A time that can be one.
fn seconds(value: &ValueView<'_>) -> Option<f64> {
    let seconds = value.as_double()?;
    (seconds.is_finite() && seconds >= 0.0).then_some(seconds)
}
