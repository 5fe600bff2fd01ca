//! How it lives: the public handle, its builder, configuration, start, flush and shutdown.

pub(crate) mod builder;
pub(crate) mod config;
pub(crate) mod env;
pub(crate) mod error;
mod exporters;
mod finish;
pub(crate) mod flush;
mod orphans;
#[cfg(feature = "spool")]
mod quarantine;
mod room;
pub(crate) mod shutdown;
pub(crate) mod stats;
mod topology;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;

use self::builder::Builder;
use self::error::BuildError;
use self::finish::Finish;
use self::flush::FlushReport;
use self::shutdown::ShutdownReport;
use self::stats::PipelineStats;
use crate::actors::deadline::Deadline;
use crate::actors::exporter::delivery::LaneCounters;
use crate::actors::intake::{self, Intake};
use crate::actors::mailbox::Gauge;
use crate::actors::sampler::counters::SamplerCounters;
use crate::actors::session::cell::Cell;
use crate::actors::session::delegation::Delegation;
use crate::actors::session::live::LiveSession;
use crate::actors::session::open::{SessionBuilder, open};
use crate::actors::session::shared::Shared;
use crate::actors::session::{Closed, Session};
use crate::actors::spool::handle as spool;
use crate::model::id::{SpanId, TraceId};
use crate::model::ledger::Books;
use crate::model::propagation::policy::BaggagePolicy;
use crate::model::propagation::propagators::Propagators;
use crate::model::request::Signal;
use crate::model::sampling::Sampling;
use crate::model::sampling::plan::Plan as SamplingPlan;
use crate::model::session_id::GivenId;

/// How long dropping the last handle waits for the pipeline, outside async code.
const GRACE_OF_DROP: Duration = Duration::from_secs(1);

/// A running pipeline: a cheap handle to be cloned and shared. Nothing of it is global.
///
/// Shut it down with [`shutdown`](Self::shutdown) or [`shutdown_blocking`](Self::shutdown_blocking)
/// to know what became of every span. Dropping the last handle without doing so warns, closes the
/// pipeline and gives it 1 s, during which it waits outside async code and does not wait inside it.
///
/// A process that is forked off has a copy without threads: there the pipeline is closed, and what is in it is
/// the parent's to deliver. The child starts one of its own.
#[derive(Clone)]
pub struct Pipeline {
    inner: Arc<Inner>,
}

struct Inner {
    shared: Arc<Shared>,
    intake: Arc<intake::Core>,
    deadline: Deadline,
    finish: Arc<Finish>,
    lanes: Vec<LaneHandle>,
    queues: Vec<QueueHandle>,
    spool: Option<spool::Gauge>,
    #[cfg_attr(
        not(feature = "spool"),
        expect(dead_code, reason = "without the feature there is no spool to ask")
    )]
    door: Option<spool::Door>,
    sampler: Arc<SamplerCounters>,
    /// A sampler of the user's own judges sessions by what they do.
    judges_itself: bool,
    runtime: Handle,
}

/// A lane as it is seen from outside: numbers, never an end of its mailbox.
struct LaneHandle {
    name: String,
    signals: Vec<Signal>,
    books: Arc<Books>,
    /// Where it stands before the sampler, what its trunk was given.
    trunk: Option<Arc<Books>>,
    counters: Arc<LaneCounters>,
    gauge: Arc<Gauge>,
}

/// A mailbox as it is seen from outside.
struct QueueHandle {
    name: String,
    gauge: Arc<Gauge>,
}

impl Pipeline {
    /// A builder that starts from what the environment says (`OTEL_*`).
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// The open session of this id, or a new one.
    ///
    /// # Errors
    /// The pipeline is shut down.
    pub fn session(&self, id: &str) -> Result<Session, Closed> {
        open(&self.inner.shared, id)
    }

