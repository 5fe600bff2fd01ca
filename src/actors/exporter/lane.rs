//! A lane: the actor between the batcher and one exporter.
//!
//! Holds: deliveries under way, at most as many as the exporter's concurrency, and the batons of the
//! flushes that wait for them. Waits: for the exporter. Loses: what the exporter refuses for good or does not take in time, booked by its
//! deliveries.

use std::sync::Arc;

use tokio::task::JoinSet;

use super::delivery::{Delivery, LaneCounters};
use super::rounds::Rounds;
use super::{DynExport, LaneSettings};
use crate::actors::baton::Baton;
use crate::actors::deadline::Deadline;
use crate::actors::mailbox::Stopped;
use crate::actors::run::Actor;
use crate::model::batch::Consignment;

/// A message of a lane.
#[derive(Debug)]
pub(crate) enum Msg {
    Deliver(Consignment),
    Flush(Baton),
}

pub(crate) struct Lane {
    exporter: Arc<dyn DynExport>,
    settings: LaneSettings,
    deadline: Deadline,
    counters: Arc<LaneCounters>,
    rounds: Arc<Rounds>,
    /// Dropped at the deadline: that aborts the deliveries, and their tallies book themselves.
    deliveries: JoinSet<()>,
}

impl Lane {
    pub(crate) fn new(
        exporter: Arc<dyn DynExport>,
        settings: LaneSettings,
        deadline: Deadline,
        counters: Arc<LaneCounters>,
    ) -> Self {
        Self {
            exporter,
            settings,
            deadline,
            counters,
            rounds: Arc::default(),
            deliveries: JoinSet::new(),
        }
    }

    /// Waits until at most `under_way` deliveries are.
    async fn settle_to(&mut self, under_way: usize) {
        while self.deliveries.len() > under_way {
            // How a delivery ended is in the ledger.
            let _ended = self.deliveries.join_next().await;
        }
    }

    #[expect(clippy::disallowed_methods, reason = "the lane owns its deliveries")]
    fn spawn(&mut self, consignment: Consignment) {
        let delivery = Delivery {
            exporter: Arc::clone(&self.exporter),
            settings: self.settings.clone(),
            deadline: self.deadline.clone(),
            counters: Arc::clone(&self.counters),
        };
        let under_way = self.rounds.begin();
        self.deliveries.spawn(async move {
            delivery.run(consignment).await;
            // Only now: what it held is booked.
            drop(under_way);
        });
    }
}

impl Actor for Lane {
    const NAME: &'static str = "lane";
    type Msg = Msg;

    async fn handle(&mut self, msg: Msg) -> Result<(), Stopped> {
        match msg {
            Msg::Deliver(consignment) => {
                while self.deliveries.try_join_next().is_some() {}
                self.settle_to(self.settings.concurrency.get() - 1).await;
                self.spawn(consignment);
            }
            // It waits beside the lane: a delivery that hangs must not keep later ones from leaving.
            Msg::Flush(baton) => self.rounds.hold(baton),
        }
        Ok(())
    }

    async fn finish(&mut self) -> Result<(), Stopped> {
        self.settle_to(0).await;
        Ok(())
    }

    async fn cut_short(&mut self) {
        // Until they are gone, what they held is not booked.
        self.deliveries.shutdown().await;
    }
}

#[cfg(test)]
#[path = "lane/tests.rs"]
mod tests;
