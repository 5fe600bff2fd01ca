//! What an intake gives for an accepted request: the promise to tell what became of it.

use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;

use futures::future::select;
use tokio_util::sync::CancellationToken;

use crate::model::ledger::Fate;
use crate::model::receipt::Ticket;

/// A request was accepted; [`delivered`](Self::delivered) tells what became of it. May be dropped by
/// those who do not want to know.
#[must_use = "await `delivered`, or drop it where nobody waits for the delivery"]
pub struct Receipt {
    pub(super) ticket: Arc<Ticket>,
    pub(super) items: u64,
    pub(super) sessions: usize,
    /// The pipeline is gone: nothing is settled any more.
    pub(super) over: CancellationToken,
}

impl Receipt {
    /// How many spans, log records or data points were accepted.
    #[must_use]
    pub fn items(&self) -> u64 {
        self.items
    }

    /// In how many sessions they are, counted for each resource; 0 where sessions are not recognised.
    #[must_use]
    pub fn sessions(&self) -> usize {
        self.sessions
    }

    /// Completes when every item has met its fate: in the pipeline, and in every lane it was handed
    /// to. Works in any runtime or none. Always completes: what a shutdown or a panic cuts off is
    /// abandoned, and so is what an exporter still holds when the shutdown is over.
    pub async fn delivered(self) -> Delivered {
        let settled = poll_fn(|context| self.ticket.poll(context.waker()));
        let over = std::pin::pin!(self.over.cancelled());
        select(settled, over).await;
        let open = self.ticket.open();
        let mut fates = self.ticket.fates();
        fates[Fate::Abandoned as usize] += open;
        Delivered {
            items: self.items,
            fates,
        }
    }
}

impl Receipt {
    /// Completes when no item is in memory alone: each is on disk for every exporter that has not taken
    /// it, or has met its fate. What it tells are the fates so far; what waits on disk has none. Without a
    /// [`Spool`](crate::Spool), it completes when [`delivered`](Self::delivered) does.
    ///
    /// With [`SpoolMode::Always`](crate::SpoolMode::Always) that is some milliseconds after it was
    /// accepted: what is not lost then ([`Delivered::is_lossless`]) survives the process.
    pub async fn durable(&self) -> Delivered {
        let secured = poll_fn(|context| self.ticket.poll_durable(context.waker()));
        let over = std::pin::pin!(self.over.cancelled());
        select(secured, over).await;
        let exposed = self.ticket.exposed();
        let mut fates = self.ticket.fates();
        fates[Fate::Abandoned as usize] += exposed;
        Delivered {
            items: self.items,
            fates,
        }
    }
}

impl Drop for Receipt {
    fn drop(&mut self) {
        self.ticket.forget();
    }
}

impl fmt::Debug for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receipt")
            .field("items", &self.items)
            .field("sessions", &self.sessions)
            .field("open", &self.ticket.open())
            .finish_non_exhaustive()
    }
}

/// What became of an accepted request.
///
/// With several exporters an item counts once for each that was given it. Where a destination refused part of a
/// batch that was joined of several requests, nobody knows whose items it refused: each of these
/// requests is then told that they were its own, as far as it had so many. What is counted as
/// [`Fate::Exported`] was exported; more may have been.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivered {
    items: u64,
    fates: [u64; Fate::ALL.len()],
}

impl Delivered {
    /// How many items were accepted.
    #[must_use]
    pub fn items(&self) -> u64 {
        self.items
    }

    /// How many met this fate.
    #[must_use]
    pub fn of(&self, fate: Fate) -> u64 {
        self.fates[fate as usize]
    }

    /// How many were lost: the sum of the fates that are losses.
    #[must_use]
    pub fn lost(&self) -> u64 {
        let losses = Fate::ALL.into_iter().filter(|fate| fate.is_loss());
        losses.map(|fate| self.of(fate)).sum()
    }

    /// Whether nothing was lost that nobody asked to be left out.
    #[must_use]
    pub fn is_lossless(&self) -> bool {
        self.lost() == 0
    }

    /// The fates that were met, with their counts; [`Fate::Handed`] is only the way to the others.
    pub fn fates(&self) -> impl Iterator<Item = (Fate, u64)> + '_ {
        Fate::ALL
            .into_iter()
            .map(|fate| (fate, self.of(fate)))
            .filter(|(_, items)| *items > 0)
    }
}
