//! The keeper: what the spool's thread does. It takes from the [desk](super::desk) what is to be written,
//! commits it as a group, answers the lanes' feeds, and removes what all lanes have settled.
//!
//! Holds: what is appended and not committed; what waits for room on disk; who is owed the fate of what is on
//! disk. Waits: for the disk, and for news. Loses: under `DropOldest` what is given up for newer
//! (`Fate::Evicted`); what the disk does not take before the end (`Fate::Abandoned`).

mod notes;
mod outside;
mod serve;

use std::collections::{HashMap, VecDeque};
use std::io;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use self::notes::is_full;
use super::claim::Hold;
use super::config::SpoolFull;
use super::desk::{Append, Command, Desk, Taken};
use super::disk::Disk;
use super::handle::Gauge;
use super::journal::Journal;
use super::lane::{Lane, Notices};
use super::log::Log;
use super::quarantine::Quarantine;
use super::shelf::Owed;
use super::undecided::Undecided;
use crate::actors::clock::Clock;
use crate::actors::own_thread;
use crate::model::ledger::Fate;

/// How soon a disk that failed is tried again.
const TRY_AGAIN: Duration = Duration::from_millis(250);
/// How often it is seen whether the directory is still there.
const LOOK_AFTER: Duration = Duration::from_secs(1);
/// How often cursors, and removals of what is settled, are made to last through a power cut.
const SYNC_CURSORS: Duration = Duration::from_secs(1);

pub(crate) struct Keeper<D: Disk> {
    log: Log<D>,
    lanes: Vec<Lane<D>>,
    quarantine: Quarantine<D>,
    journal: Option<Journal<D>>,
    undecided: Option<Undecided<D>>,
    desk: Arc<Desk>,
    when_full: SpoolFull,
    gauge: Gauge,
    clock: Clock,
    notices: Notices,
    /// Appended and not committed, with their positions.
    appended: Vec<(u64, Append)>,
    /// What the log has no room for.
    blocked: VecDeque<Append>,
    /// Who is owed the fate of what is on disk alone, by lane and position.
    owed: HashMap<(usize, u64), Owed>,
    cursors_synced: Instant,
    looked_after: Instant,
    lanes_told: Instant,
    /// Nothing came for a while, or nothing will.
    is_idle: bool,
}

impl<D: Disk> Keeper<D> {
    pub(crate) fn new(
        log: Log<D>,
        lanes: Vec<Lane<D>>,
        quarantine: Quarantine<D>,
        desk: Arc<Desk>,
        when_full: SpoolFull,
    ) -> Self {
        Self {
            gauge: Gauge::new(log.bytes(), log.most(), lanes.len()),
            log,
            lanes,
            quarantine,
            journal: None,
            undecided: None,
            desk,
            when_full,
            clock: Clock::new(),
            notices: Notices::default(),
            appended: Vec::new(),
            blocked: VecDeque::new(),
            owed: HashMap::new(),
            cursors_synced: Instant::now(),
            looked_after: Instant::now(),
            lanes_told: Instant::now(),
            is_idle: true,
        }
    }

    /// The same with journals of open and of undecided sessions.
    pub(crate) fn with_journals(mut self, open: Journal<D>, undecided: Undecided<D>) -> Self {
        self.journal = Some(open);
        self.log.make_room_for(undecided.bytes());
        self.undecided = Some(undecided);
        self.gauge.set(self.bytes(), false);
        self
    }

    /// What others may see of it.
    pub(crate) fn gauge(&self) -> &Gauge {
        &self.gauge
    }

    /// Starts the thread, which holds the claim of the directory while it lives, and tells when it is gone.
    pub(crate) fn start(self, mut claim: impl Hold) -> io::Result<oneshot::Receiver<()>> {
        let (told, ended) = oneshot::channel();
        let desk = Arc::clone(&self.desk);
        let gauge = self.gauge.clone();
        let shelves: Vec<_> = (self.lanes.iter())
            .map(|lane| Arc::clone(&lane.shelf))
            .collect();
        std::thread::Builder::new()
            .name("spanreel-spool".to_owned())
            .spawn(move || {
                own_thread::mark();
                let outcome = std::panic::catch_unwind(AssertUnwindSafe(|| self.run(&mut claim)));
                // Whoever waits for it must not wait for ever.
                desk.abandon();
                for shelf in shelves {
                    shelf.abandon();
                }
                gauge.set(gauge.bytes(), false);
                drop(claim);
                if outcome.is_err() {
                    tracing::error!(target: "spanreel", "the spool's thread panicked; the pipeline goes on without");
                }
                // Nobody listens when the pipeline was dropped.
                let _listening = told.send(());
            })?;
        Ok(ended)
    }

