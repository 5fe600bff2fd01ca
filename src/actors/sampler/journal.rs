//! The sampler's end of the journal of undecided sessions: what is held is noted on disk, and what is decided.
//!
//! In mode [`Always`](crate::SpoolMode::Always) a chunk is noted when it is held; otherwise at need alone, for a
//! flush that makes everything last and at the end. Holds: 24 bytes for each session that is noted, and notes
//! until they are sent. Waits: never; the spool's thread writes. Loses: nothing.

use std::collections::HashMap;
use std::sync::Arc;

use super::held::Held;
use super::window::Window;
use crate::actors::spool::desk::{Command, Desk};
use crate::actors::spool::notes::{Decided, Facts, HeldNote, Left, Notes, request_of};
use crate::model::about::About;
use crate::model::chunk::{Chunk, SessionKey};
use crate::model::kept::Kept;
use crate::model::ledger::{Books, Fate, Tally};
use crate::model::request::Request;
use crate::model::sampling::plan::Decision;

pub(crate) struct Journal {
    desk: Arc<Desk>,
    /// Everything is noted when it is held.
    is_eager: bool,
    /// Nobody is to see what sessions were opened with before it is processed.
    tells_who: bool,
    /// How many bytes may be held.
    most: u64,
    next: u64,
    noted: HashMap<u32, Noted>,
    notes: Notes,
    /// What an earlier process left, the last first.
    left: Left,
    books: Arc<Books>,
}

/// A session that is in the journal, by its place in the window.
#[derive(Clone, Copy, Debug)]
struct Noted {
    session: u64,
    /// How many of its chunks are noted.
    chunks: usize,
}

impl Journal {
    /// The end of a journal that may have `most` bytes, and of which an earlier process `left` this.
    pub(crate) fn new(desk: Arc<Desk>, is_eager: bool, most: u64, mut left: Left) -> Self {
        left.sessions.reverse();
        Self {
            desk,
            is_eager,
            tells_who: true,
            most,
            next: left.next.max(1),
            noted: HashMap::new(),
            notes: Notes::default(),
            left,
            books: Arc::default(),
        }
    }

    /// The same without what sessions were opened with.
    pub(crate) fn telling_who(mut self, tells: bool) -> Self {
        self.tells_who = tells;
        self
    }

    /// The same with the books into which what was left is entered.
    pub(crate) fn entering(mut self, books: &Arc<Books>) -> Self {
        self.books = Arc::clone(books);
        self
    }

    pub(super) fn books(&self) -> &Books {
        &self.books
    }

    pub(super) fn left(&mut self) -> &mut Left {
        &mut self.left
    }

    pub(super) fn has_left(&self) -> bool {
        !self.left.sessions.is_empty()
    }

    pub(super) fn most(&self) -> u64 {
        self.most
    }

    pub(super) fn is_eager(&self) -> bool {
        self.is_eager
    }

    /// Whether nothing is noted any more: the thread is gone.
    pub(super) fn is_gone(&self) -> bool {
        self.desk.is_gone()
    }

    /// Notes what a session holds and was not noted.
    pub(super) fn note(&mut self, window: &mut Window, slot: u32, is_own: bool) {
        let noted = self.noted(slot);
        let Some((held, pool)) = window.lend(slot) else {
            return;
        };
        let facts = facts_of(held, is_own);
        let about = held.about();
        for (number, chunk) in held.chunks.iter_mut().enumerate().skip(noted.chunks) {
            let request = request_of(
                chunk.bytes.signal(),
                &chunk.origin,
                chunk.bytes.share(pool),
                chunk.tally.items(),
            );
            let facts = facts.clone();
            self.note_one(
                noted.session,
                number,
                facts,
                about.as_ref(),
                request,
                &mut chunk.tally,
            );
        }
        let chunks = held.chunks.len();
        self.noted.insert(slot, Noted { chunks, ..noted });
    }

