//! The journal of open sessions: what their root spans will say if the process does not come to end them.
//!
//! A log of its own beside the spool. A session that is open has a record: its root span as an OTLP request,
//! incomplete, whose last eight bytes are its end time. A record without items names sessions that are over.
//! What is left at the start are sessions that an earlier process had open: they end when that process was
//! last known to live.
//!
//! Holds: for each open session 16 bytes. Waits: for the disk. Loses: sessions of the last second.

use std::collections::HashMap;
use std::io;

use super::cursor::Cursor;
use super::desk::Changes;
use super::disk::Disk;
use super::handle::LeftOpen;
use super::log::{Log, LogError, Sizes};
use crate::model::request::Signal;

/// Where it is, below the directory of a spool.
pub(crate) const DIRECTORY: &str = "sessions";
/// The cursor whose position is when the process was last known to live.
const ALIVE: &str = "alive";
const SIZES: Sizes = Sizes {
    segment: 1 << 20,
    max: u64::MAX,
};
/// It is written anew when it is so much larger than what it needs: more than one file, which cannot go while
/// it is written.
const SLACK: u64 = 2 * SIZES.segment;
/// Bytes of the end time, with which a request ends.
const END_TIME: usize = 8;

#[derive(Debug)]
pub(crate) struct Journal<D: Disk> {
    log: Log<D>,
    alive: Cursor<D::File>,
    /// Where the record of each open session is, and how large.
    open: HashMap<u64, (u64, u64)>,
    /// Bytes of those.
    needed: u64,
}

impl<D: Disk> Journal<D> {
    /// Opens the journal of a directory; tells what an earlier process had open.
    pub(crate) fn open(disk: D) -> Result<(Self, Vec<LeftOpen>), LogError> {
        let alive = Cursor::open(&disk, ALIVE, 0)?;
        let (log, _) = Log::open(disk, SIZES, Vec::new(), 0, |_, _| {})?;
        let mut journal = Self {
            log,
            alive,
            open: HashMap::new(),
            needed: 0,
        };
        let mut last_ns = journal.alive.position();
        let mut at = journal.log.start();
        while let Some(stored) = journal.log.read(at)? {
            at = stored.next;
            last_ns = last_ns.max(stored.time_ns);
            let (root, rest) = split(&stored.body);
            match stored.items {
                0 => roots(&stored.body).for_each(|root| journal.forget(root)),
                _ if rest.len() < END_TIME => {}
                _ => journal.remember(root, stored.position, stored.next - stored.position),
            }
        }
        let mut left = Vec::with_capacity(journal.open.len());
        for (root, (position, _)) in &journal.open {
            let Some(stored) = journal.log.read(*position)? else {
                continue;
            };
            let mut request = stored.body[END_TIME..].to_vec();
            let end = request.len() - END_TIME;
            // It began before it was noted; it did not end before.
            let end_ns = last_ns.max(stored.time_ns);
            request[end..].copy_from_slice(&end_ns.to_le_bytes());
            left.push(LeftOpen {
                root: *root,
                request: request.into(),
            });
        }
        Ok((journal, left))
    }

    /// Notes what has changed, and that the process lives.
    pub(crate) fn note(&mut self, changes: &Changes, now_ns: u64) -> io::Result<()> {
        for (root, request) in &changes.began {
            let id = root.to_le_bytes();
            let parts = std::iter::once(&id[..]).chain(request.pieces());
            self.append(*root, id.len() + request.encoded_len(), parts, now_ns);
        }
        if !changes.over.is_empty() {
            let body: Vec<u8> = changes
                .over
                .iter()
                .flat_map(|root| root.to_le_bytes())
                .collect();
            let parts = std::iter::once(&body[..]);
            self.log
                .append(Signal::Traces, 0, 0, now_ns, body.len(), parts)
                .expect("it has no bound");
            changes.over.iter().for_each(|root| self.forget(*root));
        }
        self.log.commit()?;
        if self.log.bytes() > 2 * self.needed + SLACK {
            self.write_anew()?;
        }
        if self.open.is_empty() {
            return self.log.release(self.log.end());
        }
        self.alive.move_to(now_ns)
    }

