//! The shelf between the spool's thread and a lane, while records are taken from it, delivered, given back and
//! given up.

use shuttle::future::block_on;
use shuttle::thread;

use crate::actors::spool::desk::Desk;
use crate::actors::spool::settled::Settled;
use crate::actors::spool::shelf::{Ready, Room, Shelf};
use crate::model::batch::Parcel;
use crate::model::ledger::{Books, Fate};
use crate::model::request::Signal;
use crate::model::sync::Arc;

const RECORD: u64 = 10;
const SIGNAL: Signal = Signal::Traces;

/// A shelf whose lane is given so many bytes as one.
fn shelf(group: u64) -> (Arc<Shelf>, Arc<Desk>, Arc<Books>) {
    let books = Arc::new(Books::default());
    let room = Room {
        memory: RECORD,
        disk: RECORD,
        group,
    };
    let shelf = Shelf::new(Arc::clone(&books), Settled::default(), room);
    (Arc::new(shelf), Arc::new(Desk::new(1 << 10)), books)
}

/// The record of this number, of one item.
fn record(number: u64) -> Ready {
    Ready {
        from: number * RECORD,
        to: (number + 1) * RECORD,
        parcel: Parcel {
            signal: SIGNAL,
            items: 1,
            len: RECORD as usize,
        },
        owed: None,
    }
}

/// A lane is given everything, in order, though there is room for one record at a time and each is fetched when
/// there is: neither the lane nor the spool's thread waits for the other for ever.
pub fn a_lane_is_given_everything() {
    const RECORDS: u64 = 4;
    let (shelf, desk, books) = shelf(RECORD);
    books.of(SIGNAL).recover(RECORDS);
    let (its_shelf, its_desk) = (Arc::clone(&shelf), Arc::clone(&desk));
    let spool = thread::spawn(move || {
        let mut read = 0;
        its_desk.nudge();
        loop {
            let taken = its_desk.take(None);
            while read < RECORDS && its_shelf.wants_more() {
                its_shelf.put(record(read));
                read += 1;
            }
            if read == RECORDS {
                its_shelf.is_complete();
            }
            if taken.closed {
                its_shelf.abandon();
                return;
            }
        }
    });
    let mut expected = 0;
    while expected < RECORDS {
        let served = block_on(shelf.take(&desk)).expect("there is more");
        expected += served.records;
        served.consignment.tally.settle(Fate::Exported);
    }
    let settled = shelf.news().expect("it has changed");
    assert_eq!(settled, Settled::all_before(RECORDS * RECORD));
    let (its_shelf, its_desk) = (Arc::clone(&shelf), Arc::clone(&desk));
    let waits = thread::spawn(move || block_on(its_shelf.take(&its_desk)).is_none());
    desk.close();
    assert!(waits.join().expect("no panic"), "nothing more came");
    spool.join().expect("no panic");
    assert_eq!(books.of(SIGNAL).counts().of(Fate::Exported), RECORDS);
}

/// What is given up for newer records is booked as that, or as delivered where it just was; never as left on disk,
/// where it is no more. What was not given up is still there.
pub fn what_is_given_up_is_not_on_disk() {
    let (shelf, desk, books) = shelf(RECORD);
    let book = books.of(SIGNAL);
    book.recover(4);
    for number in 0..4 {
        shelf.put(record(number));
    }
    let take = || {
        block_on(shelf.take(&desk))
            .expect("it is there")
            .consignment
    };
    let (delivered, given_back, behind) = (take().tally, take().tally, {
        let third = take();
        third.tally
    });
    let threads = [
        thread::spawn(move || delivered.settle(Fate::Exported)),
        thread::spawn(move || drop(given_back)),
        thread::spawn(move || drop(behind)),
    ];
    // As the spool's thread does it: the first two records go.
    let given_up = shelf.give_up(2 * RECORD);
    assert!(given_up.ready.is_empty());
    for left in given_up.left {
        book.settle_on_disk(left.items, Fate::Evicted);
    }
    for thread in threads {
        thread.join().expect("no panic");
    }
    shelf.abandon();
    let counts = book.counts();
    assert_eq!(
        counts.of(Fate::Exported) + counts.of(Fate::Evicted),
        2,
        "{counts:?}"
    );
    assert_eq!(counts.of(Fate::Exported), 1, "{counts:?}");
    assert_eq!(counts.on_disk(), 2, "{counts:?}");
    assert!(shelf.is_settled(RECORD) && !shelf.is_settled(2 * RECORD));
}

/// Deliveries that are over in any order, while more are taken, settle what they had of the log and nothing else.
pub fn deliveries_settle_their_own() {
    let (shelf, desk, books) = shelf(2 * RECORD);
    books.of(SIGNAL).recover(5);
    for number in 0..5 {
        shelf.put(record(number));
    }
    let mut deliveries = Vec::new();
    let mut open = None;
    let mut at = 0;
    while at < 5 {
        let served = block_on(shelf.take(&desk)).expect("it is there");
        let (from, tally) = (at, served.consignment.tally);
        at += served.records;
        deliveries.push(thread::spawn(move || match from {
            0 => drop(tally),
            _ => tally.settle(Fate::Exported),
        }));
        if from == 0 {
            open = Some(served.records);
        }
    }
    for delivery in deliveries {
        delivery.join().expect("no panic");
    }
    let open = open.expect("the first was given back");
    let mut expected = Settled::default();
    expected.mark(open * RECORD, 5 * RECORD);
    assert_eq!(shelf.news(), Some(expected));
    assert_eq!(books.of(SIGNAL).counts().on_disk(), open);
}
