//! Opens a spool: claims the directory, looks at what it holds, takes over what dead processes left, and
//! starts the thread.
//!
//! Waits: for the disk, as long as it takes to read what is there. Loses: nothing.

use std::collections::VecDeque;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::claim::{Claim, claim};
use super::config::{Spool, SpoolMode};
use super::cursor::Cursor;
use super::desk::{Changes, Desk, LaneSpool};
use super::disk::RealDisk;
use super::error::SpoolError;
use super::handle::{Door, End, LeftOpen, Running};
use super::inspect::cursors;
use super::journal::{self, Journal};
use super::keeper::Keeper;
use super::lane::Lane;
use super::log::{Log, LogError, Sizes};
use super::notes::Left;
use super::quarantine::{self, Quarantine};
use super::segment::MAX_LANES;
use super::settled::Settled;
use super::shelf::{Room, Shelf};
use super::stored::Recovered;
use super::undecided::{self, Undecided};
use crate::actors::clock::Clock;
use crate::model::ledger::Books;
use crate::model::request::{Request, Signal};

/// Whose cursor tells how far what is nobody's was set aside: no exporter has this name.
const STRAYS: &str = "\0strays";
/// The part of a spool's size that one segment takes at most, and what was refused in all.
const PART: u64 = 8;
/// So many times what a lane is given at once is read for it ahead, so that it need not wait for a commit.
const READ_AHEAD: u64 = 4;
/// An orphan is taken over in commits of so many bytes.
const ADOPT_BYTES: u64 = 4 << 20;

/// How a pipeline uses its spool.
pub(crate) struct Use<'a> {
    /// The exporters' names, and the books of their lanes.
    pub(crate) lanes: Vec<(&'a str, &'a Arc<Books>)>,
    /// What may wait in memory for the disk.
    pub(crate) desk_bytes: usize,
    /// How many bytes of small requests a lane is given as one.
    pub(crate) group_bytes: u64,
}

/// Opens the spool and starts its thread.
pub(crate) fn open(settings: &Spool, usage: &Use<'_>) -> Result<Running, SpoolError> {
    if usage.lanes.len() > MAX_LANES {
        return Err(SpoolError::TooManyExporters(usage.lanes.len()));
    }
    let (own, orphans) = claim(&settings.path)?;
    let max = settings.max_size.as_u64();
    let part = max / PART;
    let sizes = Sizes {
        segment: settings.segment_size.as_u64().clamp(1, part),
        max,
    };
    let failed = |source| SpoolError::Io {
        path: settings.path.clone(),
        source,
    };
    // No more than a segment at a time, so that room is freed in parts.
    let desk_bytes = usage
        .desk_bytes
        .min(usize::try_from(part).unwrap_or(usize::MAX));
    let mut lanes = open_lanes(&own.disk, usage, desk_bytes).map_err(failed)?;
    let floor = Cursor::furthest(&own.disk).map_err(failed)?;
    let mut strays = Cursor::open(&own.disk, STRAYS, 0).map_err(failed)?;
    let (mut log, recovered, stray) = open_log(&own, sizes, &lanes, floor, strays.position())?;
    let mut bytes = recovered.bytes;
    let (mut journal, mut left_open) = open_journal(&own)?;
    let (mut undecided, mut left) = open_undecided(&own, &sizes)?;
    for orphan in orphans {
        let path = orphan.path.clone();
        // What was taken over is gone there, whatever becomes of the rest.
        let adopted = take_over(&orphan, &mut journal, &mut left_open)
            .and_then(|()| take_over_undecided(&orphan, &sizes, &mut undecided, &mut left))
            .and_then(|()| adopt(orphan, sizes, &mut log, &mut lanes));
        match adopted {
            Ok(adopted) => bytes += adopted,
            Err(error) => {
                tracing::warn!(
                    target: "spanreel", directory = %path.display(), %error,
                    "not all that another process left there is taken over now"
                );
            }
        }
    }
    if recovered.unreadable > 0 {
        let unreadable = recovered.unreadable;
        tracing::warn!(target: "spanreel", bytes = unreadable, "a part of the spool is damaged");
    }
    if bytes > 0 {
        tracing::info!(target: "spanreel", bytes, "the spool holds undelivered telemetry");
    }
    let mut quarantine = RealDisk::at(settings.path.join(quarantine::DIRECTORY))
        .and_then(|disk| Quarantine::open(disk, part))
        .map_err(failed)?;
    if !stray.is_empty() {
        set_aside(&log, &stray, &mut quarantine)
            .and_then(|()| strays.move_to(log.end()))
            .and_then(|()| strays.sync())
            .map_err(failed)?;
    }

    let desk = Arc::new(Desk::new(desk_bytes));
    let lane_spools = lanes
        .iter()
        .enumerate()
        .map(|(number, lane)| LaneSpool {
            desk: Arc::clone(&desk),
            number,
            always: settings.mode == SpoolMode::Always,
            backlog: Arc::clone(&lane.backlog),
            circuit: Arc::clone(&lane.circuit),
            shelf: Arc::clone(&lane.shelf),
        })
        .collect();
    let when_full = settings.when_full;
    let keeper = Keeper::new(log, lanes, quarantine, Arc::clone(&desk), when_full);
    let keeper = keeper.with_journals(journal, undecided);
    let gauge = keeper.gauge().clone();
    let ended = keeper.start(own).map_err(failed)?;
    let door = Door {
        desk: Arc::clone(&desk),
        path: settings.path.clone(),
    };
    Ok(Running {
        end: End { desk, ended },
        door,
        lanes: lane_spools,
        gauge,
        left_open,
        undecided: left,
        most_undecided: max / PART,
    })
}

