//! What a lane is given: the next requests for it, small ones as one.

use std::io;
use std::sync::Arc;

use bytes::Bytes;

use super::Keeper;
use crate::actors::spool::desk::{Command, Served};
use crate::actors::spool::disk::Disk;
use crate::actors::spool::stored::Stored;
use crate::model::batch::{Consignment, Parcel};
use crate::model::kept::Kept;
use crate::model::receipt::Shares;

impl<D: Disk> Keeper<D> {
    /// Gives a lane what comes next for it, if its feed waits.
    pub(super) fn serve(&mut self, number: usize) -> io::Result<()> {
        let lane = &mut self.lanes[number];
        let Some(mut place) = self.log.next_for(&lane.name, lane.read_at)? else {
            // What is for others is behind it.
            lane.read_at = lane.read_at.max(self.log.committed());
            return Ok(());
        };
        let Some(answer) = lane.asking.take_if(|answer| !answer.is_closed()) else {
            return Ok(());
        };
        let mut group: Vec<Stored> = Vec::new();
        let mut bytes = 0;
        while let Some(stored) = self.log.read(place.position)? {
            lane.read_at = stored.next;
            bytes += place.len();
            // Behind damage there may be what is for others.
            if stored.is_for(&lane.name) {
                group.push(stored);
            }
            match self.log.next_for(&lane.name, lane.read_at)? {
                Some(next)
                    if next.signal == place.signal && bytes + next.len() <= self.group_bytes =>
                {
                    place = next;
                }
                _ => break,
            }
        }
        let Some(first) = group.first() else {
            // It could be read no more; what comes after it is served at once.
            lane.read_at = place.next;
            lane.asking = Some(answer);
            return self.serve(number);
        };
        let (position, signal) = (first.position, first.signal);
        let records = group.len() as u64;
        let mut shares = Shares::default();
        let mut until = Vec::new();
        let is_owed = group
            .iter()
            .any(|stored| self.owed.contains_key(&(number, stored.position)));
        let mut requests = Vec::with_capacity(group.len());
        for stored in group {
            match self.owed.remove(&(number, stored.position)) {
                Some(mut owed) => {
                    match owed.shares.is_empty() {
                        true => shares.append(Shares::of_nobody(stored.items)),
                        false => shares.append(std::mem::take(&mut owed.shares)),
                    }
                    until.extend(owed.until.take());
                }
                None if is_owed => shares.append(Shares::of_nobody(stored.items)),
                None => {}
            }
            requests.push((Bytes::from(stored.body), stored.items));
        }
        let parcel = Parcel::of_requests(signal, requests);
        let desk = Arc::clone(&self.desk);
        let kept = Kept::new(move |settled| {
            drop(until);
            // Where the thread is gone, the next start finds it.
            let _there = desk.put(Command::Over {
                lane: number,
                position,
                settled,
            });
        });
        lane.taken.insert(position, kept.watch());
        let tally = lane.books.of(signal).read(parcel.items(), shares, kept);
        // Where the feed is gone, it is on disk all the same.
        let _fed = answer.send(Served {
            consignment: Consignment { parcel, tally },
            records,
        });
        Ok(())
    }
}
