//! A span: a guard that writes its own wire form and ends when it is dropped.

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::sync::Arc;
use std::time::SystemTime;

use futures::FutureExt;

use super::cell::Cell;
use super::drafts;
use super::log::LogBuilder;
use super::slab::SlotRef;
use super::state::Facts;
use crate::actors::clock::unix_ns;
use crate::model::attribute::Value;
use crate::model::content::{Content, Part};
use crate::model::context::SpanContext;
use crate::model::genai::{event, key};
use crate::model::id::SpanId;
use crate::model::kind::{Severity, Status};
use crate::model::otlp::draft::Draft;
use crate::model::usage::Usage;

/// A piece of work in a session: an LLM call, a tool call, an action. It ends when
/// [`end`](Self::end) is called or when it is dropped; ending never waits, never fails and never
/// panics.
///
/// A span is `Send` and owns what it writes: setting an attribute takes no lock. In an unsampled
/// session it writes nothing and still carries context.
///
/// What a span cannot hold is cut or left out and counted in the span (see
/// [`Limits`](crate::Limits)). Setting an attribute again replaces its value. `session.id` and
/// `gen_ai.conversation.id` come from the session; what is set for them is ignored.
#[must_use = "a span ends when it is dropped"]
pub struct Span {
    pub(super) cell: Arc<Cell>,
    pub(super) draft: Option<Box<Draft>>,
    pub(super) id: SpanId,
    pub(super) slot: Option<SlotRef>,
    pub(super) start_ns: u64,
    pub(super) end_ns: Option<u64>,
    pub(super) facts: Facts,
}

impl Span {
    /// Its id within the trace.
    #[must_use]
    pub fn id(&self) -> SpanId {
        self.id
    }

    /// What crosses borders: give it to what this span calls.
    #[must_use]
    pub fn context(&self) -> SpanContext {
        self.cell.context_of(self.id)
    }

    /// Whether anything is written: `false` in an unsampled session. For attributes that are
    /// expensive to work out.
    #[inline]
    #[must_use]
    pub fn is_recording(&self) -> bool {
        self.draft.is_some()
    }

