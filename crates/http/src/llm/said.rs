//! What a model said, put together from the pieces of a stream. Only where content is wanted.
//!
//! Holds: the text of one answer, at most so many bytes. Loses: what is beyond, and says so.

use serde_json::{Value, json};

use super::told::ToolCall;

/// The parts of an answer, in the order in which they began.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Said {
    parts: Vec<Part>,
    /// How many bytes there is still room for.
    room: usize,
    is_cut: bool,
}

#[derive(Clone, Debug, PartialEq)]
struct Part {
    choice: u64,
    index: u64,
    is_reasoning: bool,
    text: String,
}

/// The longest answer that is kept, in bytes, over all its parts.
const LONGEST: usize = 1 << 20;
/// The most parts of one answer.
const MOST_PARTS: usize = 1024;

impl Default for Said {
    fn default() -> Self {
        Self {
            parts: Vec::new(),
            room: LONGEST,
            is_cut: false,
        }
    }
}

impl Said {
    /// Adds a piece of text to a part.
    pub(crate) fn add(&mut self, choice: u64, index: u64, is_reasoning: bool, piece: &str) {
        let fits = piece.len() <= self.room;
        let Some(part) = self.part(choice, index, is_reasoning).filter(|_| fits) else {
            self.is_cut = true;
            return;
        };
        part.text.push_str(piece);
        self.room -= piece.len();
    }

    /// Says a part whole, whatever pieces of it came before.
    pub(crate) fn set(&mut self, choice: u64, index: u64, is_reasoning: bool, text: &str) {
        let Some(part) = self.part(choice, index, is_reasoning) else {
            self.is_cut = true;
            return;
        };
        let known = std::mem::take(&mut part.text);
        self.room += known.len();
        self.add(choice, index, is_reasoning, text);
    }

    fn part(&mut self, choice: u64, index: u64, is_reasoning: bool) -> Option<&mut Part> {
        let is_it = |part: &Part| {
            (part.choice, part.index, part.is_reasoning) == (choice, index, is_reasoning)
        };
        if let Some(place) = self.parts.iter().rposition(is_it) {
            return self.parts.get_mut(place);
        }
        if self.parts.len() == MOST_PARTS {
            return None;
        }
        self.parts.push(Part {
            choice,
            index,
            is_reasoning,
            text: String::new(),
        });
        self.parts.last_mut()
    }

    /// Whether there was more than is kept.
    pub(crate) fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// `gen_ai.output.messages`: one message for each choice, as the conventions have them.
    pub(crate) fn messages<'a>(
        &self,
        calls: &[ToolCall],
        reasons: impl Iterator<Item = (u64, &'a str)>,
    ) -> Option<String> {
        let mut messages: Vec<(u64, Vec<Value>)> = Vec::new();
        let mut push =
            |choice: u64, part: Value| match messages.iter_mut().find(|it| it.0 == choice) {
                Some((_, parts)) => parts.push(part),
                None => messages.push((choice, vec![part])),
            };
        for part in self.parts.iter().filter(|part| !part.text.is_empty()) {
            let kind = if part.is_reasoning {
                "reasoning"
            } else {
                "text"
            };
            push(part.choice, json!({"type": kind, "content": part.text}));
        }
        for call in calls {
            let arguments = call
                .arguments()
                .map(|text| serde_json::from_str::<Value>(text).unwrap_or_else(|_| text.into()));
            let part = json!({
                "type": "tool_call",
                "id": call.id,
                "name": call.name,
                "arguments": arguments,
            });
            push(call.choice(), part);
        }
        if messages.is_empty() {
            return None;
        }
        let reasons: Vec<_> = reasons.collect();
        let messages: Vec<_> = messages
            .into_iter()
            .map(|(choice, parts)| {
                let reason = reasons.iter().find(|(it, _)| *it == choice);
                json!({
                    "role": "assistant",
                    "parts": parts,
                    "finish_reason": reason.map(|(_, reason)| reason),
                })
            })
            .collect();
        Some(Value::Array(messages).to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pieces come together by their place, and what is said whole replaces them.
    #[test]
    fn pieces_come_together() {
        let mut said = Said::default();
        said.add(0, 1, true, "hm");
        said.add(0, 2, false, "Hel");
        said.add(0, 2, false, "lo");
        said.add(1, 0, false, "Bye");
        said.set(0, 1, true, "hmm");
        let messages = said.messages(&[], [(0, "stop")].into_iter()).expect("some");
        let expected = json!([
            {"role": "assistant", "finish_reason": "stop", "parts": [
                {"type": "reasoning", "content": "hmm"}, {"type": "text", "content": "Hello"}]},
            {"role": "assistant", "finish_reason": null, "parts": [{"type": "text", "content": "Bye"}]},
        ]);
        assert_eq!(
            serde_json::from_str::<Value>(&messages).expect("JSON"),
            expected
        );
    }

    /// An endless answer is cut, and it is known that it was.
    #[test]
    fn endless_answers_are_cut() {
        let mut said = Said::default();
        for index in 0..10_000 {
            said.add(0, index, false, &"x".repeat(1 << 10));
        }
        assert!(said.is_cut());
        let held: usize = said.parts.iter().map(|part| part.text.len()).sum();
        assert!(held <= LONGEST && said.parts.len() <= MOST_PARTS);
    }
}
