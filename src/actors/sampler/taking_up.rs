//! How sessions that an earlier process had not decided go on, and how those of this one are left to the next.
//!
//! What was left is taken up before anything that is new. Sessions of the process itself are over with it: they
//! are decided when what its journal of open sessions says of them had time to come.

use std::sync::Arc;
use std::time::Duration;

use super::held::Who;
use super::{AT_A_TIME, Sampler};
use crate::actors::mailbox::Stopped;
use crate::actors::spool::notes::{LeftChunk, LeftSession};
use crate::model::chunk::{Chunk, Digest, SessionKey};
use crate::model::sampling::case::Judged;
use crate::model::sampling::plan::Decision;

/// How long a session that is over waits for its root span, which is taken in again as others are received.
const ROOT_COMES: Duration = Duration::from_secs(5);

impl Sampler {
    /// Remembers what an earlier process had decided.
    pub(super) fn recall(&mut self) {
        let Some(journal) = &mut self.journal else {
            return;
        };
        let plan = self.plans.current();
        for it in std::mem::take(&mut journal.left().decided) {
            let decision = Decision::from_bits(it.bits);
            self.window.remember(it.key, decision, Arc::clone(&plan));
        }
    }

    /// Whether there is something that an earlier process left.
    pub(super) fn has_left(&self) -> bool {
        let has_left = |journal: &super::Journal| journal.has_left();
        self.journal.as_ref().is_some_and(has_left)
    }

    /// Takes up some of the sessions that an earlier process left.
    pub(super) async fn take_up(&mut self) -> Result<(), Stopped> {
        let (mut out, mut asked, now_ns) = (Vec::new(), Vec::new(), self.now_ns());
        for _ in 0..AT_A_TIME {
            let Some(session) = self
                .journal
                .as_mut()
                .and_then(|it| it.left().sessions.pop())
            else {
                break;
            };
            match session.decided.map(Decision::from_bits) {
                Some(decision) => self.go_on(session, &decision, &mut out),
                None => asked.push(self.hold_again(session, now_ns)),
            }
        }
        if self.own.is_some() {
            self.ask(asked, false, &mut out).await;
        } else {
            for slot in asked {
                self.judge(slot, false, now_ns, &mut out);
            }
        }
        self.relieve(&mut out).await;
        self.counters.note(self.window.load());
        self.pass_on(out).await
    }

    pub(super) async fn take_up_all(&mut self) -> Result<(), Stopped> {
        while self.has_left() {
            self.take_up().await?;
        }
        Ok(())
    }

    /// Passes on what is left of a session that was kept.
    fn go_on(&mut self, left: LeftSession, decision: &Decision, out: &mut Vec<Chunk>) {
        let incoming = left.draw.incoming;
        let mut chunks: Vec<_> = (left.chunks.into_iter())
            .filter_map(|it| self.chunk(left.key, it))
            .collect();
        if let Some(journal) = &self.journal {
            journal.hold_on(left.session, &mut chunks);
        }
        for chunk in chunks {
            self.follow(chunk, decision, incoming, out);
        }
    }

    /// Holds a session as it was held.
    fn hold_again(&mut self, left: LeftSession, now_ns: u64) -> u32 {
        let since_ns = match left.is_own {
            true => now_ns.saturating_sub(
                self.max_wait_ns()
                    .saturating_sub(ROOT_COMES.as_nanos() as u64),
            ),
            false => now_ns,
        };
        let who = self.keyed_as(left.key, left.draw, left.about);
        let slot = self.window.open(who, since_ns);
        let mut count = 0;
        for it in left.chunks {
            if let Some(chunk) = self.chunk(left.key, it) {
                self.learn(slot, &chunk);
                self.window.hold(slot, chunk, false, false);
                count += 1;
            }
        }
        if let Some(held) = self.window.get_mut(slot) {
            held.digest = left.digest;
        }
        if let Some(journal) = &mut self.journal {
            journal.resume(slot, left.session, count);
        }
        slot
    }

    /// A chunk as it was; from here on it is in the book.
    fn chunk(&self, session: SessionKey, left: LeftChunk) -> Option<Chunk> {
        let journal = self.journal.as_ref()?;
        let bytes = match self.pool.charge(left.bytes.len()) {
            Some(charge) => charge.over(left.bytes),
            // There is less room than the earlier process had: sessions are decided early until they fit.
            None => left.bytes,
        };
        Some(Chunk {
            signal: left.signal,
            session,
            origin: left.origin,
            bytes,
            digest: Digest::default(),
            judged: Judged::ByKey,
            tally: journal.books().of(left.signal).take_up(left.items),
        })
    }

    /// Notes a chunk that comes behind what a session holds, where everything is noted at once.
    pub(super) fn note(&mut self, slot: u32, is_own: bool, chunk: &mut Chunk) {
        if let Some(journal) = self.journal.as_mut().filter(|it| it.is_eager())
            && let Some(held) = self.window.get(slot)
        {
            journal.note_next(held, slot, is_own, chunk);
        }
    }

    /// Notes what a session holds, where everything is noted at once.
    pub(super) fn note_held(&mut self, slot: u32, is_own: bool) {
        if let Some(journal) = self.journal.as_mut().filter(|it| it.is_eager()) {
            journal.note(&mut self.window, slot, is_own);
        }
    }

    /// Notes what all sessions hold.
    pub(super) fn note_all(&mut self) {
        let Some(journal) = &mut self.journal else {
            return;
        };
        for slot in self.window.slots() {
            let is_own = self
                .window
                .get(slot)
                .is_some_and(|held| matches!(held.who, Who::Own(_)));
            journal.note(&mut self.window, slot, is_own);
        }
        journal.send();
    }

    /// Leaves what is not decided to the next start, where there is a journal.
    pub(super) fn leave(&mut self) {
        if self.journal.as_ref().is_none_or(|it| it.is_gone()) {
            return;
        }
        self.note_all();
        for slot in self.window.slots() {
            let chunks = self.window.give_up(slot);
            if let Some(journal) = &mut self.journal {
                journal.leave(slot, chunks);
            }
        }
        if let Some(journal) = &mut self.journal {
            journal.send();
        }
        self.counters.note(self.window.load());
    }
}
