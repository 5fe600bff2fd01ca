//! Reads recordings in their three shapes, recognized by content and never by name:
//!
//! 1. an event store, a line per event: `{"seq":1,"event":{...}}`;
//! 2. a session recording, a line of metadata (`{"type":"metadata","metadata":{...}}`) and then a
//!    line per event (`{"type":"event","event":{...}}`);
//! 3. a session recording as one JSON document: `{"metadata":{...},"events":[...]}`.
//!
//! Holds: one line, or one event of a document, beside what is kept of all of them. Loses: lines
//! and events that cannot be read, each reported with its number.

use std::io::{BufRead, Cursor, Read};

use serde_json::value::RawValue;

use super::document;
use super::lines::{Line, Lines};
use super::payload::Payload;
use super::report::Skipped;
use super::sessions::Sessions;
use super::{ConvertError, Options};

/// Why a line is of no use.
type Reason = String;

/// Reads all events of a recording into `sessions`.
pub(crate) fn read(
    input: impl BufRead,
    options: &Options,
    sessions: &mut Sessions,
) -> Result<(), ConvertError> {
    let mut lines = Lines::new(input, options.max_line_bytes);
    while let Some(first) = lines.next()? {
        if is_blank(&first) {
            continue;
        }
        let number = lines.number();
        let next = if matches!(first, Line::Whole(_)) {
            lines.next()?
        } else {
            None
        };
        if begins_document(&first, next.as_ref()) {
            let mut start = first.into_bytes();
            if let Some(next) = next {
                let is_whole = matches!(next, Line::Whole(_));
                start.push(b'\n');
                start.append(&mut next.into_bytes());
                start.extend(is_whole.then_some(b'\n'));
            }
            let rest = Cursor::new(start).chain(lines.into_rest());
            return document::read(rest, number, options, sessions);
        }
        take(number, first, options, sessions)?;
        if let Some(next) = next {
            take(number + 1, next, options, sessions)?;
        }
        break;
    }
    while let Some(line) = lines.next()? {
        take(lines.number(), line, options, sessions)?;
    }
    sessions.report.lines = lines.number();
    Ok(())
}

/// Whether a first line, with the line after it, begins a document in many lines (or in one that is
/// too long to be read at once), rather than being a torn line of its own.
fn begins_document(first: &Line, next: Option<&Line>) -> bool {
    let (Line::Whole(bytes) | Line::Cut(bytes)) = first;
    let text = bytes.trim_ascii();
    let Some(inside) = text.strip_prefix(b"{").map(<[u8]>::trim_ascii_start) else {
        return false;
    };
    let belongs_to_lines = [&b"\"seq\""[..], b"\"parent_id\"", b"\"event\"", b"\"type\""]
        .iter()
        .any(|key| inside.starts_with(key));
    if belongs_to_lines {
        return false;
    }
    let Some(next) = next else {
        return matches!(first, Line::Cut(_));
    };
    if serde_json::from_slice::<&RawValue>(bytes).map_or_else(|error| !error.is_eof(), |_| true) {
        return false;
    }
    let (Line::Whole(next) | Line::Cut(next)) = next;
    !next.trim_ascii_start().starts_with(b"{") || text.ends_with(b"[") || text.ends_with(b",")
}

fn is_blank(line: &Line) -> bool {
    matches!(line, Line::Whole(bytes) if bytes.trim_ascii().is_empty())
}

/// Takes in one line.
fn take(
    number: u64,
    line: Line,
    options: &Options,
    sessions: &mut Sessions,
) -> Result<(), ConvertError> {
    let Line::Whole(bytes) = &line else {
        let reason = format!("longer than {} bytes", options.max_line_bytes);
        return refuse(number, reason, options, sessions);
    };
    if is_blank(&line) {
        return Ok(());
    }
    let line: Payload<'_> = match serde_json::from_slice(bytes) {
        Ok(line) => line,
        Err(error) => return refuse(number, not_an_object(bytes, &error), options, sessions),
    };
    if line.raw("events").is_some() {
        // A document in one line.
        sessions.metadata(&line.object("metadata"));
        for event in line.array("events") {
            if let Err(reason) = take_event(event, options, sessions) {
                refuse(number, reason, options, sessions)?;
            }
        }
        return Ok(());
    }
    match take_line(&line, options, sessions) {
        Ok(()) => Ok(()),
        Err(reason) => refuse(number, reason, options, sessions),
    }
}

fn take_line(line: &Payload<'_>, options: &Options, sessions: &mut Sessions) -> Result<(), Reason> {
    let wrapper = line.text("type");
    if line.raw("event").is_none() {
        return match wrapper.as_deref() {
            Some("metadata") => {
                sessions.metadata(&line.object("metadata"));
                Ok(())
            }
            Some("event") => Err("an event line without an event".to_owned()),
            _ => sessions.event(line, &Payload::default(), options),
        };
    }
    let event = line.object("event");
    if event.is_empty() {
        return Err("the event is not an object, or empty".to_owned());
    }
    sessions.event(&event, line, options)
}

/// Reports what cannot be used, or stops at it where that was asked for.
pub(crate) fn refuse(
    line: u64,
    reason: Reason,
    options: &Options,
    sessions: &mut Sessions,
) -> Result<(), ConvertError> {
    if options.strict {
        return Err(ConvertError::Malformed { line, reason });
    }
    sessions.report.skip(Skipped { line, reason });
    Ok(())
}

/// Takes in one element of the events of a document.
pub(crate) fn take_event(
    raw: &RawValue,
    options: &Options,
    sessions: &mut Sessions,
) -> Result<(), Reason> {
    let outer = Payload::of(Some(raw));
    if outer.is_empty() {
        return Err("the event is not an object, or empty".to_owned());
    }
    let inner = outer.object("event");
    if inner.is_empty() {
        sessions.event(&outer, &Payload::default(), options)
    } else {
        sessions.event(&inner, &outer, options)
    }
}

/// Says what is wrong with a line without quoting it.
pub(crate) fn not_an_object(bytes: &[u8], error: &serde_json::Error) -> Reason {
    if std::str::from_utf8(bytes).is_err() {
        return "not UTF-8".to_owned();
    }
    match error.classify() {
        serde_json::error::Category::Eof => "the JSON ends too early".to_owned(),
        serde_json::error::Category::Data => "not a JSON object".to_owned(),
        _ => format!("not JSON, at column {}", error.column()),
    }
}
