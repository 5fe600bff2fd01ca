mod network;

use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use futures::executor::block_on;
use proptest::prelude::*;

use super::super::cursor::Cursor;
use super::super::desk::LaneSpool;
use super::super::log::{LogError, Sizes};
use super::super::shelf::{Room, Shelf};
use super::super::sim::SimDisk;
use super::*;
use crate::model::batch::{Consignment, Parcel};
use crate::model::ledger::{Books, Fate};
use crate::model::receipt::{Shares, Ticket};
use crate::model::request::Signal;

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
    // One record at a time.
    let room = Room {
        memory: 1,
        disk: 1,
        group: 0,
    };
    start_with(disk, when_full, room, 32 << 10)
}

fn start_with(disk: &SimDisk, when_full: SpoolFull, room: Room, max: u64) -> Setup {
    let opened = open(disk, when_full, room, max).expect("it opens");
    let (keeper, books, spool) = opened;
    Setup {
        disk: disk.clone(),
        books,
        spool,
        ended: keeper.start(()).expect("a thread"),
    }
}

/// A keeper that is not started, the books of its lane, and the spool as that lane sees it.
type Opened = (Keeper<SimDisk>, Arc<Books>, LaneSpool);

fn open(disk: &SimDisk, when_full: SpoolFull, room: Room, max: u64) -> Result<Opened, LogError> {
    let sizes = Sizes {
        segment: 4 << 10,
        max,
    };
    let books = Arc::new(Books::default());
    let backlog = Arc::new(AtomicU64::new(0));
    let cursor = Cursor::open(disk, "lane", 0)?;
    let (log, _) = Log::open(
        disk.clone(),
        sizes,
        vec!["lane".to_owned()],
        Cursor::furthest(disk)?,
        |header, _| {
            if !cursor.settled().holds(header.position) {
                books.of(header.signal).recover(header.items.into());
                backlog.fetch_add(1, Ordering::Relaxed);
            }
        },
    )?;
    let desk = Arc::new(Desk::new(8 << 10));
    let settled = cursor.settled().clone();
    let shelf = Arc::new(Shelf::new(Arc::clone(&books), settled, room));
    let circuit = Arc::default();
    let lane = Lane {
        name: "lane".to_owned(),
        books: Arc::clone(&books),
        backlog: Arc::clone(&backlog),
        circuit: Arc::clone(&circuit),
        read_at: cursor.position(),
        shelf: Arc::clone(&shelf),
        cursor,
        batons: VecDeque::new(),
        is_moved: false,
    };
    let quarantine = Quarantine::open(SimDisk::default(), 0)?;
    let keeper = Keeper::new(log, vec![lane], quarantine, Arc::clone(&desk), when_full);
    let spool = LaneSpool {
        desk,
        number: 0,
        always: true,
        backlog,
        circuit,
        shelf,
    };
    Ok((keeper, books, spool))
}

impl Setup {
    /// Appends a request of so many bytes; what tells its fate.
    fn append(&self, len: usize) -> Arc<Ticket> {
        self.append_bytes(vec![7; len])
    }

