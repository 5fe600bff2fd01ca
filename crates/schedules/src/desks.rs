//! The desk between the actors and the spool's thread.

use shuttle::future::block_on;
use shuttle::thread;

use crate::actors::baton::Baton;
use crate::actors::spool::desk::{Command, Desk, Entry};
use crate::model::batch::Parcel;
use crate::model::ledger::{Book, Fate};
use crate::model::request::Signal;
use crate::model::sync::Arc;

/// What one permit of the desk stands for.
const PERMIT: usize = 1024;

/// Two who append, with room for one at a time.
fn append_both(desk: &Arc<Desk>, book: &Arc<Book>) -> [thread::JoinHandle<()>; 2] {
    [1, 2].map(|items| {
        let (desk, book) = (Arc::clone(desk), Arc::clone(book));
        thread::spawn(move || {
            for _ in 0..2 {
                let entry = Entry {
                    lane: 0,
                    tally: book.enter(items),
                    until: None,
                };
                let parcel = Parcel {
                    signal: Signal::Traces,
                    items,
                    len: PERMIT,
                };
                if let Err(back) = block_on(desk.append(parcel, vec![entry])) {
                    back.into_iter()
                        .for_each(|entry| entry.tally.settle(Fate::LaneFull));
                }
            }
        })
    })
}

/// Whoever appends gets room when there is some, and the spool's thread sees everything that was put on the desk
/// before it was closed.
pub fn what_is_put_on_the_desk_is_taken() {
    let desk = Arc::new(Desk::new(PERMIT));
    let book = Arc::new(Book::default());
    let its_desk = Arc::clone(&desk);
    let spool = thread::spawn(move || {
        loop {
            let taken = its_desk.take(None);
            for command in taken.commands {
                if let Command::Append(append) = command {
                    for entry in append.entries {
                        assert!(entry.tally.put_on_disk().is_empty());
                    }
                }
            }
            if taken.closed {
                return;
            }
        }
    });
    for appends in append_both(&desk, &book) {
        appends.join().expect("no panic");
    }
    let (baton, over) = Baton::new();
    let flush = Command::Flush { lane: 0, baton };
    assert!(desk.put(flush).is_ok());
    desk.close();
    spool.join().expect("no panic");
    assert!(block_on(over).is_ok(), "the flush was answered");
    assert_eq!(book.counts().on_disk(), 6);
}

/// When the spool's thread is gone, nobody waits for it, and everything is booked that was meant for it.
pub fn nobody_waits_for_a_thread_that_is_gone() {
    let desk = Arc::new(Desk::new(PERMIT));
    let book = Arc::new(Book::default());
    let its_desk = Arc::clone(&desk);
    let spool = thread::spawn(move || {
        let taken = its_desk.take(None);
        // A panic: what it had taken is dropped while it unwinds.
        drop(taken);
        its_desk.abandon();
    });
    let appends = append_both(&desk, &book);
    let (baton, over) = Baton::new();
    let flush = Command::Flush { lane: 0, baton };
    drop(desk.put(flush));
    assert!(block_on(over).is_ok(), "the flush was answered");
    for appends in appends {
        appends.join().expect("no panic");
    }
    spool.join().expect("no panic");
    assert!(desk.is_gone());
    let counts = book.counts();
    assert_eq!((counts.entered(), counts.settled()), (6, 6), "{counts:?}");
}