    /// A session with more than an id: agent, user, tags, a foreign parent.
    pub fn open_session(&self, id: &str) -> SessionBuilder<'_> {
        SessionBuilder::new(&self.inner.shared, GivenId::new(id))
    }

    /// The session of a trace that nobody gave another id: the same as [`open_session`](Self::open_session) with
    /// the digits of the trace id, which need not be written and read for it.
    ///
    /// ```
    /// use spanreel::{Null, Pipeline, TraceId};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let pipeline = Pipeline::builder().export(Null).start()?;
    /// let trace = TraceId::random();
    /// let session = pipeline.open_session_of(trace).open()?;
    /// assert_eq!(session.id(), trace.to_string());
    /// assert_eq!(session.trace_id(), trace);
    /// assert_eq!(pipeline.session(&trace.to_string())?.context(), session.context());
    /// # pipeline.shutdown_blocking(std::time::Duration::from_secs(1));
    /// # Ok(())
    /// # }
    /// ```
    #[inline]
    pub fn open_session_of(&self, trace: TraceId) -> SessionBuilder<'_> {
        SessionBuilder::new(&self.inner.shared, GivenId::Trace(trace))
    }

    /// What travels as baggage, to whom, and what of a caller's is taken over.
    #[must_use]
    pub fn baggage_policy(&self) -> &BaggagePolicy {
        &self.inner.shared.baggage
    }

    /// Which formats of context it reads and writes: extract with them what a call brings along,
    /// and give it to [`SessionBuilder::extracted`].
    #[must_use]
    pub fn propagators(&self) -> &Propagators {
        &self.inner.shared.propagators
    }

    /// Where OTLP requests of others come in. Nothing of it keeps the pipeline open.
    #[must_use]
    pub fn intake(&self) -> Intake {
        Intake::new(&self.inner.intake)
    }

    /// The sessions that are open now.
    #[must_use]
    pub fn sessions(&self) -> Vec<LiveSession> {
        let shared = &self.inner.shared;
        let mut delegations = shared.delegations.live();
        let mut live = |cell: &Arc<Cell>| {
            let in_flight = delegations.remove(&cell.home());
            cell.live(in_flight.unwrap_or_default())
        };
        shared.registry.open().iter().map(&mut live).collect()
    }

    /// The asynchronous delegation whose span has this id, if it is in flight: for whoever gets the
    /// answer when the handle is long gone. Dropping what is returned ends nothing.
    #[must_use]
    pub fn delegation(&self, id: SpanId) -> Option<Delegation> {
        let flight = self.inner.shared.delegations.find(id)?;
        Some(Delegation::of(flight))
    }

    /// What it did and holds.
    #[must_use]
    pub fn stats(&self) -> PipelineStats {
        self.inner.stats()
    }

    /// Replaces the policies, for sessions that begin from now on: those that are open are judged by the
    /// policies that they began under. How much is held ([`Holding`](crate::Holding)) changes at once.
    /// Policies of the same name go on counting where they were.
    ///
    /// # Errors
    /// Something is wrong with the policies (every problem is told); nothing changes.
    pub fn set_sampling(&self, sampling: &Sampling) -> Result<(), BuildError> {
        let plans = &self.inner.shared.plans;
        let plan = SamplingPlan::new(sampling, Some(&plans.current()))
            .and_then(|plan| builder::two_judges(plan, self.inner.judges_itself))
            .map_err(BuildError::Invalid)?;
        plans.replace(plan);
        Ok(())
    }

    /// Settles everything that has ended so far: open chunks are sealed, batches leave at once, and
    /// what is under way is waited for, for `timeout` at most. Spans that are open stay open.
    ///
    /// # Errors
    /// The pipeline is shut down.
    pub async fn flush(&self, timeout: Duration) -> Result<FlushReport, Closed> {
        self.inner.flush(timeout).await
    }

    /// Has everything on disk that has ended so far, or settled: what survives the process. Waits for
    /// `timeout` at most, and not for backends that are away; spans that are open stay open.
    ///
    /// With [`SpoolMode::Always`](crate::SpoolMode::Always) that takes a sync of the disk, some
    /// milliseconds. With [`SpoolMode::Overflow`](crate::SpoolMode::Overflow) attempts that are under way are
    /// waited for, within the exporter's time for one; what they do not deliver is on disk then. Without a
    /// [`Spool`](crate::Spool) this is [`flush`](Self::flush), and sessions that a sampler has not decided are in
    /// memory alone: then `complete` is false.
    ///
    /// # Errors
    /// The pipeline is shut down.
    pub async fn flush_durable(&self, timeout: Duration) -> Result<FlushReport, Closed> {
        self.inner.flush_durable(timeout).await
    }

    /// Shuts the pipeline down: spans that are still open are exported as incomplete, everything is
    /// delivered or booked, within `grace`. Cannot fail, may be called again (the first call decides
    /// the deadline), works from any runtime or none.
    pub async fn shutdown(&self, grace: Duration) -> ShutdownReport {
        self.inner.shut_down(grace).await
    }

    /// As [`shutdown`](Self::shutdown), for `main` without a runtime. Blocks the thread; inside async
    /// code of the runtime given to [`Builder::start_on`], that may block the pipeline itself until
    /// the deadline.
    pub fn shutdown_blocking(&self, grace: Duration) -> ShutdownReport {
        self.inner.shut_down_blocking(grace)
    }
}

impl fmt::Debug for Pipeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lanes: Vec<_> = self
            .inner
            .lanes
            .iter()
            .map(|lane| (&lane.name, &lane.signals))
            .collect();
        f.debug_struct("Pipeline")
            .field("lanes", &lanes)
            .field("closed", &self.inner.shared.is_closed())
            .finish_non_exhaustive()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if self.shared.is_copy() || self.shared.is_closed() {
            return;
        }
        tracing::warn!(target: "spanreel", "pipeline dropped without shutdown; it gets {GRACE_OF_DROP:?}");
        let until = self.begin_shutdown(GRACE_OF_DROP);
        if Handle::try_current().is_err() {
            self.finish.wait_blocking(until);
            self.shared.over.cancel();
        } else {
            self.end_receipts(until);
        }
    }
}