    fn append<'a>(
        &mut self,
        root: u64,
        len: usize,
        parts: impl Iterator<Item = &'a [u8]>,
        now_ns: u64,
    ) {
        let position = self.log.append(Signal::Traces, 1, 0, now_ns, len, parts);
        let position = position.expect("it has no bound");
        self.remember(root, position, self.log.end() - position);
    }

    /// Writes what is needed behind all else, which then goes.
    fn write_anew(&mut self) -> io::Result<()> {
        let end = self.log.end();
        let positions: Vec<u64> = self.open.values().map(|(position, _)| *position).collect();
        for position in positions {
            let Some(stored) = self.log.read(position)? else {
                continue;
            };
            let (root, _) = split(&stored.body);
            let body = std::iter::once(&stored.body[..]);
            self.append(root, stored.body.len(), body, stored.time_ns);
        }
        self.log.commit()?;
        self.log.release(end)
    }

    fn remember(&mut self, root: u64, position: u64, len: u64) {
        self.forget(root);
        self.open.insert(root, (position, len));
        self.needed += len;
    }

    fn forget(&mut self, root: u64) {
        if let Some((_, len)) = self.open.remove(&root) {
            self.needed -= len;
        }
    }
}

/// The id of a root, and what stands behind it.
fn split(body: &[u8]) -> (u64, &[u8]) {
    match body.split_first_chunk() {
        Some((root, rest)) => (u64::from_le_bytes(*root), rest),
        None => (0, &[]),
    }
}

fn roots(body: &[u8]) -> impl Iterator<Item = u64> {
    body.chunks_exact(8).map(|root| split(root).0)
}

#[cfg(test)]
mod tests {
    use super::super::sim::SimDisk;
    use super::*;
    use crate::model::request::Request;

    fn request(root: u64) -> Request {
        let body = format!("root {root} ends at ????????");
        Request::from_bytes(Signal::Traces, 1, body.into())
    }

    fn began(roots: std::ops::Range<u64>) -> Changes {
        Changes {
            began: roots.map(|root| (root, request(root))).collect(),
            over: Vec::new(),
        }
    }

    fn over(roots: std::ops::Range<u64>) -> Changes {
        Changes {
            began: Vec::new(),
            over: roots.collect(),
        }
    }

    fn left(disk: &SimDisk) -> Vec<LeftOpen> {
        let (_, mut left) = Journal::open(disk.clone()).expect("it opens");
        left.sort_by_key(|it| it.root);
        left
    }

    /// What was open when the process was killed is told, ended when it was last known to live; what was over
    /// is not.
    #[test]
    fn what_was_open_is_told() {
        let disk = SimDisk::default();
        let (mut journal, none) = Journal::open(disk.clone()).expect("it opens");
        assert!(none.is_empty());
        journal.note(&began(1..6), 100).expect("written");
        journal.note(&over(2..4), 200).expect("written");
        journal.note(&Changes::default(), 300).expect("written");
        disk.kill();
        let told = left(&disk);
        let roots: Vec<_> = told.iter().map(|it| it.root).collect();
        assert_eq!(roots, [1, 4, 5]);
        let expected = [&b"root 4 ends at "[..], &300_u64.to_le_bytes()].concat();
        assert_eq!(told[1].request, expected);
        // Nobody has said that they are over: they are told again.
        assert_eq!(left(&disk).len(), 3);
    }

    /// When all are over nothing is left on disk; and however many come and go, it stays small.
    #[test]
    fn it_stays_small() {
        let disk = SimDisk::default();
        let (mut journal, _) = Journal::open(disk.clone()).expect("it opens");
        journal.note(&began(0..10), 1).expect("written");
        for round in 0..200 {
            let from = 1_000 * (round + 1);
            journal
                .note(&began(from..from + 500), round)
                .expect("written");
            journal
                .note(&over(from..from + 500), round)
                .expect("written");
            assert!(journal.log.bytes() < 2 * SLACK, "{round}");
        }
        assert_eq!(left(&disk).len(), 10);
        journal.note(&over(0..10), 1).expect("written");
        assert_eq!(journal.log.bytes(), 0);
        assert!(left(&disk).is_empty());
    }

    /// A record that is no session's, however it came there, is passed over.
    #[test]
    fn what_is_no_session_is_passed_over() {
        let disk = SimDisk::default();
        let (mut journal, _) = Journal::open(disk.clone()).expect("it opens");
        for body in [&b""[..], b"short", b"12345678", b"12345678901"] {
            for items in [0, 1] {
                let parts = std::iter::once(body);
                journal
                    .log
                    .append(Signal::Traces, items, 0, 1, body.len(), parts)
                    .expect("room");
            }
        }
        journal.log.commit().expect("written");
        assert!(left(&disk).is_empty());
    }
}
