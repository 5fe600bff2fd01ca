//! The journal of undecided sessions: what the sampler holds, on disk.
//!
//! A log of its own beside that of the spool. A chunk that is held has a record: what is known of it and its
//! session, and the chunk as an OTLP request. A record dies when its session is dropped, or is kept and all of
//! it is safe elsewhere: on disk in the spool, or settled. Decisions are noted before anything of their session
//! is, so that no crash leaves half of one; the last of them are kept, for what comes late.
//!
//! Holds: 40 bytes for each record, what the last commit did not take, and the last decisions. Waits: for the
//! disk. Loses: nothing; what there is no room for is noted when there is.

mod entry;
mod left;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::io;
use std::time::{Duration, Instant};

use self::entry::set_born;
use super::disk::Disk;
use super::log::{Log, LogError, Sizes};
use super::notes::{Decided, HeldNote, Left, Notes};
use super::record;
use crate::model::ledger::{Fate, Tally};
use crate::model::receipt::Exposed;
use crate::model::request::Signal;
use crate::model::sampling::plan::Decision;

/// Where it is, below the directory of a spool.
pub(crate) const DIRECTORY: &str = "undecided";
/// How many decisions are remembered, where the size of the spool allows it.
const REMEMBERED: usize = 65_536;
/// Bytes of one on disk.
const DECISION: u64 = 32;
/// Files are no larger, so that room is freed in parts.
const SEGMENT: u64 = 4 << 20;
/// So many files are written anew at a time.
const AT_A_TIME: usize = 4;
/// How long ends of sessions may wait for company: what is lost of them is delivered twice.
const LINGER: Duration = Duration::from_secs(1);

pub(crate) struct Undecided<D: Disk> {
    log: Log<D>,
    segment: u64,
    max: u64,
    remembered: usize,
    sessions: HashMap<u64, Session>,
    /// Where the records stand that are needed, whose they are, and how large.
    records: BTreeMap<u64, (u64, u64)>,
    /// Bytes of those.
    needed: u64,
    /// The last decisions with their positions, the oldest first.
    decisions: VecDeque<(u64, Decided)>,
    /// What there is no room for.
    waiting: VecDeque<HeldNote>,
    /// Decisions to be written with the next commit.
    decided: Vec<Decided>,
    /// Ends to be written with the next commit that has a reason.
    over: Vec<u64>,
    over_since: Option<Instant>,
    /// Told at the next commit.
    exposed: Vec<Exposed>,
    /// Settled at the next commit.
    settled: Vec<(Tally, Fate)>,
}

/// A session that has records.
#[derive(Debug, Default)]
struct Session {
    positions: Vec<u64>,
    /// Other numbers of it: of sessions that were found to be the same.
    others: Vec<u64>,
}

impl<D: Disk> Undecided<D> {
    /// Opens the journal of a directory, which takes at most `max` bytes for what is held; tells what an
    /// earlier process left.
    pub(crate) fn open(disk: D, segment: u64, max: u64) -> Result<(Self, Left), LogError> {
        let segment = segment.min(SEGMENT);
        let sizes = Sizes {
            segment,
            max: u64::MAX,
        };
        let (log, _) = Log::open(disk, sizes, Vec::new(), 0, |_, _| {})?;
        let mut journal = Self {
            log,
            segment,
            max,
            remembered: REMEMBERED.min((max / 8 / DECISION) as usize),
            sessions: HashMap::new(),
            records: BTreeMap::new(),
            needed: 0,
            decisions: VecDeque::new(),
            waiting: VecDeque::new(),
            decided: Vec::new(),
            over: Vec::new(),
            over_since: None,
            exposed: Vec::new(),
            settled: Vec::new(),
        };
        let left = journal.recover()?;
        Ok((journal, left))
    }

    /// Bytes on disk.
    pub(crate) fn bytes(&self) -> u64 {
        self.log.bytes()
    }

