//! One delegation in flight: shared by its handles and the table that the sweeper looks at. Whoever
//! takes what is open out of it ends it; everybody else then finds that it has ended.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::outcome::Outcome;
use super::record::{Record, Told};
use crate::actors::session::cell::Cell;
use crate::actors::session::drafts;
use crate::actors::session::slab::SlotRef;
use crate::actors::session::state::Facts;
use crate::model::context::SpanContext;
use crate::model::genai::{Operation, key};
use crate::model::id::SpanId;
use crate::model::kind::Status;
use crate::model::ledger::Fate;
use crate::model::otlp::draft::{Draft, Saved};
use crate::model::request::Signal;

#[derive(Debug)]
pub(crate) struct Flight {
    pub(crate) cell: Arc<Cell>,
    pub(super) id: SpanId,
    pub(super) agent: Box<str>,
    pub(super) asynchronous: bool,
    /// On the clock of its session.
    pub(super) start_ns: u64,
    pub(super) timeout: Duration,
    /// None once it has ended.
    pub(super) open: Mutex<Option<Open>>,
}

/// What there is of a delegation until it ends.
#[derive(Debug)]
pub(super) struct Open {
    /// Its span; none where spans are not recorded.
    pub(super) saved: Option<Saved>,
    /// Where the session has it, when the table had no room.
    pub(super) slot: Option<SlotRef>,
    pub(super) heartbeats: u64,
    pub(super) sub_session: Option<SpanContext>,
    /// Whether the table has it, so that its deadline will be noticed.
    pub(super) is_tracked: bool,
}

