//! Ollama's own API.

use serde::de::MapAccess;
use spanreel::Operation;

use super::asked::Asked;
use super::content;
use super::json::{Field, Fill, read};
use super::provider::{Event, Provider, Recognised, Target};
use super::told::{Told, replace};

/// Ollama's `/api/chat`, `/api/generate` and `/api/embed`. (It speaks OpenAI's dialect, too.) An answer is
/// a line of JSON, or many of them where it is streamed, which is its default.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ollama;

impl Provider for Ollama {
    fn recognise(&self, target: &Target<'_>) -> Option<Recognised> {
        if *target.method != http::Method::POST {
            return None;
        }
        let operation = match target.path.trim_end_matches('/') {
            path if path.ends_with("/api/chat") => Operation::Chat,
            path if path.ends_with("/api/generate") => Operation::TextCompletion,
            path if path.ends_with("/api/embed") || path.ends_with("/api/embeddings") => {
                Operation::Embeddings
            }
            _ => return None,
        };
        Some(Recognised::new("ollama", operation))
    }

    fn read_request(&self, body: &[u8], asked: &mut Asked) {
        read(body, &mut Settings(asked));
        content::of_chat(body, asked);
    }

    fn read_response(&self, body: &[u8], told: &mut Told) {
        told.is_broken |= !read(body, &mut Answer(told));
    }

    fn read_event(&self, event: &Event<'_>, told: &mut Told) {
        self.read_response(event.data, told);
    }
}

struct Settings<'a>(&'a mut Asked);

impl Fill for Settings<'_> {
    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: &str,
        value: Field<'_, A>,
    ) -> Result<(), A::Error> {
        let asked = &mut *self.0;
        match key {
            "model" => asked.model = value.name()?,
            "stream" => asked.stream = value.flag()?,
            "format" => asked.output_type = value.presence()?.then_some("json"),
            "dimensions" => asked.dimensions = value.count()?,
            "options" => value.object(&mut Options(asked))?,
            _ => value.skip()?,
        }
        Ok(())
    }
}

struct Options<'a>(&'a mut Asked);

impl Fill for Options<'_> {
    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: &str,
        value: Field<'_, A>,
    ) -> Result<(), A::Error> {
        let asked = &mut *self.0;
        match key {
            "num_predict" => asked.max_tokens = value.count()?,
            "temperature" => asked.temperature = value.number()?,
            "top_p" => asked.top_p = value.number()?,
            "top_k" => asked.top_k = value.number()?,
            "frequency_penalty" => asked.frequency_penalty = value.number()?,
            "presence_penalty" => asked.presence_penalty = value.number()?,
            "seed" => asked.seed = value.integer()?,
            "stop" => asked.stop_sequences = value.names()?,
            _ => value.skip()?,
        }
        Ok(())
    }
}

struct Answer<'a>(&'a mut Told);

impl Fill for Answer<'_> {
    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: &str,
        value: Field<'_, A>,
    ) -> Result<(), A::Error> {
        let told = &mut *self.0;
        match key {
            "model" => replace(&mut told.model, value.name()?),
            "prompt_eval_count" => replace(&mut told.usage.input, value.count()?),
            "eval_count" => replace(&mut told.usage.output, value.count()?),
            "done" => told.is_complete |= value.flag()?.unwrap_or_default(),
            "done_reason" => {
                if let Some(reason) = value.name()? {
                    told.finish(0, &reason);
                }
            }
            "message" => value.object(&mut Message(told))?,
            "response" if told.wants_content() => told.say(0, value.text()?.as_deref()),
            "error" => {
                if let Some(message) = value.name()? {
                    told.fail(None, Some(message));
                }
            }
            _ => value.skip()?,
        }
        Ok(())
    }
}

struct Message<'a>(&'a mut Told);

impl Fill for Message<'_> {
    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: &str,
        value: Field<'_, A>,
    ) -> Result<(), A::Error> {
        let told = &mut *self.0;
        let wants_content = told.wants_content();
        match key {
            "tool_calls" => {
                let make = || Call {
                    wants_content,
                    ..Call::default()
                };
                value.objects_of(make, |call| {
                    told.called(call.id, call.name, call.arguments.as_deref());
                })?;
            }
            "content" if wants_content => told.say(0, value.text()?.as_deref()),
            "thinking" if wants_content => told.think(0, value.text()?.as_deref()),
            _ => value.skip()?,
        }
        Ok(())
    }
}

#[derive(Default)]
struct Call {
    wants_content: bool,
    id: Option<String>,
    name: Option<String>,
    arguments: Option<String>,
}

impl Fill for Call {
    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: &str,
        value: Field<'_, A>,
    ) -> Result<(), A::Error> {
        match key {
            "id" => self.id = value.name()?,
            "name" => self.name = value.name()?,
            "function" => value.object(self)?,
            "arguments" if self.wants_content => self.arguments = value.json()?,
            _ => value.skip()?,
        }
        Ok(())
    }
}
