//! Sums by model, tool and agent, and the bounds of what is told apart.

use crate::answer::Part;
use crate::facts::{Bones, Tokens};

/// How many agents, models, tools, tags and links of a session are told apart.
pub(super) const MOST_PARTS: usize = 32;

/// The longest text that a summary repeats, in bytes.
const MOST_TEXT: usize = 500;

/// A text of at most [`MOST_TEXT`] bytes.
pub(crate) fn cut(text: &str) -> String {
    let mut end = text.len().min(MOST_TEXT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}

/// Adds tokens to a sum of which nothing may be known.
pub(super) fn add(sum: &mut Option<u64>, more: Option<u64>) {
    if let Some(more) = more {
        *sum = Some(sum.unwrap_or_default().saturating_add(more));
    }
}

/// Adds to a cost of which nothing may be known.
pub(super) fn add_cost(sum: &mut Option<f64>, more: Option<f64>) {
    if let Some(more) = more {
        *sum = Some(sum.unwrap_or_default() + more);
    }
}

pub(super) fn note(list: &mut Vec<String>, text: &str) {
    if list.len() < MOST_PARTS && !list.iter().any(|known| known == text) {
        list.push(cut(text));
    }
}

/// The part of this name, or none where there are too many others.
pub(super) fn part<'p>(parts: &'p mut Vec<Part>, name: &str) -> Option<&'p mut Part> {
    if let Some(index) = parts.iter().position(|part| part.name == name) {
        return parts.get_mut(index);
    }
    if parts.len() == MOST_PARTS || name.len() > MOST_TEXT {
        return None;
    }
    parts.push(Part {
        name: name.to_owned(),
        ..Part::default()
    });
    parts.last_mut()
}

impl Part {
    pub(super) fn add(&mut self, bones: &Bones<'_>, tokens: &Tokens, cost: Option<f64>) {
        self.calls += 1;
        self.errors += u64::from(bones.is_error());
        self.duration_us = self
            .duration_us
            .saturating_add(bones.end_us - bones.start_us);
        add(&mut self.input_tokens, tokens.input);
        add(&mut self.output_tokens, tokens.output);
        add(&mut self.cached_tokens, tokens.cached);
        add(&mut self.reasoning_tokens, tokens.reasoning);
        add_cost(&mut self.cost, cost);
    }

    pub(super) fn absorb(&mut self, other: &Self) {
        self.calls += other.calls;
        self.errors += other.errors;
        self.duration_us = self.duration_us.saturating_add(other.duration_us);
        add(&mut self.input_tokens, other.input_tokens);
        add(&mut self.output_tokens, other.output_tokens);
        add(&mut self.cached_tokens, other.cached_tokens);
        add(&mut self.reasoning_tokens, other.reasoning_tokens);
        add_cost(&mut self.cost, other.cost);
        self.provider = self.provider.take().or_else(|| other.provider.clone());
    }
}
