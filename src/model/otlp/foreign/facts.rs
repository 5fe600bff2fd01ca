//! What is noted of a foreign span or log record while it is checked.

use super::common::Scalar;
use crate::model::chunk::End;
use crate::model::dialect::{Meaning, Work, meaning};

/// What one item says. Texts are borrowed from the request.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Facts<'a> {
    /// 16 bytes, or none.
    pub(crate) trace_id: &'a [u8],
    /// It has no parent. Of spans alone.
    pub(crate) has_no_parent: bool,
    pub(crate) failed: bool,
    pub(crate) duration_ns: u64,
    /// The id of its session and how much it counts, the less the more.
    session: Option<(u8, &'a [u8])>,
    is_llm_call: bool,
    is_tool_call: bool,
    is_container: bool,
    input_tokens: u64,
    output_tokens: u64,
    total_tokens: u64,
    cost: f64,
    parts_of_cost: f64,
    /// What it says of the end of its session.
    end: End,
    /// Of resources.
    service: &'a [u8],
}

impl<'a> Facts<'a> {
    /// Notes what an attribute says.
    #[inline(always)]
    pub(super) fn note(&mut self, key: &[u8], value: Scalar<'a>) {
        if let Some(meaning) = meaning(key) {
            self.note_meant(meaning, value);
        }
    }

    #[inline(never)]
    fn note_meant(&mut self, meaning: Meaning, value: Scalar<'a>) {
        match meaning {
            Meaning::Session(rank) => {
                let Scalar::Text(id) = value else {
                    return;
                };
                if !id.is_empty() && self.session.is_none_or(|(known, _)| rank < known) {
                    self.session = Some((rank, id));
                }
            }
            Meaning::Work => {
                let Scalar::Text(word) = value else {
                    return;
                };
                match Work::of(word) {
                    Some(Work::LlmCall) => self.is_llm_call = true,
                    Some(Work::ToolCall) => self.is_tool_call = true,
                    Some(Work::Container) => self.is_container = true,
                    None => {}
                }
            }
            // Some senders say the same in two dialects at once.
            Meaning::InputTokens => self.input_tokens = self.input_tokens.max(whole(value)),
            Meaning::OutputTokens => self.output_tokens = self.output_tokens.max(whole(value)),
            Meaning::TotalTokens => self.total_tokens = self.total_tokens.max(whole(value)),
            Meaning::Cost => self.cost = self.cost.max(amount(value)),
            Meaning::PartOfCost => self.parts_of_cost += amount(value),
            Meaning::EndState => {
                if let Scalar::Text(word) = value {
                    self.end = end_state(word);
                }
            }
            Meaning::Service => {
                if let Scalar::Text(name) = value {
                    self.service = name;
                }
            }
        }
    }

    /// The id of its session, where an attribute says it.
    pub(crate) fn session(&self) -> Option<&'a [u8]> {
        self.session.map(|(_, id)| id)
    }

    /// The name of the service, of a resource.
    pub(crate) fn service(&self) -> &'a [u8] {
        self.service
    }

    pub(crate) fn is_llm_call(&self) -> bool {
        self.is_llm_call
    }

    pub(crate) fn is_tool_call(&self) -> bool {
        self.is_tool_call && !self.is_llm_call
    }

    /// Input and output tokens; none of a container, which only adds up what is below it.
    pub(crate) fn tokens(&self) -> u64 {
        if self.is_sum() {
            return 0;
        }
        let parts = self.input_tokens.saturating_add(self.output_tokens);
        parts.max(self.total_tokens)
    }

    /// In US dollars, as far as known; none of a container.
    pub(crate) fn cost(&self) -> f64 {
        match (self.is_sum(), self.cost > 0.0) {
            (true, _) => 0.0,
            (false, true) => self.cost,
            (false, false) => self.parts_of_cost,
        }
    }

    /// How its session ended, of the span that says so or has no parent; open for all others.
    pub(crate) fn end(&self) -> End {
        match (self.end, self.has_no_parent, self.failed) {
            (End::Open, false, _) => End::Open,
            (End::Open, true, true) => End::Error,
            (End::Open, true, false) => End::Unset,
            (told, _, _) => told,
        }
    }

    fn is_sum(&self) -> bool {
        self.is_container && !self.is_llm_call && !self.is_tool_call
    }
}

/// The words of spanreel and of AgentOps, old and new; what is none of them is unset.
fn end_state(word: &[u8]) -> End {
    let is = |known: &&str| known.as_bytes().eq_ignore_ascii_case(word);
    if is(&"success") {
        return End::Success;
    }
    match ["error", "fail", "failure"].iter().any(is) {
        true => End::Error,
        false => End::Unset,
    }
}

/// A number of tokens; 0 for what is none. Some senders write numbers as text.
fn whole(value: Scalar<'_>) -> u64 {
    match value {
        Scalar::Int(number) => u64::try_from(number).unwrap_or(0),
        // Rust's conversion keeps to the range; NaN is 0.
        _ => amount(value) as u64,
    }
}

/// An amount of money; 0 for what is none, negative or without end. AgentOps writes it as text.
fn amount(value: Scalar<'_>) -> f64 {
    let amount = match value {
        Scalar::Double(number) => number,
        Scalar::Int(number) => number as f64,
        Scalar::Text(text) => std::str::from_utf8(text)
            .ok()
            .and_then(|text| text.trim().parse().ok())
            .unwrap_or(0.0),
        Scalar::Other => 0.0,
    };
    if amount.is_finite() && amount > 0.0 {
        amount
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::genai::key;

    /// A session ends as its root says; a root that says nothing ended as an error or unset, and a span
    /// that is no root ends nothing.
    #[test]
    fn a_session_ends_as_its_root_says() {
        let end = |word: Option<&'static str>, has_no_parent, failed| {
            let mut facts = Facts {
                has_no_parent,
                failed,
                ..Facts::default()
            };
            if let Some(word) = word {
                facts.note(key::END_STATE.as_bytes(), Scalar::Text(word.as_bytes()));
            }
            facts.end()
        };
        assert_eq!(end(Some("success"), false, true), End::Success);
        assert_eq!(end(Some("Fail"), true, false), End::Error);
        assert_eq!(end(Some("Indeterminate"), true, true), End::Unset);
        assert_eq!(end(None, true, true), End::Error);
        assert_eq!(end(None, true, false), End::Unset);
        assert_eq!(end(None, false, true), End::Open);
    }
}
