//! Sessions: an agent's session is one trace, and its root span is the session.
//!
//! A session is an actor driven inline: private state that takes one message at a time, under its
//! own lock, on the thread that ends a span, and acts only by sending chunks.

mod amend;
mod border;
pub(crate) mod budget;
pub(crate) mod builder;
pub(crate) mod bundle;
pub(crate) mod cell;
pub(crate) mod config;
pub(crate) mod delegation;
mod drafts;
pub(crate) mod gather;
mod handover;
pub(crate) mod head;
mod identity;
mod key_hash;
mod latest;
pub(crate) mod live;
pub(crate) mod log;
pub(crate) mod open;
mod rare;
pub(crate) mod reference;
pub(crate) mod registry;
mod roll_over;
mod root;
mod roots;
pub(crate) mod segment;
pub(crate) mod shared;
mod slab;
pub(crate) mod span;
mod starters;
mod state;
pub(crate) mod sweeper;
mod unsampled;
pub(crate) mod visit;
pub(crate) mod will;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use self::budget::{Allowance, Budget};
use self::cell::Cell;
use self::log::LogBuilder;
use self::segment::{Cause, EndState};
use crate::actors::clock::unix_ns;
use crate::model::attribute::Value;
use crate::model::content::Content;
use crate::model::context::SpanContext;
use crate::model::genai::{event, key};
use crate::model::id::TraceId;
use crate::model::otlp::draft::Draft;
use crate::model::propagation::baggage::Baggage;
use crate::model::usage::Totals;

/// The pipeline is shut down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the telemetry pipeline is shut down")]
pub struct Closed;

/// One conversation or run of agents: a trace of its own, isolated from all others.
///
/// A handle, cheap to clone; the pipeline owns the session. It ends when [`end`](Self::end),
/// [`succeed`](Self::succeed) or [`fail`](Self::fail) is called, when nothing happens in it for
/// [`SessionConfig::idle_timeout`](crate::SessionConfig::idle_timeout), or when the pipeline is
/// shut down; dropping handles does not end it. Spans still open then are exported as incomplete.
/// A span started after the end is exported too, in the same trace.
#[derive(Clone)]
pub struct Session {
    cell: Arc<Cell>,
}

impl Session {
    pub(crate) fn of(cell: Arc<Cell>) -> Self {
        Self { cell }
    }

