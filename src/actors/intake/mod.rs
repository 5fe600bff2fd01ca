//! The intake: whole OTLP requests of others come into the pipeline here.
//!
//! Checks a request on the caller's thread, splits it by session where something looks at sessions or
//! items, and hands it to the head, as sessions do with their chunks. Holds: the origins of late, where it splits. Waits: `accept` for
//! room in the budget and at the head, one caller after the other. Loses: nothing; what is refused is
//! booked and told.

mod origins;
mod pending;
pub(crate) mod receipt;
mod split;
pub(crate) mod watch;

#[cfg(test)]
mod tests;

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures::future::select;

use self::origins::Origins;
use self::pending::Pending;
use self::receipt::Receipt;
use self::watch::{SessionLabel, SessionSeen, Watch};
use crate::actors::session::shared::Shared;
use crate::actors::spool::handle::Gauge;
use crate::model::genai::key;
use crate::model::ledger::Fate;
use crate::model::otlp::cursor::WireError;
use crate::model::otlp::foreign::sessions::Sessions;
use crate::model::otlp::foreign::{Count, survey};
use crate::model::request::Signal;

/// What a sender is told to wait where there is no room: a full pipeline empties at the pace of its
/// exporters, whose requests take about so long when they are slow.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Takes OTLP requests of others into a pipeline: [`Pipeline::intake`](crate::Pipeline::intake).
///
/// A cheap handle to be cloned and shared. It does not keep the pipeline open: when that is shut
/// down, requests are refused.
///
/// A request is checked in one pass and not decoded. Where nothing looks at sessions, it leaves as it
/// came, joined to others or cut at the borders of its items; unknown fields survive byte for byte. With a
/// [`Sample`](crate::Sample), a [`Process`](crate::Process), a [`Redaction`](crate::Redaction) or a
/// [`Sampling`](crate::Sampling) that does not keep every session it is split by session first, and foreign
/// sessions are processed, redacted and judged as own ones are. Metrics belong to no session: they are
/// redacted and always pass.
///
/// ```
/// use std::time::Duration;
///
/// use bytes::Bytes;
/// use spanreel::{IntakeError, Null, Pipeline, Signal};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let pipeline = Pipeline::builder().export(Null).start()?;
/// let intake = pipeline.intake();
///
/// // An `ExportTraceServiceRequest` with one span that says nothing.
/// let request = Bytes::from_static(&[0x0a, 4, 0x12, 2, 0x12, 0]);
/// let receipt = intake.accept(Signal::Traces, request).await?;
/// assert_eq!(receipt.items(), 1);
/// pipeline.flush(Duration::from_secs(1)).await?;
/// assert!(receipt.delivered().await.is_lossless());
///
/// let garbage = Bytes::from_static(b"no protobuf");
/// let refused = intake.accept(Signal::Traces, garbage).await;
/// assert!(matches!(refused, Err(IntakeError::Malformed(_))));
/// # pipeline.shutdown(Duration::from_secs(1)).await;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Intake {
    core: Arc<Core>,
    recognises: bool,
    watches: Vec<Arc<dyn Watch>>,
}

/// What all intakes of a pipeline share.
pub(crate) struct Core {
    shared: Arc<Shared>,
    /// Something looks at single items, or a user's own sampler at sessions: requests are split. The
    /// policies are asked, too, each time: they can be replaced.
    splits: bool,
    origins: Origins,
    /// Where there is a spool: what it has no room for is not accepted.
    spool: Option<Gauge>,
    /// Those who wait for room, and whose turn it is: first come, first served, so that a large
    /// request is not overtaken for ever by small ones.
    waiting: AtomicUsize,
    turn: tokio::sync::Mutex<()>,
}

impl Core {
    pub(crate) fn new(shared: Arc<Shared>, splits: bool, spool: Option<Gauge>) -> Self {
        Self {
            shared,
            splits,
            spool,
            origins: Origins::default(),
            waiting: AtomicUsize::new(0),
            turn: tokio::sync::Mutex::new(()),
        }
    }

    /// Whether what is accepted now would wait for the disk, which takes nothing.
    fn is_stuck(&self) -> bool {
        self.spool.as_ref().is_some_and(Gauge::is_stuck)
    }

