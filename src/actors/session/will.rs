//! What a session's root span says if the process does not come to end it, and the book of those that were
//! noted: the sweeper keeps it once a second, so that sessions that are over by then cost nothing.
//!
//! Holds: 12 bytes for each open session. Waits: never; the spool's thread writes. Loses: sessions that began
//! in the last second before the process died.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;

use super::cell::Cell;
use super::drafts;
use crate::actors::spool::desk::{Changes, Command, Desk};
use crate::model::genai::key;
use crate::model::kind::SpanKind;
use crate::model::otlp::fields as f;
use crate::model::otlp::frame::{Group, Run, frame};
use crate::model::otlp::redact::Rewriter;
use crate::model::otlp::writer::Writer;
use crate::model::request::{Request, Signal};

/// Which open sessions are noted on disk.
#[derive(Debug)]
pub(crate) struct Wills {
    desk: Arc<Desk>,
    /// By the id of the root span, with the last round that found it open.
    noted: HashMap<u64, u32>,
    round: u32,
    /// Nobody is to see spans before they are on disk: what is known of a root is noted, not its ids alone.
    tells_all: bool,
}

impl Wills {
    pub(crate) fn new(desk: Arc<Desk>, tells_all: bool) -> Self {
        Self {
            desk,
            noted: HashMap::new(),
            round: 0,
            tells_all,
        }
    }

    /// A round over all open sessions begins.
    pub(super) fn begin(&mut self) -> Changes {
        self.round = self.round.wrapping_add(1);
        Changes::default()
    }

    /// Notes an open session, if it is not noted yet.
    pub(super) fn see(&mut self, cell: &Cell, changes: &mut Changes) {
        if !cell.sampled {
            return;
        }
        let root = u64::from_be_bytes(cell.identity.root.to_bytes());
        if self.noted.insert(root, self.round).is_some() {
            return;
        }
        match of(cell, self.tells_all) {
            Some(request) => changes.began.push((root, request)),
            // It has ended meanwhile.
            None => drop(self.noted.remove(&root)),
        }
    }

    /// The round is over: what it did not find has ended.
    pub(super) fn finish(&mut self, mut changes: Changes) {
        let round = self.round;
        let had_some = !self.noted.is_empty();
        self.noted.retain(|root, found| {
            let is_open = *found == round;
            if !is_open {
                changes.over.push(*root);
            }
            is_open
        });
        if had_some {
            // Where the thread is gone, nothing is noted any more.
            let _there = self.desk.put(Command::Sessions(changes));
        }
    }
}

/// The root span as it is known now, or its ids alone, as a request: incomplete, and its end time stands last.
fn of(cell: &Cell, tells_all: bool) -> Option<Request> {
    let (shared, identity) = (&cell.shared, &cell.identity);
    let mut draft = drafts::take();
    let state = cell.lock();
    let Some(root) = &state.root else {
        drop(state);
        drafts::give_back(draft);
        return None;
    };
    if tells_all {
        root.copy_to(&mut draft, &shared.limits);
    } else {
        draft.begin_span("session", "", &shared.limits);
        identity.head_of_root(&mut draft, SpanKind::Internal);
    }
    drop(state);
    draft.set_own(key::END_STATE, "unset".into());
    draft.set_own(key::INCOMPLETE, true.into());
    draft.end(identity.start_ns);
    let mut last = Writer::with_capacity(256);
    last.raw(identity.common_of_root());
    // The last value of a field counts.
    last.fixed64(f::span::END_TIME_UNIX_NANO, identity.start_ns);
    let mut span = vec![0; draft.len_in_chunk(last.written())];
    draft.write_to(&mut span, last.written());
    drafts::give_back(draft);
    let run = Run::new(Arc::clone(&shared.origin), span.into(), 1);
    let request = Request::new(Signal::Traces, 1, frame(&[Group::Run(run)]));
    let Some(redactor) = &shared.redactor else {
        return Some(request);
    };
    // Fields keep their order: the end time still stands last.
    let bytes = request.to_bytes();
    let redacted = Rewriter::new(redactor, Signal::Traces).request(&bytes);
    let bytes = redacted.map_or(bytes, Bytes::from);
    Some(Request::from_bytes(Signal::Traces, 1, bytes))
}
