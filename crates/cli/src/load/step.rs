//! What an agent of a load test does, step by step, with the attributes of the spans.

use std::str;

use spanreel::Value;

/// One thing that an agent does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Step<'a> {
    /// An agent begins: a span within the innermost open agent, or within the session's root.
    StartAgent {
        /// Its name.
        name: &'static str,
    },
    /// The innermost open agent ends.
    EndAgent,
    /// The innermost open agent calls a model: a span that begins and ends here.
    Chat(Chat<'a>),
    /// The innermost open agent calls a tool: a span that begins and ends here.
    Tool(Tool<'a>),
    /// The innermost open agent, or the session, writes a log record.
    Log {
        /// What it says.
        body: &'static str,
        /// Whether it is an error rather than information.
        error: bool,
    },
}

impl Step<'_> {
    /// Whether playing it makes a span.
    #[must_use]
    pub fn is_span(&self) -> bool {
        matches!(
            self,
            Self::StartAgent { .. } | Self::Chat(_) | Self::Tool(_)
        )
    }
}

/// A call of a model.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(
    missing_docs,
    reason = "named like the attributes of the GenAI conventions 1.41.1"
)]
pub struct Chat<'a> {
    pub provider: &'static str,
    pub server_address: &'static str,
    pub request_model: &'static str,
    pub response_model: &'static str,
    pub response_id: CallId,
    pub input_tokens: i64,
    pub output_tokens: i64,
    pub max_tokens: i64,
    pub temperature: f64,
    pub top_p: f64,
    /// The type of the error with which it failed, if it did.
    pub error: Option<&'static str>,
    /// Text of [`WorkloadConfig::payload_bytes`](super::workload::WorkloadConfig) bytes.
    pub payload: &'a str,
}

impl Chat<'_> {
    /// The attributes of its span besides the operation, the provider, the requested model and the
    /// tokens, which make twelve of them.
    #[must_use]
    #[inline]
    pub fn attributes(&self) -> [(&'static str, Value<'_>); 7] {
        [
            ("server.address", self.server_address.into()),
            ("gen_ai.output.type", "text".into()),
            ("gen_ai.request.max_tokens", self.max_tokens.into()),
            ("gen_ai.request.temperature", self.temperature.into()),
            ("gen_ai.request.top_p", self.top_p.into()),
            ("gen_ai.response.id", self.response_id.as_str().into()),
            ("gen_ai.response.model", self.response_model.into()),
        ]
    }
}

/// A call of a tool.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tool<'a> {
    /// Its name.
    pub name: &'static str,
    /// What it is for.
    pub description: &'static str,
    /// The id that the model gave to the call.
    pub call_id: CallId,
    /// How many bytes of output it reports in its event.
    pub output_bytes: i64,
    /// The type of the error with which it failed, if it did.
    pub error: Option<&'static str>,
    /// Text of [`WorkloadConfig::payload_bytes`](super::workload::WorkloadConfig) bytes.
    pub payload: &'a str,
}

impl Tool<'_> {
    /// The name of its event.
    pub const EVENT: &'static str = "tool.output";

    /// The attributes of its span besides the operation, the name and the call id, which make
    /// five of them.
    #[must_use]
    #[inline]
    pub fn attributes(&self) -> [(&'static str, Value<'_>); 2] {
        [
            ("gen_ai.tool.type", "function".into()),
            ("gen_ai.tool.description", self.description.into()),
        ]
    }

    /// The attributes of its event.
    #[must_use]
    #[inline]
    pub fn event_attributes(&self) -> [(&'static str, Value<'_>); 2] {
        [
            ("output.bytes", self.output_bytes.into()),
            ("output.mime_type", "application/json".into()),
        ]
    }
}

/// The id of a call, as model providers write them: a word and 24 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallId([u8; 29]);

impl CallId {
    /// `prefix` and random digits.
    pub(super) fn random(prefix: &[u8; 5], random: &mut fastrand::Rng) -> Self {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = [0; 29];
        text[..5].copy_from_slice(prefix);
        let mut bits = random.u128(..);
        for digit in &mut text[5..] {
            *digit = DIGITS[(bits & 15) as usize];
            bits >>= 4;
        }
        Self(text)
    }

    /// The text.
    #[must_use]
    #[inline]
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.0).expect("made of ASCII")
    }
}
