//! Sorts the events of a recording by session.
//!
//! Holds: all events of the recording, in the form of the output. Loses: nothing.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::Options;
use super::describe::{Context, describe};
use super::event::{Event, Family, Phase, classify, type_of_data_type};
use super::payload::Payload;
use super::report::Report;

/// What the metadata of a recording says of its session.
#[derive(Clone, Debug, Default)]
pub(crate) struct Metadata {
    pub(crate) session_id: Option<String>,
    pub(crate) conversation_id: Option<String>,
    pub(crate) start: Option<u64>,
    pub(crate) end: Option<u64>,
    pub(crate) provider: Option<String>,
    pub(crate) model: Option<String>,
    pub(crate) agent: Option<String>,
}

/// The events of one session, in the order of the recording.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) id: String,
    pub(crate) metadata: Metadata,
    pub(crate) events: Vec<Event>,
}

/// All sessions of a recording.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    pub(crate) report: Report,
    by_id: BTreeMap<Arc<str>, (Metadata, Vec<Event>)>,
    /// Events that name no session, before any metadata does.
    nameless: Vec<Event>,
    /// What the last metadata says: whose the events are that name no session.
    current: Option<Arc<str>>,
    first: Option<Arc<str>>,
    /// Metadata that names no session.
    anonymous: Option<Metadata>,
    /// Texts that many events share.
    shared: HashSet<Arc<str>>,
}

impl Sessions {
    /// Takes in the metadata of a session.
    pub(crate) fn metadata(&mut self, payload: &Payload<'_>) {
        if payload.is_empty() {
            return;
        }
        let custom = payload.object("custom");
        let agent = || custom.text_of(&["agentname", "agent", "agentid"]);
        let metadata = Metadata {
            session_id: payload.text("sessionid"),
            conversation_id: payload.text("conversationid"),
            start: payload.text("starttime").as_deref().and_then(unix_nanos),
            end: payload.text("endtime").as_deref().and_then(unix_nanos),
            provider: payload.text_of(&["providername", "provider"]),
            model: payload.text("model"),
            agent: payload.text_of(&["agentname", "agent"]).or_else(agent),
        };
        let Some(id) = metadata.session_id.clone() else {
            self.anonymous.get_or_insert(metadata);
            return;
        };
        let id = self.share(&id);
        self.by_id.entry(Arc::clone(&id)).or_default().0 = metadata;
        self.first.get_or_insert_with(|| Arc::clone(&id));
        self.current = Some(id);
    }

    /// Takes in an event, with what stands around it on its line. Fails where nothing tells what
    /// kind of event it is.
    pub(crate) fn event(
        &mut self,
        event: &Payload<'_>,
        line: &Payload<'_>,
        options: &Options,
    ) -> Result<(), String> {
        let named = event.text("type").filter(|name| !name.is_empty());
        let aliased = || {
            event
                .text("datatype")
                .as_deref()
                .and_then(type_of_data_type)
        };
        let type_name = named.or_else(aliased).ok_or("no event type")?;
        let (family, phase) = classify(&type_name);
        let data = event.raw("data");
        let payload = Payload::of(data);
        self.report.events += 1;
        if family == Family::Unknown {
            self.report.unknown(&type_name);
            if payload.is_empty() {
                return Ok(());
            }
        }
        let session = event.text("sessionid").map(|id| self.share(&id));
        let run = event.text_of(&["executionid", "runid"]).unwrap_or_default();
        let context = Context {
            family,
            phase,
            type_name: &type_name,
            run: &run,
            content: options.content,
        };
        let detail = describe(context, &payload);
        let outer_or_inner = |name| line.count(name).or_else(|| event.count(name));
        let seq = outer_or_inner("seq")
            .or_else(|| event.count("sequence"))
            .unwrap_or_default();
        let parent = outer_or_inner("parentid").or_else(|| outer_or_inner("parentseq"));
        let session = session.or_else(|| self.current.clone());
        let time = event.text("timestamp").as_deref().and_then(unix_nanos);
        let time = time.or_else(|| self.offset(event, session.as_ref()));
        let event = Event {
            time,
            is_timed: time.is_some(),
            seq: seq.unsigned_abs(),
            parent_seq: parent.map(i64::unsigned_abs).filter(|seq| *seq > 0),
            fingerprint: fingerprint(data.map_or("", |data| data.get())),
            run: self.share(&run),
            conversation: event.text("conversationid").map(|id| self.share(&id)),
            user: event.text("userid").map(|id| self.share(&id)),
            type_name: self.share(&type_name),
            family,
            phase,
            detail,
        };
        match session {
            Some(id) => self.by_id.entry(id).or_default().1.push(event),
            None => self.nameless.push(event),
        }
        Ok(())
    }

