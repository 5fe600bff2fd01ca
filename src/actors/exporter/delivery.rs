//! One batch on its way: attempts, retries, bisection, and the booking of what became of it.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::FutureExt;
use tokio::time::Instant;

use super::retry::{Backoff, next_attempt};
use super::standing::Standing;
use super::{DynExport, ExportError, LaneSettings};
use crate::actors::deadline::Deadline;
use crate::actors::notice::Notice;
use crate::actors::spool::desk::{Held, LaneSpool};
use crate::model::batch::Consignment;
use crate::model::id::random_u64;
use crate::model::ledger::Fate;
use crate::model::request::Request;

/// What a lane counts beside the ledger.
#[derive(Debug, Default)]
pub(crate) struct LaneCounters {
    pub(crate) requests: AtomicU64,
    pub(crate) retries: AtomicU64,
    pub(crate) bytes: AtomicU64,
    pub(crate) under_way: AtomicU64,
    pub(crate) latency: Latency,
    pub(crate) standing: Standing,
    failing: Notice,
    refused: Notice,
    warned: Notice,
    panicked: Notice,
}

/// How long successful attempts took, in buckets that double from 64 microseconds.
#[derive(Debug, Default)]
pub(crate) struct Latency([AtomicU64; Latency::BUCKETS]);

impl Latency {
    pub(crate) const BUCKETS: usize = 24;

    fn record(&self, took: std::time::Duration) {
        let units = u64::try_from(took.as_micros()).unwrap_or(u64::MAX) >> 6;
        let bucket = (u64::BITS - units.leading_zeros()) as usize;
        self.0[bucket.min(Self::BUCKETS - 1)].fetch_add(1, Ordering::Relaxed);
    }

    /// Counts per bucket; bucket `n` ends at 64 microseconds times 2 to the `n`.
    pub(crate) fn counts(&self) -> [u64; Self::BUCKETS] {
        std::array::from_fn(|bucket| self.0[bucket].load(Ordering::Relaxed))
    }
}

/// An attempt is under way until this is dropped: its future may be at any moment.
struct UnderWay<'a>(&'a AtomicU64);

