//! Messages of conversations that are events rather than attributes: log records whose body is the message,
//! events of spans, and texts that list such events.
//!
//! Asked for by [`Redaction::remove_content`](crate::Redaction::remove_content) alone; otherwise nothing is
//! looked for. Never waits, never panics on any input.

#[cfg(test)]
mod tests;

use super::shape::{self, Shape};
use super::{Change, Rewriter};
use crate::model::genai::{is_message_event, is_part_of_message};
use crate::model::otlp::fields as f;
use crate::model::otlp::scan;
use crate::model::redaction::{Ruling, Spot};

/// The attribute that names an event where the field `event_name` is not known yet (before OTLP 1.5).
const NAME: &[u8] = b"event.name";

/// What can be an event, and where it says which.
#[derive(Debug)]
pub(super) struct EventShape {
    shape: &'static Shape,
    name: u32,
    attributes: u32,
}

/// `LogRecord`.
pub(super) static LOG: EventShape = EventShape {
    shape: &shape::LOG,
    name: f::log::EVENT_NAME,
    attributes: f::log::ATTRIBUTES,
};

/// `Span.Event`.
pub(super) static EVENT: EventShape = EventShape {
    shape: &shape::EVENT,
    name: f::event::NAME,
    attributes: f::event::ATTRIBUTES,
};

impl EventShape {
    /// Whether the name of an event says that it is a message.
    fn is_message(&self, event: &[u8]) -> bool {
        scan::fields(event).any(|field| {
            let body = &event[field.body.clone()];
            field.is(self.name) && is_message_event(body)
                || field.is(self.attributes) && names_message(body)
        })
    }
}

impl Rewriter<'_> {
    /// A log record, or an event of a span.
    pub(super) fn event(&mut self, it: &'static EventShape, event: &[u8]) -> Option<Vec<u8>> {
        let ruling = self.redactor.rules().of_message_events();
        self.said = ruling.filter(|_| it.is_message(event));
        let out = self.message(it.shape, event);
        self.said = None;
        out
    }

    /// The body of a log record.
    pub(super) fn body(&mut self, key: &[u8], value: &[u8]) -> Change {
        let ruling = self.said.or_else(|| self.rule_of_listed(value));
        let Some(ruling) = ruling else {
            return self.value(key, value, 0).map_or(Change::None, Change::Body);
        };
        let shown = match self.redactor.is_told() {
            true => super::value::shown(value),
            false => b"",
        };
        self.redactor.removed(ruling, Spot::of(key, shown));
        Change::Drop
    }

    /// The rule of an attribute that has a message, or a part of one, by where it stands or what it lists.
    pub(super) fn rule_of_messages(&self, key: &[u8], key_value: &[u8]) -> Option<Ruling> {
        let ruling = self.redactor.rules().of_message_events()?;
        let is_one = self.said.is_some() && is_part_of_message(key)
            || value_of(key_value).is_some_and(lists_messages);
        is_one.then_some(ruling)
    }

    fn rule_of_listed(&self, value: &[u8]) -> Option<Ruling> {
        let ruling = self.redactor.rules().of_message_events()?;
        lists_messages(value).then_some(ruling)
    }
}

/// Whether a `KeyValue` says that what it is of is a message.
fn names_message(key_value: &[u8]) -> bool {
    scan::key_of(key_value) == Some(NAME)
        && value_of(key_value).is_some_and(|value| is_message_event(super::value::shown(value)))
}

/// Whether a value has events that are messages: a map that names itself so, or JSON with such names in it.
fn lists_messages(value: &[u8]) -> bool {
    scan::fields(value).any(|field| {
        let body = &value[field.body.clone()];
        if field.is(f::value::STRING) {
            return quotes_message(body);
        }
        let entries = field.is(f::value::MAP).then(|| scan::fields(body));
        let mut entries = entries.into_iter().flatten();
        entries.any(|entry| entry.is(f::list::VALUES) && names_message(&body[entry.body]))
    })
}

/// Whether a text is JSON that quotes the name of such an event, in JSON within JSON, too.
fn quotes_message(text: &[u8]) -> bool {
    const QUOTED: &[u8] = b"\"gen_ai.";
    if !matches!(text.trim_ascii_start().first(), Some(b'[' | b'{')) {
        return false;
    }
    let windows = text.windows(QUOTED.len()).enumerate();
    let mut found = windows.filter(|(_, window)| *window == QUOTED);
    found.any(|(at, _)| {
        let name = &text[at + 1..];
        let end = name.iter().position(|it| matches!(it, b'"' | b'\\'));
        is_message_event(&name[..end.unwrap_or(name.len())])
    })
}

fn value_of(key_value: &[u8]) -> Option<&[u8]> {
    let value = scan::fields(key_value).find(|field| field.is(f::key_value::VALUE))?;
    Some(&key_value[value.body])
}