    /// Whether a request of this signal is split by session.
    fn splits(&self, signal: Signal) -> bool {
        signal != Signal::Metrics && (self.splits || self.shared.plans.judge_others())
    }
}

/// Why a request was not accepted. What it held is booked as [`Fate::Refused`] or
/// [`Fate::TooLarge`] where it could be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IntakeError {
    /// It is not the request that its signal says. Sending it again will not help.
    #[error("the request is malformed")]
    Malformed(#[from] WireError),
    /// There is no room now: send it again later.
    #[error("the pipeline is full; send it again after {retry_after:?}")]
    Full {
        /// How long to wait before that.
        retry_after: Duration,
    },
    /// The pipeline is shut down.
    #[error("the pipeline is shut down")]
    Closed,
    /// It is larger than the pipeline could ever hold: send it in parts.
    #[error("the request takes {bytes} bytes; {limit} are taken at most, so send it in parts")]
    TooLarge {
        /// How many bytes it takes, at least: its own, and where it has many sessions those for what is noted
        /// of them, some hundreds for each.
        bytes: usize,
        /// How many are taken: [`Intake::max_request_bytes`].
        limit: usize,
    },
    /// No exporter takes the signal.
    #[error("no exporter takes {}", signal.name())]
    NotTaken {
        /// What the request carries.
        signal: Signal,
    },
}

impl Intake {
    pub(crate) fn new(core: &Arc<Core>) -> Self {
        Self {
            core: Arc::clone(core),
            recognises: true,
            watches: Vec::new(),
        }
    }

    /// Whether sessions are recognised, which is about a third of the work of a scan. Default: true. Where
    /// something judges sessions, and where somebody [watches](Self::watch), they always are.
    #[must_use]
    pub fn recognise_sessions(mut self, recognise: bool) -> Self {
        self.recognises = recognise;
        self
    }

    /// Has somebody told of the sessions in each request that is accepted.
    #[must_use]
    pub fn watch(mut self, watch: impl Watch) -> Self {
        self.watches.push(Arc::new(watch));
        self
    }

    /// The largest request that is accepted, in bytes: half of the budget of the pipeline. Where a
    /// request has many sessions, and they are recognised, what is noted of them counts: some hundreds of bytes
    /// for each.
    #[must_use]
    pub fn max_request_bytes(&self) -> usize {
        self.core.shared.pool.largest_charge()
    }

    /// Accepts one `ExportTraceServiceRequest`, `ExportLogsServiceRequest` or
    /// `ExportMetricsServiceRequest` as protobuf, uncompressed. Waits for room, first come, first
    /// served. A request without items is accepted and goes nowhere. Dropping the future before it is
    /// complete refuses the request.
    ///
    /// # Errors
    /// Everything but [`IntakeError::Full`].
    pub async fn accept(&self, signal: Signal, request: Bytes) -> Result<Receipt, IntakeError> {
        let core = &*self.core;
        let survey = self.survey(signal, &request)?;
        let mut pending = Pending::new(core, signal, &request, &survey);
        let done = match core.waiting.load(Ordering::Relaxed) {
            0 => pending.hand_over(),
            _ => None,
        };
        let receipt = match done {
            Some(done) => done?,
            None => self.wait(&mut pending).await?,
        };
        self.tell(signal, &survey);
        Ok(receipt)
    }

    /// Accepts a request as [`accept`](Self::accept) does, if there is room now.
    ///
    /// # Errors
    /// [`IntakeError::Full`] where there is none, or where others wait for it; the other errors too.
    pub fn try_accept(&self, signal: Signal, request: Bytes) -> Result<Receipt, IntakeError> {
        let core = &*self.core;
        let survey = self.survey(signal, &request)?;
        let mut pending = Pending::new(core, signal, &request, &survey);
        let done = match core.waiting.load(Ordering::Relaxed) {
            0 => pending.hand_over(),
            _ => None,
        };
        let receipt = done.unwrap_or(Err(IntakeError::Full {
            retry_after: RETRY_AFTER,
        }))?;
        self.tell(signal, &survey);
        Ok(receipt)
    }

