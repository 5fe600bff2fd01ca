//! A feed: the actor that takes from its shelf what waits for a lane and hands it to the lane, in order, when the
//! lane can begin with it.
//!
//! Holds: one batch. Waits: for a delivery to be over, and for something on the shelf. Loses: nothing; what it
//! holds is on disk.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio_util::sync::CancellationToken;

use super::desk::LaneSpool;
use crate::actors::deadline::Deadline;
use crate::actors::exporter::lane::{Msg, Slots};
use crate::actors::mailbox::Mailbox;
use crate::actors::run::Exit;

pub(crate) struct Feed {
    pub(crate) spool: LaneSpool,
    pub(crate) lane: Arc<Mailbox<Msg>>,
    pub(crate) slots: Arc<Slots>,
    pub(crate) deadline: Deadline,
    /// Nothing more will be appended.
    pub(crate) last: CancellationToken,
}

impl Feed {
    pub(crate) const NAME: &'static str = "feed";

    /// Feeds the lane until all is delivered that was there when the pipeline was shut down, or the
    /// destination is away then, or only the disk has time left.
    pub(crate) async fn run(self) -> Exit {
        tokio::select! {
            biased;
            exit = self.feed() => exit,
            () = self.drained() => Exit::Drained,
            () = self.deadline.disk_time() => Exit::Drained,
            () = self.given_up() => Exit::Drained,
        }
    }

    async fn feed(&self) -> Exit {
        loop {
            // Only now, so that what comes meanwhile goes with it: a slow destination is asked seldom for much.
            self.slots.until_free().await;
            let Some(served) = self.spool.next().await else {
                return Exit::DownstreamStopped;
            };
            self.slots.promise();
            let sent = self.lane.send(Msg::Deliver(served.consignment)).await;
            self.spool
                .backlog
                .fetch_sub(served.records, Ordering::AcqRel);
            if sent.is_err() {
                return Exit::DownstreamStopped;
            }
        }
    }

    /// The destination is away during the shutdown: the next start will try again.
    async fn given_up(&self) {
        self.deadline.begun().await;
        self.spool.circuit.until(true).await;
    }

    /// Nothing more will come and nothing is left. Looked at again and again, for the end of a shutdown
    /// alone: what is left changes with each batch.
    async fn drained(&self) {
        const LOOK: std::time::Duration = std::time::Duration::from_millis(1);
        self.last.cancelled().await;
        while self.spool.backlog.load(Ordering::Acquire) > 0 {
            tokio::time::sleep(LOOK).await;
        }
    }
}
