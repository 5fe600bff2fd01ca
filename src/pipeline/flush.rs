//! Flush: a baton that rides the same road as the data.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Inner;
use crate::actors::baton::Baton;
use crate::actors::session::Closed;
use crate::actors::session::gather::Gather;
use crate::actors::session::shared::Shared;
use crate::actors::session::sweeper;

/// What a flush came to.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FlushReport {
    /// Everything that had ended before the flush is settled: exported, or booked as lost.
    pub complete: bool,
    /// What each lane still has in flight: its name, spans and log records.
    pub pending: Vec<(String, u64, u64)>,
    /// How long it took.
    pub took: Duration,
}

impl Inner {
    pub(super) async fn flush(&self, timeout: Duration) -> Result<FlushReport, Closed> {
        let begun = Instant::now();
        if self.shared.is_closed() {
            return Err(Closed);
        }
        // On the pipeline's runtime: the caller may have none, and its timer may be stuck.
        let round = round(Arc::clone(&self.shared));
        let timed = self
            .runtime
            .spawn(async move { tokio::time::timeout(timeout, round).await });
        let complete = match timed.await {
            Ok(Ok(sent)) => sent.map(|()| true)?,
            Ok(Err(_elapsed)) => false,
            Err(_runtime_gone) => return Err(Closed),
        };
        let pending = |lane: &super::LaneHandle| {
            let in_flight = |signal| lane.books.of(signal).counts().in_flight();
            let [traces, logs] = crate::model::request::Signal::ALL.map(in_flight);
            (lane.name.clone(), traces, logs)
        };
        Ok(FlushReport {
            complete,
            pending: self.lanes.iter().map(pending).collect(),
            took: begun.elapsed(),
        })
    }
}

/// Seals every session and sends a baton round.
async fn round(shared: Arc<Shared>) -> Result<(), Closed> {
    let mut gather = Gather::default();
    for cell in shared.registry.all() {
        cell.wait_unparked().await;
        sweeper::take_from(&shared, &cell, &mut gather).await;
    }
    sweeper::send_rest(&shared, &mut gather).await;
    let (baton, round_over) = Baton::new();
    shared.head.flush(baton).await.map_err(|_baton| Closed)?;
    // The baton always answers, also when an actor dies with it.
    round_over.await.map_err(|_| Closed)
}