    /// Bytes of what is held.
    pub(crate) fn needed(&self) -> u64 {
        self.needed
    }

    /// Whether nothing waits to be on disk that somebody waits for.
    pub(crate) fn is_settled(&self) -> bool {
        self.waiting.is_empty() && self.settled.is_empty() && !self.log.is_pending()
    }

    /// Whether it lacks room.
    pub(crate) fn is_stuck(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Whether it may have more than so many bytes.
    pub(crate) fn wants_more_than(&self, room: u64) -> bool {
        room < self.max
    }

    /// Whether something lingers that is to be written soon.
    pub(crate) fn lingers(&self) -> bool {
        self.over_since.is_some()
    }

    /// Takes notes, which last from the next [`write`](Self::write) on.
    pub(crate) fn take(&mut self, notes: Notes) {
        self.waiting.extend(notes.held);
        for it in notes.decided {
            if !Decision::from_bits(it.bits).keep {
                self.forget(it.session);
            }
            self.decided.push(it);
        }
        let fated = |fate| move |tally| (tally, fate);
        self.settled
            .extend(notes.dropped.into_iter().map(fated(Fate::SampledOut)));
        self.settled
            .extend(notes.left.into_iter().map(fated(Fate::Spooled)));
        for number in notes.over {
            self.forget(number);
            self.tell_over(number);
        }
    }

    fn tell_over(&mut self, number: u64) {
        self.over.push(number);
        self.over_since.get_or_insert_with(Instant::now);
    }

    /// Writes what there is to write, where the spool leaves `room` for it; `at_once` also what may linger.
    pub(crate) fn write(&mut self, now_ns: u64, room: u64, at_once: bool) -> io::Result<()> {
        while let Some(note) = self.waiting.pop_front() {
            let head = entry::head(note.session, &note.facts);
            let len = head.len() + note.request.encoded_len();
            let needed = (record::HEADER + len) as u64;
            if self.log.bytes() + needed > room.min(self.max) {
                self.waiting.push_front(note);
                break;
            }
            let parts = std::iter::once(&head[..]).chain(note.request.pieces());
            let items = note.request.items();
            let position = self.append(note.request.signal(), items, now_ns, len, parts);
            self.keep(note.session, position, needed);
            self.exposed.push(note.exposed);
        }
        self.note_decisions(now_ns);
        let is_due = self
            .over_since
            .is_some_and(|since| since.elapsed() >= LINGER);
        if !self.over.is_empty() && (is_due || at_once || self.log.is_pending()) {
            let body = entry::over(&std::mem::take(&mut self.over));
            self.append_own(&body, now_ns);
            self.over_since = None;
        }
        self.log.commit()?;
        for exposed in self.exposed.drain(..) {
            exposed.secured();
        }
        let all_written = self.waiting.is_empty();
        let is_true = |(_, fate): &mut (Tally, Fate)| all_written || *fate != Fate::Spooled;
        for (tally, fate) in self.settled.extract_if(.., is_true) {
            tally.settle(fate);
        }
        self.write_anew(now_ns)
    }

    /// Writes again what somebody removed.
    pub(crate) fn restore(&mut self) -> io::Result<()> {
        if self.log.bytes() == 0 {
            return Ok(());
        }
        self.log.disk().make()?;
        self.log.restore().map(drop)
    }

    fn note_decisions(&mut self, now_ns: u64) {
        if self.decided.is_empty() {
            return;
        }
        let decided = std::mem::take(&mut self.decided);
        let position = self.append_own(&entry::decided(&decided), now_ns);
        for it in decided {
            let others = self.sessions.get(&it.session).map(|it| it.others.clone());
            self.decisions.push_back((position, it));
            // Its other numbers are decided with it.
            for other in others.into_iter().flatten() {
                self.decided.push(Decided {
                    session: other,
                    ..it
                });
            }
        }
        self.note_decisions(now_ns);
        while self.decisions.len() > self.remembered
            && let Some((_, oldest)) = self.decisions.front()
            && !self.sessions.contains_key(&oldest.session)
        {
            self.decisions.pop_front();
        }
    }

    fn append_own(&mut self, body: &[u8], now_ns: u64) -> u64 {
        let parts = std::iter::once(body);
        self.append(Signal::Traces, 0, now_ns, body.len(), parts)
    }

    fn append<'a>(
        &mut self,
        signal: Signal,
        items: u64,
        now_ns: u64,
        len: usize,
        parts: impl Iterator<Item = &'a [u8]>,
    ) -> u64 {
        let position = self.log.append(signal, items, 0, now_ns, len, parts);
        position.expect("its log has no bound")
    }