impl<'a> UnderWay<'a> {
    fn new(count: &'a AtomicU64) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Takes consignments to their destination.
pub(crate) struct Delivery {
    pub(crate) exporter: Arc<dyn DynExport>,
    pub(crate) settings: LaneSettings,
    pub(crate) deadline: Deadline,
    pub(crate) counters: Arc<LaneCounters>,
    /// Where what cannot be delivered now waits.
    pub(crate) spool: Option<LaneSpool>,
    /// Kept until all of it is settled, on disk too: flushes wait for that.
    pub(crate) until: Option<Arc<dyn Held>>,
}

/// What an attempt came to, where the exporter may have panicked.
enum Attempt {
    Answered(Result<(), ExportError>),
    Panicked,
}

impl Delivery {
    /// Delivers, or books why not. A request refused for its size is cut in two, so that one huge
    /// span costs only itself.
    pub(crate) async fn run(self, consignment: Consignment) {
        let _begun = self.counters.standing.begin();
        let mut pending = vec![consignment];
        let mut cuts = spooled::CUTS;
        while let Some(consignment) = pending.pop() {
            let halves = match &self.spool {
                Some(spool) if !spool.desk.is_gone() => {
                    self.deliver_or_keep(consignment, spool, &mut cuts).await
                }
                _ => self.deliver(consignment).await,
            };
            if let Some((left, right)) = halves {
                pending.push(right);
                pending.push(left);
            }
        }
    }

    /// Returns the halves of what must be cut.
    async fn deliver(&self, mut it: Consignment) -> Option<(Consignment, Consignment)> {
        let signal = it.parcel.signal();
        let request = it.parcel.frame();
        let first = Instant::now();
        let mut backoff = Backoff::new(|| (random_u64() >> 11) as f64 / (1u64 << 53) as f64);
        let mut panics = 0;
        loop {
            let error = match self.attempt(&request).await {
                Attempt::Answered(Ok(())) => {
                    self.counters
                        .bytes
                        .fetch_add(request.encoded_len() as u64, Ordering::Relaxed);
                    it.tally.settle(Fate::Exported);
                    return None;
                }
                Attempt::Answered(Err(error)) => error,
                Attempt::Panicked => {
                    panics += 1;
                    if let Some(more) = self.counters.panicked.due() {
                        tracing::error!(target: "spanreel", exporter = self.settings.name, more, "exporter panicked");
                    }
                    if panics > 1 {
                        it.tally.settle(Fate::Abandoned);
                        return None;
                    }
                    continue;
                }
            };
            match &error {
                ExportError::Partial { rejected, message } => {
                    match rejected {
                        0 => self.warn_of(message),
                        _ => self.warn_refused(&error, *rejected),
                    }
                    it.tally.settle_some(*rejected, Fate::Rejected);
                    it.tally.settle(Fate::Exported);
                    return None;
                }
                ExportError::TooLarge { .. } => return self.cut(it, &error),
                ExportError::Permanent { .. } | ExportError::Denied { .. } => {
                    self.warn_refused(&error, it.tally.items());
                    it.tally.settle(Fate::Rejected);
                    return None;
                }
                ExportError::Retryable { .. } => {}
            }
            let Some(wait) = next_attempt(
                &error,
                &mut backoff,
                first.elapsed(),
                self.settings.retry_for,
            ) else {
                self.warn_refused(&error, it.tally.items());
                it.tally.settle(Fate::Expired);
                return None;
            };
            if let Some(more) = self.counters.failing.due() {
                tracing::warn!(
                    target: "spanreel", exporter = self.settings.name, signal = signal.name(),
                    error = %chain(&error), ?wait, more, "export failed; it is tried again"
                );
            }
            self.pause(wait).await;
            self.counters.retries.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// One attempt, within its time.
    async fn attempt(&self, request: &Request) -> Attempt {
        self.counters.requests.fetch_add(1, Ordering::Relaxed);
        let under_way = UnderWay::new(&self.counters.under_way);
        let begun = Instant::now();
        // Called within, for it may panic before there is a future.
        let export = async { self.exporter.export(request.clone()).await };
        let attempt = AssertUnwindSafe(tokio::time::timeout(self.settings.timeout, export));
        let outcome = attempt.catch_unwind().await;
        drop(under_way);
        let Ok(answer) = outcome else {
            self.counters.standing.failed("the exporter panicked");
            return Attempt::Panicked;
        };
        let answer = answer.unwrap_or_else(|elapsed| Err(ExportError::retryable(elapsed)));
        match &answer {
            Ok(()) => {
                self.counters.latency.record(begun.elapsed());
                self.counters.standing.took();
            }
            Err(error) => {
                let has_spool = self.spool.as_ref().is_some_and(|it| !it.desk.is_gone());
                let words = || chain(error);
                self.counters.standing.refused(error, words, has_spool);
            }
        }
        Attempt::Answered(answer)
    }

    /// Waits before the next attempt. When the shutdown begins, the wait ends at once, and what is
    /// tried after that waits a quarter of a second at most: there is no later any more.
    async fn pause(&self, wait: std::time::Duration) {
        const HURRIED: std::time::Duration = std::time::Duration::from_millis(250);
        if self.deadline.is_set() {
            tokio::time::sleep(wait.min(HURRIED)).await;
            return;
        }
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = self.deadline.begun() => {}
        }
    }

    fn cut(&self, it: Consignment, error: &ExportError) -> Option<(Consignment, Consignment)> {
        it.cut().map_or_else(
            |whole| {
                self.warn_refused(error, whole.tally.items());
                whole.tally.settle(Fate::TooLarge);
                None
            },
            Some,
        )
    }

    /// All was taken, but the destination has something to say (OTLP 1.11, "Partial Success").
    fn warn_of(&self, message: &str) {
        if let Some(more) = self.counters.warned.due() {
            tracing::warn!(
                target: "spanreel", exporter = self.settings.name, message, more,
                "export accepted with a warning"
            );
        }
    }

    fn warn_refused(&self, error: &ExportError, items: u64) {
        if let Some(more) = self.counters.refused.due() {
            tracing::warn!(
                target: "spanreel", exporter = self.settings.name, items, error = %chain(error),
                more, "export refused; dropped"
            );
        }
    }
}

/// An error with its sources, in one line.
fn chain(error: &ExportError) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}

#[path = "delivery/spooled.rs"]
mod spooled;

#[cfg(test)]
#[path = "delivery/tests.rs"]
pub(super) mod tests;
