//! Responses.

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

/// OpenAI's responses, and those of Azure, OpenRouter and others.
///
/// A response has no reason why it finished: that is its `incomplete_details.reason` where it is
/// incomplete, and its status (`completed`, `failed`, `cancelled`) otherwise.
#[derive(Clone, Copy, Debug, Default)]
pub struct OpenAiResponses;

impl Provider for OpenAiResponses {
    fn recognise(&self, target: &Target<'_>) -> Option<Recognised> {
        let is_one = posts(target, "/responses");
        is_one.then(|| Recognised::new(provider(target), Operation::Chat))
    }

    fn read_request(&self, body: &[u8], asked: &mut Asked) {
        read(body, &mut Settings(asked));
        content::of_responses(body, asked);
    }

    fn read_response(&self, body: &[u8], told: &mut Told) {
        let mut response = Response::new(told);
        let is_whole = read(body, &mut response);
        response.tell();
        told.is_broken |= !is_whole;
    }

    fn read_event(&self, event: &Event<'_>, told: &mut Told) {
        let mut streamed = Streamed {
            kind: None,
            index: 0,
            item: Item::new(told.wants_content()),
            fault: Fault::default(),
            told,
        };
        let is_whole = read(event.data, &mut streamed);
        streamed.tell(event.name);
        told.is_broken |= !is_whole;
    }
}

/// A response, as far as it has come.
struct Response<'a> {
    told: &'a mut Told,
    status: Option<String>,
    incomplete: Option<String>,
}

impl<'a> Response<'a> {
    fn new(told: &'a mut Told) -> Self {
        Self {
            told,
            status: None,
            incomplete: None,
        }
    }

    fn tell(self) {
        let Some(status) = self.status else { return };
        let reason = match status.as_str() {
            "queued" | "in_progress" => return,
            "incomplete" => self.incomplete.unwrap_or(status),
            _ => status,
        };
        self.told.finish(0, &reason);
    }
}

impl Fill for Response<'_> {
    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: &str,
        value: Field<'_, A>,
    ) -> Result<(), A::Error> {
        let told = &mut *self.told;
        match key {
            "id" => replace(&mut told.id, value.name()?),
            "model" => replace(&mut told.model, value.name()?),
            "status" => self.status = value.name()?,
            "service_tier" => replace(&mut told.service_tier, value.name()?),
            "incomplete_details" => value.object(&mut Reason(&mut self.incomplete))?,
            "error" => {
                let mut fault = Fault::default();
                let read = value.object(&mut fault);
                if !fault.is_empty() {
                    told.fail(fault.kind(), fault.message);
                }
                read?;
            }
            "output" => {
                let wants_content = told.wants_content();
                let mut index = 0;
                value.objects_of(
                    || Item::new(wants_content),
                    |item| {
                        item.tell(index, told);
                        index += 1;
                    },
                )?;
            }
            "usage" => value.object(&mut Usage {
                tokens: &mut told.usage,
                cost: &mut told.cost,
            })?,
            _ => value.skip()?,
        }
        Ok(())
    }
}

/// `{"reason":"max_output_tokens"}`.
struct Reason<'a>(&'a mut Option<String>);

impl Fill for Reason<'_> {
    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: &str,
        value: Field<'_, A>,
    ) -> Result<(), A::Error> {
        match key {
            "reason" => *self.0 = value.name()?,
            _ => value.skip()?,
        }
        Ok(())
    }
}

/// An item of the output.
struct Item {
    wants_content: bool,
    kind: Option<String>,
    call_id: Option<String>,
    name: Option<String>,
    arguments: Option<String>,
    texts: Vec<String>,
}

impl Item {
    fn new(wants_content: bool) -> Self {
        Self {
            wants_content,
            kind: None,
            call_id: None,
            name: None,
            arguments: None,
            texts: Vec::new(),
        }
    }

    /// What has an id to be called by is for the caller to run; other tools the provider runs itself.
    fn tell(self, index: u64, told: &mut Told) {
        let kind = self.kind.unwrap_or_default();
        match kind.strip_suffix("_call") {
            Some(tool) if self.call_id.is_some() => {
                if let Some(call) = told.tool_call(index) {
                    replace(&mut call.id, self.call_id);
                    replace(&mut call.name, self.name.or(Some(tool.to_owned())));
                    call.set_arguments(self.arguments.as_deref());
                }
            }
            _ => told.part(index, kind == "reasoning", &self.texts),
        }
    }
}

impl Fill for Item {
    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: &str,
        value: Field<'_, A>,
    ) -> Result<(), A::Error> {
        match key {
            "type" => self.kind = value.name()?,
            "call_id" => self.call_id = value.name()?,
            "name" => self.name = value.name()?,
            "arguments" | "input" if self.wants_content => {
                self.arguments = value.text()?.map(Into::into);
            }
            "content" | "summary" if self.wants_content => {
                value.objects(|part: Part| self.texts.extend(part.0))?;
            }
            _ => value.skip()?,
        }
        Ok(())
    }
}

/// A part of a message or of a summary.
#[derive(Default)]
struct Part(Option<String>);

impl Fill for Part {
    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: &str,
        value: Field<'_, A>,
    ) -> Result<(), A::Error> {
        match key {
            "text" | "refusal" => self.0 = value.text()?.map(Into::into),
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
    item: Item,
    fault: Fault,
}

impl Streamed<'_> {
    fn tell(self, name: Option<&str>) {
        let kind = self.kind.as_deref().or(name).unwrap_or_default();
        match kind {
            "response.output_item.added" | "response.output_item.done" => {
                self.item.tell(self.index, self.told);
            }
            "response.completed" | "response.incomplete" => self.told.is_complete = true,
            "response.failed" | "error" => {
                self.told.is_complete = true;
                self.told.fail(self.fault.kind(), self.fault.message);
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
            "output_index" => self.index = value.count()?.unwrap_or_default(),
            "item" => value.object(&mut self.item)?,
            "response" => {
                let mut response = Response::new(self.told);
                let read = value.object(&mut response);
                response.tell();
                read?;
            }
            "error" => value.object(&mut self.fault)?,
            // Where the event is the error itself.
            "code" | "message" => self.fault.field(key, value)?,
            _ => value.skip()?,
        }
        Ok(())
    }
}
