//! The host's log of a session: events of `tracing` as its log records.
//!
//! Holds: nothing. Never waits. Loses: what no layer listens to.

use std::future::Future;

use spanreel::{Session, Span, SpanRef};

use crate::current::{self, Current, Scoped};

/// Takes the host's `tracing` events into a session, as log records correlated with its trace: those of
/// the code that it is wrapped around, and never another session's.
///
/// A [`SessionLayer`](crate::SessionLayer) must stand in the host's subscriber, one for all sessions; with
/// [`SessionLayer::logs_only`](crate::SessionLayer::logs_only) spans of `tracing` stay out of the session.
///
/// ```
/// use spanreel::Pipeline;
/// use spanreel::testing::InMemory;
/// use spanreel_bridge::{CaptureLogs, SessionLayer};
/// use tracing_subscriber::layer::SubscriberExt;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let subscriber = tracing_subscriber::registry().with(SessionLayer::logs_only());
/// tracing::subscriber::set_global_default(subscriber)?;
/// let memory = InMemory::new();
/// let pipeline = Pipeline::builder().export(memory.clone()).start()?;
///
/// let (one, other) = (pipeline.session("conv-1")?, pipeline.session("conv-2")?);
/// let work = |order: u64| async move {
///     tracing::info!(order, "looking it up");
/// };
/// tokio::join!(one.capture_logs(work(1)), other.capture_logs(work(2)));
/// tracing::info!("of no session");
/// pipeline.shutdown(std::time::Duration::from_secs(5)).await;
///
/// let logs = memory.logs();
/// assert_eq!(logs.len(), 2);
/// for (session, order) in [(&one, 1), (&other, 2)] {
///     let log = logs.iter().find(|it| it.trace_id == Some(session.trace_id()));
///     assert_eq!(log.and_then(|it| it.int("order")), Some(order));
/// }
/// # Ok(())
/// # }
/// ```
pub trait CaptureLogs {
    /// Runs `future` as part of this: what it tells through `tracing` becomes log records here. The same
    /// as [`current::scope`], so that spans which libraries start there belong here as well.
    fn capture_logs<F: Future>(&self, future: F) -> Scoped<F>;
}

impl CaptureLogs for Session {
    fn capture_logs<F: Future>(&self, future: F) -> Scoped<F> {
        current::scope(self, future)
    }
}

impl CaptureLogs for Span {
    fn capture_logs<F: Future>(&self, future: F) -> Scoped<F> {
        current::scope(self, future)
    }
}

impl CaptureLogs for SpanRef {
    fn capture_logs<F: Future>(&self, future: F) -> Scoped<F> {
        current::scope(Current::from(self), future)
    }
}
