//! One span or log record in the hands of a processor: read through views, changed in wire form.

use std::borrow::Cow;

use crate::model::attribute::Value;
use crate::model::limits::TextLimit;
use crate::model::otlp::fields as f;
use crate::model::otlp::redact::Rewriter;
use crate::model::otlp::scan;
use crate::model::otlp::view::{LogView, SpanView, WireError};
use crate::model::otlp::writer::Writer;
use crate::model::request::Signal;

/// A span or log record that is being processed.
///
/// Reading is free; the first change copies the item, each change walks it once.
#[derive(Debug)]
pub struct Item<'a> {
    signal: Signal,
    /// The message, without its tag and length.
    message: Cow<'a, [u8]>,
}

impl<'a> Item<'a> {
    /// The item of a chunk entry: tag, length, message.
    pub(super) fn new(signal: Signal, entry: &'a [u8]) -> Self {
        let message = scan::message_of(entry);
        Self {
            signal,
            message: Cow::Borrowed(message),
        }
    }

    /// Whether it is a span or a log record.
    #[must_use]
    pub fn signal(&self) -> Signal {
        self.signal
    }

    /// The span, to be read.
    ///
    /// # Errors
    /// It is not a span, or damaged; neither happens to spans that sessions wrote.
    pub fn span(&self) -> Result<SpanView<'_>, WireError> {
        SpanView::new(&self.message)
    }

    /// The log record, to be read.
    ///
    /// # Errors
    /// It is not a log record, or damaged; neither happens to records that sessions wrote.
    pub fn log(&self) -> Result<LogView<'_>, WireError> {
        LogView::new(&self.message)
    }

    /// The name of the span, or the event name of the log record; empty where there is none.
    #[must_use]
    pub fn name(&self) -> &str {
        let field = match self.signal {
            Signal::Traces => f::span::NAME,
            Signal::Logs | Signal::Metrics => f::log::EVENT_NAME,
        };
        let named = scan::fields(&self.message).filter(|it| it.is(field)).last();
        named
            .and_then(|it| std::str::from_utf8(&self.message[it.body]).ok())
            .unwrap_or_default()
    }

    /// Gives the span another name, or the log record another event name.
    pub fn rename(&mut self, name: &str) {
        let field = match self.signal {
            Signal::Traces => f::span::NAME,
            Signal::Logs | Signal::Metrics => f::log::EVENT_NAME,
        };
        self.drop_fields(|_, it| it.is(field));
        let mut renamed = Writer::with_capacity(name.len() + 8);
        renamed.bytes(field, name.as_bytes());
        self.message.to_mut().extend_from_slice(renamed.written());
    }

    /// Sets an attribute, replacing one of the same key.
    pub fn set<'v>(&mut self, key: &str, value: impl Into<Value<'v>>) {
        self.remove(key);
        let mut attribute = Writer::with_capacity(128);
        attribute.attribute(
            self.attributes(),
            key,
            value.into(),
            TextLimit::new(None, usize::MAX),
        );
        self.message.to_mut().extend_from_slice(attribute.written());
    }

    /// Removes an attribute; does nothing where there is none.
    pub fn remove(&mut self, key: &str) {
        let field = self.attributes();
        self.drop_fields(|message, it| {
            it.is(field) && scan::key_of(&message[it.body.clone()]) == Some(key.as_bytes())
        });
    }

    /// Removes what describes the status of the span, whose code stays; for a log record, its body.
    pub fn remove_text(&mut self) {
        match self.signal {
            Signal::Logs | Signal::Metrics => self.drop_fields(|_, it| it.is(f::log::BODY)),
            Signal::Traces => {
                let Some(status) = scan::fields(&self.message)
                    .filter(|it| it.is(f::span::STATUS))
                    .last()
                else {
                    return;
                };
                let body = &self.message[status.body];
                let mut kept = Writer::with_capacity(8);
                for it in scan::fields(body).filter(|it| !it.is(f::status::MESSAGE)) {
                    kept.raw(&body[it.range]);
                }
                self.drop_fields(|_, it| it.is(f::span::STATUS));
                let mut status = Writer::with_capacity(16);
                status.bytes(f::span::STATUS, kept.written());
                self.message.to_mut().extend_from_slice(status.written());
            }
        }
    }

    /// Removes all events of a span.
    pub fn remove_events(&mut self) {
        if self.signal == Signal::Traces {
            self.drop_fields(|_, it| it.is(f::span::EVENTS));
        }
    }

    /// Whether it is not as it was.
    pub(super) fn is_changed(&self) -> bool {
        matches!(self.message, Cow::Owned(_))
    }

    /// Takes out of it what the redaction says.
    pub(super) fn redact(&mut self, rewriter: &mut Rewriter<'_>) {
        if let Some(redacted) = rewriter.item(&self.message) {
            self.message = Cow::Owned(redacted);
        }
    }

    fn attributes(&self) -> u32 {
        match self.signal {
            Signal::Traces => f::span::ATTRIBUTES,
            Signal::Logs | Signal::Metrics => f::log::ATTRIBUTES,
        }
    }

    /// Removes the fields that `unwanted` names.
    fn drop_fields(&mut self, unwanted: impl Fn(&[u8], &scan::Field) -> bool) {
        let gone: Vec<_> = scan::fields(&self.message)
            .filter(|it| unwanted(&self.message, it))
            .map(|it| it.range)
            .collect();
        if gone.is_empty() {
            return;
        }
        let message = self.message.to_mut();
        for range in gone.into_iter().rev() {
            message.drain(range);
        }
    }

    /// Appends it to a chunk.
    pub(super) fn append_to(&self, out: &mut Vec<u8>) {
        let mut header = Writer::with_capacity(16);
        header.open(f::scope_items::ITEMS, self.message.len());
        out.extend_from_slice(header.written());
        out.extend_from_slice(&self.message);
    }
}

#[cfg(test)]
mod tests;