    /// Works until nothing more will come.
    fn run(mut self, claim: &mut impl Hold) {
        // What an earlier process left is put on the shelves at once.
        let mut again = Some(Duration::ZERO);
        loop {
            let taken = self.desk.take(again);
            let is_last = taken.closed;
            again = self.turn(taken, claim);
            if is_last {
                break;
            }
        }
        // What was secured just now is over.
        for command in self.desk.take(None).commands {
            self.handle(command);
        }
        let noted = self.write_notes();
        if let Err(error) = noted.and(self.sync_cursors()) {
            tracing::warn!(target: "spanreel", %error, "some of what was delivered may be delivered again");
        }
    }

    /// Does what it is asked and what is due. Returns how long it may wait for news until it has to look again;
    /// for ever, where that is nothing.
    fn turn(&mut self, taken: Taken, claim: &mut impl Hold) -> Option<Duration> {
        self.is_idle = taken.commands.is_empty() && !taken.is_nudged || taken.closed;
        for command in taken.commands {
            self.handle(command);
        }
        let looked = self.look_after(claim, taken.closed);
        let worked = looked.and_then(|()| self.work());
        if let Err(error) = &worked
            && let Some(more) = self.notices.failing.due()
        {
            tracing::error!(target: "spanreel", %error, more, "the spool's disk fails; it is tried again");
        }
        let is_moved = self.lanes.iter().any(|lane| lane.is_moved);
        match worked {
            Err(_) => Some(TRY_AGAIN),
            Ok(()) if is_moved => Some(SYNC_CURSORS),
            Ok(()) if self.log.bytes() > 0 || self.lingers() => Some(LOOK_AFTER),
            Ok(()) => None,
        }
    }

    fn handle(&mut self, command: Command) {
        match command {
            Command::Append(append) => self.blocked.push_back(append),
            Command::Quarantine(refused) => {
                let lane = &self.lanes[refused.lane].name;
                let now = self.clock.anchor().unix_ns();
                let kept = self
                    .quarantine
                    .keep(lane, &refused.request, &refused.words, now);
                if let Err(error) = &kept
                    && let Some(more) = self.notices.failing.due()
                {
                    tracing::error!(target: "spanreel", %error, more, "what was refused cannot be kept");
                }
                // Where nobody waits, the pipeline is at its end and it is still in the log.
                let _waiting = refused.answer.send(kept.unwrap_or(false));
            }
            Command::Refused(asked) => self.answer_refused(asked),
            Command::Sessions(changes) => self.note_sessions(&changes),
            Command::Undecided(notes) => self.take_notes(notes),
            Command::Flush { lane, baton } => {
                // What is blocked will be appended behind the end; its baton comes with it.
                self.lanes[lane].batons.push_back((u64::MAX, baton));
            }
        }
    }

    /// Sees now and then, and at the `end`, whether the directory is still there: what is to be delivered is
    /// written again where somebody has removed it.
    fn look_after(&mut self, claim: &mut impl Hold, end: bool) -> io::Result<()> {
        if self.looked_after.elapsed() < LOOK_AFTER && !end {
            return Ok(());
        }
        let renewed = claim.renew()?;
        let restored = self.log.restore()?;
        self.restore_undecided()?;
        for lane in &mut self.lanes {
            lane.cursor.restore(self.log.disk(), &lane.name)?;
        }
        if renewed || restored > 0 {
            tracing::error!(
                target: "spanreel", files = restored,
                "the spool's directory was removed or replaced; what is to be delivered was written again"
            );
        }
        self.looked_after = Instant::now();
        Ok(())
    }

    /// Everything that is to do now. What fails does not keep the rest from being done: a disk that takes
    /// nothing gets room by what is read from it.
    fn work(&mut self) -> io::Result<()> {
        let mut worked = self.release();
        // Before anything of a session is in the log, what was decided of it is noted.
        let written = self.write_notes();
        worked = worked.and(written.and_then(|()| self.append_all().and(self.commit())));
        for lane in 0..self.lanes.len() {
            worked = worked.and(self.fill(lane));
        }
        worked = worked.and(self.release());
        self.return_batons();
        if self.cursors_synced.elapsed() >= SYNC_CURSORS {
            worked = worked.and(self.sync_cursors());
        }
        let is_stuck = worked.is_err() || !self.blocked.is_empty() || self.lacks_room_for_notes();
        self.gauge.set(self.bytes(), is_stuck);
        worked.and(self.tell_lanes())
    }

