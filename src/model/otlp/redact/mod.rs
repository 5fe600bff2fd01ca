//! Redaction of OTLP where it stands: spans, log records, resources, scopes and whole requests in wire
//! form.
//!
//! Every text is looked at, wherever a message has one; what changes is written anew, and so are the
//! lengths around it. What is not understood is left out: bytes that are no message, and fields that OTLP
//! 1.11 does not know where something is found in them.
//!
//! Holds: borrowed bytes, and memory for one text after the other. Never waits, never panics on any input.

mod messages;
mod shape;
mod value;

#[cfg(test)]
mod tests;

use self::shape::{Kind, Shape};
use super::fields as f;
use super::scan::{self, Field};
use super::writer::Writer;
use crate::model::redaction::{Action, MASK, Redactor, Ruling, Scratch, Spot, TextRedaction};
use crate::model::request::Signal;

/// Rewrites messages by a redactor, one after the other.
#[derive(Debug)]
pub(crate) struct Rewriter<'r> {
    redactor: &'r Redactor,
    scratch: Scratch,
    signal: Signal,
    /// What becomes of the message that is being looked through, where it is an event that is a message of
    /// a conversation.
    said: Option<Ruling>,
}

/// What is to stand in the place of a field.
enum Change {
    /// It stays.
    None,
    /// It goes.
    Drop,
    /// This is what it holds now.
    Body(Vec<u8>),
}

impl<'r> Rewriter<'r> {
    pub(crate) fn new(redactor: &'r Redactor, signal: Signal) -> Self {
        Self {
            redactor,
            scratch: Scratch::default(),
            signal,
            said: None,
        }
    }

    /// A span, log record or metric; `None` where it stays as it is.
    pub(crate) fn item(&mut self, message: &[u8]) -> Option<Vec<u8>> {
        match self.signal {
            Signal::Traces => self.message(&shape::SPAN, message),
            Signal::Logs => self.event(&messages::LOG, message),
            Signal::Metrics => self.message(&shape::METRIC, message),
        }
    }

    /// A whole request.
    pub(crate) fn request(&mut self, request: &[u8]) -> Option<Vec<u8>> {
        self.message(&shape::REQUEST, request)
    }

    /// The resource and what else stands around the scopes, in wire form.
    pub(crate) fn around_scopes(&mut self, fields: &[u8]) -> Option<Vec<u8>> {
        self.message(&shape::AROUND_SCOPES, fields)
    }

    /// The scope and what else stands around the items, in wire form.
    pub(crate) fn around_items(&mut self, fields: &[u8]) -> Option<Vec<u8>> {
        self.message(&shape::AROUND_ITEMS, fields)
    }

    fn message(&mut self, shape: &'static Shape, message: &[u8]) -> Option<Vec<u8>> {
        let mut out: Option<Vec<u8>> = None;
        let mut read = 0;
        for field in scan::fields(message) {
            read = field.range.end;
            let change = match field.number_of_delimited() {
                Some(number) => self.field(shape, number, &message[field.body.clone()]),
                None => Change::None,
            };
            put(&mut out, message, &field, change);
        }
        if read < message.len() {
            // What follows is no field, so that nobody can say what it holds.
            out.get_or_insert_with(|| message[..read].to_vec());
        }
        out.filter(|_| !self.redactor.is_dry_run())
    }

    fn field(&mut self, shape: &'static Shape, number: u32, body: &[u8]) -> Change {
        let known = shape.0.iter().find(|(known, _)| *known == number);
        match known.map(|(_, kind)| kind) {
            Some(Kind::Opaque) => Change::None,
            Some(Kind::Text(key)) => match self.text(key, body) {
                TextRedaction::Keep => Change::None,
                TextRedaction::Replace(with) => Change::Body(with),
                TextRedaction::Remove => Change::Drop,
            },
            Some(Kind::Whole(key)) => self.whole(key, body),
            Some(Kind::Message(shape)) => {
                self.message(shape, body).map_or(Change::None, Change::Body)
            }
            Some(Kind::Item) => self.item(body).map_or(Change::None, Change::Body),
            Some(Kind::Event) => self
                .event(&messages::EVENT, body)
                .map_or(Change::None, Change::Body),
            Some(Kind::Attribute) => self.attribute(body),
            Some(Kind::Value(key)) => self.body(key.as_bytes(), body),
            None => self.whole("", body),
        }
    }

