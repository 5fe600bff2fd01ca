//! Spans in the words of others: the same facts, by the attributes that another convention or a backend has
//! for them.
//!
//! Works on requests in wire form, on the lane of the exporter that asks for it. Attributes that have no
//! other name stay. Pure; never panics on any input, and what cannot be read stays as it is.

mod langfuse;
mod messages;
mod openinference;
mod words;

#[cfg(test)]
mod tests;

use self::words::Words;
use crate::model::content::Part;
use crate::model::genai::{Operation, key};
use crate::model::otlp::fields as f;
use crate::model::otlp::scan;
use crate::model::otlp::view::{SpanView, ValueView};
use crate::model::otlp::writer::Writer;

/// The words in which a destination is told what spans did.
///
/// Only spans differ; log records keep the names of the conventions. `docs/privacy.md` has the table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Dialect {
    /// GenAI semantic conventions 1.41.1, in which spans are recorded: nothing is rewritten.
    #[default]
    GenAi,
    /// GenAI semantic conventions before 1.37: `gen_ai.system`, `gen_ai.prompt`, `gen_ai.completion`.
    GenAiBefore137,
    /// GenAI semantic conventions as they are being developed, after 1.41.1.
    GenAiDevelopment,
    /// OpenInference, for Phoenix and Arize.
    OpenInference,
    /// What Langfuse reads before all else.
    Langfuse,
}

impl Dialect {
    /// Whether spans are rewritten.
    pub(crate) fn rewrites(self) -> bool {
        self != Self::GenAi
    }

    /// A request of traces in these words; `None` where it stays as it is.
    pub(crate) fn translate(self, request: &[u8]) -> Option<Vec<u8>> {
        const PATH: [u32; 3] = [
            f::request::RESOURCE_ITEMS,
            f::resource_items::SCOPE_ITEMS,
            f::scope_items::ITEMS,
        ];
        self.rewrites()
            .then(|| self.within(request, &PATH))
            .flatten()
    }

    /// Rewrites the messages at the end of a path of fields.
    fn within(self, message: &[u8], path: &[u32]) -> Option<Vec<u8>> {
        let Some((number, path)) = path.split_first() else {
            return self.span(message);
        };
        let mut out = Writer::with_capacity(message.len() + message.len() / 4);
        let mut changed = false;
        let mut read = 0;
        for field in scan::fields(message) {
            read = field.range.end;
            let inner = field
                .is(*number)
                .then(|| self.within(&message[field.body.clone()], path));
            match inner.flatten() {
                Some(inner) => {
                    changed = true;
                    out.bytes(*number, &inner);
                }
                None => out.raw(&message[field.range]),
            }
        }
        out.raw(&message[read..]);
        changed.then(|| out.to_vec())
    }

    fn span(self, span: &[u8]) -> Option<Vec<u8>> {
        let view = SpanView::new(span).ok()?;
        let mut words = Words::default();
        for (key, value) in view.attributes() {
            let key: &str = key;
            match self {
                Self::GenAi => return None,
                Self::GenAiBefore137 => before_137(&mut words, key, value),
                Self::GenAiDevelopment => development(&mut words, key, value),
                Self::OpenInference => openinference::attribute(&mut words, key, value),
                Self::Langfuse => langfuse::attribute(&mut words, key, value),
            }
        }
        match self {
            Self::GenAiDevelopment if is_internal_agent(&view) => {
                for key in [
                    key::AGENT_ID,
                    key::AGENT_VERSION,
                    key::PROVIDER_NAME,
                    key::CACHE_READ_TOKENS,
                    key::CACHE_WRITE_TOKENS,
                ] {
                    words.remove(key);
                }
            }
            Self::OpenInference => openinference::conclude(&mut words, &view),
            Self::Langfuse => langfuse::conclude(&mut words, &view),
            _ => {}
        }
        words.is_changed().then(|| words.written(span))
    }
}

fn is_internal_agent(span: &SpanView<'_>) -> bool {
    operation_of(span) == Operation::InvokeAgent && span.kind() as i32 == 1
}

fn operation_of(span: &SpanView<'_>) -> Operation {
    let name = text_of(span, key::OPERATION_NAME);
    name.map_or(Operation::Other, Operation::from_name)
}

fn text_of<'a>(span: &SpanView<'a>, key: &str) -> Option<&'a str> {
    span.attributes().find_map(|(found, value)| match value {
        ValueView::Str(text) if found == key => Some(text),
        _ => None,
    })
}

fn before_137(words: &mut Words, key: &str, value: ValueView<'_>) {
    match key {
        key::PROVIDER_NAME => match value {
            ValueView::Str("x_ai") => words.change(key::SYSTEM, "xai"),
            _ => words.rename(key::SYSTEM, value),
        },
        _ if key == Part::InputMessages.key() => words.rename(key::PROMPT, value),
        _ if key == Part::OutputMessages.key() => words.rename(key::COMPLETION, value),
        _ => words.keep(key, value),
    }
}

fn development(words: &mut Words, key: &str, value: ValueView<'_>) {
    match (key, value.clone()) {
        (key::CACHE_CREATION_TOKENS, _) => words.rename(key::CACHE_WRITE_TOKENS, value),
        (key::REQUEST_TOP_K, ValueView::Double(number)) if number.fract() == 0.0 => {
            words.change(key::REQUEST_TOP_K, number as i64);
        }
        _ => words.keep(key, value),
    }
}