    /// Its id as it is exported (`session.id`): that of the segment that is open, once it has rolled over.
    #[must_use]
    pub fn id(&self) -> Cow<'_, str> {
        match self.cell.current() {
            Cow::Borrowed(cell) => cell.identity.id().into(),
            Cow::Owned(cell) => cell.identity.id().to_owned().into(),
        }
    }

    /// The trace that it is.
    #[must_use]
    pub fn trace_id(&self) -> TraceId {
        self.cell.current().identity.trace_id
    }

    /// The context of its root span: give it to what the session calls.
    #[must_use]
    pub fn context(&self) -> SpanContext {
        let cell = self.cell.current();
        cell.context_of(cell.identity.root)
    }

    /// Whether its spans are recorded (decided once, when it is opened).
    #[must_use]
    pub fn is_sampled(&self) -> bool {
        self.cell.sampled
    }

    /// Its baggage, as given when it was opened: the host's and its caller's. What of it travels on
    /// is for the [`BaggagePolicy`](crate::BaggagePolicy) to say.
    #[must_use]
    pub fn baggage(&self) -> Baggage {
        self.cell.identity.about.baggage.clone()
    }

    /// Whether what users and models write in it is recorded (decided when it was opened). Never in a
    /// session that is not sampled.
    #[must_use]
    pub fn content(&self) -> Content {
        self.cell.content()
    }

    /// What it did so far.
    #[must_use]
    pub fn totals(&self) -> Totals {
        let cell = self.cell.current();
        cell.totals(&cell.lock())
    }

    /// Says what it may cost from here on; what it has cost in this segment counts. Another budget replaces
    /// the one before.
    pub fn budget(&self, budget: Budget) {
        let allowance = Allowance::new(budget);
        self.cell.with_current(|cell, mut state| {
            let reached = allowance.spend(state.sums.cost.unwrap_or(0.0));
            state.set_allowance(allowance);
            drop(state);
            if let Some(reached) = reached {
                reached.tell(cell);
            }
        });
    }

    /// Waits until the pipeline has room for what this session has ended: the only call that
    /// waits. A host that awaits it between turns, under
    /// [`WhenFull::Block`](crate::WhenFull::Block), loses nothing.
    ///
    /// # Errors
    /// The pipeline is shut down.
    #[inline]
    pub async fn ready(&self) -> Result<(), Closed> {
        let cell = self.cell.current();
        let shared = &cell.shared;
        let is_full = cell.has_parked() || shared.bundles.is_behind() || shared.pool.is_tight();
        if !is_full && !shared.is_closed() {
            return Ok(());
        }
        self.wait().await
    }

    async fn wait(&self) -> Result<(), Closed> {
        let cell = self.cell.current();
        let shared = &cell.shared;
        let gauge = shared.head.gauge();
        let mut waited = false;
        if shared.is_copy() {
            return Err(Closed);
        }
        loop {
            let (queue, budget) = (gauge.room(), shared.pool.room());
            tokio::pin!(queue, budget);
            queue.as_mut().enable();
            budget.as_mut().enable();
            if shared.is_closed() {
                return Err(Closed);
            }
            shared.bundles.offer(shared);
            let unparked = cell.unpark(&mut cell.lock());
            if unparked && !shared.bundles.is_behind() && shared.pool.has_room() {
                return Ok(());
            }
            if !std::mem::replace(&mut waited, true) {
                gauge.count_wait();
            }
            tokio::select! {
                () = queue => {}
                () = budget => {}
            }
        }
    }

    /// Sets an attribute of the root span. Does nothing after the end.
    pub fn set<'v>(&self, key: &str, value: impl Into<Value<'v>>) -> &Self {
        // What makes the value may be the host's code: it may look at the session, whose lock is free.
        let value = value.into();
        self.edit_root(|draft| draft.set(key, value));
        self
    }

    /// Links the root span to another span. Does nothing after the end.
    pub fn link(&self, to: &SpanContext, attributes: &[(&str, Value<'_>)]) -> &Self {
        let limits = &self.cell.shared.limits;
        self.edit_root(|draft| draft.link(to, attributes, limits));
        self
    }

    fn edit_root(&self, edit: impl FnOnce(&mut Draft)) {
        let cell = self.cell.current();
        if cell.sampled {
            cell.edit_root(&mut cell.lock(), edit);
        }
    }

    /// A span that is finished already: see [`SpanBuilder::record`](crate::SpanBuilder::record).
    #[inline]
    pub fn record(&self, name: &str, start: SystemTime, end: SystemTime) -> span::Span {
        self.child(name).record(start, end)
    }

    /// A log record correlated with the session's trace and root span.
    pub fn log<'v>(&self, body: impl Into<Value<'v>>) -> LogBuilder<'_> {
        let cell = self.cell.current();
        let root = cell.identity.root;
        LogBuilder::new(cell, root, Some(body.into()))
    }

    /// An event of this name: a log record without a body, correlated with the session's trace and
    /// root span.
    pub fn event(&self, name: &str) -> LogBuilder<'_> {
        let cell = self.cell.current();
        let root = cell.identity.root;
        LogBuilder::new(cell, root, None).event_name(name)
    }

    /// How the session as a whole was judged: see [`Span::evaluation`](crate::Span::evaluation).
    pub fn evaluation(&self, name: &str) -> LogBuilder<'_> {
        self.event(event::EVALUATION_RESULT)
            .attribute(key::EVALUATION_NAME, name)
    }

    /// Ends it without saying how it went.
    pub fn end(&self) {
        self.finish(EndState::Unset);
    }

    /// Ends it: it did what it was for.
    pub fn succeed(&self) {
        self.finish(EndState::Success);
    }

    /// Ends it: it failed.
    pub fn fail(&self, message: &str) {
        self.finish(EndState::Error(message));
    }

    /// Ends it in this state. A second end does nothing.
    pub fn finish(&self, state: EndState<'_>) {
        self.finish_with(state, &[]);
    }

    /// Ends it in this state, with attributes of its root span that are known only now: the same as to
    /// [`set`](Self::set) each of them before, in one step. A second end does nothing.
    pub fn finish_with(&self, state: EndState<'_>, attributes: &[(&str, Value<'_>)]) {
        segment::end(&self.cell.current(), Cause::Host(state), None, attributes);
    }

    /// Ends it in this state at a time of its own, for recordings.
    pub fn finish_at(&self, state: EndState<'_>, time: SystemTime) {
        let at_ns = Some(unix_ns(time));
        segment::end(&self.cell.current(), Cause::Host(state), at_ns, &[]);
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("id", &self.id())
            .field("trace_id", &self.trace_id())
            .finish_non_exhaustive()
    }
}
