//! What an answer tells: its ids, how it ended, what it used.
//!
//! Holds: names, ids and numbers of one call, a bounded list of tool calls, and the answer itself where
//! content is wanted. Loses: tool calls and reasons beyond the bound.

use super::json::cut;
use super::said::Said;
use super::tokens::Tokens;

/// The most tool calls that are kept of one answer.
const MOST_TOOL_CALLS: usize = 128;
/// The most answers to one request whose reasons are kept.
const MOST_CHOICES: usize = 128;

/// What an answer tells, as it is read: whatever is `None` or empty, it did not tell.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Told {
    /// Its id (`gen_ai.response.id`).
    pub id: Option<String>,
    /// The model that answered (`gen_ai.response.model`).
    pub model: Option<String>,
    /// The tokens it used. Running totals of a stream replace each other.
    pub usage: Tokens,
    /// The service tier it was answered in.
    pub service_tier: Option<String>,
    /// What it cost in US dollars, where the provider says it.
    pub cost: Option<f64>,
    /// How it failed.
    pub failure: Option<Failure>,
    /// Whether a stream has come to its last event: who stops reading then did not cancel it.
    pub is_complete: bool,
    /// Whether anything could not be read.
    pub(crate) is_broken: bool,
    /// By choice.
    finish_reasons: Vec<(u64, String)>,
    tool_calls: Vec<ToolCall>,
    /// Some where content is wanted.
    said: Option<Said>,
}

/// How a call failed, in the provider's words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Failure {
    /// A name of low cardinality (`error.type`): `rate_limit_error`.
    pub kind: Option<String>,
    /// For people. It may quote what was asked, and is recorded only where content is.
    pub message: Option<String>,
}

/// A tool that the model asks to be called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ToolCall {
    /// Its place in the answer, by which pieces of a stream are put together. The upper 32 bits are the
    /// choice.
    pub index: u64,
    /// Its id, under which its result is given (`gen_ai.tool.call.id`).
    pub id: Option<String>,
    /// The tool.
    pub name: Option<String>,
    /// Some where content is wanted.
    arguments: Option<String>,
}

/// The longest arguments of a tool call that are kept, in bytes.
const LONGEST_ARGUMENTS: usize = 256 << 10;

impl ToolCall {
    /// Adds a piece of its arguments, where there is room; `None` adds nothing.
    pub fn add_arguments(&mut self, piece: Option<&str>) {
        let Some(piece) = piece else { return };
        let known = self.arguments.get_or_insert_default();
        if known.len() + piece.len() <= LONGEST_ARGUMENTS {
            known.push_str(piece);
        }
    }

    /// Its arguments, told at once.
    pub(crate) fn set_arguments(&mut self, arguments: Option<&str>) {
        if arguments.is_some() {
            self.arguments = None;
            self.add_arguments(arguments);
        }
    }

    pub(crate) fn arguments(&self) -> Option<&str> {
        self.arguments.as_deref()
    }

    /// The choice that it is of.
    pub(crate) fn choice(&self) -> u64 {
        self.index >> 32
    }
}

impl Told {
    /// Notes why a choice ended; told again, the last counts.
    pub fn finish(&mut self, choice: u64, reason: &str) {
        let reason = cut(reason).to_owned();
        let place = self.finish_reasons.partition_point(|(it, _)| *it < choice);
        let has_room = self.finish_reasons.len() < MOST_CHOICES;
        match self.finish_reasons.get_mut(place) {
            Some((it, known)) if *it == choice => *known = reason,
            _ if has_room => self.finish_reasons.insert(place, (choice, reason)),
            _ => {}
        }
    }

    /// Why the choices ended, in their order.
    pub fn finish_reasons(&self) -> impl ExactSizeIterator<Item = &str> {
        self.finish_reasons
            .iter()
            .map(|(_, reason)| reason.as_str())
    }

    /// The tool call at a place of the answer, to which pieces of a stream add; a new one where there
    /// is none yet. `None` where there are too many.
    pub fn tool_call(&mut self, index: u64) -> Option<&mut ToolCall> {
        if let Some(place) = self.tool_calls.iter().position(|call| call.index == index) {
            return self.tool_calls.get_mut(place);
        }
        if self.tool_calls.len() == MOST_TOOL_CALLS {
            return None;
        }
        self.tool_calls.push(ToolCall {
            index,
            ..ToolCall::default()
        });
        self.tool_calls.last_mut()
    }

