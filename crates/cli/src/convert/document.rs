//! Reads a session recording that is one JSON document, event by event.
//!
//! Holds: one event as text. Loses: an event that cannot be used, reported with the line it ends on;
//! where the document itself is malformed, everything behind that place.

use std::cell::Cell;
use std::fmt;
use std::io::{self, BufRead, Read};
use std::rc::Rc;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::payload::Payload;
use super::recording::{refuse, take_event};
use super::sessions::Sessions;
use super::{ConvertError, Options};

/// Reads a document whose first line has the number `first_line`.
pub(crate) fn read(
    input: impl BufRead,
    first_line: u64,
    options: &Options,
    sessions: &mut Sessions,
) -> Result<(), ConvertError> {
    let place = Rc::new(Place::new(first_line));
    let max_bytes = options.max_line_bytes as u64;
    let reader = Metered {
        input,
        place: Rc::clone(&place),
        max_bytes,
    };
    let mut stopped = None;
    let seed = Recording {
        options,
        sessions: &mut *sessions,
        place: &place,
        stopped: &mut stopped,
    };
    let mut json = serde_json::Deserializer::from_reader(reader);
    let outcome = seed.deserialize(&mut json).and_then(|()| json.end());
    sessions.report.lines = place.line.get() - u64::from(place.at_line_start.get());
    if let Some(error) = stopped {
        return Err(error);
    }
    let Err(error) = outcome else { return Ok(()) };
    if place.event_bytes.get() > max_bytes {
        let reason = format!("an event longer than {max_bytes} bytes; nothing behind it is read");
        return refuse(place.line.get(), reason, options, sessions);
    }
    if let Some(kind) = error.io_error_kind() {
        return Err(ConvertError::Read(io::Error::new(kind, error)));
    }
    let reason = match error.classify() {
        serde_json::error::Category::Eof => "the JSON document ends too early".to_owned(),
        serde_json::error::Category::Data => "not a session recording".to_owned(),
        _ => format!(
            "not JSON, at column {}; nothing behind it is read",
            error.column()
        ),
    };
    refuse(
        first_line - 1 + error.line() as u64,
        reason,
        options,
        sessions,
    )
}

/// Where in the input the reader is.
struct Place {
    line: Cell<u64>,
    at_line_start: Cell<bool>,
    /// How much has been read since the last event.
    event_bytes: Cell<u64>,
}

impl Place {
    fn new(first_line: u64) -> Self {
        Self {
            line: Cell::new(first_line),
            at_line_start: Cell::new(true),
            event_bytes: Cell::new(0),
        }
    }
}

/// A reader that knows its place and refuses an event that is too long.
struct Metered<R> {
    input: R,
    place: Rc<Place>,
    max_bytes: u64,
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.input.read(buffer)?;
        let bytes = &buffer[..count];
        let place = &self.place;
        let line_ends = bytes.iter().filter(|&&byte| byte == b'\n').count() as u64;
        place.line.set(place.line.get() + line_ends);
        if let Some(last) = bytes.last() {
            place.at_line_start.set(*last == b'\n');
        }
        place
            .event_bytes
            .set(place.event_bytes.get() + count as u64);
        if place.event_bytes.get() > self.max_bytes {
            return Err(io::Error::other("an event is too long"));
        }
        Ok(count)
    }
}

/// The document.
struct Recording<'a> {
    options: &'a Options,
    sessions: &'a mut Sessions,
    place: &'a Place,
    stopped: &'a mut Option<ConvertError>,
}

impl<'de> DeserializeSeed<'de> for Recording<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Recording<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a session recording")
    }

    fn visit_map<M: MapAccess<'de>>(mut self, mut map: M) -> Result<(), M::Error> {
        while let Some(name) = map.next_key::<String>()? {
            match name.as_str() {
                "metadata" => {
                    let metadata: Box<RawValue> = map.next_value()?;
                    self.sessions.metadata(&Payload::of(Some(&metadata)));
                }
                "events" => map.next_value_seed(Events(&mut self))?,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

/// The events of the document.
struct Events<'a, 'b>(&'a mut Recording<'b>);

impl<'de> DeserializeSeed<'de> for Events<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Events<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of events")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut seq: S) -> Result<(), S::Error> {
        let Self(Recording {
            options,
            sessions,
            place,
            stopped,
        }) = self;
        place.event_bytes.set(0);
        while let Some(raw) = seq.next_element::<Box<RawValue>>()? {
            place.event_bytes.set(0);
            let Err(reason) = take_event(&raw, options, sessions) else {
                continue;
            };
            if let Err(error) = refuse(place.line.get(), reason, options, sessions) {
                **stopped = Some(error);
                return Err(serde::de::Error::custom("stopped"));
            }
        }
        Ok(())
    }
}