    /// The time of an event whose own is unreadable, by its offset from the start of its session.
    fn offset(&self, event: &Payload<'_>, session: Option<&Arc<str>>) -> Option<u64> {
        let start = self.by_id.get(session?)?.0.start?;
        start.checked_add(u64::try_from(event.count("offset")?).ok()?)
    }

    fn share(&mut self, text: &str) -> Arc<str> {
        if let Some(shared) = self.shared.get(text) {
            return Arc::clone(shared);
        }
        let shared: Arc<str> = text.into();
        self.shared.insert(Arc::clone(&shared));
        shared
    }

    /// The sessions, and the report. Events that name no session belong to the session that the
    /// metadata names, or else to one named after the file.
    pub(crate) fn finish(mut self, name: &str) -> (Vec<Session>, Report) {
        if !self.nameless.is_empty() || self.by_id.is_empty() && self.anonymous.is_some() {
            let id = self.first.unwrap_or_else(|| session_name(name).into());
            self.by_id
                .entry(id)
                .or_default()
                .1
                .append(&mut self.nameless);
        }
        let mut anonymous = self.anonymous;
        let (full, empty): (Vec<_>, Vec<_>) = self
            .by_id
            .into_iter()
            .partition(|(_, (_, events))| !events.is_empty());
        let chosen = if full.is_empty() {
            empty
        } else {
            // Metadata of a session without events describes those that have some.
            for (_, (metadata, _)) in empty {
                anonymous.get_or_insert(metadata);
            }
            full
        };
        let anonymous = anonymous.unwrap_or_default();
        let sessions = chosen.into_iter().map(|(id, (metadata, events))| {
            let metadata = if metadata.session_id.is_some() {
                metadata
            } else {
                anonymous.clone()
            };
            Session {
                id: id.as_ref().to_owned(),
                metadata,
                events,
            }
        });
        (sessions.collect(), self.report)
    }
}

/// The session that a file is named after.
pub(crate) fn session_name(name: &str) -> &str {
    let stem = Path::new(name).file_stem().and_then(|stem| stem.to_str());
    stem.filter(|stem| !stem.is_empty()).unwrap_or("recording")
}

/// A time by RFC 3339, in nanoseconds since the Unix epoch. The zero time of Go and other times
/// that no trace can have are none.
pub(crate) fn unix_nanos(text: &str) -> Option<u64> {
    let time: jiff::Timestamp = text.parse().ok()?;
    u64::try_from(time.as_nanosecond())
        .ok()
        .filter(|nanos| *nanos > 0)
}

fn fingerprint(data: &str) -> u64 {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&Sha256::digest(data.as_bytes())[..8]);
    u64::from_be_bytes(bytes)
}

impl Session {
    /// Gives every event a time, puts the events in order, and removes copies. The order of the
    /// lines of the recording leaves no trace in the outcome where events have times.
    pub(crate) fn settle(&mut self, report: &mut Report) {
        self.time_the_untimed(report);
        self.events
            .sort_by(|one, other| one.order().cmp(&other.order()));
        let before = self.events.len();
        self.events
            .dedup_by(|later, earlier| later.is_copy_of(earlier));
        report.duplicates += (before - self.events.len()) as u64;
    }

    /// Places an event without a time beside the nearest event before it in sequence that has one.
    fn time_the_untimed(&mut self, report: &mut Report) {
        let untimed = self
            .events
            .iter()
            .filter(|event| event.time.is_none())
            .count();
        report.untimed_events += untimed as u64;
        if untimed == 0 {
            return;
        }
        if self.events.iter().all(|event| event.seq > 0) {
            self.events
                .sort_by_key(|event| (event.seq, event.phase, event.fingerprint));
        }
        let first = self.events.iter().find_map(|event| event.time);
        let mut last = first
            .or(self.metadata.start)
            .or(self.metadata.end)
            .unwrap_or_default();
        for event in &mut self.events {
            last = *event.time.get_or_insert(last);
        }
    }
}

impl Event {
    /// What the events of a session are put in order by.
    fn order(&self) -> impl Ord + '_ {
        let whose = (&self.run, &self.conversation, &self.user);
        (
            self.time,
            self.seq,
            self.phase,
            self.fingerprint,
            &self.type_name,
            whose,
        )
    }

    /// Whether this is the same event written twice. Events without a number may well be equal and
    /// yet be two.
    fn is_copy_of(&self, other: &Self) -> bool {
        self.seq > 0
            && self.seq == other.seq
            && self.time == other.time
            && self.fingerprint == other.fingerprint
            && self.type_name == other.type_name
            && self.run == other.run
    }

    /// Whether the event tells the end of what another began.
    pub(crate) fn is_end(&self) -> bool {
        matches!(self.phase, Phase::Done | Phase::Failed) && self.family != Family::Eval
    }
}
