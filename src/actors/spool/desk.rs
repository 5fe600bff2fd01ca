//! The desk between the actors and the spool's thread: what is to be written, read or forgotten lies on
//! it until the thread takes it.
//!
//! Holds: batches that are not on disk yet, within its permits; those that deliveries give back, at most
//! as many as there were deliveries. Waits: `append` for a permit. Loses: what is
//! on it when the thread is gone, which books itself.

use std::any::Any;
use std::collections::VecDeque;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::circuit::Circuit;
use super::notes::Notes;
#[cfg(feature = "spool")]
use super::quarantine::Asked;
use super::shelf::Shelf;
use crate::actors::baton::Baton;
use crate::model::batch::{Consignment, Parcel};
use crate::model::ledger::Tally;
use crate::model::request::Request;
use crate::model::sync::atomic::{AtomicU64, Ordering};
use crate::model::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// What one permit stands for.
const PERMIT_BYTES: usize = 1024;

/// What the spool's thread is asked.
#[derive(Debug)]
pub(crate) enum Command {
    /// To be written.
    Append(Append),
    /// A destination refused something for good.
    Quarantine(Refused),
    /// The baton is held until a lane has settled all that was appended before; or until that is on disk,
    /// where that is enough.
    Flush { lane: usize, baton: Baton },
    /// Sessions have begun or are over.
    Sessions(Changes),
    /// Of sessions that the sampler holds.
    Undecided(Notes),
    /// Something in the quarantine is to be sent again, or to go.
    #[cfg(feature = "spool")]
    Refused(Asked),
}

/// Which sessions have begun and which are over, by the ids of their root spans.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    /// Each with its root span as a request, incomplete, whose last eight bytes are its end time.
    pub(crate) began: Vec<(u64, Request)>,
    pub(crate) over: Vec<u64>,
}

/// A request to be written for some lanes.
#[derive(Debug)]
pub(crate) struct Append {
    pub(crate) request: Request,
    /// What it is made of: lanes that keep up are given it from memory.
    pub(crate) parcel: Parcel,
    pub(crate) entries: Vec<Entry>,
    /// Room on the desk, given back when it is on disk.
    pub(crate) _permit: Option<OwnedSemaphorePermit>,
}

/// One lane's share of what is to be written.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) lane: usize,
    pub(crate) tally: Tally,
    /// Kept until it is settled: a flush waits for it.
    pub(crate) until: Option<Arc<dyn Held>>,
}

/// What is kept, and told when what it belongs to is on disk.
pub(crate) trait Held: Any + Send + Sync + std::fmt::Debug {
    /// It is on disk.
    fn secured(&self);
}

/// What a lane is given to deliver: it is still on disk.
#[derive(Debug)]
pub(crate) struct Served {
    pub(crate) consignment: Consignment,
    /// How many requests that were appended are in it.
    pub(crate) records: u64,
}

/// What a destination refused for good, with its words.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) lane: usize,
    pub(crate) request: Request,
    pub(crate) words: String,
    /// Whether it is in quarantine.
    pub(crate) answer: oneshot::Sender<bool>,
}

/// The desk. The spool's thread takes from it, all others put on it.
#[derive(Debug)]
pub(crate) struct Desk {
    state: Mutex<State>,
    news: Condvar,
    permits: Arc<Semaphore>,
    all_permits: u32,
}

#[derive(Debug, Default)]
struct State {
    commands: VecDeque<Command>,
    /// Something has changed on a shelf.
    is_nudged: bool,
    /// Nothing more will come.
    closed: bool,
    /// The thread is gone.
    gone: bool,
}

/// What the thread finds on the desk.
#[derive(Debug)]
pub(crate) struct Taken {
    pub(crate) commands: VecDeque<Command>,
    /// Something has changed on a shelf.
    pub(crate) is_nudged: bool,
    pub(crate) closed: bool,
}

impl Desk {
    /// A desk for so many bytes that are not on disk yet.
    pub(crate) fn new(bytes: usize) -> Self {
        let all = u32::try_from(bytes / PERMIT_BYTES)
            .unwrap_or(u32::MAX)
            .max(1);
        Self {
            state: Mutex::default(),
            news: Condvar::new(),
            permits: Arc::new(Semaphore::new(all as usize)),
            all_permits: all,
        }
    }

    /// Puts a request on the desk, waiting for room. Gives it back when the thread is gone.
    pub(crate) async fn append(
        &self,
        parcel: Parcel,
        entries: Vec<Entry>,
    ) -> Result<(), Vec<Entry>> {
        let request = parcel.frame();
        let wanted = request.encoded_len().div_ceil(PERMIT_BYTES);
        let wanted = u32::try_from(wanted)
            .unwrap_or(u32::MAX)
            .min(self.all_permits);
        let permits = Arc::clone(&self.permits);
        let Ok(permit) = permits.acquire_many_owned(wanted).await else {
            return Err(entries);
        };
        let append = Command::Append(Append {
            request,
            parcel,
            entries,
            _permit: Some(permit),
        });
        match self.put(append) {
            Err(Command::Append(append)) => Err(append.entries),
            _ => Ok(()),
        }
    }

    /// Puts a command on the desk; hands it back when the thread is gone.
    pub(crate) fn put(&self, command: Command) -> Result<(), Command> {
        let mut state = self.lock();
        if state.gone {
            return Err(command);
        }
        state.commands.push_back(command);
        drop(state);
        self.news.notify_one();
        Ok(())
    }

    /// Has the thread look at the shelves.
    pub(crate) fn nudge(&self) {
        self.lock().is_nudged = true;
        self.news.notify_one();
    }

