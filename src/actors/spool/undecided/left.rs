//! What an earlier process left in the journal of undecided sessions.
//!
//! Read in two passes: the first says what is needed, so that what is dead is never held. Loses: records that
//! are damaged.

use std::collections::hash_map::Entry as Slot;
use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::Arc;

use bytes::Bytes;

use super::entry::Entry;
use super::{Session, Undecided};
use crate::actors::spool::disk::Disk;
use crate::actors::spool::notes::{
    Decided, Facts, HeldNote, Left, LeftChunk, LeftSession, Notes, request_of,
};
use crate::actors::spool::stored::Stored;
use crate::model::chunk::{Digest, SessionKey};
use crate::model::otlp::frame::Group;
use crate::model::receipt::Exposed;
use crate::model::request::Signal;
use crate::model::resource::Origin;
use crate::model::sampling::plan::Decision;
use crate::model::whole;

/// What the first pass finds.
#[derive(Debug, Default)]
struct Found {
    /// The records of each session, by where they were written first, with their lengths.
    held: HashMap<u64, Vec<(u64, u64, u64)>>,
    decided: HashMap<u64, u64>,
    over: HashSet<u64>,
    next: u64,
}

impl<D: Disk> Undecided<D> {
    /// Reads what is there, and what of it is needed.
    pub(super) fn recover(&mut self) -> io::Result<Left> {
        let mut found = Found::default();
        let mut at = self.log.start();
        while let Some(stored) = self.log.read(at)? {
            at = stored.next;
            self.look(&stored, &mut found);
        }
        let decisions = self.decisions.iter().map(|(_, it)| *it);
        let mut left = Left {
            sessions: Vec::new(),
            decided: decisions.collect(),
            next: found.next + 1,
        };
        let is_dead = |session: &u64| {
            let is_dropped = |bits: &u64| !Decision::from_bits(*bits).keep;
            found.over.contains(session) || found.decided.get(session).is_some_and(is_dropped)
        };
        // The record that was written last is the one that stays.
        let mut held: Vec<(u64, u64, u64, u64)> = Vec::new();
        for (session, mut records) in found.held {
            if is_dead(&session) {
                continue;
            }
            records.sort_unstable();
            records.dedup_by(|later, first| {
                let is_same = later.0 == first.0;
                if is_same {
                    *first = *later;
                }
                is_same
            });
            let of = |(born, at, len)| (born, at, len, session);
            held.extend(records.into_iter().map(of));
        }
        held.sort_unstable();
        let mut known = Known::default();
        for (_, at, len, session) in held {
            let Some(stored) = self.log.read(at)?.filter(|stored| stored.position == at) else {
                continue;
            };
            let decided = found.decided.get(&session).copied();
            let Some(number) = known.add(session, decided, &stored, &mut left.sessions) else {
                continue;
            };
            self.keep(number, at, len);
            let of: &mut Session = self.sessions.entry(number).or_default();
            if number != session && !of.others.contains(&session) {
                of.others.push(session);
            }
        }
        for session in &mut left.sessions {
            let others = &self.sessions[&session.session].others;
            for number in others.iter().chain([&session.session]) {
                let digest = known.digests.get(number).copied();
                session.digest.merge(&digest.unwrap_or_default());
            }
        }
        Ok(left)
    }

    /// Takes over what the journal of another process held, and adds it to what is `left`. Killed before that
    /// is removed there, it is delivered twice.
    pub(crate) fn adopt(&mut self, others: Left, left: &mut Left) -> io::Result<()> {
        let mut notes = Notes::default();
        for mut session in others.sessions {
            let same = |it: &&mut LeftSession| {
                it.key == session.key && it.decided.is_none() && session.decided.is_none()
            };
            let known = left.sessions.iter_mut().find(same);
            session.session = known.as_ref().map_or(left.next, |known| known.session);
            if let Some(known) = &known {
                session.digest.merge(&known.digest);
            }
            notes
                .held
                .extend(session.chunks.iter().map(|it| held_note(&session, it)));
            notes.decided.extend(session.decided.map(|bits| Decided {
                session: session.session,
                key: session.key,
                bits,
            }));
            match known {
                Some(known) => {
                    known.digest = session.digest;
                    known.chunks.extend(session.chunks);
                }
                None => {
                    left.next += 1;
                    left.sessions.push(session);
                }
            }
        }
        let of_nobody = |it: Decided| Decided { session: 0, ..it };
        let decided: Vec<_> = others.decided.into_iter().map(of_nobody).collect();
        notes.decided.extend(&decided);
        left.decided.extend(decided);
        self.take(notes);
        self.write(0, u64::MAX, true)?;
        match self.is_settled() {
            true => Ok(()),
            false => Err(io::ErrorKind::StorageFull.into()),
        }
    }

