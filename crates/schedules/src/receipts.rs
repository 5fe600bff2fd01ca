//! Receipts: who waits for the fate of what was received, while it is settled in many places; and the copies on
//! disk that may go when it is.

use std::future::poll_fn;

use shuttle::future::block_on;
use shuttle::thread;

use crate::model::kept::Kept;
use crate::model::ledger::{Book, Fate};
use crate::model::receipt::{Shares, Ticket};
use crate::model::sync::atomic::{AtomicU64, Ordering};
use crate::model::sync::{Arc, Mutex};

/// Whoever waits for a receipt is woken when the last item of it is settled, in whatever way: delivered, dropped,
/// or given up by one of two lanes.
pub fn a_receipt_is_told_of_the_end() {
    let ticket = Arc::new(Ticket::default());
    let mut all = Shares::of(&ticket, 4);
    let mut of_lane = all.for_lane();
    let first = all.split(1);
    let threads = [
        thread::spawn(move || drop(first)),
        thread::spawn(move || all.settle(Fate::Exported)),
        thread::spawn(move || {
            of_lane.settle_some(2, Fate::Rejected);
            of_lane.secure();
            of_lane.settle(Fate::Exported);
        }),
    ];
    block_on(poll_fn(|context| ticket.poll(context.waker())));
    let fates = ticket.fates();
    assert_eq!(fates[Fate::Exported as usize], 5);
    assert_eq!(fates[Fate::Rejected as usize], 2);
    assert_eq!(fates[Fate::Abandoned as usize], 1);
    for thread in threads {
        thread.join().expect("no panic");
    }
    assert_eq!((ticket.open(), ticket.exposed()), (0, 0));
}

/// Whoever waits until all of a request is durable is woken then, and not before: when each item is on disk, or
/// settled, or known to be neither.
pub fn a_receipt_is_told_of_the_disk() {
    let ticket = Arc::new(Ticket::default());
    let mut all = Shares::of(&ticket, 3);
    let mut second = all.split(1);
    let mut third = all.split(1);
    let noted = third.expose();
    let threads = [
        thread::spawn(move || {
            all.secure();
            std::mem::forget(all);
        }),
        thread::spawn(move || second.settle(Fate::Exported)),
        thread::spawn(move || noted.secured()),
        // It settles while somebody else still has to tell that it is on disk.
        thread::spawn(move || third.settle(Fate::SampledOut)),
    ];
    block_on(poll_fn(|context| ticket.poll_durable(context.waker())));
    assert_eq!(ticket.exposed(), 0);
    for thread in threads {
        thread.join().expect("no panic");
    }
    assert_eq!(ticket.open(), 1);
    assert_eq!(ticket.fates()[Fate::Abandoned as usize], 0);
}

/// A copy on disk is given up or given back: each item of it is settled once, and the disk is told once how many
/// still need it.
pub fn a_copy_is_needed_or_not() {
    let book = Arc::new(Book::default());
    book.recover(4);
    let told = Arc::new(Mutex::new(Vec::new()));
    let tells = Arc::clone(&told);
    let kept = Kept::new(move |needed| tells.lock().expect("no panic").push(needed));
    let watch = kept.watch();
    let mut tally = book.read(4, Shares::default(), kept);
    let (delivered, dropped) = (tally.split(1), tally.split(2));
    let threads = [
        thread::spawn(move || delivered.settle(Fate::Exported)),
        thread::spawn(move || drop(dropped)),
        thread::spawn(move || drop(tally)),
        thread::spawn(move || watch.give_up()),
    ];
    for thread in threads {
        thread.join().expect("no panic");
    }
    let counts = book.counts();
    let needed = told.lock().expect("no panic").clone();
    assert_eq!(needed.len(), 1, "told once");
    assert_eq!(counts.of(Fate::Exported), 1);
    assert_eq!(needed[0], counts.on_disk(), "{counts:?}");
    assert_eq!(counts.of(Fate::Evicted) + needed[0], 3, "{counts:?}");
}

/// A copy beside the items of a receipt goes when the last of them is settled, whoever settles it.
pub fn a_copy_goes_with_the_last_of_its_items() {
    let ticket = Arc::new(Ticket::default());
    let needed = Arc::new(AtomicU64::new(u64::MAX));
    let tells = Arc::clone(&needed);
    let copy = Kept::new(move |left| tells.store(left, Ordering::Release));
    let mut shares = Shares::of(&ticket, 3).with_copy(3, &copy);
    drop(copy);
    let (mut first, second) = (shares.split(1), shares.split(1));
    let threads = [
        thread::spawn(move || first.secure()),
        thread::spawn(move || drop(second)),
        thread::spawn(move || shares.settle(Fate::Exported)),
    ];
    for thread in threads {
        thread.join().expect("no panic");
    }
    assert_eq!(needed.load(Ordering::Acquire), 1, "what was abandoned");
    assert_eq!((ticket.open(), ticket.exposed()), (0, 0));
}
