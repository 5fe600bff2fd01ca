//! Members of objects: their names, and what rules make of their values.

use std::ops::Range;

use super::Walk;
use crate::model::redaction::account::Spot;
use crate::model::redaction::rules::{Action, MASK, Ruling};
use crate::model::redaction::unescape::Unescaped;

/// How many names are remembered.
const NAMES: usize = 32;

/// Where names stood that no rule is for and in which nothing was found: most come again.
#[derive(Default)]
pub(super) struct Harmless([(usize, usize); NAMES]);

impl Harmless {
    fn place(name: &[u8]) -> usize {
        let mixed = match name {
            [first, .., last] => usize::from(first ^ last.rotate_left(3)) ^ name.len(),
            _ => name.len(),
        };
        mixed % NAMES
    }

    fn knows(&self, text: &[u8], name: &Range<usize>) -> bool {
        let name = &text[name.clone()];
        let (start, end) = self.0[Self::place(name)];
        end > start && text[start..end] == *name
    }

    fn remember(&mut self, text: &[u8], name: &Range<usize>) {
        self.0[Self::place(&text[name.clone()])] = (name.start, name.end);
    }
}

impl Walk<'_, '_> {
    /// Reads the name of a member, and the value where a rule is for it. `true`: a value follows.
    pub(super) fn member(&mut self, open: &mut Vec<bool>) -> Option<bool> {
        self.space();
        let (name, is_escaped) = self.string()?;
        let rule = self.name(&name, is_escaped);
        self.space();
        if self.peek()? != b':' {
            return None;
        }
        self.at += 1;
        let Some(rule) = rule else {
            return Some(true);
        };
        self.space();
        let start = self.at;
        self.skip_value()?;
        let value = start..self.at;
        self.apply(rule, &name, value);
        self.between(open)
    }

    /// Hides what is to be hidden in a name, and gives the rule for its value.
    fn name(&mut self, name: &Range<usize>, is_escaped: bool) -> Option<Ruling> {
        if self.harmless.knows(self.text, name) {
            return None;
        }
        let raw = &self.text[name.clone()];
        let rules = self.redactor.rules();
        if is_escaped {
            let mut plain = self.scratch.take_unescaped();
            plain.read(raw);
            let rule = rules.of_member(&plain.text);
            self.look_at_plain(name.clone(), &plain);
            self.scratch.give_back(plain);
            return rule;
        }
        let rule = rules.of_member(raw);
        let before = self.copied;
        self.look_at(name.clone());
        if rule.is_none() && self.copied == before {
            self.harmless.remember(self.text, name);
        }
        rule
    }

    fn apply(&mut self, rule: Ruling, name: &Range<usize>, value: Range<usize>) {
        match rule.action {
            Action::Pass => {}
            Action::Mask | Action::Remove => {
                let spot = Spot {
                    member: &self.text[name.clone()],
                    ..self.scratch.spot(&self.text[value.clone()])
                };
                self.redactor.masked(Some(rule), spot);
                self.replace(value, format!("\"{MASK}\"").as_bytes());
            }
            Action::Hash => {
                let raw = &self.text[value.clone()];
                let inner = raw
                    .strip_prefix(b"\"")
                    .and_then(|it| it.strip_suffix(b"\""));
                let mut plain = Unescaped::default();
                plain.read(inner.unwrap_or(raw));
                let spot = Spot {
                    member: &self.text[name.clone()],
                    ..self.scratch.spot(&plain.text)
                };
                let hash = self.redactor.hashed(rule, spot);
                self.replace(value, format!("\"{hash}\"").as_bytes());
            }
        }
    }
}
