//! The fork: gives what stands before the sampler a copy of everything, and passes the original on.
//!
//! Stands between the processor and the sampler, so that the copy is redacted and not yet judged; absent
//! where no exporter stands there. Holds: flushes that the second trunk has no room for. Waits: for the
//! sampler, never for the second trunk. Loses: of the copy, what the second trunk has no room for
//! (`Fate::LaneFull`, in its lanes' books alone).

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use super::baton::Baton;
use super::mailbox::{Mailbox, Refused, Stopped};
use super::notice::Notice;
use super::road::Msg;
use super::run::Actor;
use crate::model::chunk::Chunk;
use crate::model::ledger::{Books, Fate, Tally};
use crate::model::request::Signal;
use crate::model::sampling::case::Judged;
use crate::model::whole::Whole;

/// How often a second trunk without room for a flush is asked again.
const ASK_AGAIN: Duration = Duration::from_millis(20);

/// The second trunk as the fork sees it.
pub(crate) struct Side {
    pub(crate) mailbox: Mailbox<Msg>,
    /// Which signals its lanes take.
    pub(crate) wanted: [bool; Signal::ALL.len()],
    /// Where its copies are entered; a lane's own counts are these, with what became of those handed to it.
    pub(crate) books: Arc<Books>,
    /// The most bytes that may be on their way there, so that what is slow there leaves room for the rest.
    pub(crate) most_bytes: usize,
}

pub(crate) struct Fork {
    next: Mailbox<Msg>,
    side: Side,
    /// Bytes on their way in the second trunk.
    held: Arc<AtomicUsize>,
    owed: VecDeque<Baton>,
    ask_again: Option<Instant>,
    full: Notice,
}

/// Bytes that count as held until their last user is gone.
struct Held {
    bytes: Bytes,
    held: Arc<AtomicUsize>,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.held.fetch_sub(self.bytes.len(), Ordering::Relaxed);
    }
}

impl Fork {
    pub(crate) fn new(next: Mailbox<Msg>, side: Side) -> Self {
        Self {
            next,
            side,
            held: Arc::default(),
            owed: VecDeque::new(),
            ask_again: None,
            full: Notice::default(),
        }
    }

    /// Custody of a copy of so many items, and its bytes; `None` where it is not wanted or there is no room.
    fn copy(&self, signal: Signal, items: u64, bytes: &Bytes) -> Option<(Tally, Bytes)> {
        if !self.side.wanted[signal as usize] {
            return None;
        }
        let tally = self.side.books.of(signal).enter(items);
        if self.held.load(Ordering::Relaxed) + bytes.len() > self.side.most_bytes {
            self.refuse(tally);
            return None;
        }
        self.held.fetch_add(bytes.len(), Ordering::Relaxed);
        let held = Held {
            bytes: bytes.clone(),
            held: Arc::clone(&self.held),
        };
        Some((tally, Bytes::from_owner(held)))
    }

    fn copy_of(&self, chunk: &Chunk) -> Option<Chunk> {
        if chunk.items() == 0 {
            return None;
        }
        let (tally, bytes) = self.copy(chunk.signal, chunk.items(), &chunk.bytes)?;
        Some(Chunk {
            signal: chunk.signal,
            session: chunk.session,
            origin: Arc::clone(&chunk.origin),
            bytes,
            digest: chunk.digest,
            judged: Judged::Already,
            tally,
        })
    }

    /// Sends copies to the second trunk, if it has room.
    fn send(&self, copies: Msg) {
        // Where the second trunk has died, what it is sent books itself as abandoned.
        let Err(Refused::Full(refused)) = self.side.mailbox.try_send(copies) else {
            return;
        };
        match refused {
            Msg::Chunk(chunk) => self.refuse(chunk.tally),
            Msg::Chunks(chunks) => {
                for chunk in chunks {
                    self.refuse(chunk.tally);
                }
            }
            Msg::Whole(whole) => self.refuse(whole.tally),
            Msg::Flush(_) => {}
        }
    }

    fn refuse(&self, tally: Tally) {
        let items = tally.items();
        tally.settle(Fate::LaneFull);
        if let Some(more) = self.full.due() {
            tracing::warn!(
                target: "spanreel", items, more,
                "what stands before the sampler is behind; dropped for it alone"
            );
        }
    }

    /// Passes on the flushes that the second trunk has room for now.
    fn pay(&mut self) {
        self.owed.retain(|baton| !baton.is_given_up());
        while let Some(baton) = self.owed.pop_front() {
            if let Err(Refused::Full(Msg::Flush(baton))) =
                self.side.mailbox.try_send(Msg::Flush(baton))
            {
                self.owed.push_front(baton);
                break;
            }
        }
        self.ask_again = (!self.owed.is_empty()).then(|| Instant::now() + ASK_AGAIN);
    }
}

impl Actor for Fork {
    const NAME: &'static str = "fork";
    type Msg = Msg;

