//! What a start takes over from processes that are dead.

use std::fs;

use futures::executor::block_on;

use super::*;
use crate::model::byte_size::ByteSize;

/// When the dead process was last known to live.
const LIVED_NS: u64 = 1_000;

/// What the process left that is dead: an open session, and a request of so many bytes for an exporter.
fn leave(root: &Path, request: usize) {
    let path = root.join("process-1-0");
    let disk = |below: &str| RealDisk::at(path.join(below)).expect("a folder of ours");
    let (mut journal, _) = Journal::open(disk(journal::DIRECTORY)).expect("it opens");
    let will = Request::from_bytes(Signal::Traces, 1, (&b"ends at ????????"[..]).into());
    let changes = Changes {
        began: vec![(7, will)],
        over: Vec::new(),
    };
    journal.note(&changes, LIVED_NS).expect("written");

    let sizes = Sizes {
        segment: 1 << 20,
        max: u64::MAX,
    };
    let names = vec!["otlp".to_owned()];
    let opened = Log::open(disk(""), sizes, names, 0, |_, _| {});
    let (mut log, _) = opened.expect("it opens");
    let body = vec![0; request];
    let parts = std::iter::once(&body[..]);
    log.append(Signal::Traces, 3, 1, 1, body.len(), parts)
        .expect("room");
    log.commit().expect("written");
    // It says what it is, as what a process claims does.
    fs::copy(root.join("FORMAT"), path.join("FORMAT")).expect("ours");
}

/// A start that ends at once: the end times of the open sessions that it took over, and its books.
fn start(settings: &Spool) -> (Vec<u64>, Arc<Books>) {
    let books = Arc::new(Books::default());
    let usage = Use {
        lanes: vec![("otlp", &books)],
        desk_bytes: 1 << 20,
        group_bytes: 0,
    };
    let running = open(settings, &usage).expect("it opens");
    block_on(running.end.finish());
    let end_of = |it: &LeftOpen| {
        let end = it.request.last_chunk().expect("a time");
        u64::from_le_bytes(*end)
    };
    (running.left_open.iter().map(end_of).collect(), books)
}

fn recovered(books: &Books) -> u64 {
    books.of(Signal::Traces).counts().recovered()
}

/// What is left of the sessions of a start that nobody said are over, as the next one finds them.
fn still_open(root: &Path) -> Vec<LeftOpen> {
    let disk = RealDisk::at(root.join(journal::DIRECTORY)).expect("ours");
    Journal::open(disk).expect("it opens").1
}

/// The sessions that a dead process had open are taken over once, though what it was to deliver has no room
/// and stays, start after start; that follows when there is room.
#[test]
fn open_sessions_are_taken_over_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let small = Spool::at(folder.path(), ByteSize::mib(8));
    assert_eq!(start(&small).0, [0_u64; 0]);
    leave(folder.path(), 9 << 20);

    let (ends, books) = start(&small);
    assert_eq!((ends, recovered(&books)), (vec![LIVED_NS], 0));
    // They are taken in by now.
    fs::remove_dir_all(folder.path().join(journal::DIRECTORY)).expect("ours");
    let (ends, books) = start(&small);
    assert_eq!((ends, recovered(&books)), (vec![], 0), "once");

    let large = Spool::at(folder.path(), ByteSize::mib(64));
    let (ends, books) = start(&large);
    assert_eq!((ends, recovered(&books)), (vec![], 3));
    assert!(!folder.path().join("process-1-0").exists());
}

/// A process that takes over sessions and is killed at once was known to live: they end then, not in 1970.
#[test]
fn sessions_that_are_taken_over_do_not_end_in_1970() {
    let folder = tempfile::tempdir().expect("a folder");
    let spool = Spool::at(folder.path(), ByteSize::mib(8));
    start(&spool);
    leave(folder.path(), 1);
    let before_ns = Clock::new().anchor().unix_ns();
    start(&spool);
    let left = still_open(folder.path());
    assert_eq!(left.len(), 1);
    let end = left[0].request.last_chunk().expect("a time");
    assert!(u64::from_le_bytes(*end) >= before_ns);
}