    /// Hands a request over in its turn.
    async fn wait(&self, pending: &mut Pending<'_>) -> Result<Receipt, IntakeError> {
        let core = &*self.core;
        let _waits = Waits::new(&core.waiting);
        let _turn = core.turn.lock().await;
        let head = core.shared.head.gauge();
        let memory = core.shared.pool.wait_for_freed();
        head.count_wait();
        loop {
            let mut freed = std::pin::pin!(memory.freed());
            let mut room = std::pin::pin!(head.room());
            freed.as_mut().enable();
            room.as_mut().enable();
            let mut changes = core.spool.as_ref().map(Gauge::changes);
            if let Some(done) = pending.hand_over() {
                return done;
            }
            let spool = std::pin::pin!(async {
                match &mut changes {
                    // The core keeps its sender.
                    Some(changes) => drop(changes.changed().await),
                    None => std::future::pending().await,
                }
            });
            select(select(freed, room), spool).await;
        }
    }

    /// Checks a request and finds what is in it.
    fn survey<'a>(&self, signal: Signal, request: &'a Bytes) -> Result<Sessions<'a>, IntakeError> {
        let core = &*self.core;
        let splits = core.splits(signal);
        let limit = self.max_request_bytes();
        // Of what is too large the items are only counted.
        let room = limit.checked_sub(request.len());
        let mut found = Sessions::new(signal, splits, room.unwrap_or(0));
        let recognises = splits || self.recognises || !self.watches.is_empty();
        if room.is_some() && recognises && signal != Signal::Metrics {
            survey(signal, request, &mut found)?;
        } else {
            let mut count = Count::default();
            survey(signal, request, &mut count)?;
            found.items = count.items;
        }
        let book = core.shared.books.of(signal);
        let bytes = request.len() + found.weight();
        if bytes > limit {
            book.refuse(found.items, Fate::TooLarge);
            return Err(IntakeError::TooLarge { bytes, limit });
        }
        if !core.shared.wants(signal) {
            book.refuse(found.items, Fate::Refused);
            return Err(IntakeError::NotTaken { signal });
        }
        Ok(found)
    }

    /// What those who watch are shown of each session, where that is not what the request says.
    fn shown(&self, signal: Signal, survey: &Sessions<'_>) -> Vec<Option<Shown>> {
        let redactor = self.core.shared.redactor.as_ref();
        let found = survey.found.iter().map(|it| {
            let redactor = redactor?;
            let seen = SessionSeen::new(signal, it);
            let value = |key, text| redactor.redact(key, text).into_owned();
            Some(Shown {
                id: match seen.label {
                    SessionLabel::Id(id) => Some(value(key::SESSION_ID, id)),
                    _ => None,
                },
                service: value("service.name", seen.service),
            })
        });
        found.collect()
    }

    /// Tells those who watch of an accepted request.
    fn tell(&self, signal: Signal, survey: &Sessions<'_>) {
        if self.watches.is_empty() {
            return;
        }
        let shown = self.shown(signal, survey);
        for watch in &self.watches {
            let mut sessions = survey.found.iter().zip(&shown).map(|(it, shown)| {
                let seen = SessionSeen::new(signal, it);
                shown.as_ref().map_or(seen, |shown| shown.instead_of(seen))
            });
            let tell = AssertUnwindSafe(|| watch.seen_together(&mut sessions));
            if std::panic::catch_unwind(tell).is_err() {
                tracing::error!(target: "spanreel", "a watch of the intake panicked; it goes on");
            }
        }
    }
}

/// What a watch is shown of a session where there is a redaction.
struct Shown {
    id: Option<String>,
    service: String,
}

impl Shown {
    fn instead_of<'a>(&'a self, seen: SessionSeen<'a>) -> SessionSeen<'a> {
        SessionSeen {
            label: match &self.id {
                Some(id) => SessionLabel::Id(id),
                None => seen.label,
            },
            service: &self.service,
            ..seen
        }
    }
}

/// Somebody waits for room, until this is dropped.
struct Waits<'a>(&'a AtomicUsize);

impl<'a> Waits<'a> {
    fn new(waiting: &'a AtomicUsize) -> Self {
        waiting.fetch_add(1, Ordering::Relaxed);
        Self(waiting)
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl fmt::Debug for Intake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Intake")
            .field("closed", &self.core.shared.is_closed())
            .field("splits", &self.core.splits)
            .field("recognises", &self.recognises)
            .field("watches", &self.watches.len())
            .finish_non_exhaustive()
    }
}
