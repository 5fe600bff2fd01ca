//! What requests in OpenAI's dialects ask for: chat completions, completions, responses and embeddings
//! share their names, and where they differ they do not contradict each other.

use serde::de::MapAccess;

use crate::llm::asked::Asked;
use crate::llm::json::{Field, Fill};

/// Fills what is asked for.
pub(super) struct Settings<'a>(pub(super) &'a mut Asked);

impl Fill for Settings<'_> {
    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: &str,
        value: Field<'_, A>,
    ) -> Result<(), A::Error> {
        let asked = &mut *self.0;
        match key {
            "model" => asked.model = value.name()?.or(asked.model.take()),
            "stream" => asked.stream = value.flag()?,
            "max_tokens" | "max_completion_tokens" | "max_output_tokens" => {
                asked.max_tokens = value.count()?.or(asked.max_tokens);
            }
            "temperature" => asked.temperature = value.number()?,
            "top_p" => asked.top_p = value.number()?,
            "top_k" => asked.top_k = value.number()?,
            "frequency_penalty" => asked.frequency_penalty = value.number()?,
            "presence_penalty" => asked.presence_penalty = value.number()?,
            // Mistral's name is the second.
            "seed" | "random_seed" => asked.seed = value.integer()?,
            "stop" => asked.stop_sequences = value.names()?,
            "n" => asked.choices = value.count()?,
            "service_tier" => asked.service_tier = value.name()?,
            "response_format" => value.object(&mut Format(asked))?,
            "text" => value.object(&mut Text(asked))?,
            "dimensions" => asked.dimensions = value.count()?,
            "encoding_format" => asked.encoding_formats = value.names()?,
            _ => value.skip()?,
        }
        Ok(())
    }
}

/// `{"type":"json_schema"}`.
struct Format<'a>(&'a mut Asked);

impl Fill for Format<'_> {
    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: &str,
        value: Field<'_, A>,
    ) -> Result<(), A::Error> {
        if key != "type" {
            return value.skip();
        }
        self.0.output_type = match value.text()?.as_deref() {
            Some("json_object" | "json_schema") => Some("json"),
            Some("text") => Some("text"),
            _ => None,
        };
        Ok(())
    }
}

/// `{"format":{..}}`, where responses have it.
struct Text<'a>(&'a mut Asked);

impl Fill for Text<'_> {
    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: &str,
        value: Field<'_, A>,
    ) -> Result<(), A::Error> {
        match key {
            "format" => value.object(&mut Format(self.0)),
            _ => value.skip(),
        }
    }
}
