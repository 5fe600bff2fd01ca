//! What spans of both sides have in common, and what ends with a response.

use std::fmt::Display;

use spanreel::{Span, Value};

use crate::InboundSpan;
use crate::semconv;

/// A span that is being recorded, whichever side of a call it is of: [`Span`] or [`InboundSpan`].
/// It ends when it is dropped.
pub trait Record: sealed::Sealed {
    /// Sets an attribute.
    fn set<'v>(&mut self, key: &str, value: impl Into<Value<'v>>);

    /// Notes the status code of the response.
    fn status_code(&mut self, code: u16) {
        self.set(semconv::RESPONSE_STATUS_CODE, code);
    }

    /// Marks it as failed: `error_type` is a low-cardinality name, `message` is for people.
    fn error(&mut self, error_type: &str, message: &str);
}

mod sealed {
    pub trait Sealed {}

    impl Sealed for spanreel::Span {}
    impl Sealed for crate::InboundSpan {}
}

impl Record for Span {
    fn set<'v>(&mut self, key: &str, value: impl Into<Value<'v>>) {
        Span::set(self, key, value);
    }

    fn error(&mut self, error_type: &str, message: &str) {
        Span::error(self, error_type, message);
    }
}

impl Record for InboundSpan {
    fn set<'v>(&mut self, key: &str, value: impl Into<Value<'v>>) {
        InboundSpan::set(self, key, value);
    }

    fn status_code(&mut self, code: u16) {
        InboundSpan::status_code(self, code);
    }

    fn error(&mut self, error_type: &str, message: &str) {
        InboundSpan::error(self, error_type, message);
    }
}

/// A span that ends with a piece of work. Dropped before that is done, the work was cancelled.
#[derive(Debug)]
pub(crate) struct Running<R: Record> {
    span: R,
    is_done: bool,
}

impl<R: Record> Running<R> {
    pub(crate) fn new(span: R) -> Self {
        let is_done = false;
        Self { span, is_done }
    }

    pub(crate) fn span(&mut self) -> &mut R {
        &mut self.span
    }

    /// Ends it where it stands, for it is large: the work was done to its end, however that was.
    pub(crate) fn end(running: &mut Option<Self>) {
        if let Some(running) = running {
            running.is_done = true;
        }
        *running = None;
    }

    /// Ends it where it stands: the work failed.
    pub(crate) fn fail<E: Display + ?Sized>(
        running: &mut Option<Self>,
        error_type: &str,
        error: &E,
    ) {
        if let Some(running) = running {
            running.span.error(error_type, &error.to_string());
        }
        Self::end(running);
    }
}

impl<R: Record> Drop for Running<R> {
    fn drop(&mut self) {
        if self.is_done {
            return;
        }
        let message = "the request was dropped before the response had ended";
        self.span.error("cancelled", message);
    }
}

/// Runs a step of the work; a panic in it fails the span and goes on.
pub(crate) fn step<R: Record, T>(running: &mut Option<Running<R>>, step: impl FnOnce() -> T) -> T {
    let guard = OnPanic(running);
    let outcome = step();
    // Nothing is left to do where the step came to its end.
    std::mem::forget(guard);
    outcome
}

struct OnPanic<'a, R: Record>(&'a mut Option<Running<R>>);

impl<R: Record> Drop for OnPanic<'_, R> {
    fn drop(&mut self) {
        Running::fail(self.0, "panic", "the work panicked");
    }
}

/// The name of an error's type without path and generics; `_OTHER` for a boxed one, whose type is
/// unknown (semantic conventions, `error.type`).
pub(crate) fn type_name<E: ?Sized>() -> &'static str {
    let full = std::any::type_name::<E>();
    if full.contains("dyn ") {
        return "_OTHER";
    }
    let plain = full.trim_start_matches('&');
    let path = plain.split('<').next().unwrap_or(plain);
    path.rsplit("::").next().unwrap_or(path)
}
