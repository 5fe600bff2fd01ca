//! The kinds of spans that sessions and spans start: names and attributes after the GenAI
//! semantic conventions.

use std::borrow::Cow;

use super::Session;
use super::builder::SpanBuilder;
use super::reference::SpanRef;
use super::span::Span;
use crate::model::genai::{Operation, key};
use crate::model::kind::SpanKind;

macro_rules! starters {
    ($type:ty, $it:ident => $begin:expr) => {
        /// Starting spans below it.
        impl $type {
            /// A span of any other kind, named `name`.
            #[inline]
            pub fn child(&self, name: &str) -> SpanBuilder<'_> {
                self.begin(Operation::Other, SpanKind::Internal, name, "")
            }

            /// An agent at work in this process: `invoke_agent {name}`.
            #[inline]
            pub fn agent(&self, name: &str) -> SpanBuilder<'_> {
                self.begin(
                    Operation::InvokeAgent,
                    SpanKind::Internal,
                    "invoke_agent",
                    name,
                )
                .attribute(key::AGENT_NAME, name)
            }

            /// A workflow of agents: `invoke_workflow {name}`.
            #[inline]
            pub fn workflow(&self, name: &str) -> SpanBuilder<'_> {
                self.begin(
                    Operation::InvokeWorkflow,
                    SpanKind::Internal,
                    "invoke_workflow",
                    name,
                )
                .attribute(key::WORKFLOW_NAME, name)
            }

            /// A chat completion: `chat {model}`. Well-known providers: `openai`, `anthropic`,
            /// `gcp.gemini`, `aws.bedrock`, ... (`gen_ai.provider.name`).
            #[inline]
            pub fn chat(&self, provider: &str, model: &str) -> SpanBuilder<'_> {
                self.llm(Operation::Chat, provider, model)
            }

            /// A completion of plain text: `text_completion {model}`.
            #[inline]
            pub fn text_completion(&self, provider: &str, model: &str) -> SpanBuilder<'_> {
                self.llm(Operation::TextCompletion, provider, model)
            }

            /// Multimodal generation: `generate_content {model}`.
            #[inline]
            pub fn generate_content(&self, provider: &str, model: &str) -> SpanBuilder<'_> {
                self.llm(Operation::GenerateContent, provider, model)
            }

            /// Embeddings: `embeddings {model}`.
            #[inline]
            pub fn embeddings(&self, provider: &str, model: &str) -> SpanBuilder<'_> {
                self.llm(Operation::Embeddings, provider, model)
            }

            /// A search in a data source: `retrieval {data_source}`.
            #[inline]
            pub fn retrieval(&self, data_source: &str) -> SpanBuilder<'_> {
                self.begin(
                    Operation::Retrieval,
                    SpanKind::Client,
                    "retrieval",
                    data_source,
                )
                .attribute(key::DATA_SOURCE_ID, data_source)
            }

            /// A tool call: `execute_tool {name}`.
            #[inline]
            pub fn tool(&self, name: &str) -> SpanBuilder<'_> {
                self.begin(
                    Operation::ExecuteTool,
                    SpanKind::Internal,
                    "execute_tool",
                    name,
                )
                .attribute(key::TOOL_NAME, name)
            }

            /// An action of the agent in its environment that is no tool call: `action {name}`.
            #[inline]
            pub fn action(&self, name: &str) -> SpanBuilder<'_> {
                self.begin(Operation::Action, SpanKind::Internal, "action", name)
                    .attribute(key::ACTION_NAME, name)
            }

            #[inline(always)]
            fn llm(&self, operation: Operation, provider: &str, model: &str) -> SpanBuilder<'_> {
                self.begin(
                    operation,
                    SpanKind::Client,
                    operation.name().unwrap_or_default(),
                    model,
                )
                .attribute(key::PROVIDER_NAME, provider)
                .attribute(key::REQUEST_MODEL, model)
            }

            #[inline(always)]
            fn begin(
                &self,
                operation: Operation,
                kind: SpanKind,
                name: &str,
                object: &str,
            ) -> SpanBuilder<'_> {
                let $it = self;
                let (cell, parent) = $begin;
                SpanBuilder::new(cell, parent, operation, kind, name, object)
            }
        }
    };
}

starters!(Session, it => {
    let cell = it.cell.current();
    let root = cell.identity.root;
    (cell, root)
});
starters!(Span, it => (Cow::Borrowed(&it.cell), it.id));
starters!(SpanRef, it => (Cow::Borrowed(&it.cell), it.id));
