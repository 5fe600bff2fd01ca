//! A lane: the actor between the batcher and one exporter.
//!
//! Holds: deliveries under way, at most as many as the exporter's concurrency, and the batons of the
//! flushes that wait for them. Waits: for the exporter. Loses: what the exporter refuses for good or does not take in time, booked by its
//! deliveries.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::delivery::{Delivery, LaneCounters};
use super::rounds::Rounds;
use super::{DynExport, LaneSettings};
use crate::actors::baton::Baton;
use crate::actors::deadline::Deadline;
use crate::actors::mailbox::Stopped;
use crate::actors::run::Actor;
use crate::actors::spool::desk::{Held, LaneSpool};
use crate::model::batch::Consignment;

/// A message of a lane.
#[derive(Debug)]
pub(crate) enum Msg {
    Deliver(Consignment),
    Flush(Baton),
}

/// How many requests a lane has under way, for the batcher to see.
#[derive(Debug)]
pub(crate) struct Slots {
    places: usize,
    taken: AtomicUsize,
    /// Deliveries from the spool that are on their way to the lane.
    promised: AtomicUsize,
    /// A delivery is over.
    freed: Notify,
    /// Rung when a batch that waits for a free place may have one.
    bell: OnceLock<Arc<Notify>>,
}

impl Slots {
    pub(crate) fn new(places: usize) -> Self {
        Self {
            places,
            taken: AtomicUsize::new(0),
            promised: AtomicUsize::new(0),
            freed: Notify::new(),
            bell: OnceLock::new(),
        }
    }

    /// Has this bell rung whenever a batch that waits for a free place may have one. The first that is
    /// given stays.
    pub(crate) fn ring(&self, bell: &Arc<Notify>) {
        self.bell.get_or_init(|| Arc::clone(bell));
    }

    fn tell_free(&self) {
        if let Some(bell) = self.bell.get()
            && self.is_free()
        {
            bell.notify_one();
        }
    }

    /// Waits until one more delivery would begin at once, those that were promised counted. For one task to
    /// wait at a time.
    pub(crate) async fn until_free(&self) {
        let taken = || self.taken.load(Ordering::Acquire) + self.promised.load(Ordering::Acquire);
        while taken() >= self.places {
            self.freed.notified().await;
        }
    }

    /// A delivery from the spool is sent to the lane.
    pub(crate) fn promise(&self) {
        self.promised.fetch_add(1, Ordering::AcqRel);
    }

    /// Whether one more delivery would begin at once.
    pub(crate) fn is_free(&self) -> bool {
        self.taken.load(Ordering::Relaxed) < self.places
    }
}

/// A place that is taken until this is dropped, in whatever way the delivery ends.
struct Taken(Arc<Slots>);

impl Taken {
    fn new(slots: &Arc<Slots>) -> Self {
        slots.taken.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(slots))
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(1, Ordering::Release);
        self.0.freed.notify_one();
        self.0.tell_free();
    }
}

pub(crate) struct Lane {
    exporter: Arc<dyn DynExport>,
    settings: LaneSettings,
    deadline: Deadline,
    counters: Arc<LaneCounters>,
    rounds: Arc<Rounds>,
    slots: Arc<Slots>,
    spool: Option<LaneSpool>,
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
        let slots = Arc::new(Slots::new(settings.concurrency.get()));
        Self {
            exporter,
            settings,
            deadline,
            counters,
            rounds: Arc::default(),
            slots,
            spool: None,
            deliveries: JoinSet::new(),
        }
    }

    /// The same with a spool.
    pub(crate) fn with_spool(mut self, spool: Option<LaneSpool>) -> Self {
        self.spool = spool;
        self
    }

    /// What the batcher sees of it.
    pub(crate) fn slots(&self) -> &Arc<Slots> {
        &self.slots
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
        let under_way = Arc::new(self.rounds.begin(consignment.tally.is_kept()));
        let until = self.spool.as_ref().map(|_| {
            let under_way: Arc<dyn Held> = Arc::clone(&under_way) as _;
            under_way
        });
        let delivery = Delivery {
            exporter: Arc::clone(&self.exporter),
            settings: self.settings.clone(),
            deadline: self.deadline.clone(),
            counters: Arc::clone(&self.counters),
            spool: self.spool.clone(),
            until,
        };
        let place = Taken::new(&self.slots);
        self.deliveries.spawn(async move {
            delivery.run(consignment).await;
            // Only now: what it held is booked.
            drop((under_way, place));
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
                let is_promised = consignment.tally.is_kept();
                self.spawn(consignment);
                if is_promised {
                    self.slots.promised.fetch_sub(1, Ordering::AcqRel);
                }
            }
            // It waits beside the lane: a delivery that hangs must not keep later ones from leaving.
            Msg::Flush(baton) => self.rounds.hold(baton),
        }
        // Its mailbox may be empty now, which the next batch waits for.
        self.slots.tell_free();
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