    /// Sets an attribute.
    // For a literal key, the compiler works out most of it beforehand.
    #[inline(always)]
    pub fn set<'v>(&mut self, key: &str, value: impl Into<Value<'v>>) -> &mut Self {
        if let Some(draft) = &mut self.draft {
            draft.set_in_span(key, value.into());
        }
        self
    }

    /// Whether what users and models write is recorded in its session: to be asked before any of it is
    /// gathered. Always off where the span is not [recording](Self::is_recording).
    #[must_use]
    pub fn content(&self) -> Content {
        match self.draft {
            Some(_) => self.cell.content(),
            None => Content::Off,
        }
    }

    /// Sets a part of what users and models wrote, where its session records content in spans; does
    /// nothing elsewhere. Structured parts are given as JSON, which stays JSON where a limit cuts it.
    ///
    /// ```
    /// use spanreel::{Content, Null, Part, Pipeline};
    ///
    /// let pipeline = Pipeline::builder().export(Null).start()?;
    /// let session = pipeline.open_session("conv-1").content(Content::Spans).open()?;
    /// let mut tool = session.tool("search").start();
    /// if tool.content().is_wanted() {
    ///     tool.set_content(Part::ToolArguments, r#"{"query": "weather"}"#);
    /// }
    /// # drop(tool);
    /// # pipeline.shutdown_blocking(std::time::Duration::from_secs(1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn set_content<'v>(&mut self, part: Part, value: impl Into<Value<'v>>) -> &mut Self {
        if self.content().in_spans() {
            self.set(part.key(), value);
        }
        self
    }

    /// Notes the tokens of an LLM call; session totals count them. What is `None` stays unknown.
    pub fn usage(&mut self, usage: Usage) -> &mut Self {
        self.facts.priced = true;
        self.facts.usage.update(&usage);
        for (name, tokens) in [
            (key::INPUT_TOKENS, usage.input),
            (key::OUTPUT_TOKENS, usage.output),
            (key::CACHE_READ_TOKENS, usage.cache_read),
            (key::CACHE_CREATION_TOKENS, usage.cache_creation),
            (key::REASONING_TOKENS, usage.reasoning),
        ] {
            if let Some(tokens) = tokens {
                self.set(name, tokens);
            }
        }
        self
    }

    /// Notes the input and output tokens of an LLM call.
    #[inline(always)]
    pub fn tokens(&mut self, input: u64, output: u64) -> &mut Self {
        self.facts.priced = true;
        self.facts.usage.input = Some(input);
        self.facts.usage.output = Some(output);
        self.set(key::INPUT_TOKENS, input)
            .set(key::OUTPUT_TOKENS, output)
    }

    /// Notes what the call cost, in US dollars; session totals add it up. NaN and the infinities are
    /// exported and not added.
    pub fn cost(&mut self, usd: f64) -> &mut Self {
        self.facts.priced = true;
        self.facts.cost = usd.is_finite().then_some(usd);
        self.set(key::COST, usd)
    }

    /// Marks it as failed by `error`: `error.type` is the type's name, the status carries the
    /// message. Messages can hold what users wrote: give one that may be exported.
    pub fn fail<E: fmt::Display + ?Sized>(&mut self, error: &E) -> &mut Self {
        let name = short_type_name(std::any::type_name::<E>());
        self.facts.failed = true;
        if self.draft.is_some() {
            self.error(name, &error.to_string());
        }
        self
    }

    /// Marks it as failed: `error_type` is a low-cardinality name (`timeout`, `429`), `message` is
    /// for people.
    pub fn error(&mut self, error_type: &str, message: &str) -> &mut Self {
        self.facts.failed = true;
        if let Some(draft) = &mut self.draft {
            draft.set(key::ERROR_TYPE, error_type.into());
            draft.status(Status::Error(message));
        }
        self
    }

    /// Adds an `exception` event (OpenTelemetry semantic conventions, "Exceptions on spans") and
    /// marks the span as failed. `stacktrace` may be empty.
    pub fn exception(&mut self, error_type: &str, message: &str, stacktrace: &str) -> &mut Self {
        let attributes: [(&str, Value<'_>); 3] = [
            (key::EXCEPTION_TYPE, error_type.into()),
            (key::EXCEPTION_MESSAGE, message.into()),
            (key::EXCEPTION_STACKTRACE, stacktrace.into()),
        ];
        let told = if stacktrace.is_empty() { 2 } else { 3 };
        self.event("exception", &attributes[..told]);
        self.error(error_type, message)
    }

    /// Marks it as explicitly fine. Most spans that did not fail leave this unset.
    pub fn ok(&mut self) -> &mut Self {
        self.facts.failed = false;
        if let Some(draft) = &mut self.draft {
            draft.status(Status::Ok);
        }
        self
    }

    /// Adds an event now. What can grow without end is a log record instead: [`log`](Self::log).
    // As with `set`, the compiler works out most of it for literals.
    #[inline(always)]
    pub fn event(&mut self, name: &str, attributes: &[(&str, Value<'_>)]) -> &mut Self {
        if self.draft.is_some() {
            let now_ns = self.cell.now_ns();
            self.event_ns(name, now_ns, attributes);
        }
        self
    }

    /// Adds an event at a time of its own.
    pub fn event_at(
        &mut self,
        name: &str,
        time: SystemTime,
        attributes: &[(&str, Value<'_>)],
    ) -> &mut Self {
        self.event_ns(name, unix_ns(time), attributes);
        self
    }

    #[inline(always)]
    fn event_ns(&mut self, name: &str, time_ns: u64, attributes: &[(&str, Value<'_>)]) {
        if let Some(draft) = &mut self.draft {
            draft.event(time_ns, name, attributes, &self.cell.shared.limits);
        }
    }

    /// Links it to another span, of this trace or any.
    pub fn link(&mut self, to: &SpanContext, attributes: &[(&str, Value<'_>)]) -> &mut Self {
        if let Some(draft) = &mut self.draft {
            draft.link(to, attributes, &self.cell.shared.limits);
        }
        self
    }

    /// A log record correlated with this span.
    pub fn log<'v>(&self, body: impl Into<Value<'v>>) -> LogBuilder<'_> {
        LogBuilder::new(Cow::Borrowed(&self.cell), self.id, Some(body.into()))
    }

    /// How what it did was judged by a metric of this name: an event `gen_ai.evaluation.result` (GenAI
    /// semantic conventions 1.41.1), a log record tied to this span.
    ///
    /// ```
    /// use spanreel::{Null, Part, Pipeline};
    ///
    /// let pipeline = Pipeline::builder().export(Null).start()?;
    /// let session = pipeline.session("conv-1")?;
    /// let chat = session.chat("openai", "gpt-5-mini").start();
    /// chat.evaluation("relevance")
    ///     .score(0.9)
    ///     .label("relevant")
    ///     .content(Part::EvaluationExplanation, "it answers what was asked")
    ///     .emit();
    /// # drop(chat);
    /// # pipeline.shutdown_blocking(std::time::Duration::from_secs(1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn evaluation(&self, name: &str) -> LogBuilder<'_> {
        self.told(event::EVALUATION_RESULT)
            .attribute(key::EVALUATION_NAME, name)
    }

    /// What was asked and answered, as an event of its own: `gen_ai.client.inference.operation.details`
    /// (GenAI semantic conventions 1.41.1), for [content](LogBuilder::content) that is to be in events.
    pub fn inference_details(&self) -> LogBuilder<'_> {
        self.told(event::INFERENCE_DETAILS)
    }

    /// An exception as a log record tied to this span, which it does not mark as failed: an event
    /// `gen_ai.client.operation.exception` of LLM calls, `exception` of all else. `stacktrace` may be
    /// empty.
    pub fn exception_event(&self, error_type: &str, message: &str, stacktrace: &str) {
        let name = match self.facts.operation.is_llm_call() {
            true => event::OPERATION_EXCEPTION,
            false => event::EXCEPTION,
        };
        let mut record = self
            .told(name)
            .severity(Severity::Warn)
            .attribute(key::EXCEPTION_TYPE, error_type)
            .attribute(key::EXCEPTION_MESSAGE, message);
        if !stacktrace.is_empty() {
            record = record.attribute(key::EXCEPTION_STACKTRACE, stacktrace);
        }
        record.emit();
    }

    /// An event of this name that belongs to it.
    fn told(&self, name: &str) -> LogBuilder<'_> {
        LogBuilder::new(Cow::Borrowed(&self.cell), self.id, None).event_name(name)
    }

    /// Ends it now.
    pub fn end(self) {}

    /// Ends it at a time of its own, for events that are told late. A time before its start counts
    /// as its start.
    pub fn end_at(mut self, time: SystemTime) {
        self.end_ns = Some(unix_ns(time));
    }

    /// Runs `work` inside the span and ends it: an error marks it as failed, a panic as
    /// `error.type = "panic"`, a dropped future as `error.type = "cancelled"`, also when it was never
    /// polled.
    pub fn run<T, E: fmt::Display>(
        self,
        work: impl Future<Output = Result<T, E>>,
    ) -> impl Future<Output = Result<T, E>> {
        // Made here and not in the future, which runs nothing before it is polled.
        let mut running = Running {
            span: self,
            done: false,
        };
        async move {
            let outcome = AssertUnwindSafe(work).catch_unwind().await;
            running.done = true;
            match outcome {
                Ok(Ok(value)) => Ok(value),
                Ok(Err(error)) => {
                    running.span.fail(&error);
                    Err(error)
                }
                Err(panic) => {
                    running.span.error("panic", "the work panicked");
                    drop(running);
                    resume_unwind(panic)
                }
            }
        }
    }
}

/// Tells a dropped future from one that ran to its end.
struct Running {
    span: Span,
    done: bool,
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.done {
            self.span
                .error("cancelled", "the work was dropped before its end");
        }
    }
}

impl Drop for Span {
    #[inline]
    fn drop(&mut self) {
        let Some(mut draft) = self.draft.take() else {
            self.cell.end_unsampled(&self.facts);
            return;
        };
        let end_ns = self
            .end_ns
            .unwrap_or_else(|| self.cell.now_ns())
            .max(self.start_ns);
        draft.end(end_ns);
        self.cell
            .end_span(&draft, self.slot, &self.facts, self.start_ns, end_ns);
        drafts::give_back(draft);
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Span")
            .field("trace_id", &self.cell.identity.trace_id)
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// `HttpError` of `crate::client::HttpError`; `_OTHER` for a boxed error, whose type is unknown
/// (OpenTelemetry semantic conventions, `error.type`).
fn short_type_name(full: &str) -> &str {
    if full.contains("dyn ") {
        return "_OTHER";
    }
    let plain = full.trim_start_matches('&');
    let path = plain.split('<').next().unwrap_or(plain);
    path.rsplit("::").next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The type of an error is named without its path and generics.
    #[test]
    fn error_types_are_named_shortly() {
        assert_eq!(
            short_type_name(std::any::type_name::<std::io::Error>()),
            "Error"
        );
        assert_eq!(short_type_name("&alloc::string::String"), "String");
        assert_eq!(short_type_name("a::B<c::D>"), "B");
        assert_eq!(
            short_type_name(std::any::type_name::<Box<dyn std::error::Error>>()),
            "_OTHER"
        );
    }

    /// A span can be moved to and shared with other threads.
    #[test]
    fn a_span_crosses_threads() {
        fn crosses<T: Send + Sync>() {}
        crosses::<Span>();
        crosses::<super::super::Session>();
    }
}