/// Opens the journal of sessions below a directory.
fn open_journal(claim: &Claim) -> Result<(Journal<RealDisk>, Vec<LeftOpen>), SpoolError> {
    let path = claim.path.join(journal::DIRECTORY);
    let opened = RealDisk::at(path.clone())
        .map_err(LogError::Io)
        .and_then(Journal::open);
    opened.map_err(|error| log_error(&path, error))
}

/// Takes over the sessions that a dead process had open: they are noted here, then gone there. Killed in
/// between, they are told twice.
fn take_over(
    orphan: &Claim,
    journal: &mut Journal<RealDisk>,
    left_open: &mut Vec<LeftOpen>,
) -> Result<(), LogError> {
    let disk = RealDisk::at(orphan.path.join(journal::DIRECTORY))?;
    let (_, left) = Journal::open(disk)?;
    let began = left.iter().map(|it| {
        let request = Request::from_bytes(Signal::Traces, 1, it.request.clone());
        (it.root, request)
    });
    let changes = Changes {
        began: began.collect(),
        over: Vec::new(),
    };
    // Should this process be killed, too, that is when they ended: it was known to live now.
    journal.note(&changes, Clock::new().anchor().unix_ns())?;
    left_open.extend(left);
    orphan.remove_below(journal::DIRECTORY)?;
    Ok(())
}

/// Opens the journal of undecided sessions below a directory. It takes half of the spool at most.
fn open_undecided(claim: &Claim, sizes: &Sizes) -> Result<(Undecided<RealDisk>, Left), SpoolError> {
    let path = claim.path.join(undecided::DIRECTORY);
    let opened = RealDisk::at(path.clone())
        .map_err(LogError::Io)
        .and_then(|disk| Undecided::open(disk, sizes.segment, sizes.max / 2));
    opened.map_err(|error| log_error(&path, error))
}

/// Takes over the sessions that a dead process had not decided, in the same way.
fn take_over_undecided(
    orphan: &Claim,
    sizes: &Sizes,
    journal: &mut Undecided<RealDisk>,
    left: &mut Left,
) -> Result<(), LogError> {
    let disk = RealDisk::at(orphan.path.join(undecided::DIRECTORY))?;
    let (_, of_orphan) = Undecided::open(disk, sizes.segment, sizes.max / 2)?;
    journal.adopt(of_orphan, left)?;
    orphan.remove_below(undecided::DIRECTORY)?;
    Ok(())
}

fn log_error(path: &Path, error: LogError) -> SpoolError {
    match error {
        LogError::Newer(format) => SpoolError::NewerFormat {
            path: path.to_owned(),
            format,
        },
        LogError::Io(source) => SpoolError::Io {
            path: path.to_owned(),
            source,
        },
    }
}

/// Opens the lanes, which share so many bytes of memory for what they are to deliver and is on disk.
fn open_lanes(disk: &RealDisk, usage: &Use<'_>, memory: usize) -> io::Result<Vec<Lane<RealDisk>>> {
    let room = Room {
        memory: memory as u64 / usage.lanes.len().max(1) as u64,
        disk: READ_AHEAD * usage.group_bytes,
        group: usage.group_bytes,
    };
    usage
        .lanes
        .iter()
        .map(|(name, books)| {
            let cursor = Cursor::open(disk, name, 0)?;
            let shelf = Shelf::new(Arc::clone(books), cursor.settled().clone(), room);
            Ok(Lane {
                name: (*name).to_owned(),
                books: Arc::clone(books),
                backlog: Arc::new(AtomicU64::new(0)),
                circuit: Arc::default(),
                read_at: cursor.position(),
                cursor,
                shelf: Arc::new(shelf),
                batons: VecDeque::new(),
                is_moved: false,
            })
        })
        .collect()
}

