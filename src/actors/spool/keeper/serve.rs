//! What lanes are given: what was just written from memory, where they keep up, and else from the disk.

use std::io;

use bytes::Bytes;

use super::Keeper;
use crate::actors::spool::disk::Disk;
use crate::actors::spool::record;
use crate::actors::spool::shelf::{Owed, Ready};
use crate::model::batch::Parcel;

impl<D: Disk> Keeper<D> {
    /// Passes custody of what was committed to the disk, and gives it to the lanes that keep up.
    pub(super) fn hand_on(&mut self) {
        for (position, append) in self.appended.drain(..) {
            let next = position + (record::HEADER + append.request.encoded_len()) as u64;
            let mut wanted = 0_u32;
            for entry in append.entries {
                let lane = &mut self.lanes[entry.lane];
                wanted |= 1 << entry.lane;
                let shares = entry.tally.put_on_disk();
                if let Some(until) = &entry.until {
                    until.secured();
                }
                let owed = (!shares.is_empty() || entry.until.is_some()).then_some(Owed {
                    shares,
                    until: entry.until,
                });
                if lane.keeps_up(position) {
                    lane.read_at = next;
                    lane.shelf.put(Ready {
                        from: position,
                        to: next,
                        parcel: append.parcel.clone(),
                        owed,
                    });
                } else if let Some(owed) = owed {
                    self.owed.insert((entry.lane, position), owed);
                }
            }
            for (number, lane) in self.lanes.iter_mut().enumerate() {
                if wanted >> number & 1 == 0 && lane.read_at == position {
                    lane.pass(next);
                }
            }
        }
    }

    /// Puts on the shelf of a lane what it has room for and was not put there from memory.
    pub(super) fn fill(&mut self, number: usize) -> io::Result<()> {
        let lane = &mut self.lanes[number];
        if lane.circuit.is_away() {
            for mut ready in lane.shelf.leave().into_iter().rev() {
                lane.read_at = ready.from;
                if let Some(owed) = ready.owed.take() {
                    self.owed.insert((number, ready.from), owed);
                }
            }
        }
        while lane.read_at < self.log.committed() {
            if !lane.shelf.wants_more() {
                return Ok(());
            }
            let Some(place) = self.log.next_for(&lane.name, lane.read_at)? else {
                lane.pass(self.log.committed());
                break;
            };
            lane.pass(place.position);
            if lane.shelf.is_settled(place.position) {
                lane.read_at = place.next;
                continue;
            }
            let stored = match self.log.read(place.position)? {
                Some(stored) if stored.position == place.position => stored,
                // Damage, which may have hit what it said of its length: what comes behind is looked for.
                found => {
                    lane.pass(found.map_or(self.log.committed(), |next| next.position));
                    continue;
                }
            };
            lane.read_at = stored.next;
            let request = (Bytes::from(stored.body), stored.items);
            lane.shelf.put(Ready {
                from: stored.position,
                to: stored.next,
                parcel: Parcel::of_requests(stored.signal, vec![request]),
                owed: self.owed.remove(&(number, stored.position)),
            });
        }
        lane.shelf.is_complete();
        Ok(())
    }
}