    /// A record of a session is needed.
    fn keep(&mut self, session: u64, position: u64, len: u64) {
        self.records.insert(position, (session, len));
        self.needed += len;
        let of = self.sessions.entry(session).or_default();
        of.positions.push(position);
    }

    /// Nothing of a session is needed any more.
    fn forget(&mut self, number: u64) {
        if !self.waiting.is_empty() {
            // What is not written need not be.
            let (gone, waiting): (Vec<_>, Vec<_>) = std::mem::take(&mut self.waiting)
                .into_iter()
                .partition(|note| note.session == number);
            self.waiting = waiting.into();
            for note in gone {
                note.exposed.secured();
            }
        }
        let Some(session) = self.sessions.remove(&number) else {
            return;
        };
        for position in session.positions {
            if let Some((_, len)) = self.records.remove(&position) {
                self.needed -= len;
            }
        }
        // They are dead with it.
        for other in session.others {
            self.tell_over(other);
        }
    }

    /// Writes what is needed of the oldest files behind all else, where much is not; then they go.
    fn write_anew(&mut self, now_ns: u64) -> io::Result<()> {
        for _ in 0..AT_A_TIME {
            let needed = self.needed + DECISION * self.decisions.len() as u64;
            if self.log.bytes() <= 2 * (needed + self.segment) {
                break;
            }
            let Some(end) = self.log.end_of_oldest() else {
                break;
            };
            let moved: Vec<_> = self
                .records
                .range(..end)
                .map(|(at, of)| (*at, *of))
                .collect();
            for (position, (session, len)) in moved {
                self.move_record(position, session, len)?;
            }
            self.move_decisions(end, now_ns);
            self.log.commit()?;
            self.log.release(end)?;
        }
        Ok(())
    }

    /// Writes the decisions again that stand before a position. They stay in their order.
    fn move_decisions(&mut self, end: u64, now_ns: u64) {
        let moved: Vec<_> = (self.decisions.iter_mut())
            .filter(|(at, _)| *at < end)
            .collect();
        if moved.is_empty() {
            return;
        }
        let body = entry::decided(&moved.iter().map(|(_, it)| *it).collect::<Vec<_>>());
        let parts = std::iter::once(&body[..]);
        let position = self
            .log
            .append(Signal::Traces, 0, 0, now_ns, body.len(), parts)
            .expect("its log has no bound");
        for (at, _) in moved {
            *at = position;
        }
    }

    fn move_record(&mut self, position: u64, session: u64, len: u64) -> io::Result<()> {
        let stored = self.log.read(position)?;
        self.records.remove(&position);
        let of = self.sessions.entry(session).or_default();
        let place = of.positions.iter().position(|at| *at == position);
        let Some(mut stored) = stored.filter(|stored| stored.position == position) else {
            // It is damaged.
            self.needed -= len;
            place.map(|place| of.positions.remove(place));
            return Ok(());
        };
        set_born(&mut stored.body, position);
        let body = std::iter::once(&stored.body[..]);
        let (items, time_ns) = (stored.items, stored.time_ns);
        let at = self
            .log
            .append(stored.signal, items, 0, time_ns, stored.body.len(), body)
            .expect("its log has no bound");
        self.records.insert(at, (session, len));
        if let Some(place) = place {
            of.positions[place] = at;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
