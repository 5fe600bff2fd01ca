//! What a request asks of a model.
//!
//! Holds: names and settings of one call, and its messages where content is wanted. Loses: what the
//! request did not say.

/// What a request says: whatever is `None` or empty, it did not say.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Asked {
    /// The model (`gen_ai.request.model`).
    pub model: Option<String>,
    /// Whether the answer is to be streamed (`gen_ai.request.stream`).
    pub stream: Option<bool>,
    /// The most tokens of the answer.
    pub max_tokens: Option<u64>,
    /// The temperature.
    pub temperature: Option<f64>,
    /// The share of the probability that is sampled from.
    pub top_p: Option<f64>,
    /// How many of the most probable tokens are sampled from.
    pub top_k: Option<f64>,
    /// The penalty on frequent tokens.
    pub frequency_penalty: Option<f64>,
    /// The penalty on tokens that occurred.
    pub presence_penalty: Option<f64>,
    /// The seed.
    pub seed: Option<i64>,
    /// Where the model is to stop.
    pub stop_sequences: Vec<String>,
    /// How many answers are asked for.
    pub choices: Option<u64>,
    /// `text`, `json`, `image` or `speech`.
    pub output_type: Option<&'static str>,
    /// The encodings of embeddings.
    pub encoding_formats: Vec<String>,
    /// The dimensions of embeddings.
    pub dimensions: Option<u64>,
    /// The service tier.
    pub service_tier: Option<String>,
    /// Whether content is wanted: the next three.
    pub(crate) wants_content: bool,
    /// What the model is told to be, as JSON (`gen_ai.system_instructions`).
    pub instructions: Option<String>,
    /// What the model is told, as JSON (`gen_ai.input.messages`).
    pub messages: Option<String>,
    /// The tools it may ask for, as JSON (`gen_ai.tool.definitions`).
    pub tools: Option<String>,
}

impl Asked {
    /// Whether what the model is told is to be kept.
    #[must_use]
    pub fn wants_content(&self) -> bool {
        self.wants_content
    }
}