/// Opens the log and enters into the books what it holds.
fn open_log(
    own: &Claim,
    sizes: Sizes,
    lanes: &[Lane<RealDisk>],
    floor: u64,
    strays_from: u64,
) -> Result<(Log<RealDisk>, Recovered, Vec<u64>), SpoolError> {
    let names: Vec<_> = lanes.iter().map(|lane| lane.name.clone()).collect();
    let mut others = cursors(&own.disk).map_err(|source| SpoolError::Io {
        path: own.path.clone(),
        source,
    })?;
    others.retain(|name, _| !names.contains(name));
    let mut strays = Vec::new();
    let opened = Log::open(own.disk.clone(), sizes, names, floor, |header, is_for| {
        let mut is_ours = false;
        for lane in lanes.iter().filter(|lane| is_for(&lane.name)) {
            is_ours = true;
            if !lane.cursor.settled().holds(header.position) {
                lane.books.of(header.signal).recover(header.items.into());
                lane.backlog.fetch_add(1, Ordering::Relaxed);
            }
        }
        let waits =
            |(name, cursor): (&String, &Settled)| is_for(name) && !cursor.holds(header.position);
        if !is_ours && header.position >= strays_from && others.iter().any(waits) {
            strays.push(header.position);
        }
    });
    let (log, recovered) = opened.map_err(|error| log_error(&own.path, error))?;
    Ok((log, recovered, strays))
}

/// Puts what no exporter of now is to deliver into quarantine: the one that was to may have another name.
fn set_aside(
    log: &Log<RealDisk>,
    strays: &[u64],
    quarantine: &mut Quarantine<RealDisk>,
) -> io::Result<()> {
    let (mut kept, mut lost) = (0, 0);
    for position in strays {
        let Some(stored) = log.read(*position)? else {
            continue;
        };
        let (items, time_ns) = (stored.items, stored.time_ns);
        let exporter = stored.written_for().next().unwrap_or("unknown").to_owned();
        let request = Request::from_bytes(stored.signal, items, stored.body.into());
        let words = "no exporter of that name is there any more";
        match quarantine.keep(&exporter, &request, words, time_ns)? {
            true => kept += items,
            false => lost += items,
        }
    }
    tracing::warn!(
        target: "spanreel", kept, lost,
        "the spool held telemetry for exporters that are none now; see its quarantine"
    );
    Ok(())
}

/// Takes over what a dead process left to be delivered: first it is added to the own log, then it is removed
/// there, part by part. Killed in between, such a part is delivered twice.
fn adopt(
    orphan: Claim,
    sizes: Sizes,
    log: &mut Log<RealDisk>,
    lanes: &mut [Lane<RealDisk>],
) -> Result<u64, LogError> {
    let (mut left, _) = Log::open(orphan.disk.clone(), sizes, Vec::new(), 0, |_, _| {})?;
    if left.bytes() + log.bytes() > sizes.max {
        return Err(LogError::Io(io::ErrorKind::StorageFull.into()));
    }
    let cursors = lanes
        .iter()
        .map(|lane| Ok(Cursor::open(&orphan.disk, &lane.name, 0)?.settled().clone()))
        .collect::<io::Result<Vec<Settled>>>()?;
    let bytes = left.bytes();
    let (mut at, mut uncommitted) = (0, 0);
    while let Some(stored) = left.read(at)? {
        at = stored.next;
        let mut mask = 0;
        for (number, lane) in lanes.iter().enumerate() {
            if stored.is_for(&lane.name) && !cursors[number].holds(stored.position) {
                mask |= 1 << number;
            }
        }
        if mask == 0 {
            continue;
        }
        let body = std::iter::once(&stored.body[..]);
        let (signal, items) = (stored.signal, stored.items);
        let appended = log.append(signal, items, mask, stored.time_ns, stored.body.len(), body);
        if appended.is_err() {
            return Err(LogError::Io(io::ErrorKind::StorageFull.into()));
        }
        for (number, lane) in lanes.iter().enumerate() {
            if mask >> number & 1 == 1 {
                lane.books.of(signal).recover(items);
                lane.backlog.fetch_add(1, Ordering::Relaxed);
            }
        }
        uncommitted += stored.body.len() as u64;
        if uncommitted >= ADOPT_BYTES {
            log.commit()?;
            left.release(at)?;
            uncommitted = 0;
        }
    }
    log.commit()?;
    orphan.remove()?;
    Ok(bytes)
}

#[cfg(test)]
mod tests;
