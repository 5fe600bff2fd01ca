use bytes::Bytes;
use futures::FutureExt;

use super::*;
use crate::model::request::Signal;

const ROOM: Room = Room {
    memory: 100,
    disk: 30,
    group: 25,
};

fn shelf() -> (Arc<Shelf>, Arc<Desk>) {
    let shelf = Shelf::new(Arc::default(), Settled::default(), ROOM);
    (Arc::new(shelf), Arc::new(Desk::new(1024)))
}

/// A record of ten bytes at ten times its number.
fn ready(number: u64, signal: Signal) -> Ready {
    let request = vec![(Bytes::from(vec![number as u8]), 1)];
    Ready {
        from: number * 10,
        to: number * 10 + 10,
        parcel: Parcel::of_requests(signal, request),
        owed: None,
    }
}

fn take(shelf: &Arc<Shelf>, desk: &Arc<Desk>) -> Option<Consignment> {
    let served = shelf.take(desk).now_or_never()?;
    served.map(|served| served.consignment)
}

/// Small requests of one signal are given as one, up to a size, in order.
#[test]
fn small_ones_are_given_as_one() {
    let (shelf, desk) = shelf();
    for number in 0..3 {
        shelf.put(ready(number, Signal::Traces));
    }
    shelf.put(ready(3, Signal::Logs));
    let given = |shelf| {
        let taken = take(shelf, &desk).expect("it is there");
        taken.parcel.frame().to_bytes().to_vec()
    };
    assert_eq!(given(&shelf), [0, 1]);
    assert_eq!(given(&shelf), [2]);
    assert_eq!(given(&shelf), [3]);
    assert!(take(&shelf, &desk).is_none());
}

/// What is delivered is settled where it stands, whatever is under way before it; what was given back is open.
#[test]
fn each_delivery_settles_its_own() {
    let (shelf, desk) = shelf();
    for number in 0..6 {
        shelf.put(ready(number, Signal::Traces));
    }
    let mut given: Vec<_> = (0..3).filter_map(|_| take(&shelf, &desk)).collect();
    given.remove(1).tally.settle(Fate::Exported);
    let settled = shelf.news().expect("it is news");
    assert_eq!(settled.above().collect::<Vec<_>>(), [(20, 40)]);
    assert_eq!(settled.before(), 0);
    assert!(shelf.news().is_none());
    given.remove(0).tally.settle(Fate::Exported);
    drop(given);
    assert_eq!(shelf.news(), Some(Settled::all_before(40)));
}

/// The spool's thread is told when more is to be read, and when a delivery is over.
#[test]
fn the_thread_is_told() {
    let (shelf, desk) = shelf();
    for number in 0..6 {
        shelf.put(ready(number, Signal::Traces));
    }
    assert!(shelf.has_room() && !shelf.wants_more());
    let is_nudged = || desk.take(Some(std::time::Duration::ZERO)).is_nudged;
    assert!(!is_nudged());
    let first = take(&shelf, &desk);
    assert!(!is_nudged(), "there is enough");
    let second = take(&shelf, &desk);
    assert!(is_nudged(), "there is little left");
    drop((first, second));
    assert!(is_nudged());
    shelf.is_complete();
    let _third = take(&shelf, &desk);
    assert!(!is_nudged(), "there is no more");
}

/// Where the log was given up, what is under way may still be delivered, and what was waiting comes back.
#[test]
fn what_is_given_up_is_told() {
    let (shelf, desk) = shelf();
    for number in 0..4 {
        shelf.put(ready(number, Signal::Traces));
    }
    let under_way = take(&shelf, &desk).expect("it is there");
    let back = shelf.give_up(30);
    let from: Vec<_> = back.ready.iter().map(|ready| ready.from).collect();
    assert_eq!(from, [20]);
    assert_eq!(shelf.news(), Some(Settled::all_before(30)));
    drop(under_way);
    assert!(shelf.give_up(30).left.is_empty(), "it has booked itself");
    let last = take(&shelf, &desk).expect("it is there");
    last.tally.settle(Fate::Exported);
    assert_eq!(shelf.news(), Some(Settled::all_before(40)));
}

/// What came back undelivered is told when its part of the log is given up: it is on disk no more.
#[test]
fn what_came_back_is_told_when_it_is_given_up() {
    let (shelf, desk) = shelf();
    shelf.put(ready(0, Signal::Traces));
    drop(take(&shelf, &desk));
    assert!(shelf.news().is_none());
    let given_up = shelf.give_up(10);
    let left: Vec<_> = given_up.left.iter().map(|left| left.items).collect();
    assert_eq!(left, [1]);
    assert!(shelf.give_up(10).left.is_empty());
}

/// Where a destination is away, what is there beyond what would be read ahead is left on disk.
#[test]
fn memory_is_given_back() {
    let (shelf, desk) = shelf();
    for number in 0..6 {
        shelf.put(ready(number, Signal::Traces));
    }
    let left = shelf.leave();
    let from: Vec<_> = left.iter().map(|ready| ready.from).collect();
    assert_eq!(from, [30, 40, 50]);
    assert!(shelf.leave().is_empty() && !shelf.wants_more());
    let given = take(&shelf, &desk).expect("it is there");
    assert_eq!(given.parcel.items(), 2);
    assert!(shelf.wants_more());
}

/// When the thread is gone nobody waits any more, and what is on the shelf is told to be on disk.
#[test]
fn nobody_waits_at_a_shelf_that_is_gone() {
    let (shelf, desk) = shelf();
    let mut early = std::pin::pin!(shelf.take(&desk));
    assert!((&mut early).now_or_never().is_none());
    let ticket = Arc::default();
    shelf.put(Ready {
        owed: Some(Owed {
            shares: Shares::of(&ticket, 1),
            until: None,
        }),
        ..ready(0, Signal::Traces)
    });
    shelf.abandon();
    assert!(early.now_or_never().expect("answered").is_none());
    assert_eq!(ticket.fates()[Fate::Spooled as usize], 1);
}
