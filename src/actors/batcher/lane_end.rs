//! The batcher's end of a lane: what is handed to it, what goes by way of the disk, and the batons it is
//! owed.
//!
//! Holds: batons for lanes that have no room for them. Waits: for room on the spool's desk. Loses: nothing.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::Batcher;
use crate::actors::baton::Baton;
use crate::actors::exporter::lane::{self, Slots};
use crate::actors::mailbox::{Mailbox, Refused, Stopped};
use crate::actors::notice::Notice;
use crate::actors::spool::desk::{Command, Desk, Entry, LaneSpool};
use crate::model::batch::{Consignment, Parcel};
use crate::model::ledger::{Books, Fate};
use crate::model::receipt::Shares;
use crate::model::request::Signal;

/// A lane as the batcher sees it.
pub(crate) struct LaneEnd {
    pub(crate) name: String,
    pub(crate) mailbox: Arc<Mailbox<lane::Msg>>,
    pub(crate) signals: Vec<Signal>,
    pub(crate) books: Arc<Books>,
    /// Whether it can take a batch at once.
    pub(crate) slots: Arc<Slots>,
    pub(crate) full: Notice,
    /// Where what it cannot take now waits on disk.
    pub(crate) spool: Option<LaneSpool>,
    /// Batons that there was no room for.
    pub(crate) owed: VecDeque<Baton>,
}

/// How often a lane without room for a baton is asked again.
const ASK_AGAIN: Duration = Duration::from_millis(20);
impl Batcher {
    /// Where the lanes' spool is written, if they have one that works.
    pub(super) fn desk(&self) -> Option<Arc<Desk>> {
        let desk = &self.lanes.first()?.spool.as_ref()?.desk;
        (!desk.is_gone()).then(|| Arc::clone(desk))
    }

    /// Hands a parcel to the lanes that can take it now; for the others, it is written once.
    pub(super) async fn hand_or_write(
        &self,
        desk: &Desk,
        parcel: &Parcel,
        mut owed: Shares,
    ) -> Result<(), Stopped> {
        let mut entries: Vec<Entry> = Vec::new();
        for lane in &self.lanes {
            let Some(spool) = &lane.spool else { continue };
            if !lane.signals.contains(&parcel.signal()) {
                continue;
            }
            let tally = lane.books.of(parcel.signal()).enter(parcel.items());
            let tally = tally.owed_to(owed.for_lane());
            if spool.is_behind() {
                entries.push(spool.entry(tally, None));
                continue;
            }
            let message = lane::Msg::Deliver(Consignment {
                parcel: parcel.clone(),
                tally,
            });
            let refused = match lane.mailbox.try_send(message) {
                Ok(()) => continue,
                Err(Refused::Full(refused) | Refused::Stopped(refused)) => refused,
            };
            if let lane::Msg::Deliver(refused) = refused {
                entries.push(spool.entry(refused.tally, None));
            }
        }
        // Only now: until a lane has it, it must not look settled.
        owed.settle(Fate::Handed);
        if entries.is_empty() {
            return Ok(());
        }
        // Where the spool's thread is gone meanwhile, what it was to write books itself.
        let _there = desk.append(parcel.clone(), entries).await;
        Ok(())
    }

    /// Passes a baton to every lane, without waiting for any of several.
    pub(super) async fn pass(&mut self, baton: Baton) -> Result<(), Stopped> {
        for spool in self.lanes.iter().filter_map(|lane| lane.spool.as_ref()) {
            // Where the spool's thread is gone, nothing is settled there any more.
            let _there = spool.desk.put(Command::Flush {
                lane: spool.number,
                baton: baton.clone(),
            });
        }
        if let ([sole], None) = (&self.lanes[..], self.desk()) {
            return sole.mailbox.send(lane::Msg::Flush(baton)).await;
        }
        for lane in &mut self.lanes {
            lane.owed.push_back(baton.clone());
        }
        drop(baton);
        self.pay();
        Ok(())
    }

    /// Passes on the batons that lanes have room for now.
    pub(super) fn pay(&mut self) {
        let mut left = false;
        for lane in &mut self.lanes {
            left |= !lane.pay();
        }
        self.ask_again = left.then(|| Instant::now() + ASK_AGAIN);
    }
}

impl LaneEnd {
    /// Passes on all batons that are owed, waiting for room.
    pub(super) async fn pay_all(&mut self) {
        for baton in self.owed.drain(..) {
            // A lane that is gone has booked all that it had.
            let _there = self.mailbox.send(lane::Msg::Flush(baton)).await;
        }
    }

    /// Whether no baton is owed any more.
    fn pay(&mut self) -> bool {
        self.owed.retain(|baton| !baton.is_given_up());
        while let Some(baton) = self.owed.pop_front() {
            // A lane that is gone has booked all that it had: nothing is owed to it.
            let sent = self.mailbox.try_send(lane::Msg::Flush(baton));
            if let Err(Refused::Full(lane::Msg::Flush(baton))) = sent {
                self.owed.push_front(baton);
                return false;
            }
        }
        true
    }
}
