//! A shelf: what a lane is to deliver next and is on disk, between the spool's thread, which puts it there, and
//! the lane's feed, which takes it; and the account of what of the lane's log is settled.
//!
//! A lane that keeps up is given what it is to deliver from memory. What there is no room for stays on disk, and is
//! put on the shelf when there is: the lane sees the log in order, wherever a record comes from. A delivery settles
//! its part of the log whenever it is over; the lane's cursor is what is settled without a gap.
//!
//! Holds: requests within its room, and a range of the log for each delivery under way. Waits: `take`, for
//! something to come. Loses: nothing; what is on it is on disk.

use std::collections::{BTreeMap, VecDeque};

use tokio::sync::Notify;

use super::desk::{Desk, Held, Served};
use super::settled::Settled;
use crate::model::batch::{Consignment, Parcel};
use crate::model::kept::{Kept, KeptWatch};
use crate::model::ledger::{Books, Fate};
use crate::model::receipt::Shares;
use crate::model::request::Signal;
use crate::model::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How much may be on a shelf.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    /// Bytes that are there from memory.
    pub(crate) memory: u64,
    /// Bytes up to which more is read from the disk.
    pub(crate) disk: u64,
    /// Bytes of small requests that a lane is given as one.
    pub(crate) group: u64,
}

/// A record of the log that waits for its lane.
#[derive(Debug)]
pub(crate) struct Ready {
    /// Its part of the log.
    pub(crate) from: u64,
    pub(crate) to: u64,
    pub(crate) parcel: Parcel,
    pub(crate) owed: Option<Owed>,
}

impl Ready {
    fn len(&self) -> u64 {
        self.to - self.from
    }
}

/// Items of a part of the log that were given to be delivered and were not.
#[derive(Debug)]
pub(crate) struct Left {
    from: u64,
    to: u64,
    pub(crate) signal: Signal,
    pub(crate) items: u64,
}

/// What there was of a part of the log that is given up.
#[derive(Debug)]
pub(crate) struct GivenUp {
    pub(crate) ready: Vec<Ready>,
    pub(crate) left: Vec<Left>,
}

/// Who is told of the fate of a record in a lane; when nobody else will, that it is left on disk.
#[derive(Debug)]
pub(crate) struct Owed {
    pub(crate) shares: Shares,
    pub(crate) until: Option<Arc<dyn Held>>,
}

impl Drop for Owed {
    fn drop(&mut self) {
        self.shares.settle(Fate::Spooled);
    }
}

#[derive(Debug)]
pub(crate) struct Shelf {
    books: Arc<Books>,
    room: Room,
    state: Mutex<State>,
    /// Something was put here, or nothing will be any more.
    news: Notify,
}

#[derive(Debug)]
struct State {
    ready: VecDeque<Ready>,
    /// Bytes of those.
    bytes: u64,
    settled: Settled,
    /// It is not what was last asked for.
    is_changed: bool,
    /// What was given and is not over, by where it begins.
    taken: BTreeMap<u64, KeptWatch>,
    /// What was given and came back: the next start delivers it.
    left: Vec<Left>,
    /// There is more on disk.
    is_behind: bool,
    /// Nothing will come any more.
    is_gone: bool,
}

impl Shelf {
    /// The shelf of a lane that has settled so much of the log.
    pub(crate) fn new(books: Arc<Books>, settled: Settled, room: Room) -> Self {
        let state = State {
            ready: VecDeque::new(),
            bytes: 0,
            settled,
            is_changed: false,
            taken: BTreeMap::new(),
            left: Vec::new(),
            is_behind: false,
            is_gone: false,
        };
        Self {
            books,
            room,
            state: Mutex::new(state),
            news: Notify::new(),
        }
    }

    /// What comes next, small requests as one; waits for it. `None` when nothing will come.
    pub(crate) async fn take(self: &Arc<Self>, desk: &Arc<Desk>) -> Option<Served> {
        loop {
            if let Some(group) = self.pick() {
                return Some(self.serve(group, desk));
            }
            if self.lock().is_gone {
                return None;
            }
            // One feed waits; what comes before it does is remembered.
            self.news.notified().await;
        }
    }

    /// Takes the first off the shelf, and those behind it that go with it.
    fn pick(&self) -> Option<Vec<Ready>> {
        let mut state = self.lock();
        let first = state.ready.pop_front()?;
        let signal = first.parcel.signal();
        let mut bytes = first.len();
        let mut group = vec![first];
        while let Some(next) = state.ready.pop_front() {
            if next.parcel.signal() != signal || bytes + next.len() > self.room.group {
                state.ready.push_front(next);
                break;
            }
            bytes += next.len();
            group.push(next);
        }
        state.bytes -= bytes;
        Some(group)
    }