    fn append_bytes(&self, bytes: Vec<u8>) -> Arc<Ticket> {
        let ticket = Arc::default();
        let request = vec![(Bytes::from(bytes), 1)];
        let parcel = Parcel::of_requests(Signal::Traces, request);
        let tally = self.books.of(Signal::Traces).enter(1);
        let tally = tally.owed_to(Shares::of(&ticket, 1));
        let entry = self.spool.entry(tally, None);
        let appended = block_on(self.spool.desk.append(parcel, vec![entry]));
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

    /// What comes next.
    fn take(&self) -> Consignment {
        let served = block_on(self.spool.next()).expect("the thread is there");
        self.spool
            .backlog
            .fetch_sub(served.records, Ordering::AcqRel);
        served.consignment
    }

    fn deliver_one(&self) {
        self.take().tally.settle(Fate::Exported);
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
    // The cursor stands before the first and knows of the second, which does not come again.
    let again = start(&disk, SpoolFull::Block);
    assert_eq!(again.on_disk(), 1);
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

/// A lane that keeps up is given what it is to deliver from memory: nothing is read from the disk for it.
#[test]
fn a_lane_that_keeps_up_is_given_from_memory() {
    let disk = SimDisk::default();
    let room = Room {
        memory: 1 << 20,
        disk: 1 << 20,
        group: 1 << 20,
    };
    let setup = start_with(&disk, SpoolFull::Block, room, 1 << 20);
    let first = setup.append_bytes(vec![1; 500]);
    let second = setup.append_bytes(vec![2; 500]);
    setup.wait_until("both are durable", |_| {
        first.exposed() + second.exposed() == 0
    });
    for name in disk.list().expect("listed") {
        if name.ends_with(".seg") {
            let len = disk.bytes(&name).len();
            disk.put(&name, &vec![0; len]);
        }
    }
    let Consignment { parcel, tally } = setup.take();
    // Small ones come as one.
    assert_eq!(
        &parcel.frame().to_bytes()[..],
        [[1; 500], [2; 500]].concat()
    );
    tally.settle(Fate::Exported);
    assert_eq!((first.open(), second.open()), (0, 0));
    setup.end();
}

/// What a lane does with the log.
#[derive(Clone, Copy, Debug)]
enum Action {
    Append(u16),
    Take,
    /// One of those under way is delivered.
    Deliver(prop::sample::Index),
    /// All that is under way is given back, and another process goes on.
    Restart,
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        5 => (1..900_u16).prop_map(Action::Append),
        4 => Just(Action::Take),
        4 => any::<prop::sample::Index>().prop_map(Action::Deliver),
        1 => Just(Action::Restart),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever is delivered in whatever order, from memory or from disk, and however often the process ends in
    /// between: all is delivered once, and what is taken is taken in order.
    #[test]
    fn what_was_delivered_does_not_come_again(
        actions in prop::collection::vec(action(), 1..80),
        memory in 1..4_000_u64,
        group in 0..2_000_u64,
    ) {
        let room = Room { memory, disk: 1_500, group };
        let mut setup = start_with(&SimDisk::default(), SpoolFull::Block, room, 1 << 20);
        // How often each was delivered; what is appended and not taken; what is under way.
        let mut delivered = Vec::new();
        let mut waiting = VecDeque::new();
        let mut under_way: Vec<(Vec<usize>, Consignment)> = Vec::new();
        let restart = [Action::Restart];
        for action in actions.iter().chain(&restart) {
            match *action {
                Action::Append(len) => {
                    let number = delivered.len();
                    delivered.push(0);
                    waiting.push_back(number);
                    // A mark, the number, and so many bytes.
                    let mut bytes = vec![0x0d];
                    bytes.extend((number as u32).to_le_bytes());
                    bytes.resize(5 + usize::from(len), b'x');
                    let ticket = setup.append_bytes(bytes);
                    setup.wait_until("it is durable", |_| ticket.exposed() == 0);
                }
                Action::Take if !waiting.is_empty() => {
                    let taken = setup.take();
                    let numbers = numbers_in(&taken);
                    for number in &numbers {
                        prop_assert_eq!(Some(*number), waiting.pop_front());
                    }
                    under_way.push((numbers, taken));
                }
                Action::Deliver(index) if !under_way.is_empty() => {
                    let (numbers, taken) = under_way.swap_remove(index.index(under_way.len()));
                    taken.tally.settle(Fate::Exported);
                    for number in numbers {
                        delivered[number] += 1;
                    }
                }
                Action::Restart => {
                    let again = under_way.drain(..).flat_map(|(numbers, _)| numbers);
                    waiting.extend(again);
                    waiting.make_contiguous().sort_unstable();
                    setup = start_with(&setup.end(), SpoolFull::Block, room, 1 << 20);
                    prop_assert_eq!(setup.on_disk(), waiting.len() as u64);
                }
                _ => {}
            }
        }
        while let Some(first) = waiting.pop_front() {
            let taken = setup.take();
            let numbers = numbers_in(&taken);
            prop_assert_eq!(numbers.first(), Some(&first));
            waiting.drain(..numbers.len() - 1);
            taken.tally.settle(Fate::Exported);
            for number in numbers {
                delivered[number] += 1;
            }
        }
        prop_assert!(delivered.iter().all(|times| *times == 1), "{:?}", delivered);
        let left = setup.end().list().expect("listed");
        prop_assert!(left.iter().all(|name| name.ends_with(".cur")), "{:?}", left);
    }
}

/// The numbers of the records in a consignment.
fn numbers_in(taken: &Consignment) -> Vec<usize> {
    let bytes = taken.parcel.frame().to_bytes();
    let starts = (0..bytes.len()).filter(|at| bytes[*at] == 0x0d && bytes.len() >= at + 5);
    let mut numbers = Vec::new();
    let mut next = 0;
    for at in starts {
        if at >= next {
            let number = u32::from_le_bytes(bytes[at + 1..at + 5].try_into().expect("four"));
            numbers.push(number as usize);
            next = at + 5;
        }
    }
    numbers
}
