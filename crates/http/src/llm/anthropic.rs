//! Anthropic's messages.

use serde::de::MapAccess;
use spanreel::Operation;

use super::asked::Asked;
use super::content;
use super::envelope::Fault;
use super::json::{Field, Fill, read};
use super::provider::{Event, Provider, Recognised, Target};
use super::tokens::Tokens;
use super::told::{Told, replace};

/// Anthropic's messages, at Anthropic and wherever else they are spoken.
///
/// Its input tokens are those beside the cache; a span tells the sum of all three (GenAI conventions
/// 1.41.1, `gen_ai.usage.input_tokens`). What a stream tells of its usage are running totals.
#[derive(Clone, Copy, Debug, Default)]
pub struct AnthropicMessages;

impl Provider for AnthropicMessages {
    fn recognise(&self, target: &Target<'_>) -> Option<Recognised> {
        let path = target.path.trim_end_matches('/');
        // Threads of OpenAI's assistants have messages, too.
        let is_one = *target.method == http::Method::POST
            && path.ends_with("/v1/messages")
            && !path.contains("/threads/");
        is_one.then(|| Recognised::new("anthropic", Operation::Chat))
    }

    fn read_request(&self, body: &[u8], asked: &mut Asked) {
        read(body, &mut Settings(asked));
        content::of_messages(body, asked);
    }

    fn read_response(&self, body: &[u8], told: &mut Told) {
        let mut message = Message {
            told,
            stop_reason: None,
            index: 0,
        };
        let is_whole = read(body, &mut message);
        message.tell();
        told.is_broken |= !is_whole;
    }

    fn read_event(&self, event: &Event<'_>, told: &mut Told) {
        let mut streamed = Streamed {
            block: Block::new(told.wants_content()),
            delta: Block::new(told.wants_content()),
            told,
            kind: None,
            index: 0,
            fault: Fault::default(),
        };
        let is_whole = read(event.data, &mut streamed);
        streamed.tell(event.name);
        told.is_broken |= !is_whole;
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
            "max_tokens" => asked.max_tokens = value.count()?,
            "temperature" => asked.temperature = value.number()?,
            "top_p" => asked.top_p = value.number()?,
            "top_k" => asked.top_k = value.number()?,
            "stop_sequences" => asked.stop_sequences = value.names()?,
            "service_tier" => asked.service_tier = value.name()?,
            _ => value.skip()?,
        }
        Ok(())
    }
}

/// A message, whole or as it begins.
struct Message<'a> {
    told: &'a mut Told,
    stop_reason: Option<String>,
    /// How many blocks of content were told.
    index: u64,
}

impl Message<'_> {
    fn tell(self) {
        if let Some(reason) = self.stop_reason {
            self.told.finish(0, &reason);
        }
    }
}

impl Fill for Message<'_> {
    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: &str,
        value: Field<'_, A>,
    ) -> Result<(), A::Error> {
        let told = &mut *self.told;
        match key {
            "id" => replace(&mut told.id, value.name()?),
            "model" => replace(&mut told.model, value.name()?),
            "stop_reason" => self.stop_reason = value.name()?,
            "usage" => value.object(&mut Usage(told))?,
            "content" => {
                let wants_content = told.wants_content();
                let index = &mut self.index;
                value.objects_of(
                    || Block::new(wants_content),
                    |block| {
                        block.begin(*index, told);
                        *index += 1;
                    },
                )?;
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
            "input_tokens" => replace(&mut tokens.uncached_input, value.count()?),
            "output_tokens" => replace(&mut tokens.output, value.count()?),
            "cache_read_input_tokens" => replace(&mut tokens.cache_read, value.count()?),
            "cache_creation_input_tokens" => replace(&mut tokens.cache_creation, value.count()?),
            "cache_creation" | "output_tokens_details" => value.object(&mut Details(tokens))?,
            "service_tier" => replace(&mut self.0.service_tier, value.name()?),
            _ => value.skip()?,
        }
        Ok(())
    }
}

struct Details<'a>(&'a mut Tokens);