    /// Makes one of what was picked, which is settled together.
    fn serve(self: &Arc<Self>, group: Vec<Ready>, desk: &Arc<Desk>) -> Served {
        let records = group.len() as u64;
        let from = group.first().map_or(0, |first| first.from);
        let to = group.last().map_or(0, |last| last.to);
        let is_owed = group.iter().any(|ready| ready.owed.is_some());
        let (mut shares, mut until) = (Shares::default(), Vec::new());
        let mut parcels = Vec::with_capacity(group.len());
        for ready in group {
            let items = ready.parcel.items();
            match ready.owed {
                Some(mut owed) if !owed.shares.is_empty() => {
                    shares.append(std::mem::take(&mut owed.shares));
                    until.extend(owed.until.take());
                }
                owed => {
                    until.extend(owed.and_then(|mut owed| owed.until.take()));
                    if is_owed {
                        shares.append(Shares::of_nobody(items));
                    }
                }
            }
            parcels.push(ready.parcel);
        }
        let parcel = Parcel::join(parcels);
        let signal = parcel.signal();
        let (shelf, its_desk) = (Arc::clone(self), Arc::clone(desk));
        let kept = Kept::new(move |items| {
            drop(until);
            let left = Left {
                from,
                to,
                signal,
                items,
            };
            shelf.over(left);
            its_desk.nudge();
        });
        let is_short = {
            let mut state = self.lock();
            state.taken.insert(from, kept.watch());
            state.is_behind && state.bytes < self.room.disk
        };
        if is_short {
            desk.nudge();
        }
        let book = self.books.of(parcel.signal());
        let tally = book.read(parcel.items(), shares, kept);
        Served {
            consignment: Consignment { parcel, tally },
            records,
        }
    }

    /// Nobody holds any more what was given of this part of the log. What was not settled of it stays open
    /// until the next start; or is lost, where the log was given up while it came back.
    fn over(&self, left: Left) {
        let mut state = self.lock();
        state.taken.remove(&left.from);
        let is_given_up = state.settled.holds(left.from);
        if left.items > 0 && !is_given_up {
            state.left.push(left);
            return;
        }
        state.settle(left.from, left.to);
        drop(state);
        if left.items > 0 {
            let book = self.books.of(left.signal);
            book.settle_on_disk(left.items, Fate::Evicted);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the spool's thread does with it.
impl Shelf {
    /// Whether there is room for what is in memory.
    pub(crate) fn has_room(&self) -> bool {
        self.lock().bytes < self.room.memory
    }

    /// Whether more is to be read from the disk. Says that there is more: whoever takes what was here will ask
    /// for it.
    pub(crate) fn wants_more(&self) -> bool {
        let mut state = self.lock();
        state.is_behind = true;
        state.bytes < self.room.disk
    }

    /// There is nothing on disk that was not put here.
    pub(crate) fn is_complete(&self) {
        self.lock().is_behind = false;
    }

    pub(crate) fn put(&self, ready: Ready) {
        let mut state = self.lock();
        state.bytes += ready.len();
        state.ready.push_back(ready);
        drop(state);
        self.news.notify_one();
    }

    /// A part of the log is nothing to this lane.
    pub(crate) fn pass(&self, from: u64, to: u64) {
        self.lock().settle(from, to);
    }

    pub(crate) fn is_settled(&self, position: u64) -> bool {
        self.lock().settled.holds(position)
    }

    /// What is settled, where that is news since it was last asked for.
    pub(crate) fn news(&self) -> Option<Settled> {
        let mut state = self.lock();
        let is_changed = std::mem::take(&mut state.is_changed);
        is_changed.then(|| state.settled.clone())
    }

    /// What is here beyond what would be read ahead is left on disk: its memory is wanted, for its destination is
    /// away. The first of it comes first.
    pub(crate) fn leave(&self) -> Vec<Ready> {
        let mut state = self.lock();
        let (mut kept, mut count) = (0, 0);
        for ready in &state.ready {
            if kept >= self.room.disk {
                break;
            }
            kept += ready.len();
            count += 1;
        }
        state.bytes = kept;
        state.ready.split_off(count).into()
    }

    /// What was last told could not be kept.
    pub(crate) fn tell_again(&self) {
        self.lock().is_changed = true;
    }

    /// The log before `end` is given up. Returns what was on the shelf of it and what had come back; what was
    /// given is lost where it is not delivered now.
    pub(crate) fn give_up(&self, end: u64) -> GivenUp {
        let mut state = self.lock();
        let behind = state.taken.split_off(&end);
        let taken = std::mem::replace(&mut state.taken, behind);
        let given_up = state.ready.partition_point(|ready| ready.from < end);
        let ready: Vec<_> = state.ready.drain(..given_up).collect();
        state.bytes -= ready.iter().map(Ready::len).sum::<u64>();
        state.settle(0, end);
        let back = std::mem::take(&mut state.left).into_iter();
        let (left, still): (Vec<_>, Vec<_>) = back.partition(|left| left.from < end);
        state.left = still;
        for left in &left {
            // As a whole, as it was given.
            state.settle(left.from, left.to);
        }
        drop(state);
        // Not under the lock: it may be over in this moment, and says so.
        for watch in taken.values() {
            watch.give_up();
        }
        GivenUp { ready, left }
    }

    /// Nothing will come any more: what is here is left on disk.
    pub(crate) fn abandon(&self) {
        let mut state = self.lock();
        state.is_gone = true;
        state.bytes = 0;
        let left = std::mem::take(&mut state.ready);
        drop(state);
        drop(left);
        self.news.notify_one();
    }
}

impl State {
    fn settle(&mut self, from: u64, to: u64) {
        self.is_changed |= self.settled.mark(from, to);
    }
}

#[cfg(test)]
#[path = "shelf/tests.rs"]
mod tests;