    /// Nothing more will come: the thread writes what there is and ends.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.news.notify_one();
    }

    /// Takes all that lies on the desk; waits for news, for `most` at most.
    pub(crate) fn take(&self, most: Option<Duration>) -> Taken {
        let mut state = self.lock();
        let is_idle =
            |state: &mut State| state.commands.is_empty() && !state.is_nudged && !state.closed;
        if is_idle(&mut state) {
            state = match most {
                Some(most) => {
                    let waited = self.news.wait_timeout_while(state, most, is_idle);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                None => {
                    let waited = self.news.wait_while(state, is_idle);
                    waited.unwrap_or_else(PoisonError::into_inner)
                }
            };
        }
        Taken {
            commands: std::mem::take(&mut state.commands),
            is_nudged: std::mem::take(&mut state.is_nudged),
            closed: state.closed,
        }
    }

    /// The thread is gone: nobody waits for it any more, and what lies here books itself.
    pub(crate) fn abandon(&self) {
        self.permits.close();
        let mut state = self.lock();
        state.gone = true;
        let left = std::mem::take(&mut state.commands);
        drop(state);
        // Not under the lock: what is dropped may come back with a command.
        drop(left);
    }

    pub(crate) fn is_gone(&self) -> bool {
        self.lock().gone
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The spool as one lane sees it.
#[derive(Clone, Debug)]
pub(crate) struct LaneSpool {
    pub(crate) desk: Arc<Desk>,
    pub(crate) number: usize,
    /// All goes by way of the disk.
    pub(crate) always: bool,
    /// Records for this lane that were put on the desk and not taken out again.
    pub(crate) backlog: Arc<AtomicU64>,
    pub(crate) circuit: Arc<Circuit>,
    pub(crate) shelf: Arc<Shelf>,
}

impl LaneSpool {
    /// Whether what comes now must go by way of the disk, to stay behind what is there.
    pub(crate) fn is_behind(&self) -> bool {
        self.always || self.backlog.load(Ordering::Acquire) > 0 || self.circuit.is_away()
    }

    /// This lane's share of what is to be written.
    pub(crate) fn entry(&self, tally: Tally, until: Option<Arc<dyn Held>>) -> Entry {
        self.backlog.fetch_add(1, Ordering::AcqRel);
        Entry {
            lane: self.number,
            tally,
            until,
        }
    }

    /// Gives up what cannot be delivered now: it is on disk already, or is written.
    pub(crate) fn keep(&self, it: Consignment, until: Option<Arc<dyn Held>>) {
        if it.tally.is_kept() {
            return;
        }
        let append = Command::Append(Append {
            request: it.parcel.frame(),
            parcel: it.parcel,
            entries: vec![self.entry(it.tally, until)],
            _permit: None,
        });
        // Where the thread is gone, it is dropped and books itself.
        let _there = self.desk.put(append);
    }

    /// What comes next for this lane; `None` when the thread is gone.
    pub(crate) async fn next(&self) -> Option<Served> {
        self.shelf.take(&self.desk).await
    }

    /// Has what was refused kept with the words of the destination; `false` when that is not possible.
    pub(crate) async fn quarantine(&self, request: Request, words: String) -> bool {
        let (answer, kept) = oneshot::channel();
        let refused = Command::Quarantine(Refused {
            lane: self.number,
            request,
            words,
            answer,
        });
        self.desk.put(refused).is_ok() && kept.await.unwrap_or(false)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use futures::FutureExt;

    use super::super::settled::Settled;
    use super::super::shelf::Room;
    use super::*;
    use crate::model::request::Signal;

    const NO_ROOM: Room = Room {
        memory: 0,
        disk: 0,
        group: 0,
    };

    fn parcel(len: usize) -> Parcel {
        Parcel::of_requests(Signal::Traces, vec![(Bytes::from(vec![0; len]), 1)])
    }

    /// What is not on disk yet is bounded: one more waits until it is, and a request larger than all of
    /// the room waits for all of it.
    #[test]
    fn the_desk_is_bounded() {
        let desk = Desk::new(4 * PERMIT_BYTES);
        let large = parcel(100 * PERMIT_BYTES);
        assert!(desk.append(large, Vec::new()).now_or_never().is_some());
        assert!(desk.append(parcel(1), Vec::new()).now_or_never().is_none());
        drop(desk.take(None));
        assert!(desk.append(parcel(1), Vec::new()).now_or_never().is_some());
    }

    /// When the thread is gone nobody waits for it: not for room, not for an answer.
    #[test]
    fn nobody_waits_for_a_thread_that_is_gone() {
        let desk = Arc::new(Desk::new(PERMIT_BYTES));
        let lane = LaneSpool {
            desk: Arc::clone(&desk),
            number: 0,
            always: true,
            backlog: Arc::default(),
            circuit: Arc::default(),
            shelf: Arc::new(Shelf::new(Arc::default(), Settled::default(), NO_ROOM)),
        };
        let mut early = std::pin::pin!(lane.next());
        assert!((&mut early).now_or_never().is_none());
        desk.abandon();
        lane.shelf.abandon();
        assert!(early.now_or_never().expect("answered").is_none());
        assert!(lane.next().now_or_never().expect("answered").is_none());
        let appended = desk.append(parcel(1), Vec::new()).now_or_never();
        assert!(appended.expect("answered").is_err());
        let kept = lane
            .quarantine(parcel(1).frame(), String::new())
            .now_or_never();
        assert_eq!(kept, Some(false));
    }
}
