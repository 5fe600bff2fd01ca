//! What is learned of a span only after its start, by instrumentation that was not made for it.

use super::span::Span;
use crate::model::genai::{Operation, key};
use crate::model::kind::SpanKind;

/// For bridges from other instrumentation, which learn these late. A span that is exported as
/// incomplete has what was known at its start.
impl Span {
    /// Gives it another name (OpenTelemetry trace API, "UpdateName"). Cut to
    /// [`Limits::name_length`](crate::Limits::name_length).
    pub fn rename(&mut self, name: &str) -> &mut Self {
        if let Some(draft) = &mut self.draft {
            draft.rename(name, &self.cell.shared.limits);
        }
        self
    }

    /// Gives it another kind.
    pub fn kind(&mut self, kind: SpanKind) -> &mut Self {
        if let Some(draft) = &mut self.draft {
            draft.kind(kind);
        }
        self
    }

    /// Says what it does, for the totals of its session and `gen_ai.operation.name`.
    pub fn operation(&mut self, operation: Operation) -> &mut Self {
        self.facts.operation = operation;
        if let Some(name) = operation.name() {
            self.set(key::OPERATION_NAME, name);
        }
        self
    }
}