    async fn handle(&mut self, msg: Msg) -> Result<(), Stopped> {
        match &msg {
            Msg::Chunk(chunk) => {
                if let Some(copy) = self.copy_of(chunk) {
                    self.send(Msg::Chunk(copy));
                }
            }
            Msg::Chunks(chunks) => {
                let copies: Vec<_> = chunks.iter().filter_map(|it| self.copy_of(it)).collect();
                if !copies.is_empty() {
                    self.send(Msg::Chunks(copies));
                }
            }
            Msg::Whole(whole) => {
                if let Some((tally, bytes)) = self.copy(whole.signal, whole.items(), &whole.bytes) {
                    let signal = whole.signal;
                    self.send(Msg::Whole(Whole {
                        signal,
                        bytes,
                        tally,
                    }));
                }
            }
            Msg::Flush(baton) => {
                self.owed.push_back(baton.clone());
                self.pay();
            }
        }
        self.next.send(msg).await
    }

    fn due(&self) -> Option<Instant> {
        self.ask_again
    }

    async fn tick(&mut self) -> Result<(), Stopped> {
        self.pay();
        Ok(())
    }

    async fn finish(&mut self) -> Result<(), Stopped> {
        // The sampler must not wait for a slow store to learn that nothing more comes: flushes that find no
        // room now end here, and the books say what is still pending.
        self.pay();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actors::mailbox::{Inbox, bounded};
    use crate::model::chunk::tests::origin;
    use crate::model::ledger::Book;

    fn fork(room: usize, most_bytes: usize) -> (Fork, Inbox<Msg>, Inbox<Msg>, Arc<Books>) {
        let (next, main) = bounded(16);
        let (mailbox, side) = bounded(room);
        let books = Arc::new(Books::default());
        let side_end = Side {
            mailbox,
            wanted: [true, false, false],
            books: Arc::clone(&books),
            most_bytes,
        };
        (Fork::new(next, side_end), main, side, books)
    }

    fn chunk(signal: Signal, size: usize) -> Chunk {
        Chunk::of_sizes(signal, &origin("one"), &[size], &Arc::new(Book::default()))
    }

    /// A second trunk without room costs itself alone: everything is passed on, and its book says what it
    /// could not take.
    #[tokio::test]
    async fn a_second_trunk_without_room_costs_itself_alone() {
        let (mut fork, mut main, mut side, books) = fork(1, 1 << 20);
        for _ in 0..3 {
            let passed = fork.handle(Msg::Chunk(chunk(Signal::Traces, 10))).await;
            assert_eq!(passed, Ok(()));
        }
        drop(fork);
        for _ in 0..3 {
            assert!(matches!(main.recv().await, Some(Msg::Chunk(_))));
        }
        let Some(Msg::Chunk(copy)) = side.recv().await else {
            panic!("one found room");
        };
        let counts = books.of(Signal::Traces).counts();
        assert_eq!(
            (
                counts.entered(),
                counts.of(Fate::LaneFull),
                counts.in_flight()
            ),
            (3, 2, 1)
        );
        copy.tally.settle(Fate::Handed);
        assert_eq!(books.of(Signal::Traces).counts().in_flight(), 0);
    }

    /// No more bytes are on their way to a second trunk than it may hold, and what is done there makes
    /// room again.
    #[tokio::test]
    async fn no_more_bytes_are_held_than_may_be() {
        let (mut fork, _main, mut side, books) = fork(16, 40);
        for _ in 0..2 {
            let passed = fork.handle(Msg::Chunk(chunk(Signal::Traces, 30))).await;
            assert_eq!(passed, Ok(()));
        }
        assert_eq!(books.of(Signal::Traces).counts().of(Fate::LaneFull), 1);
        drop(side.recv().await);
        let passed = fork.handle(Msg::Chunk(chunk(Signal::Traces, 30))).await;
        assert_eq!(passed, Ok(()));
        assert_eq!(books.of(Signal::Traces).counts().of(Fate::LaneFull), 1);
    }

    /// What no lane there takes is not copied.
    #[tokio::test]
    async fn what_nobody_wants_is_not_copied() {
        let (mut fork, _main, side, books) = fork(16, 1 << 20);
        let passed = fork.handle(Msg::Chunk(chunk(Signal::Logs, 30))).await;
        assert_eq!(passed, Ok(()));
        assert_eq!(books.of(Signal::Logs).counts().entered(), 0);
        drop(side);
    }

    /// A flush waits for the second trunk, which the road does not.
    #[tokio::test]
    async fn a_flush_waits_for_the_second_trunk_and_the_road_does_not() {
        let (mut fork, mut main, mut side, _books) = fork(1, 1 << 20);
        let passed = fork.handle(Msg::Chunk(chunk(Signal::Traces, 10))).await;
        assert_eq!(passed, Ok(()));
        let (baton, mut over) = Baton::new();
        assert_eq!(fork.handle(Msg::Flush(baton)).await, Ok(()));
        for _ in 0..2 {
            drop(main.recv().await);
        }
        assert!(over.try_recv().is_err(), "the second trunk has it still");
        assert!(fork.due().is_some());
        drop(side.recv().await);
        assert_eq!(fork.tick().await, Ok(()));
        assert!(matches!(side.recv().await, Some(Msg::Flush(_))));
        assert_eq!(over.await, Ok(()));
    }
}
