//! Flush: a baton that rides the same road as the data, from the sweeper on.

use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::Inner;
use crate::actors::baton::Baton;
use crate::actors::session::Closed;
use crate::actors::session::sweeper::Msg;
use crate::model::request::Signal;

/// What a flush came to.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FlushReport {
    /// Everything that had ended before the flush is settled: exported, or booked as lost. Of
    /// [`flush_durable`](crate::Pipeline::flush_durable): it is settled or on disk.
    pub complete: bool,
    /// What each lane still has in flight or on disk: its name, spans and log records (of data
    /// points, [`LaneStats::metrics`](crate::LaneStats::metrics) tells).
    pub pending: Vec<(String, u64, u64)>,
    /// How long it took.
    pub took: Duration,
}

impl Inner {
    /// Flushes until what has ended is on disk, or settled.
    pub(super) async fn flush_durable(&self, timeout: Duration) -> Result<FlushReport, Closed> {
        let (baton, round_over) = Baton::new();
        let held = self.sampler.counts().items;
        let mut report = self
            .pass(baton.until_durable(), round_over, timeout)
            .await?;
        // Without a spool, what waits for a decision is in memory.
        report.complete &= self.spool.is_some() || held == 0 || self.sampler.counts().items == 0;
        Ok(report)
    }

    pub(super) async fn flush(&self, timeout: Duration) -> Result<FlushReport, Closed> {
        let (baton, round_over) = Baton::new();
        self.pass(baton, round_over, timeout).await
    }

    /// Sends a baton round and waits for it.
    async fn pass(
        &self,
        baton: Baton,
        round_over: oneshot::Receiver<()>,
        timeout: Duration,
    ) -> Result<FlushReport, Closed> {
        let begun = Instant::now();
        if self.shared.is_copy() || self.shared.is_closed() {
            return Err(Closed);
        }
        // On the pipeline's runtime: the caller may have none, and its timer may be stuck. What is
        // given up there is the baton alone.
        let shared = std::sync::Arc::clone(&self.shared);
        let round = async move {
            let sent = shared.sweeper.send(Msg::Flush(baton)).await;
            sent.map_err(|_baton| Closed)?;
            // The baton always answers, also when an actor dies with it.
            round_over.await.map_err(|_| Closed)
        };
        let timed = self
            .runtime
            .spawn(async move { tokio::time::timeout(timeout, round).await });
        let complete = match timed.await {
            Ok(Ok(sent)) => sent.map(|()| true)?,
            Ok(Err(_elapsed)) => false,
            Err(_runtime_gone) => return Err(Closed),
        };
        let pending = |lane: &super::LaneHandle| {
            let in_flight = |signal| {
                let counts = lane.books.of(signal).counts();
                counts.in_flight() + counts.on_disk()
            };
            let [traces, logs, _metrics] = Signal::ALL.map(in_flight);
            (lane.name.clone(), traces, logs)
        };
        Ok(FlushReport {
            complete,
            pending: self.lanes.iter().map(pending).collect(),
            took: begun.elapsed(),
        })
    }
}
