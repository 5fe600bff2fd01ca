//! The ledger: whoever books what, and whoever reads it meanwhile.

use shuttle::thread;

use crate::model::ledger::{Book, Fate};
use crate::model::receipt::Shares;
use crate::model::sync::Arc;

/// No reader ever sees more settled than entered, nor a count that falls; in the end everything has met its fate.
pub fn counts_never_exceed_what_came() {
    let book = Arc::new(Book::default());
    let ours = Arc::clone(&book);
    let exporting = thread::spawn(move || {
        let mut tally = ours.enter(4);
        let lost = tally.split(1);
        tally.settle_some(1, Fate::Rejected);
        drop(lost);
        tally.settle(Fate::Exported);
    });
    let ours = Arc::clone(&book);
    let spooling = thread::spawn(move || {
        let nobody = ours.receive(3, Shares::default()).put_on_disk();
        assert!(nobody.is_empty());
        ours.settle_on_disk(2, Fate::Exported);
        ours.recover(1);
        ours.settle_on_disk(2, Fate::Evicted);
    });
    let mut before = book.counts();
    for _ in 0..4 {
        let now = book.counts();
        assert!(now.settled() + now.on_disk() <= now.entered(), "{now:?}");
        assert!(
            now.received().max(now.recovered()) <= now.entered(),
            "{now:?}"
        );
        assert!(before.settled() <= now.settled(), "{before:?} {now:?}");
        assert!(before.entered() <= now.entered(), "{before:?} {now:?}");
        before = now;
    }
    exporting.join().expect("no panic");
    spooling.join().expect("no panic");
    let end = book.counts();
    assert_eq!((end.entered(), end.settled()), (8, 8));
    assert_eq!((end.in_flight(), end.on_disk()), (0, 0));
    assert_eq!((end.of(Fate::Exported), end.lost()), (4, 4));
}

/// What the end of a shutdown finds on disk is booked once, by it or by the delivery that was just over.
pub fn what_is_left_on_disk_is_booked_once() {
    let book = Arc::new(Book::default());
    book.recover(3);
    let deliveries = [1, 2].map(|items| {
        let book = Arc::clone(&book);
        thread::spawn(move || book.settle_on_disk(items, Fate::Exported))
    });
    book.leave_on_disk();
    for delivery in deliveries {
        delivery.join().expect("no panic");
    }
    let end = book.counts();
    assert_eq!((end.settled(), end.on_disk()), (3, 0), "{end:?}");
}
