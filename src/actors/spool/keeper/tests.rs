use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;

use bytes::Bytes;
use futures::executor::block_on;

use super::super::cursor::Cursor;
use super::super::desk::LaneSpool;
use super::super::log::Sizes;
use super::super::sim::SimDisk;
use super::*;
use crate::model::ledger::Books;
use crate::model::receipt::{Shares, Ticket};
use crate::model::request::{Request, Signal};

/// Nothing to keep hold of: the disk is in memory.
impl Hold for () {
    fn renew(&mut self) -> io::Result<bool> {
        Ok(false)
    }
}

/// A keeper with one lane, over a disk that does as it is told.
struct Setup {
    disk: SimDisk,
    books: Arc<Books>,
    spool: LaneSpool,
    ended: oneshot::Receiver<()>,
}

fn start(disk: &SimDisk, when_full: SpoolFull) -> Setup {
    let sizes = Sizes {
        segment: 4 << 10,
        max: 32 << 10,
    };
    let books = Arc::new(Books::default());
    let backlog = Arc::new(AtomicU64::new(0));
    let cursor = Cursor::open(disk, "lane", 0).expect("it opens");
    let opened = Log::open(
        disk.clone(),
        sizes,
        vec!["lane".to_owned()],
        0,
        |header, _| {
            if header.position >= cursor.position() {
                books.of(header.signal).recover(header.items.into());
                backlog.fetch_add(1, Ordering::Relaxed);
            }
        },
    );
    let (log, _) = opened.expect("it opens");
    let desk = Arc::new(Desk::new(8 << 10));
    let lane = Lane {
        name: "lane".to_owned(),
        books: Arc::clone(&books),
        backlog: Arc::clone(&backlog),
        read_at: cursor.position(),
        cursor,
        taken: BTreeMap::new(),
        asking: None,
        batons: VecDeque::new(),
        is_moved: false,
    };
    let quarantine = Quarantine::open(SimDisk::default(), 0).expect("it opens");
    let keeper = Keeper::new(log, vec![lane], quarantine, Arc::clone(&desk), when_full, 0);
    Setup {
        disk: disk.clone(),
        books,
        spool: LaneSpool {
            desk,
            number: 0,
            always: true,
            backlog,
            circuit: Arc::default(),
        },
        ended: keeper.start(()).expect("a thread"),
    }
}

impl Setup {
    /// Appends a request of so many bytes; what tells its fate.
    fn append(&self, len: usize) -> Arc<Ticket> {
        let ticket = Arc::default();
        let request = Request::from_bytes(Signal::Traces, 1, Bytes::from(vec![7; len]));
        let tally = self.books.of(Signal::Traces).enter(1);
        let tally = tally.owed_to(Shares::of(&ticket, 1));
        let entry = self.spool.entry(tally, None);
        let appended = block_on(self.spool.desk.append(request, vec![entry]));
        appended.expect("the thread is there");
        ticket
    }

    fn wait_until(&self, what: &str, mut is_so: impl FnMut(&Self) -> bool) {
        let begun = Instant::now();
        while !is_so(self) {
            assert!(begun.elapsed() < Duration::from_secs(20), "never: {what}");
            std::thread::yield_now();
        }
    }

    fn deliver_one(&self) {
        let served = block_on(self.spool.next()).expect("the thread is there");
        self.spool
            .backlog
            .fetch_sub(served.records, Ordering::AcqRel);
        served.consignment.tally.settle(Fate::Exported);
    }

    fn fates(&self) -> Vec<(Fate, u64)> {
        let counts = self.books.of(Signal::Traces).counts();
        counts.fates().collect()
    }

    fn on_disk(&self) -> u64 {
        self.books.of(Signal::Traces).counts().on_disk()
    }

    fn end(self) -> SimDisk {
        self.spool.desk.close();
        block_on(self.ended).expect("it tells its end");
        self.disk
    }
}

/// What is on disk is told to be, is delivered once, and is then removed.
#[test]
fn what_is_on_disk_is_delivered_once() {
    let setup = start(&SimDisk::default(), SpoolFull::Block);
    let ticket = setup.append(1000);
    setup.wait_until("it is durable", |_| ticket.exposed() == 0);
    assert_eq!((ticket.open(), setup.on_disk()), (1, 1));
    setup.deliver_one();
    assert_eq!((ticket.open(), setup.on_disk()), (0, 0));
    assert_eq!(setup.fates(), [(Fate::Exported, 1)]);
    let disk = setup.end();
    let left = disk.list().expect("listed");
    assert!(left.iter().all(|name| name.ends_with(".cur")), "{left:?}");
    let again = start(&disk, SpoolFull::Block);
    assert_eq!(again.on_disk(), 0);
    again.end();
}

