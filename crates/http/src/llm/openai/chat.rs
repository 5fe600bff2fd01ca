//! Chat completions, and the older completions of plain text.

use serde::de::MapAccess;
use spanreel::Operation;

use super::settings::Settings;
use super::usage::Usage;
use super::{posts, provider};
use crate::llm::asked::Asked;
use crate::llm::content;
use crate::llm::envelope::Fault;
use crate::llm::json::{Field, Fill, read};
use crate::llm::provider::{Event, Provider, Recognised, Target};
use crate::llm::told::{Told, replace};

/// OpenAI's chat completions and completions, as Azure, OpenRouter, Groq, DeepSeek, Mistral, xAI, vLLM,
/// Ollama and many others speak them too.
#[derive(Clone, Copy, Debug, Default)]
pub struct OpenAiChat;

impl Provider for OpenAiChat {
    fn recognise(&self, target: &Target<'_>) -> Option<Recognised> {
        let operation = if posts(target, "/chat/completions") {
            Operation::Chat
        } else if posts(target, "/completions") {
            Operation::TextCompletion
        } else {
            return None;
        };
        let mut recognised = Recognised::new(provider(target), operation);
        recognised.model = deployment(target.path);
        Some(recognised)
    }

    fn read_request(&self, body: &[u8], asked: &mut Asked) {
        read(body, &mut Settings(asked));
        content::of_chat(body, asked);
    }

    fn read_response(&self, body: &[u8], told: &mut Told) {
        told.is_broken |= !read(body, &mut Completion(told));
    }

    fn read_event(&self, event: &Event<'_>, told: &mut Told) {
        told.is_broken |= !read(event.data, &mut Completion(told));
    }
}

/// Azure names the model in the path: `/openai/deployments/NAME/chat/completions`.
fn deployment(path: &str) -> Option<String> {
    let (_, rest) = path.split_once("/deployments/")?;
    Some(rest.split('/').next()?.to_owned())
}

/// A completion, or a chunk of one.
struct Completion<'a>(&'a mut Told);

impl Fill for Completion<'_> {
    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: &str,
        value: Field<'_, A>,
    ) -> Result<(), A::Error> {
        let told = &mut *self.0;
        match key {
            "id" => replace(&mut told.id, value.name()?.filter(|id| !id.is_empty())),
            // Azure's first chunk has an empty one.
            "model" => replace(&mut told.model, value.name()?.filter(|it| !it.is_empty())),
            "service_tier" => replace(&mut told.service_tier, value.name()?),
            "choices" => {
                let wants_content = told.wants_content();
                let make = || Choice {
                    wants_content,
                    ..Choice::default()
                };
                value.objects_of(make, |choice| choice.tell(told))?;
            }
            "usage" => value.object(&mut Usage {
                tokens: &mut told.usage,
                cost: &mut told.cost,
            })?,
            "x_groq" => value.object(&mut Groq(told))?,
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

/// Groq's own part of a chunk holds the usage of a stream.
struct Groq<'a>(&'a mut Told);

impl Fill for Groq<'_> {
    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: &str,
        value: Field<'_, A>,
    ) -> Result<(), A::Error> {
        match key {
            "usage" | "error" => Completion(self.0).field(key, value),
            _ => value.skip(),
        }
    }
}

#[derive(Default)]
struct Choice {
    wants_content: bool,
    index: u64,
    finish_reason: Option<String>,
    message: Message,
    fault: Fault,
}

impl Choice {
    fn tell(self, told: &mut Told) {
        if let Some(reason) = &self.finish_reason {
            told.finish(self.index, reason);
        }
        for call in self.message.tool_calls {
            call.tell(self.index, told);
        }
        told.say(self.index, self.message.text.as_deref());
        told.think(self.index, self.message.reasoning.as_deref());
        if !self.fault.is_empty() {
            told.fail(self.fault.kind(), self.fault.message);
        }
    }
}

impl Fill for Choice {
    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: &str,
        value: Field<'_, A>,
    ) -> Result<(), A::Error> {
        match key {
            "index" => self.index = value.count()?.unwrap_or_default(),
            "finish_reason" => self.finish_reason = value.name()?,
            "delta" | "message" => {
                self.message.wants_content = self.wants_content;
                value.object(&mut self.message)?;
            }
            "text" if self.wants_content => self.message.text = value.text()?.map(Into::into),
            "error" => value.object(&mut self.fault)?,
            _ => value.skip()?,
        }
        Ok(())
    }
}

/// A message, or what a chunk adds to one.
#[derive(Default)]
struct Message {
    wants_content: bool,
    tool_calls: Vec<Call>,
    text: Option<String>,
    reasoning: Option<String>,
}

impl Fill for Message {
    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: &str,
        value: Field<'_, A>,
    ) -> Result<(), A::Error> {
        let wants_content = self.wants_content;
        match key {
            "tool_calls" => {
                let make = || Call {
                    wants_content,
                    ..Call::default()
                };
                value.objects_of(make, |call| self.tool_calls.push(call))?;
            }
            // As it was before there were tools.
            "function_call" => {
                let mut call = Call {
                    wants_content,
                    index: Some(0),
                    ..Call::default()
                };
                let read = value.object(&mut Function(&mut call));
                if call.name.is_some() || call.arguments.is_some() {
                    self.tool_calls.push(call);
                }
                read?;
            }
            "content" | "refusal" if wants_content => {
                if let Some(text) = value.text()? {
                    self.text = Some(text.into());
                }
            }
            // DeepSeek; OpenRouter and others.
            "reasoning_content" | "reasoning" if wants_content => {
                if let Some(text) = value.text()? {
                    self.reasoning = Some(text.into());
                }
            }
            _ => value.skip()?,
        }
        Ok(())
    }
}

/// A tool call, or a piece of one.
#[derive(Default)]
struct Call {
    wants_content: bool,
    index: Option<u64>,
    id: Option<String>,
    name: Option<String>,
    arguments: Option<String>,
}

impl Call {
    fn tell(self, choice: u64, told: &mut Told) {
        let Some(index) = self.index else {
            return told.called(self.id, self.name, self.arguments.as_deref());
        };
        let place = choice << 32 | index & u64::from(u32::MAX);
        if let Some(call) = told.tool_call(place) {
            replace(&mut call.id, self.id.filter(|id| !id.is_empty()));
            replace(&mut call.name, self.name.filter(|name| !name.is_empty()));
            call.add_arguments(self.arguments.as_deref());
        }
    }
}

impl Fill for Call {
    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: &str,
        value: Field<'_, A>,
    ) -> Result<(), A::Error> {
        match key {
            "index" => self.index = value.count()?,
            "id" => self.id = value.name()?,
            "function" | "custom" => value.object(&mut Function(self))?,
            _ => value.skip()?,
        }
        Ok(())
    }
}

struct Function<'a>(&'a mut Call);

impl Fill for Function<'_> {
    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: &str,
        value: Field<'_, A>,
    ) -> Result<(), A::Error> {
        match key {
            "name" => self.0.name = value.name()?,
            "arguments" | "input" if self.0.wants_content => {
                self.0.arguments = value.text()?.map(Into::into);
            }
            _ => value.skip()?,
        }
        Ok(())
    }
}
