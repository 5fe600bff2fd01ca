//! Whose a span is: its agent, in the words of all dialects.
//!
//! The GenAI conventions and OpenInference name it. The decorators of AgentOps and of OpenLLMetry (Traceloop) say
//! that a span is an agent's and name what it is of: `@agent class Planner` has `agentops.span.kind` `agent` and
//! `operation.name` `Planner`, and no name of an agent.

use spanreel::dialect::{Meaning, meaning};
use spanreel::view::{AttributesView, ValueView};

/// What has been read of whose a span is.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Whose<'a> {
    name: Option<&'a str>,
    /// What the span is of, in the words of decorators.
    entity: Option<&'a str>,
    is_agent: bool,
}

impl<'a> Whose<'a> {
    /// Reads an attribute; says whether it was about this.
    pub(super) fn note(&mut self, key: &str, value: &ValueView<'a>) -> bool {
        match key {
            "gen_ai.agent.name" | "agent.name" => self.name = text(value).or(self.name),
            "traceloop.entity.name" | "agentops.entity.name" | "operation.name" => {
                self.entity = text(value).or(self.entity);
            }
            _ => return false,
        }
        true
    }

    /// Reads what the span does.
    pub(super) fn note_work(&mut self, word: &str) {
        self.is_agent |= word.eq_ignore_ascii_case("agent");
    }

    /// What the span is of: a tool or an agent, as its decorator was told.
    pub(super) fn entity(&self) -> Option<&'a str> {
        self.entity
    }

    /// Its agent, where it says one.
    pub(super) fn agent(&self) -> Option<&'a str> {
        self.name.or(self.entity.filter(|_| self.is_agent))
    }
}

fn text<'a>(value: &ValueView<'a>) -> Option<&'a str> {
    value.as_str().filter(|text| !text.is_empty())
}

/// The agent that these attributes of a span say.
pub(crate) fn agent_of<'a>(attributes: AttributesView<'a>) -> Option<&'a str> {
    let mut whose = Whose::default();
    for (key, value) in attributes {
        if !whose.note(key, &value)
            && meaning(key.as_bytes()) == Some(Meaning::Work)
            && let Some(word) = text(&value)
        {
            whose.note_work(word);
        }
    }
    whose.agent()
}
