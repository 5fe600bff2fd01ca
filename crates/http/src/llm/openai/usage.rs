//! Usage in the dialects of OpenAI: chat completions and responses name the same figures differently.

use serde::de::MapAccess;

use crate::llm::json::{Field, Fill};
use crate::llm::tokens::{ByModality, Modality, Tokens};
use crate::llm::told::replace;

/// Fills tokens, and the cost where a provider (OpenRouter) tells it.
pub(super) struct Usage<'a> {
    pub(super) tokens: &'a mut Tokens,
    pub(super) cost: &'a mut Option<f64>,
}

impl Fill for Usage<'_> {
    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: &str,
        value: Field<'_, A>,
    ) -> Result<(), A::Error> {
        let tokens = &mut *self.tokens;
        match key {
            "prompt_tokens" | "input_tokens" => replace(&mut tokens.input, value.count()?),
            "completion_tokens" | "output_tokens" => replace(&mut tokens.output, value.count()?),
            "total_tokens" => replace(&mut tokens.total, value.count()?),
            "prompt_tokens_details" | "prompt_token_details" | "input_tokens_details" => {
                value.object(&mut Input(tokens))?;
            }
            "completion_tokens_details" | "output_tokens_details" => {
                value.object(&mut Output(tokens))?;
            }
            // DeepSeek; Moonshot and Mistral; xAI.
            "prompt_cache_hit_tokens" | "cached_tokens" | "num_cached_tokens" => {
                replace(&mut tokens.cache_read, value.count()?);
            }
            // Groq and Perplexity tell them here.
            "reasoning_tokens" => replace(&mut tokens.reasoning, value.count()?),
            "cost" => replace(self.cost, value.number()?),
            _ => value.skip()?,
        }
        Ok(())
    }
}

/// The parts of the input.
struct Input<'a>(&'a mut Tokens);

impl Fill for Input<'_> {
    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: &str,
        value: Field<'_, A>,
    ) -> Result<(), A::Error> {
        match key {
            "cached_tokens" => replace(&mut self.0.cache_read, value.count()?),
            "cache_write_tokens" => replace(&mut self.0.cache_creation, value.count()?),
            _ => modality(&mut self.0.input_by, key, value)?,
        }
        Ok(())
    }
}

/// The parts of the output.
struct Output<'a>(&'a mut Tokens);

impl Fill for Output<'_> {
    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: &str,
        value: Field<'_, A>,
    ) -> Result<(), A::Error> {
        match key {
            "reasoning_tokens" => replace(&mut self.0.reasoning, value.count()?),
            _ => modality(&mut self.0.output_by, key, value)?,
        }
        Ok(())
    }
}

/// `audio_tokens` and its likes.
fn modality<'de, A: MapAccess<'de>>(
    by: &mut ByModality,
    key: &str,
    value: Field<'_, A>,
) -> Result<(), A::Error> {
    match key.strip_suffix("_tokens").and_then(Modality::from_name) {
        Some(modality) => by.set(modality, value.count()?),
        None => value.skip()?,
    }
    Ok(())
}
