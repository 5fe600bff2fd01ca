//! Gemini's interactions.

use serde::de::MapAccess;
use spanreel::Operation;

use super::answer::InteractionUsage;
use super::settings::Generation;
use crate::llm::asked::Asked;
use crate::llm::envelope::Fault;
use crate::llm::json::{Field, Fill, read};
use crate::llm::provider::{Event, Provider, Recognised, Target};
use crate::llm::told::{Told, replace};

/// Gemini's interactions, streamed or not. Their status (`completed`, `requires_action`) is the reason
/// why they finished.
#[derive(Clone, Copy, Debug, Default)]
pub struct GeminiInteractions;

impl Provider for GeminiInteractions {
    fn recognise(&self, target: &Target<'_>) -> Option<Recognised> {
        let is_one = *target.method == http::Method::POST
            && target.path.trim_end_matches('/').ends_with("/interactions")
            && (target.is_host("generativelanguage.googleapis.com")
                || target.path.starts_with("/v1beta/"));
        is_one.then(|| Recognised::new("gcp.gemini", Operation::GenerateContent))
    }

    fn read_request(&self, body: &[u8], asked: &mut Asked) {
        read(body, &mut Settings(asked));
    }

    fn read_response(&self, body: &[u8], told: &mut Told) {
        told.is_broken |= !read(body, &mut Interaction(told));
    }

    fn read_event(&self, event: &Event<'_>, told: &mut Told) {
        let mut streamed = Streamed {
            step: Step::new(told.wants_content()),
            delta: Step::new(told.wants_content()),
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
        match key {
            // An agent of the provider's stands in for a model.
            "model" | "agent" => self.0.model = value.name()?.or(self.0.model.take()),
            "stream" => self.0.stream = value.flag()?,
            "generation_config" => value.object(&mut Generation(self.0))?,
            _ => value.skip()?,
        }
        Ok(())
    }
}

struct Interaction<'a>(&'a mut Told);

impl Fill for Interaction<'_> {
    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: &str,
        value: Field<'_, A>,
    ) -> Result<(), A::Error> {
        let told = &mut *self.0;
        match key {
            "id" => replace(&mut told.id, value.name()?),
            "model" => replace(&mut told.model, value.name()?),
            "service_tier" => replace(&mut told.service_tier, value.name()?),
            "status" => {
                if let Some(status) = value.name()?.filter(|status| status != "in_progress") {
                    told.finish(0, &status);
                }
            }
            "usage" => value.object(&mut InteractionUsage(&mut told.usage))?,
            "steps" | "outputs" => {
                let wants_content = told.wants_content();
                let mut index = 0;
                value.objects_of(
                    || Step::new(wants_content),
                    |step| {
                        step.tell(index, told);
                        index += 1;
                    },
                )?;
            }
            _ => value.skip()?,
        }
        Ok(())
    }
}

/// A step, or what is added to one.
struct Step {
    wants_content: bool,
    kind: Option<String>,
    id: Option<String>,
    name: Option<String>,
    arguments: Option<String>,
    text: Option<String>,
}

impl Step {
    fn new(wants_content: bool) -> Self {
        Self {
            wants_content,
            kind: None,
            id: None,
            name: None,
            arguments: None,
            text: None,
        }
    }

    fn tell(self, index: u64, told: &mut Told) {
        let kind = self.kind.unwrap_or_default();
        if kind == "function_call" {
            if let Some(call) = told.tool_call(index) {
                replace(&mut call.id, self.id);
                replace(&mut call.name, self.name);
                call.add_arguments(self.arguments.as_deref());
            }
            return;
        }
        told.piece(0, index, kind.starts_with("thought"), self.text.as_deref());
    }
}

impl Fill for Step {
    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: &str,
        value: Field<'_, A>,
    ) -> Result<(), A::Error> {
        match key {
            "type" => self.kind = value.name()?,
            "id" => self.id = value.name()?,
            "name" => self.name = value.name()?,
            "arguments" if self.wants_content => self.arguments = value.json()?,
            "text" if self.wants_content => self.text = value.text()?.map(Into::into),
            "content" if self.wants_content => {
                let mut texts = String::new();
                value.objects(|part: Text| texts.push_str(&part.0))?;
                self.text = Some(texts)
                    .filter(|text| !text.is_empty())
                    .or(self.text.take());
            }
            _ => value.skip()?,
        }
        Ok(())
    }
}

/// A part of a step's content.
#[derive(Default)]
struct Text(String);

impl Fill for Text {
    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: &str,
        value: Field<'_, A>,
    ) -> Result<(), A::Error> {
        match key {
            "text" => self.0 = value.text()?.unwrap_or_default().into(),
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
    step: Step,
    delta: Step,
    fault: Fault,
}

impl Streamed<'_> {
    fn tell(self, name: Option<&str>) {
        match self.kind.as_deref().or(name).unwrap_or_default() {
            "step.start" | "content.start" => self.step.tell(self.index, self.told),
            "step.delta" | "content.delta" => self.delta.tell(self.index, self.told),
            "interaction.completed" | "interaction.complete" => self.told.is_complete = true,
            "error" | "interaction.failed" => {
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
            "event_type" => self.kind = value.name()?,
            "index" => self.index = value.count()?.unwrap_or_default(),
            "step" | "content" => value.object(&mut self.step)?,
            "delta" => value.object(&mut self.delta)?,
            "interaction" => value.object(&mut Interaction(self.told))?,
            "error" => value.object(&mut self.fault)?,
            _ => value.skip()?,
        }
        Ok(())
    }
}