    fn text(&mut self, key: &str, text: &[u8]) -> TextRedaction {
        self.redactor.text(key.as_bytes(), text, &mut self.scratch)
    }

    fn whole(&mut self, key: &str, body: &[u8]) -> Change {
        match self.text(key, body) {
            TextRedaction::Keep => Change::None,
            _ => Change::Drop,
        }
    }

    /// A `KeyValue` of attributes.
    fn attribute(&mut self, key_value: &[u8]) -> Change {
        let key = scan::key_of(key_value).unwrap_or_default();
        let rule = self.redactor.rule(key);
        let rule = rule.or_else(|| self.rule_of_messages(key, key_value));
        if let Some(ruling) = rule {
            match ruling.action {
                Action::Pass => return Change::None,
                Action::Remove => {
                    let spot = Spot::of(key, self.shown_of(key_value));
                    self.redactor.removed(ruling, spot);
                    return Change::Drop;
                }
                Action::Mask | Action::Hash => {}
            }
        }
        self.key_value(key_value, key, rule, 0)
            .map_or(Change::None, Change::Body)
    }

    /// A `KeyValue`, with what a rule says of its value.
    fn key_value(
        &mut self,
        key_value: &[u8],
        key: &[u8],
        rule: Option<Ruling>,
        depth: usize,
    ) -> Option<Vec<u8>> {
        let mut out = None;
        let mut read = 0;
        for field in scan::fields(key_value) {
            read = field.range.end;
            let body = &key_value[field.body.clone()];
            let change = if field.is(f::key_value::KEY) {
                match self
                    .redactor
                    .text(b"attribute.key", body, &mut self.scratch)
                {
                    TextRedaction::Keep => Change::None,
                    TextRedaction::Replace(with) => Change::Body(with),
                    TextRedaction::Remove => Change::Body(MASK.into()),
                }
            } else if field.is(f::key_value::VALUE) {
                let changed = match rule {
                    None => self.value(key, body, depth),
                    Some(rule) => self.ruled(rule, key, body),
                };
                changed.map_or(Change::None, Change::Body)
            } else if field.number_of_delimited().is_some() {
                self.whole("", body)
            } else {
                Change::None
            };
            put(&mut out, key_value, &field, change);
        }
        if read < key_value.len() {
            out.get_or_insert_with(|| key_value[..read].to_vec());
        }
        out
    }
}

impl Redactor {
    /// A whole OTLP request in protobuf (`ExportTraceServiceRequest` and its like) without what must not
    /// leave the process: what a pipeline would export of it. `None` where it stays as it is, and always in
    /// a dry run.
    ///
    /// Bytes that are no request are left out, from where they are none.
    ///
    /// ```
    /// use spanreel::{Redaction, Signal};
    ///
    /// let redactor = Redaction::standard().redactor();
    /// assert_eq!(redactor.redact_request(Signal::Traces, b""), None);
    /// ```
    #[must_use]
    pub fn redact_request(&self, signal: Signal, request: &[u8]) -> Option<Vec<u8>> {
        Rewriter::new(self, signal).request(request)
    }
}

impl Drop for Rewriter<'_> {
    fn drop(&mut self) {
        self.redactor.settle(&mut self.scratch);
    }
}

/// Appends a field to what is written anew, or begins to do so where it is the first that changes.
fn put(out: &mut Option<Vec<u8>>, message: &[u8], field: &Field, change: Change) {
    let changed = match change {
        Change::None => {
            if let Some(out) = out {
                out.extend_from_slice(&message[field.range.clone()]);
            }
            return;
        }
        Change::Drop => None,
        Change::Body(body) => Some(body),
    };
    let out = out.get_or_insert_with(|| {
        let mut out = Vec::with_capacity(message.len() + 64);
        out.extend_from_slice(&message[..field.range.start]);
        out
    });
    if let (Some(body), Some(number)) = (changed, field.number_of_delimited()) {
        let mut head = Writer::with_capacity(16);
        head.open(number, body.len());
        out.extend_from_slice(head.written());
        out.extend_from_slice(&body);
    }
}
