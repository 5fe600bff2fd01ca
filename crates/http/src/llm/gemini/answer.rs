//! Answers of Gemini: a whole one, or one of a stream.

use serde::de::MapAccess;

use crate::llm::envelope::Fault;
use crate::llm::json::{Field, Fill};
use crate::llm::tokens::{ByModality, Modality, Tokens};
use crate::llm::told::{Told, replace};

pub(super) struct Answer<'a>(pub(super) &'a mut Told);

impl Fill for Answer<'_> {
    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: &str,
        value: Field<'_, A>,
    ) -> Result<(), A::Error> {
        let told = &mut *self.0;
        match key {
            "responseId" => replace(&mut told.id, value.name()?),
            "modelVersion" => replace(&mut told.model, value.name()?),
            "usageMetadata" => {
                let read = value.object(&mut Usage(told));
                // Zero is not told.
                if told.usage.reasoning.is_some() && told.usage.visible_output.is_none() {
                    told.usage.visible_output = Some(0);
                }
                read?;
            }
            "candidates" => {
                let wants_content = told.wants_content();
                let make = || Candidate {
                    wants_content,
                    ..Candidate::default()
                };
                value.objects_of(make, |candidate| candidate.tell(told))?;
            }
            "error" => {
                let mut fault = Fault::default();
                let read = value.object(&mut fault);
                if !fault.is_empty() {
                    told.fail(fault.kind(), fault.message);
                }
                read?;
            }
            _ => value.skip()?,
        }
        Ok(())
    }
}

struct Usage<'a>(&'a mut Told);

impl Fill for Usage<'_> {
    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: &str,
        value: Field<'_, A>,
    ) -> Result<(), A::Error> {
        let tokens = &mut self.0.usage;
        match key {
            "promptTokenCount" => replace(&mut tokens.input, value.count()?),
            "toolUsePromptTokenCount" => replace(&mut tokens.tool_input, value.count()?),
            "candidatesTokenCount" => replace(&mut tokens.visible_output, value.count()?),
            "thoughtsTokenCount" => replace(&mut tokens.reasoning, value.count()?),
            "cachedContentTokenCount" => replace(&mut tokens.cache_read, value.count()?),
            "totalTokenCount" => replace(&mut tokens.total, value.count()?),
            "promptTokensDetails" => value.objects(|it: Part| it.tell(&mut tokens.input_by))?,
            "cacheTokensDetails" => value.objects(|it: Part| it.tell(&mut tokens.cache_read_by))?,
            "candidatesTokensDetails" => {
                value.objects(|it: Part| it.tell(&mut tokens.output_by))?
            }
            "serviceTier" => replace(&mut self.0.service_tier, value.name()?),
            _ => value.skip()?,
        }
        Ok(())
    }
}

/// The tokens of one modality.
#[derive(Default)]
pub(super) struct Part {
    modality: Option<Modality>,
    tokens: Option<u64>,
}

impl Part {
    pub(super) fn tell(self, by: &mut ByModality) {
        if let Some(modality) = self.modality {
            by.set(modality, self.tokens);
        }
    }
}

impl Fill for Part {
    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: &str,
        value: Field<'_, A>,
    ) -> Result<(), A::Error> {
        match key {
            "modality" => self.modality = value.text()?.and_then(|it| Modality::from_name(&it)),
            "tokenCount" | "tokens" => self.tokens = value.count()?,
            _ => value.skip()?,
        }
        Ok(())
    }
}

#[derive(Default)]
struct Candidate {
    wants_content: bool,
    index: u64,
    finish_reason: Option<String>,
    parts: Vec<Piece>,
}

impl Candidate {
    fn tell(self, told: &mut Told) {
        for part in self.parts {
            part.tell(self.index, told);
        }
        if let Some(reason) = self.finish_reason {
            told.finish(self.index, &reason);
            told.is_complete = true;
        }
    }
}

impl Fill for Candidate {
    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: &str,
        value: Field<'_, A>,
    ) -> Result<(), A::Error> {
        match key {
            "index" => self.index = value.count()?.unwrap_or_default(),
            "finishReason" => self.finish_reason = value.name()?,
            "content" => value.object(&mut Content(self))?,
            _ => value.skip()?,
        }
        Ok(())
    }
}

struct Content<'a>(&'a mut Candidate);

impl Fill for Content<'_> {
    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: &str,
        value: Field<'_, A>,
    ) -> Result<(), A::Error> {
        if key != "parts" {
            return value.skip();
        }
        let wants_content = self.0.wants_content;
        let make = || Piece {
            wants_content,
            ..Piece::default()
        };
        value.objects_of(make, |piece| self.0.parts.push(piece))
    }
}

/// A part of an answer.
#[derive(Default)]
struct Piece {
    wants_content: bool,
    is_thought: bool,
    text: Option<String>,
    call: Option<Call>,
}

impl Piece {
    fn tell(self, choice: u64, told: &mut Told) {
        if let Some(call) = self.call {
            told.called(call.id, call.name, call.arguments.as_deref());
        }
        told.piece(choice, 0, self.is_thought, self.text.as_deref());
    }
}

impl Fill for Piece {
    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: &str,
        value: Field<'_, A>,
    ) -> Result<(), A::Error> {
        match key {
            "thought" => self.is_thought = value.flag()?.unwrap_or_default(),
            "text" if self.wants_content => self.text = value.text()?.map(Into::into),
            "functionCall" => {
                let wants_content = self.wants_content;
                let call = self.call.insert(Call {
                    wants_content,
                    ..Call::default()
                });
                value.object(call)?;
            }
            _ => value.skip()?,
        }
        Ok(())
    }
}

/// A tool call. Many have no id: then their order joins them with their results.
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
            "args" if self.wants_content => self.arguments = value.json()?,
            _ => value.skip()?,
        }
        Ok(())
    }
}

/// The usage of an interaction, whose names are others.
pub(super) struct InteractionUsage<'a>(pub(super) &'a mut Tokens);

impl Fill for InteractionUsage<'_> {
    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: &str,
        value: Field<'_, A>,
    ) -> Result<(), A::Error> {
        let tokens = &mut *self.0;
        match key {
            "total_input_tokens" => replace(&mut tokens.input, value.count()?),
            "total_tool_use_tokens" => replace(&mut tokens.tool_input, value.count()?),
            "total_output_tokens" => replace(&mut tokens.visible_output, value.count()?),
            "total_thought_tokens" => replace(&mut tokens.reasoning, value.count()?),
            "total_cached_tokens" => replace(&mut tokens.cache_read, value.count()?),
            "total_tokens" => replace(&mut tokens.total, value.count()?),
            "input_tokens_by_modality" => {
                value.objects(|it: Part| it.tell(&mut tokens.input_by))?
            }
            "output_tokens_by_modality" => {
                value.objects(|it: Part| it.tell(&mut tokens.output_by))?
            }
            _ => value.skip()?,
        }
        Ok(())
    }
}
