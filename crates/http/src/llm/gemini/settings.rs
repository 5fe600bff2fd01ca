//! What requests to Gemini ask for.

use serde::de::MapAccess;

use crate::llm::asked::Asked;
use crate::llm::json::{Field, Fill};

pub(super) struct Settings<'a>(pub(super) &'a mut Asked);

impl Fill for Settings<'_> {
    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: &str,
        value: Field<'_, A>,
    ) -> Result<(), A::Error> {
        match key {
            "generationConfig" | "generation_config" => value.object(&mut Generation(self.0)),
            "outputDimensionality" => {
                self.0.dimensions = value.count()?;
                Ok(())
            }
            _ => value.skip(),
        }
    }
}

/// Both spellings are accepted there.
pub(super) struct Generation<'a>(pub(super) &'a mut Asked);

impl Fill for Generation<'_> {
    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: &str,
        value: Field<'_, A>,
    ) -> Result<(), A::Error> {
        let asked = &mut *self.0;
        match key {
            "temperature" => asked.temperature = value.number()?,
            "topP" | "top_p" => asked.top_p = value.number()?,
            "topK" | "top_k" => asked.top_k = value.number()?,
            "maxOutputTokens" | "max_output_tokens" => asked.max_tokens = value.count()?,
            "candidateCount" | "candidate_count" => asked.choices = value.count()?,
            "seed" => asked.seed = value.integer()?,
            "presencePenalty" | "presence_penalty" => asked.presence_penalty = value.number()?,
            "frequencyPenalty" | "frequency_penalty" => asked.frequency_penalty = value.number()?,
            "stopSequences" | "stop_sequences" => asked.stop_sequences = value.names()?,
            "responseMimeType" | "response_mime_type" => {
                asked.output_type = match value.text()?.as_deref() {
                    Some("application/json") => Some("json"),
                    Some("text/plain") => Some("text"),
                    _ => None,
                };
            }
            _ => value.skip()?,
        }
        Ok(())
    }
}