impl Flight {
    pub(super) fn open(&self) -> MutexGuard<'_, Option<Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_in_flight(&self) -> bool {
        self.open().is_some()
    }

    /// Whether it counts as an open span.
    pub(super) fn is_recorded(&self) -> bool {
        self.open()
            .as_ref()
            .is_some_and(|open| open.saved.is_some())
    }

    /// On the clock of its session.
    pub(super) fn deadline_ns(&self) -> u64 {
        self.start_ns.saturating_add(nanos(self.timeout))
    }

    /// The table has no room: the session keeps it, as it keeps any other span.
    pub(super) fn do_not_track(&self, slot: Option<SlotRef>) {
        if let Some(open) = &mut *self.open() {
            (open.slot, open.is_tracked) = (slot, false);
        }
    }

    /// Writes to its span while it is in flight.
    pub(super) fn edit(&self, edit: impl FnOnce(&mut Draft, &mut Option<SpanContext>)) {
        let mut open = self.open();
        let Some(Open {
            saved, sub_session, ..
        }) = &mut *open
        else {
            return;
        };
        let mut draft = drafts::take();
        if let Some(saved) = saved.as_ref() {
            draft.resume(saved, &self.cell.shared.limits);
        } else {
            draft.begin_span("", "", &self.cell.shared.limits);
        }
        edit(&mut draft, sub_session);
        if saved.is_some() {
            *saved = Some(draft.save());
        }
        drafts::give_back(draft);
    }

    /// Links it to the session that does the work, once.
    pub(super) fn link(&self, to: &SpanContext) {
        let limits = &self.cell.shared.limits;
        self.edit(|draft, sub_session| {
            if sub_session.is_none() {
                let what = [(key::LINK, "sub_session".into())];
                draft.link(to, &what, limits);
                *sub_session = Some(to.clone());
            }
        });
    }

    pub(super) fn tell_start(&self) {
        let timeout = self.timeout.as_secs_f64();
        self.tell(&Record::Start { timeout }, self.start_ns, None);
    }

    /// Says that it is still in flight, and that its session is therefore not idle.
    pub(crate) fn beat(&self) {
        let mut open = self.open();
        let Some(Open {
            heartbeats,
            sub_session,
            ..
        }) = &mut *open
        else {
            return;
        };
        *heartbeats += 1;
        let (number, sub_session) = (*heartbeats, sub_session.clone());
        drop(open);
        let now_ns = self.cell.now_ns();
        self.tell(&Record::Heartbeat { number }, now_ns, sub_session.as_ref());
        let current = self.cell.current();
        let now_ns = current.now_ns();
        let mut state = current.lock();
        // It always shows, also where a span told of a later time.
        state.last_ns = state.last_ns.saturating_add(1).max(now_ns);
    }

    /// The deadline has passed: the sweeper ends it.
    pub(crate) fn abandon(&self) {
        self.end_by_sweeper(Outcome::Abandoned);
    }

    /// A handle was dropped.
    pub(super) fn let_go(&self) {
        let is_tracked = match &*self.open() {
            None => return,
            Some(open) => open.is_tracked,
        };
        let outcome = match (self.asynchronous, is_tracked) {
            (false, _) => Outcome::Cancelled,
            (true, false) => Outcome::Untracked,
            (true, true) => return,
        };
        self.end(outcome, None);
    }

    /// Ends it, or tells that the answer came after the end.
    pub(super) fn end_or_tell(&self, outcome: Outcome, error: Option<(&str, &str)>) {
        if !self.end(outcome, error) {
            self.cell.shared.delegations.counts.tell_late();
            self.tell(&Record::Late { outcome }, self.cell.now_ns(), None);
        }
    }

    /// Ends it, unless it has ended before. Whoever finds that it has ended finds it written.
    fn end(&self, outcome: Outcome, error: Option<(&str, &str)>) -> bool {
        let mut guard = self.open();
        let Some(open) = self.take(&mut guard) else {
            return false;
        };
        let end_ns = self.cell.now_ns().max(self.start_ns);
        let sub_session = open.sub_session.as_ref();
        self.tell(&Record::End { outcome }, end_ns, sub_session);
        let error = error.or(outcome.error());
        let facts = facts(error.is_some());
        let Some(saved) = &open.saved else {
            self.cell.end_unsampled(&facts);
            self.count(outcome);
            return true;
        };
        let draft = self.last_words(saved, outcome, error, end_ns);
        self.cell
            .end_span(&draft, open.slot, &facts, self.start_ns, end_ns);
        drafts::give_back(draft);
        self.count(outcome);
        true
    }

    /// Ends it because the pipeline shuts down, incomplete: how many spans that is. What is sealed is
    /// kept for somebody who waits for room.
    pub(crate) fn interrupt(&self) -> u64 {
        self.end_by_sweeper(Outcome::Interrupted)
    }

    /// Ends it, unless it has ended before: how many spans that is. A shutdown that has begun does not
    /// matter: the sweeper is who takes over from the sessions, and has yet to.
    fn end_by_sweeper(&self, outcome: Outcome) -> u64 {
        let mut guard = self.open();
        let Some(open) = self.take(&mut guard) else {
            return 0;
        };
        let cell = &self.cell;
        let end_ns = cell.now_ns().max(self.start_ns);
        let error = outcome.error();
        let facts = facts(error.is_some());
        let interrupts = matches!(outcome, Outcome::Interrupted);
        let mut state = cell.lock();
        let lingering = state.lingering;
        if interrupts {
            state.patient = true;
            // What is written here is handed on by the caller: it need not wait for company.
            state.lingering = true;
        }
        let told = self.told(end_ns, open.sub_session.as_ref());
        if let Some(draft) = told.write(cell, &Record::End { outcome }) {
            cell.put(&mut state, Signal::Logs, &draft, cell.identity.log_common());
            drafts::give_back(draft);
        }
        if let Some(saved) = &open.saved {
            let draft = self.last_words(saved, outcome, error, end_ns);
            state.count(&facts);
            let common = cell.identity.common(true);
            if cell.put(&mut state, Signal::Traces, &draft, common) && cell.is_apart {
                state.note(&facts, end_ns - self.start_ns, false);
            }
            drafts::give_back(draft);
        }
        if interrupts {
            state.lingering = lingering;
        }
        drop(state);
        if open.saved.is_none() {
            cell.end_unsampled(&facts);
        }
        self.count(outcome);
        u64::from(open.saved.is_some())
    }

    /// Its span, with how it ended. The caller gives the draft back.
    fn last_words(
        &self,
        saved: &Saved,
        outcome: Outcome,
        error: Option<(&str, &str)>,
        end_ns: u64,
    ) -> Box<Draft> {
        let mut draft = drafts::take();
        draft.resume(saved, &self.cell.shared.limits);
        draft.set_own(key::DELEGATION_OUTCOME, outcome.name().into());
        if matches!(outcome, Outcome::Interrupted) {
            draft.set_own(key::INCOMPLETE, true.into());
        }
        if let Some((error_type, message)) = error {
            draft.set_own(key::ERROR_TYPE, error_type.into());
            draft.status(Status::Error(message));
        }
        draft.end(end_ns);
        draft
    }

    /// Takes what is open, for the one who ends it, and who counts it once it is written.
    fn take(&self, open: &mut Option<Open>) -> Option<Open> {
        let open = open.take()?;
        if open.is_tracked {
            self.cell.shared.delegations.forget(self.id);
        }
        Some(open)
    }

    fn count(&self, outcome: Outcome) {
        self.cell.shared.delegations.counts.end(outcome);
    }

    fn tell(&self, record: &Record, at_ns: u64, sub_session: Option<&SpanContext>) {
        if let Some(draft) = self.told(at_ns, sub_session).write(&self.cell, record) {
            self.cell.log(&draft);
            drafts::give_back(draft);
        }
    }

    fn told<'a>(&'a self, at_ns: u64, sub_session: Option<&'a SpanContext>) -> Told<'a> {
        Told {
            span: self.id,
            agent: &self.agent,
            asynchronous: self.asynchronous,
            at_ns,
            elapsed_ns: at_ns.saturating_sub(self.start_ns),
            sub_session,
        }
    }
}

/// Nothing ends a delegation that both the table and its handles let go of but this: the shutdown
/// was cut off.
impl Drop for Flight {
    fn drop(&mut self) {
        let open = self.open.get_mut().unwrap_or_else(PoisonError::into_inner);
        let Some(open) = open.take() else { return };
        let shared = &self.cell.shared;
        shared.delegations.counts.end(Outcome::Interrupted);
        if open.saved.is_some() && open.slot.is_none() {
            let book = shared.books.of(Signal::Traces);
            book.enter_settled(1, Fate::AfterShutdown);
        }
    }
}

fn facts(failed: bool) -> Facts {
    Facts {
        operation: Operation::InvokeAgent,
        failed,
        ..Facts::default()
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
