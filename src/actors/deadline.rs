//! The one absolute instant at which a shutdown ends, and the word that it began.

use std::future::Future;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use tokio_util::sync::CancellationToken;

/// Shared by all actors of a pipeline. Set once, when shutdown begins.
#[derive(Clone, Debug, Default)]
pub(crate) struct Deadline {
    at: Arc<OnceLock<tokio::time::Instant>>,
    closing: CancellationToken,
}

impl Deadline {
    /// Begins the shutdown. The first call decides the instant; returns whether it was this one.
    pub(crate) fn set(&self, at: Instant) -> bool {
        let first = self.at.set(at.into()).is_ok();
        self.closing.cancel();
        first
    }

    /// Whether the shutdown has begun.
    pub(crate) fn is_set(&self) -> bool {
        self.closing.is_cancelled()
    }

    /// Completes when the shutdown begins.
    pub(crate) async fn begun(&self) {
        self.closing.cancelled().await;
    }

    /// The instant, once the shutdown has begun.
    pub(crate) fn instant(&self) -> Option<tokio::time::Instant> {
        self.at.get().copied()
    }

    /// Completes at the deadline: never, while no shutdown has begun.
    pub(crate) async fn passed(&self) {
        self.begun().await;
        match self.instant() {
            Some(at) => tokio::time::sleep_until(at).await,
            None => std::future::pending().await,
        }
    }

    /// Runs `work` until the deadline passes; `None` when it was cut short.
    pub(crate) async fn unless_passed<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            done = work => Some(done),
            () = self.passed() => None,
        }
    }
}
