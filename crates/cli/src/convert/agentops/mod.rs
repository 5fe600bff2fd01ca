//! Reads events of AgentOps, as its clients sent them before it used OpenTelemetry: an event per line, lists
//! of events, and documents with a list in `events`; records of sessions (`{"session": {..}}`) among them.
//!
//! Holds: all events of the recording, in the form of the output, and one JSON document. Loses: what
//! cannot be read, each with its place; and, unless content is asked for, what was said.

mod event;
mod session;

use std::collections::BTreeMap;
use std::io::BufRead;

use serde_json::value::RawValue;

use super::format::Format;
use super::payload::Payload;
use super::recording::not_an_object;
use super::report::{Report, Skipped};
use super::sessions::session_name;
use super::texts::Texts;
use super::{Conversion, ConvertError, Options};
use event::Event;
use session::Session;

/// All sessions of a recording, by id.
struct Recording<'a> {
    options: &'a Options,
    report: Report,
    /// What events belong to that name no session.
    nameless: String,
    sessions: BTreeMap<String, Session>,
}

/// Converts a recording of AgentOps; `name` is the name of the file.
pub(super) fn read(
    input: impl BufRead,
    name: &str,
    options: &Options,
) -> Result<Conversion, ConvertError> {
    let mut recording = Recording {
        options,
        report: Report {
            format: Format::AgentOps,
            ..Report::default()
        },
        nameless: session_name(name).to_owned(),
        sessions: BTreeMap::new(),
    };
    let mut texts = Texts::new(input, options.max_line_bytes);
    while let Some((line, text)) = texts.next()? {
        match text {
            Ok(text) => recording.text(line, &text)?,
            Err(reason) => recording.refuse(line, reason)?,
        }
    }
    let mut report = recording.report;
    report.lines = texts.lines();
    let sessions = recording.sessions.into_iter();
    let mut sessions: Vec<_> = sessions
        .map(|(id, session)| session.into_trace(id, options, &mut report))
        .collect();
    sessions.sort_by(|one, other| {
        (one.root.start_ns, &one.session_id).cmp(&(other.root.start_ns, &other.session_id))
    });
    Ok(Conversion { sessions, report })
}

impl Recording<'_> {
    /// Takes in a line or a document.
    fn text(&mut self, line: u64, text: &[u8]) -> Result<(), ConvertError> {
        if let Ok(list) = serde_json::from_slice::<Vec<&RawValue>>(text) {
            return self.list(line, &list);
        }
        let payload: Payload<'_> = match serde_json::from_slice(text) {
            Ok(payload) => payload,
            Err(error) => return self.refuse(line, not_an_object(text, &error)),
        };
        let events = payload.array("events");
        let record = payload.object("session");
        if !record.is_empty() {
            self.session(&record);
        }
        if payload.raw("events").is_some() {
            return self.list(line, &events);
        }
        if !record.is_empty() {
            return Ok(());
        }
        self.record(line, &payload)
    }

    fn list(&mut self, line: u64, list: &[&RawValue]) -> Result<(), ConvertError> {
        for raw in list {
            self.record(line, &Payload::of(Some(raw)))?;
        }
        Ok(())
    }

    /// Takes in an event, or what is known of a session.
    fn record(&mut self, line: u64, record: &Payload<'_>) -> Result<(), ConvertError> {
        let Some(kind) = record.text("eventtype") else {
            if record.text("sessionid").is_some()
                && record.text_of(&["endstate", "inittimestamp"]).is_some()
            {
                self.session(record);
                return Ok(());
            }
            return self.refuse(line, "no event type".to_owned());
        };
        self.report.events += 1;
        let id = record
            .text("sessionid")
            .unwrap_or_else(|| self.nameless.clone());
        let Some(event) = Event::read(&kind, record, self.options.content) else {
            self.report.unknown(&kind);
            return Ok(());
        };
        let session = self.sessions.entry(id).or_default();
        self.report.duplicates += u64::from(session.add(event));
        Ok(())
    }

    fn session(&mut self, record: &Payload<'_>) {
        let id = record.text_of(&["sessionid", "id"]);
        let id = id.unwrap_or_else(|| self.nameless.clone());
        self.sessions.entry(id).or_default().describe(record);
    }

    fn refuse(&mut self, line: u64, reason: String) -> Result<(), ConvertError> {
        if self.options.strict {
            return Err(ConvertError::Malformed { line, reason });
        }
        self.report.skip(Skipped { line, reason });
        Ok(())
    }
}