/// What is under way when all ends is still on disk, and the next start has it.
#[test]
fn what_is_under_way_at_the_end_is_still_there() {
    let setup = start(&SimDisk::default(), SpoolFull::Block);
    let (first, second) = (setup.append(1000), setup.append(1000));
    let served = block_on(setup.spool.next()).expect("the first");
    let third = block_on(setup.spool.next()).expect("the second");
    third.consignment.tally.settle(Fate::Exported);
    drop(served);
    assert_eq!(second.open(), 0);
    assert_eq!(first.fates()[Fate::Spooled as usize], 1);
    assert_eq!(setup.on_disk(), 1);
    let disk = setup.end();
    // The cursor stands before the first: the second comes again, too.
    let again = start(&disk, SpoolFull::Block);
    assert_eq!(again.on_disk(), 2);
    again.deliver_one();
    again.deliver_one();
    again.end();
}

/// A disk that is full stops nobody from reading, and what waits for room is written when there is some.
#[test]
fn a_full_disk_goes_on_when_there_is_room() {
    let setup = start(&SimDisk::default(), SpoolFull::Block);
    let first = setup.append(1000);
    setup.wait_until("it is durable", |_| first.exposed() == 0);
    setup.disk.set_capacity(Some(1100));
    let second = setup.append(2000);
    setup.deliver_one();
    assert_eq!(first.open(), 0);
    assert_eq!((second.exposed(), setup.on_disk()), (1, 0));
    setup.disk.set_capacity(None);
    setup.wait_until("it is durable", |_| second.exposed() == 0);
    setup.deliver_one();
    assert_eq!(setup.fates(), [(Fate::Exported, 2)]);
    setup.end();
}

/// A failed sync is not believed afterwards: what it was to keep is written again before it is told to last.
#[test]
fn a_failed_sync_is_not_believed() {
    let setup = start(&SimDisk::default(), SpoolFull::Block);
    setup.disk.fail_sync_after(0);
    let ticket = setup.append(1000);
    setup.wait_until("it is durable", |_| ticket.exposed() == 0);
    // At the worst moment, and nothing but what was synced survives.
    setup.disk.cut_power(|| false);
    let disk = setup.disk.clone();
    drop(setup);
    let again = start(&disk, SpoolFull::Block);
    assert_eq!(again.on_disk(), 1);
    again.deliver_one();
    again.end();
}

/// A log that is full gives up its oldest, or makes those who append wait, as it was told.
#[test]
fn a_full_log_does_as_it_was_told() {
    let drops = start(&SimDisk::default(), SpoolFull::DropOldest);
    let tickets: Vec<_> = (0..100).map(|_| drops.append(1000)).collect();
    drops.wait_until("all are decided", |_| {
        tickets.iter().all(|ticket| ticket.exposed() == 0)
    });
    let evicted = drops.books.of(Signal::Traces).counts().of(Fate::Evicted);
    assert!(evicted > 60, "{evicted}");
    assert_eq!(drops.on_disk() + evicted, 100);
    assert_eq!(tickets[0].fates()[Fate::Evicted as usize], 1);
    assert_eq!(tickets[99].open(), 1);
    while drops.on_disk() > 0 {
        drops.deliver_one();
    }
    drops.end();

    let blocks = start(&SimDisk::default(), SpoolFull::Block);
    std::thread::scope(|scope| {
        let appends = scope.spawn(|| (0..100).map(|_| blocks.append(1000)).collect::<Vec<_>>());
        blocks.wait_until("it is full", |blocks| blocks.on_disk() > 25);
        assert!(!appends.is_finished());
        for _ in 0..100 {
            blocks.deliver_one();
        }
        let tickets = appends.join().expect("no panic");
        assert!(tickets.iter().all(|ticket| ticket.open() == 0));
    });
    assert_eq!(blocks.fates(), [(Fate::Exported, 100)]);
    blocks.end();
}

/// A thread that panics leaves nobody waiting: what it had not written is booked, and all who ask are told.
#[test]
fn a_panic_leaves_nobody_waiting() {
    let setup = start(&SimDisk::default(), SpoolFull::Block);
    let first = setup.append(1000);
    setup.wait_until("it is durable", |_| first.exposed() == 0);
    setup.disk.panic_next();
    let second = setup.append(1000);
    setup.wait_until("it is gone", |setup| setup.spool.desk.is_gone());
    setup.wait_until("all are told", |_| second.open() + first.open() == 0);
    assert_eq!(second.fates()[Fate::Abandoned as usize], 1);
    assert_eq!(first.fates()[Fate::Spooled as usize], 1);
    assert!(block_on(setup.spool.next()).is_none());
    block_on(setup.ended).expect("it tells its end");
}
