//! The pool of buffers under one budget.

use shuttle::future::block_on;
use shuttle::thread;

use crate::actors::pool::Pool;
use crate::model::sync::Arc;

const KIB: usize = 1 << 10;

/// However many take and give back, no more than the budget is ever in use, and in the end nothing is.
pub fn the_budget_holds() {
    let pool = Pool::new(8 * KIB);
    let threads = [1, 2, 4].map(|kib| {
        let pool = Arc::clone(&pool);
        thread::spawn(move || {
            for _ in 0..2 {
                let taken = pool.take(kib * KIB);
                let copied = pool.copy_of(&[7; 3000]);
                let copied = copied.map(|copy| pool.bring_back(copy));
                drop((taken, copied));
            }
        })
    });
    for _ in 0..4 {
        assert!(pool.in_use() <= pool.budget());
        thread::yield_now();
    }
    for thread in threads {
        thread.join().expect("no panic");
    }
    assert_eq!(pool.in_use(), 0);
    assert!(
        pool.take(8 * KIB).is_some(),
        "all of the budget is there again"
    );
}

/// While more than three quarters of the budget are in use, those who ask whether there is room are told so: the
/// quick answer is never wrong in that way.
pub fn tight_is_told() {
    let pool = Pool::new(16 * KIB);
    let first = pool.take(8 * KIB).expect("within the budget");
    let give_back = thread::spawn(move || drop(first));
    let takes = [2, 4, 4].map(|kib| {
        let pool = Arc::clone(&pool);
        thread::spawn(move || pool.take(kib * KIB))
    });
    let taken = takes.map(|take| take.join().expect("no panic"));
    let second = pool.take(4 * KIB);
    give_back.join().expect("no panic");
    assert!(
        pool.is_tight() || pool.has_room(),
        "{} in use",
        pool.in_use()
    );
    drop((taken, second));
    assert_eq!(pool.in_use(), 0);
}

/// Whoever waits for room is woken when there is some: a session, which needs a quarter of the budget to be free,
/// and an intake, which needs as much as it has to count.
pub fn who_waits_for_room_is_woken() {
    let pool = Pool::new(16 * KIB);
    let threads = [8, 8].map(|kib| {
        let taken = pool.take(kib * KIB).expect("within the budget");
        thread::spawn(move || drop(taken))
    });
    let ours = Arc::clone(&pool);
    let session = thread::spawn(move || {
        block_on(async {
            loop {
                let mut room = std::pin::pin!(ours.room());
                room.as_mut().enable();
                if ours.has_room() {
                    return;
                }
                room.await;
            }
        });
    });
    let charged = block_on(async {
        let waiting = pool.wait_for_freed();
        loop {
            let mut freed = std::pin::pin!(waiting.freed());
            freed.as_mut().enable();
            if let Some(charge) = pool.charge(9 * KIB) {
                return charge;
            }
            freed.await;
        }
    });
    session.join().expect("no panic");
    for thread in threads {
        thread.join().expect("no panic");
    }
    assert_eq!(pool.in_use(), 9 * KIB);
    drop(charged);
}