    /// Notes a tool call that is told at once.
    pub fn called(&mut self, id: Option<String>, name: Option<String>, arguments: Option<&str>) {
        let index = self
            .tool_calls
            .last()
            .map_or(0, |call| call.index.saturating_add(1));
        if let Some(call) = self.tool_call(index) {
            (call.id, call.name) = (id, name);
            call.add_arguments(arguments);
        }
    }

    /// The tools that are to be called, in the order in which they were named.
    #[must_use]
    pub fn tool_calls(&self) -> &[ToolCall] {
        &self.tool_calls
    }

    /// Whether what the model says is to be kept: messages, and arguments of tools.
    #[must_use]
    pub fn wants_content(&self) -> bool {
        self.said.is_some()
    }

    /// Keeps what the model says.
    pub(crate) fn want_content(&mut self) {
        self.said = Some(Said::default());
    }

    /// What the model said, where that is wanted.
    pub(crate) fn said(&self) -> Option<&Said> {
        self.said.as_ref()
    }

    /// Adds a piece of text to a choice, where content is wanted.
    pub fn say(&mut self, choice: u64, piece: Option<&str>) {
        self.piece(choice, 0, false, piece);
    }

    /// Adds a piece of reasoning to a choice, where content is wanted.
    pub fn think(&mut self, choice: u64, piece: Option<&str>) {
        self.piece(choice, 0, true, piece);
    }

    /// Adds a piece of text or reasoning to a part of a choice.
    pub(crate) fn piece(
        &mut self,
        choice: u64,
        index: u64,
        is_reasoning: bool,
        piece: Option<&str>,
    ) {
        if let (Some(said), Some(piece)) = (&mut self.said, piece) {
            said.add(choice, index, is_reasoning, piece);
        }
    }

    /// Tells a part whole.
    pub(crate) fn part(&mut self, index: u64, is_reasoning: bool, texts: &[String]) {
        if let (Some(said), false) = (&mut self.said, texts.is_empty()) {
            said.set(0, index, is_reasoning, &texts.concat());
        }
    }

    /// `gen_ai.output.messages`, where content is wanted and there is any.
    pub(crate) fn output_messages(&self) -> Option<String> {
        let reasons = self
            .finish_reasons
            .iter()
            .map(|(choice, reason)| (*choice, reason.as_str()));
        self.said.as_ref()?.messages(&self.tool_calls, reasons)
    }

    /// Notes that it failed.
    pub fn fail(&mut self, kind: Option<String>, message: Option<String>) {
        let known = self.failure.get_or_insert_default();
        known.kind = kind.or(known.kind.take());
        known.message = message.or(known.message.take());
    }
}

/// `told` replaces what was known, where it says anything.
pub(crate) fn replace<T>(known: &mut Option<T>, told: Option<T>) {
    if told.is_some() {
        *known = told;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reasons stand in the order of their choices, each choice once, and there is an end of them.
    #[test]
    fn each_choice_has_one_reason() {
        let mut told = Told::default();
        told.finish(1, "stop");
        told.finish(0, "length");
        told.finish(1, "tool_calls");
        assert_eq!(
            told.finish_reasons().collect::<Vec<_>>(),
            ["length", "tool_calls"]
        );
        for choice in 0..1000 {
            told.finish(choice, "stop");
        }
        assert_eq!(told.finish_reasons().len(), MOST_CHOICES);
    }

    /// Pieces of a tool call come together by its place; there is an end of them.
    #[test]
    fn pieces_of_a_tool_call_come_together() {
        let mut told = Told::default();
        told.tool_call(1).expect("room").id = Some("c-1".to_owned());
        told.tool_call(0).expect("room").id = Some("c-0".to_owned());
        told.tool_call(1).expect("room").name = Some("search".to_owned());
        let ids: Vec<_> = told
            .tool_calls()
            .iter()
            .map(|call| call.id.as_deref())
            .collect();
        assert_eq!(ids, [Some("c-1"), Some("c-0")]);
        assert_eq!(told.tool_calls()[0].name.as_deref(), Some("search"));
        for index in 0..1000 {
            let is_kept = told.tool_call(index).is_some();
            assert_eq!(is_kept, index < MOST_TOOL_CALLS as u64);
        }
    }
}