impl Fill for Details<'_> {
    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: &str,
        value: Field<'_, A>,
    ) -> Result<(), A::Error> {
        match key {
            "ephemeral_1h_input_tokens" => replace(&mut self.0.cache_creation_hour, value.count()?),
            "thinking_tokens" => replace(&mut self.0.reasoning, value.count()?),
            _ => value.skip()?,
        }
        Ok(())
    }
}

/// A block of content, or what is added to one.
struct Block {
    wants_content: bool,
    kind: Option<String>,
    id: Option<String>,
    name: Option<String>,
    text: Option<String>,
    thinking: Option<String>,
    arguments: Option<String>,
    stop_reason: Option<String>,
}

impl Block {
    fn new(wants_content: bool) -> Self {
        Self {
            wants_content,
            kind: None,
            id: None,
            name: None,
            text: None,
            thinking: None,
            arguments: None,
            stop_reason: None,
        }
    }

    /// Tools that the provider runs itself (`server_tool_use`) are not asked for.
    fn begin(self, index: u64, told: &mut Told) {
        if self.kind.as_deref() == Some("tool_use")
            && let Some(call) = told.tool_call(index)
        {
            replace(&mut call.id, self.id);
            replace(&mut call.name, self.name);
            call.set_arguments(self.arguments.as_deref().filter(|it| *it != "{}"));
            return;
        }
        told.piece(0, index, false, self.text.as_deref());
        told.piece(0, index, true, self.thinking.as_deref());
    }

    fn add(self, index: u64, told: &mut Told) {
        told.piece(0, index, false, self.text.as_deref());
        told.piece(0, index, true, self.thinking.as_deref());
        let is_asked_for = told.tool_calls().iter().any(|call| call.index == index);
        if is_asked_for && let Some(call) = told.tool_call(index) {
            call.add_arguments(self.arguments.as_deref());
        }
    }
}

impl Fill for Block {
    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: &str,
        value: Field<'_, A>,
    ) -> Result<(), A::Error> {
        match key {
            "type" => self.kind = value.name()?,
            "id" => self.id = value.name()?,
            "name" => self.name = value.name()?,
            "stop_reason" => self.stop_reason = value.name()?,
            "text" if self.wants_content => self.text = value.text()?.map(Into::into),
            "thinking" if self.wants_content => self.thinking = value.text()?.map(Into::into),
            "input" if self.wants_content => self.arguments = value.json()?,
            "partial_json" if self.wants_content => self.arguments = value.text()?.map(Into::into),
            _ => value.skip()?,
        }
        Ok(())
    }
}

/// An event of a stream.
struct Streamed<'a> {
    told: &'a mut Told,
    kind: Option<String>,
    index: u64,
    block: Block,
    delta: Block,
    fault: Fault,
}

impl Streamed<'_> {
    fn tell(self, name: Option<&str>) {
        let told = self.told;
        match self.kind.as_deref().or(name).unwrap_or_default() {
            "content_block_start" => self.block.begin(self.index, told),
            "content_block_delta" => self.delta.add(self.index, told),
            "message_delta" => {
                if let Some(reason) = self.delta.stop_reason {
                    told.finish(0, &reason);
                }
            }
            "message_stop" => told.is_complete = true,
            "error" => {
                told.is_complete = true;
                told.fail(self.fault.kind(), self.fault.message);
            }
            _ => {}
        }
    }
}

impl Fill for Streamed<'_> {
    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: &str,
        value: Field<'_, A>,
    ) -> Result<(), A::Error> {
        match key {
            "type" => self.kind = value.name()?,
            "index" => self.index = value.count()?.unwrap_or_default(),
            "content_block" => value.object(&mut self.block)?,
            "delta" => value.object(&mut self.delta)?,
            "error" => value.object(&mut self.fault)?,
            "usage" => value.object(&mut Usage(self.told))?,
            "message" => {
                let mut message = Message {
                    told: self.told,
                    stop_reason: None,
                    index: 0,
                };
                let read = value.object(&mut message);
                message.tell();
                read?;
            }
            _ => value.skip()?,
        }
        Ok(())
    }
}
