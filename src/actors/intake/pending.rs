//! A checked request on its way to the head. Dropped before it is there, it books itself as refused.

use std::sync::Arc;

use bytes::Bytes;

use super::receipt::Receipt;
use super::split::Plan;
use super::{Core, IntakeError};
use crate::actors::road::Msg;
use crate::actors::session::head::Declined;
use crate::model::ledger::{Fate, Tally};
use crate::model::otlp::foreign::sessions::Sessions;
use crate::model::receipt::{Shares, Ticket};
use crate::model::request::Signal;
use crate::model::whole::Whole;

/// What a request costs beside its bytes, about: messages, receipts, tallies.
const OVERHEAD: usize = 512;

pub(super) struct Pending<'a> {
    core: &'a Core,
    signal: Signal,
    request: Bytes,
    items: u64,
    sessions: usize,
    /// What the notes of its sessions weigh.
    notes: usize,
    /// How it is split, if it is.
    plan: Option<Plan>,
    state: State,
}

enum State {
    /// It has no room yet and is in no book.
    Outside,
    /// It has room in the budget, is in the book, and waits for the head.
    Ready(Msg, Arc<Ticket>),
    Done,
}

impl<'a> Pending<'a> {
    pub(super) fn new(
        core: &'a Core,
        signal: Signal,
        request: &Bytes,
        survey: &Sessions<'_>,
    ) -> Self {
        Self {
            core,
            signal,
            request: request.clone(),
            items: survey.items,
            sessions: survey.found.len(),
            notes: survey.weight(),
            plan: survey.splits().then(|| Plan::new(core, survey)),
            state: State::Outside,
        }
    }

    /// Hands the request over; `None` while there is no room.
    pub(super) fn hand_over(&mut self) -> Option<Result<Receipt, IntakeError>> {
        if self.core.shared.is_copy() || self.core.shared.is_closed() {
            return Some(Err(IntakeError::Closed));
        }
        if self.items == 0 {
            self.state = State::Done;
            return Some(Ok(self.receipt(Arc::default())));
        }
        if self.core.is_stuck() {
            return None;
        }
        let (msg, ticket) = match std::mem::replace(&mut self.state, State::Outside) {
            State::Ready(msg, ticket) => (msg, ticket),
            _ => self.message()?,
        };
        match self.core.shared.head.offer(msg) {
            Ok(()) => {
                self.state = State::Done;
                Some(Ok(self.receipt(ticket)))
            }
            Err(Declined::Full(msg)) => {
                self.state = State::Ready(msg, ticket);
                None
            }
            Err(Declined::Closed(msg)) => {
                self.state = State::Ready(msg, ticket);
                Some(Err(IntakeError::Closed))
            }
        }
    }

    fn receipt(&self, ticket: Arc<Ticket>) -> Receipt {
        Receipt {
            ticket,
            items: self.items,
            sessions: self.sessions,
            over: self.core.shared.over.clone(),
        }
    }

    /// Makes the message, if the budget has room for it; from then on it is in the book.
    fn message(&self) -> Option<(Msg, Arc<Ticket>)> {
        let ticket = Arc::default();
        let enter = || -> Tally {
            let book = self.core.shared.books.of(self.signal);
            book.receive(self.items, Shares::of(&ticket, self.items))
        };
        // They are there until it is handed over.
        let _notes = match self.notes {
            0 => None,
            notes => Some(self.core.shared.pool.charge(notes)?),
        };
        let msg = match &self.plan {
            Some(plan) => {
                let chunks = plan.chunks(self.core, self.signal, &self.request, enter)?;
                Msg::Chunks(chunks)
            }
            None => {
                let charge = self
                    .core
                    .shared
                    .pool
                    .charge(self.request.len() + OVERHEAD)?;
                Msg::Whole(Whole {
                    signal: self.signal,
                    bytes: charge.over(self.request.clone()),
                    tally: enter(),
                })
            }
        };
        Some((msg, ticket))
    }
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        match std::mem::replace(&mut self.state, State::Done) {
            State::Done => {}
            State::Outside => {
                let book = self.core.shared.books.of(self.signal);
                book.refuse(self.items, Fate::Refused);
            }
            State::Ready(Msg::Whole(whole), _) => whole.tally.settle(Fate::Refused),
            State::Ready(Msg::Chunks(chunks), _) => {
                for chunk in chunks {
                    chunk.tally.settle(Fate::Refused);
                }
            }
            // It makes no others; what they held would book itself.
            State::Ready(Msg::Chunk(_) | Msg::Flush(_), _) => {}
        }
    }
}
