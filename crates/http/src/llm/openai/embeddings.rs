//! Embeddings.

use serde::de::MapAccess;
use spanreel::Operation;

use super::settings::Settings;
use super::usage::Usage;
use super::{posts, provider};
use crate::llm::asked::Asked;
use crate::llm::json::{Field, Fill, read};
use crate::llm::provider::{Event, Provider, Recognised, Target};
use crate::llm::told::{Told, replace};

/// OpenAI's embeddings, and those of its dialects.
#[derive(Clone, Copy, Debug, Default)]
pub struct OpenAiEmbeddings;

impl Provider for OpenAiEmbeddings {
    fn recognise(&self, target: &Target<'_>) -> Option<Recognised> {
        let is_one = posts(target, "/embeddings");
        is_one.then(|| Recognised::new(provider(target), Operation::Embeddings))
    }

    fn read_request(&self, body: &[u8], asked: &mut Asked) {
        read(body, &mut Settings(asked));
    }

    fn read_response(&self, body: &[u8], told: &mut Told) {
        told.is_broken |= !read(body, &mut Answer(told));
    }

    fn read_event(&self, event: &Event<'_>, told: &mut Told) {
        self.read_response(event.data, told);
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
            "id" => replace(&mut told.id, value.name()?),
            "model" => replace(&mut told.model, value.name()?),
            "usage" => value.object(&mut Usage {
                tokens: &mut told.usage,
                cost: &mut told.cost,
            })?,
            _ => value.skip()?,
        }
        Ok(())
    }
}
