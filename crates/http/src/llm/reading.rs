//! Reads an answer as it passes: decompresses a copy, cuts it into events, and lets the provider read
//! them.
//!
//! Holds: the body of an answer that is not streamed, or the event that has begun, up to a bound. Waits:
//! never. Loses: what is beyond the bound or cannot be read, and says so.

use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};

use super::decode::{Decoder, Unreadable};
use super::framing::{Elements, Framing, Lines, Sse};
use super::provider::{Event, Provider};
use super::told::Told;

/// An answer on its way.
#[derive(Debug)]
pub(crate) struct Reading {
    decoder: Decoder,
    form: Form,
    is_failure: bool,
    limit: usize,
    /// How many events have come.
    events: u64,
    unread: Option<Unread>,
    told: Told,
}

#[derive(Debug)]
enum Form {
    /// It is read at its end.
    Whole(Vec<u8>),
    Stream(Framing),
    /// Nobody said what it is: its first bytes do.
    Unknown,
}

/// Why an answer, or a part of it, was not read: `spanreel.llm.unread`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unread {
    Encoding,
    Corrupt,
    TooLong,
    Syntax,
    Panic,
}

impl Unread {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Encoding => "unknown content encoding",
            Self::Corrupt => "corrupt content encoding",
            Self::TooLong => "too long",
            Self::Panic => "the provider panicked",
            Self::Syntax => "not the JSON that was expected",
        }
    }
}

/// What is to be known of a call to read its answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expected {
    /// Elements of an array are events.
    pub(crate) is_array: bool,
    pub(crate) wants_content: bool,
    pub(crate) limit: usize,
}

impl Reading {
    pub(crate) fn new(status: StatusCode, headers: &HeaderMap, expected: Expected) -> Self {
        let Expected { limit, .. } = expected;
        let (decoder, unread) = match Decoder::new(headers) {
            Ok(decoder) => (decoder, None),
            Err(_) => (Decoder::Nothing, Some(Unread::Encoding)),
        };
        let mut told = Told::default();
        if expected.wants_content {
            told.want_content();
        }
        let kind = headers
            .get(CONTENT_TYPE)
            .and_then(|kind| kind.to_str().ok());
        let kind = kind
            .and_then(|kind| kind.split(';').next())
            .unwrap_or_default();
        let is_failure = status.as_u16() >= 400;
        let form = match kind.trim().to_ascii_lowercase().as_str() {
            "text/event-stream" => Form::Stream(Framing::Sse(Sse::new(limit))),
            _ if is_failure => Form::Whole(Vec::new()),
            "application/x-ndjson" | "application/jsonl" | "application/x-jsonlines" => {
                Form::Stream(Framing::Lines(Lines::new(limit)))
            }
            "application/json" if expected.is_array => {
                Form::Stream(Framing::Elements(Elements::new(limit)))
            }
            "application/json" => Form::Whole(Vec::new()),
            _ => Form::Unknown,
        };
        Self {
            decoder,
            form,
            is_failure,
            limit,
            events: 0,
            unread,
            told,
        }
    }

    /// Takes the next bytes of the body; how many events of a stream they were, or completed.
    pub(crate) fn feed(&mut self, provider: &dyn Provider, bytes: &[u8]) -> u64 {
        let before = self.events;
        let mut decoder = std::mem::replace(&mut self.decoder, Decoder::Nothing);
        match decoder.feed(bytes, |plain| self.plain(provider, plain)) {
            Ok(()) => self.decoder = decoder,
            Err(Unreadable::Encoding) => self.unread = Some(Unread::Encoding),
            Err(Unreadable::Corrupt) => self.unread = Some(Unread::Corrupt),
        }
        self.events - before
    }

    fn plain(&mut self, provider: &dyn Provider, bytes: &[u8]) {
        if let Form::Unknown = self.form {
            let Some(first) = bytes.trim_ascii_start().first() else {
                return;
            };
            self.form = match first {
                b'{' | b'[' | b'<' | b'"' => Form::Whole(Vec::new()),
                _ => Form::Stream(Framing::Sse(Sse::new(self.limit))),
            };
        }
        match &mut self.form {
            Form::Whole(body) if bytes.len() > self.limit - body.len() => {
                body.extend_from_slice(&bytes[..self.limit - body.len()]);
                self.unread = Some(Unread::TooLong);
            }
            Form::Whole(body) => body.extend_from_slice(bytes),
            Form::Stream(framing) => {
                let (told, events) = (&mut self.told, &mut self.events);
                framing.feed(bytes, |event| read_event(provider, event, told, events));
            }
            Form::Unknown => {}
        }
    }

    /// Takes the end of the body, whole or not, and what it told.
    pub(crate) fn finish(mut self, provider: &dyn Provider) -> Read {
        let is_stream = matches!(self.form, Form::Stream(_));
        match &mut self.form {
            Form::Whole(body) if self.is_failure => provider.read_error(body, &mut self.told),
            Form::Whole(body) if body.is_empty() => {}
            Form::Whole(body) => provider.read_response(body, &mut self.told),
            Form::Stream(framing) => {
                let (told, events) = (&mut self.told, &mut self.events);
                framing.finish(|event| read_event(provider, event, told, events));
                if framing.too_long() > 0 {
                    self.unread = Some(Unread::TooLong);
                }
            }
            Form::Unknown => {}
        }
        if self.told.is_broken && self.unread.is_none() {
            self.unread = Some(Unread::Syntax);
        }
        Read {
            told: self.told,
            unread: self.unread,
            events: is_stream.then_some(self.events),
        }
    }

    /// Whether a stream has come to its last event.
    pub(crate) fn is_complete(&self) -> bool {
        self.told.is_complete
    }
}

/// What was read of an answer.
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) told: Told,
    pub(crate) unread: Option<Unread>,
    /// How many events there were, where it was a stream.
    pub(crate) events: Option<u64>,
}

fn read_event(provider: &dyn Provider, event: &Event<'_>, told: &mut Told, events: &mut u64) {
    // How most say that there is nothing more to come.
    if event.data == b"[DONE]" {
        told.is_complete = true;
        return;
    }
    *events += 1;
    provider.read_event(event, told);
}