    /// Appends what there is room for.
    fn append_all(&mut self) -> io::Result<()> {
        while let Some(append) = self.blocked.front() {
            let lanes = append
                .entries
                .iter()
                .fold(0, |lanes, entry| lanes | 1 << entry.lane);
            let request = &append.request;
            let position = self.log.append(
                request.signal(),
                request.items(),
                lanes,
                self.clock.anchor().unix_ns(),
                request.encoded_len(),
                request.pieces(),
            );
            match position {
                Ok(position) => {
                    let append = self.blocked.pop_front().expect("it is the front");
                    self.appended.push((position, append));
                }
                Err(super::log::Full) if self.when_full == SpoolFull::Block => {
                    if let Some(more) = self.notices.full.due() {
                        tracing::warn!(target: "spanreel", more, "the spool is full; the pipeline waits");
                    }
                    break;
                }
                Err(super::log::Full) => {
                    self.commit()?;
                    if !self.evict()? {
                        break;
                    }
                }
            }
        }
        Ok(())
    }

    /// Makes what was appended last, and passes custody of it to the disk.
    fn commit(&mut self) -> io::Result<()> {
        while let Err(error) = self.log.commit() {
            if !is_full(&error) || self.when_full != SpoolFull::DropOldest || !self.evict()? {
                return Err(error);
            }
        }
        self.hand_on();
        Ok(())
    }

    /// Moves cursors to what is settled and removes what all have settled.
    fn release(&mut self) -> io::Result<()> {
        for lane in &mut self.lanes {
            lane.move_cursor()?;
        }
        let settled = self.lanes.iter().map(|lane| lane.cursor.position());
        let mut settled = settled.min().unwrap_or(0);
        if settled == self.log.end() && !self.is_idle && self.blocked.is_empty() {
            // More will come soon: the last segment stays, or each batch would have one of its own.
            settled = settled.saturating_sub(1);
        }
        self.log.remove_before(settled)
    }

    /// Answers the flushes whose lanes have settled what came before them.
    fn return_batons(&mut self) {
        let end = self.log.end();
        let all_appended = self.blocked.is_empty();
        let all_noted = self.has_noted_all();
        let all_durable = all_appended && self.appended.is_empty();
        for lane in &mut self.lanes {
            for (at, _) in lane.batons.iter_mut().filter(|(at, _)| *at == u64::MAX) {
                if all_appended {
                    *at = end;
                }
            }
            let settled = lane.cursor.position();
            lane.batons.retain(|(at, baton)| {
                let is_over = match baton.is_until_durable() {
                    true => all_noted && (*at <= settled || all_durable),
                    false => *at <= settled,
                };
                !is_over && !baton.is_given_up()
            });
        }
    }

    /// Gives up the oldest segment for what is newer; `false` where there is but one.
    fn evict(&mut self) -> io::Result<bool> {
        let Some((end, records)) = self.log.oldest()? else {
            return Ok(false);
        };
        let mut items = 0;
        for (number, lane) in self.lanes.iter_mut().enumerate() {
            for record in records.iter().filter(|record| {
                record.position >= lane.read_at
                    && record.is_for(&lane.name)
                    && !lane.shelf.is_settled(record.position)
            }) {
                let owed = self.owed.remove(&(number, record.position));
                lane.evict(record.signal, record.items, owed);
                items += record.items;
            }
            let given_up = lane.shelf.give_up(end);
            for left in given_up.left {
                let book = lane.books.of(left.signal);
                book.settle_on_disk(left.items, Fate::Evicted);
                items += left.items;
            }
            for ready in given_up.ready {
                let parcel = &ready.parcel;
                lane.evict(parcel.signal(), parcel.items(), ready.owed);
                items += ready.parcel.items();
            }
            lane.read_at = lane.read_at.max(end);
        }
        self.release()?;
        self.log.remove_before(end)?;
        if let Some(more) = self.notices.evicting.due() {
            tracing::warn!(target: "spanreel", items, more, "the spool is full; the oldest was given up");
        }
        Ok(true)
    }

    fn sync_cursors(&mut self) -> io::Result<()> {
        for lane in self.lanes.iter_mut().filter(|lane| lane.is_moved) {
            lane.cursor.sync()?;
            lane.is_moved = false;
        }
        self.log.sync_removed()?;
        self.cursors_synced = Instant::now();
        Ok(())
    }
}

#[cfg(test)]
mod tests;