    /// Notes a chunk that a session is to hold next: all that it holds is noted.
    pub(super) fn note_next(&mut self, held: &Held, slot: u32, is_own: bool, chunk: &mut Chunk) {
        let noted = self.noted(slot);
        let facts = facts_of(held, is_own);
        let items = chunk.items();
        let request = request_of(chunk.signal, &chunk.origin, chunk.bytes.clone(), items);
        let (session, number) = (noted.session, noted.chunks);
        self.note_one(
            session,
            number,
            facts,
            held.about().as_ref(),
            request,
            &mut chunk.tally,
        );
        let chunks = number + 1;
        self.noted.insert(slot, Noted { chunks, ..noted });
    }

    /// What is noted of a session; it has a number from here on.
    fn noted(&mut self, slot: u32) -> Noted {
        let noted = self.noted.entry(slot).or_insert(Noted {
            session: self.next,
            chunks: 0,
        });
        if noted.session == self.next {
            self.next += 1;
        }
        *noted
    }

    fn note_one(
        &mut self,
        session: u64,
        number: usize,
        mut facts: Facts,
        about: Option<&Arc<About>>,
        request: Request,
        tally: &mut Tally,
    ) {
        if self.tells_who && number == 0 {
            facts.about = about.cloned();
        }
        let exposed = tally.expose();
        self.notes.held.push(HeldNote {
            session,
            facts,
            request,
            exposed,
        });
    }

    /// A session that was left is held again: so many chunks of it are noted.
    pub(super) fn resume(&mut self, slot: u32, session: u64, chunks: usize) {
        self.noted.insert(slot, Noted { session, chunks });
    }

    /// Notes a decision. What is noted of a session that is kept stays until its chunks are safe elsewhere.
    pub(super) fn decide(
        &mut self,
        slot: u32,
        key: SessionKey,
        decision: Decision,
        chunks: &mut [Chunk],
    ) {
        let noted = self.noted.remove(&slot);
        if noted.is_none() && !self.is_eager {
            return;
        }
        let session = noted.map_or(0, |noted| noted.session);
        self.notes.decided.push(Decided {
            session,
            key,
            bits: decision.bits(),
        });
        if decision.keep && noted.is_some() {
            self.hold_on(session, chunks);
        }
    }

    /// Has the notes of a session stay until these chunks are safe elsewhere.
    pub(super) fn hold_on(&self, session: u64, chunks: &mut [Chunk]) {
        let desk = Arc::clone(&self.desk);
        let copy = Kept::new(move |needed| {
            if needed == 0 {
                let notes = Notes {
                    over: vec![session],
                    ..Notes::default()
                };
                // Where the thread is gone, the next start finds it.
                let _there = desk.put(Command::Undecided(notes));
            }
        });
        for chunk in chunks {
            chunk.tally.back_up(&copy);
        }
    }

    /// Books what is dropped: when that is noted, where somebody wants a receipt.
    pub(super) fn drop_out(&mut self, tally: Tally) {
        match self.is_eager && tally.is_owed() {
            true => self.notes.dropped.push(tally),
            false => tally.settle(Fate::SampledOut),
        }
    }

    /// Leaves all that a session holds to the next start.
    pub(super) fn leave(&mut self, slot: u32, chunks: Vec<Chunk>) {
        self.noted.remove(&slot);
        let tallies = chunks.into_iter().map(|chunk| chunk.tally);
        self.notes.left.extend(tallies);
    }

    /// Hands on what is to be written.
    pub(super) fn send(&mut self) {
        if self.notes.is_empty() {
            return;
        }
        let notes = std::mem::take(&mut self.notes);
        // Where the thread is gone, what is dropped or left books itself.
        let _there = self.desk.put(Command::Undecided(notes));
    }
}

/// What is known of a session.
fn facts_of(held: &Held, is_own: bool) -> Facts {
    Facts {
        key: held.key(),
        is_own,
        draw: held.draw(),
        digest: held.digest,
        about: None,
    }
}