    /// The first look at a record.
    fn look(&mut self, stored: &Stored, found: &mut Found) {
        match Entry::read(&stored.body) {
            Some(Entry::Held { session, born, .. }) => {
                found.next = found.next.max(session);
                let len = stored.next - stored.position;
                let record = (born.unwrap_or(stored.position), stored.position, len);
                found.held.entry(session).or_default().push(record);
            }
            Some(Entry::Decided(decided)) => {
                for it in decided {
                    found.next = found.next.max(it.session);
                    found.decided.insert(it.session, it.bits);
                    self.decisions.push_back((stored.position, it));
                }
            }
            Some(Entry::Over(over)) => {
                found.next = found.next.max(over.iter().copied().max().unwrap_or(0));
                found.over.extend(over);
            }
            None => {}
        }
    }
}

/// The note of a chunk that another process held.
fn held_note(session: &LeftSession, chunk: &LeftChunk) -> HeldNote {
    let (signal, items, bytes) = (chunk.signal, chunk.items, chunk.bytes.clone());
    HeldNote {
        session: session.session,
        facts: Facts {
            key: session.key,
            is_own: session.is_own,
            draw: session.draw,
            digest: session.digest,
            about: session.about.clone(),
        },
        request: request_of(signal, &chunk.origin, bytes, items),
        exposed: Exposed::default(),
    }
}

/// Which sessions were found so far, and where they stand.
#[derive(Debug, Default)]
struct Known {
    places: HashMap<u64, usize>,
    /// Those that are not decided: of one key there is one.
    undecided: HashMap<SessionKey, u64>,
    /// What the last record of each number says of all before it.
    digests: HashMap<u64, Digest>,
    /// Many chunks are of few origins.
    origins: HashMap<(Bytes, Bytes), Arc<Origin>>,
}

impl Known {
    /// Adds a record to its session, and tells the number under which that goes on; `None` where the record
    /// is none.
    fn add(
        &mut self,
        session: u64,
        decided: Option<u64>,
        stored: &Stored,
        sessions: &mut Vec<LeftSession>,
    ) -> Option<u64> {
        let Some(Entry::Held { facts, request, .. }) = Entry::read(&stored.body) else {
            return None;
        };
        let chunks = self.chunks(stored.signal, request)?;
        self.digests.insert(session, facts.digest);
        let session = match decided {
            Some(_) => session,
            None => *self.undecided.entry(facts.key).or_insert(session),
        };
        let place = match self.places.entry(session) {
            Slot::Occupied(known) => *known.get(),
            Slot::Vacant(new) => {
                sessions.push(LeftSession {
                    session,
                    key: facts.key,
                    is_own: facts.is_own,
                    draw: facts.draw,
                    about: None,
                    digest: Digest::default(),
                    decided,
                    chunks: Vec::new(),
                });
                *new.insert(sessions.len() - 1)
            }
        };
        let known = &mut sessions[place];
        known.is_own &= facts.is_own;
        known.about = known.about.take().or(facts.about);
        known.chunks.extend(chunks);
        Some(session)
    }

    /// The chunks of a request; mostly there is one.
    fn chunks(&mut self, signal: Signal, request: &[u8]) -> Option<Vec<LeftChunk>> {
        let request = Bytes::copy_from_slice(request);
        let mut chunks = Vec::with_capacity(1);
        for group in whole::groups(signal, &request) {
            let Group::Run(run) = group else {
                return None;
            };
            let name = (run.origin.resource.clone(), run.origin.scope.clone());
            let origin = self.origins.entry(name).or_insert(run.origin);
            for (bytes, items) in run.pieces {
                chunks.push(LeftChunk {
                    signal,
                    origin: Arc::clone(origin),
                    bytes,
                    items,
                });
            }
        }
        Some(chunks)
    }
}
