//! The ledger: where every ended span and log record, and every item received, went.
//!
//! Two books: the pipeline's, in which an item is entered when it has ended, or was received, and settled once,
//! and one per lane, in which it is entered when it is handed to the lane and settled once more. What is entered
//! and not settled is in flight. A [`Tally`] is custody of some items: dropped unsettled, by a panic or a cancelled
//! future, it books them as abandoned. Items that somebody wants a receipt for carry their [`Shares`].

use std::fmt;

use super::counts::Counts;
use super::kept::Kept;
use super::receipt::{Exposed, Shares};
use super::request::Signal;
use super::sync::Arc;
use super::sync::atomic::{AtomicU64, Ordering};

macro_rules! fates {
    ($($(#[$doc:meta])* $name:ident $text:literal $loss:literal,)*) => {
        /// What became of an item: each is settled once in the pipeline, and once in each lane it was handed to.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Fate { $($(#[$doc])* $name,)* }

        impl Fate {
            /// Every fate, in the order of reports.
            pub const ALL: [Self; [$($text),*].len()] = [$(Self::$name),*];

            /// The name in reports and metrics: `queue_full`, say.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// Whether something was lost that nobody asked to be left out.
            #[must_use]
            pub const fn is_loss(self) -> bool {
                match self { $(Self::$name => $loss,)* }
            }
        }
    };
}

fates! {
    /// Pipeline: given to every lane that takes its signal.
    Handed "handed" false,
    /// Pipeline: a processor dropped it.
    Filtered "filtered" false,
    /// Pipeline: its session is not sampled.
    SampledOut "sampled_out" false,
    /// Pipeline: its real end came after it had been exported as incomplete.
    Superseded "superseded" false,
    /// Pipeline: refused where sessions meet the pipeline, for want of room.
    QueueFull "queue_full" true,
    /// Pipeline: it ended when the pipeline was shut down.
    AfterShutdown "after_shutdown" true,
    /// Pipeline: received from elsewhere and not accepted, for want of room or because of the
    /// shutdown. Its sender was told so and still has it.
    Refused "refused" false,
    /// Lane: the destination accepted it.
    Exported "exported" false,
    /// Both: on disk when the pipeline was shut down; the next start delivers it, or judges its session.
    Spooled "spooled" false,
    /// Lane: the destination refused it for good; it is kept on disk with the destination's words.
    Quarantined "quarantined" false,
    /// Lane: the destination refused it for good, in whole or in part.
    Rejected "rejected" true,
    /// Both: alone larger than a request may be.
    TooLarge "too_large" true,
    /// Lane: one of several lanes could not take it in time.
    LaneFull "lane_full" true,
    /// Lane: given up on disk for what is newer, because the spool was full.
    Evicted "evicted" true,
    /// Lane: its retries were used up.
    Expired "expired" true,
    /// Both: given up by a deadline, a panic or a dropped future.
    Abandoned "abandoned" true,
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How often counts are read at most until nothing was entered meanwhile.
const READINGS: usize = 16;

/// The counts of one book for one signal.
#[derive(Debug, Default)]
pub(crate) struct Book {
    entered: AtomicU64,
    /// Those among the entered that were received from elsewhere.
    received: AtomicU64,
    /// Those among the entered that were found on disk at the start.
    recovered: AtomicU64,
    /// Those that are on disk and not settled, whether or not somebody has custody of them in memory, too.
    on_disk: AtomicU64,
    fates: [AtomicU64; Fate::ALL.len()],
}

impl Book {
    /// Takes custody of `items` that have come into this book.
    pub(crate) fn enter(self: &Arc<Self>, items: u64) -> Tally {
        self.entered.fetch_add(items, Ordering::Relaxed);
        Tally {
            items,
            book: Arc::clone(self),
            shares: Shares::default(),
        }
    }

    /// Enters what was found on disk.
    #[cfg(feature = "spool")]
    pub(crate) fn recover(&self, items: u64) {
        self.entered.fetch_add(items, Ordering::Relaxed);
        self.recovered.fetch_add(items, Ordering::Relaxed);
        self.on_disk.fetch_add(items, Ordering::Release);
    }

    /// Takes custody of items that were found on disk: of sessions that nobody has judged yet.
    pub(crate) fn take_up(self: &Arc<Self>, items: u64) -> Tally {
        let tally = self.enter(items);
        self.recovered.fetch_add(items, Ordering::Release);
        tally
    }

    /// Takes custody of items that are on disk and stay there until they are settled.
    pub(crate) fn read(self: &Arc<Self>, items: u64, shares: Shares, kept: Kept) -> Tally {
        Tally {
            items,
            book: Arc::clone(self),
            shares: shares.out_of(Some(kept)),
        }
    }

    /// Books items that are on disk.
    pub(crate) fn settle_on_disk(&self, items: u64, fate: Fate) {
        // The end of a shutdown may have booked them already.
        let less = |on_disk: u64| on_disk.checked_sub(items);
        let left = self
            .on_disk
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, less);
        if left.is_ok() {
            self.settle(items, fate);
        }
    }

    /// Books all that waits on disk as left there for the next start.
    pub(crate) fn leave_on_disk(&self) {
        self.settle(self.on_disk.swap(0, Ordering::AcqRel), Fate::Spooled);
    }

    /// Takes custody of `items` that were received from elsewhere, for those that `shares` names.
    pub(crate) fn receive(self: &Arc<Self>, items: u64, shares: Shares) -> Tally {
        let tally = self.enter(items).owed_to(shares);
        self.received.fetch_add(items, Ordering::Release);
        tally
    }

    /// Books what was received and not accepted.
    pub(crate) fn refuse(&self, items: u64, fate: Fate) {
        self.enter_settled(items, fate);
        self.received.fetch_add(items, Ordering::Release);
    }

    /// Enters and settles in one step.
    pub(crate) fn enter_settled(&self, items: u64, fate: Fate) {
        self.entered.fetch_add(items, Ordering::Relaxed);
        self.settle(items, fate);
    }

    fn settle(&self, items: u64, fate: Fate) {
        self.fates[fate as usize].fetch_add(items, Ordering::Release);
    }

    /// The counts now. Where items are entered and settled while they are read, they are read again, for else those
    /// would seem to be under way.
    pub(crate) fn counts(&self) -> Counts {
        let mut before = self.entered.load(Ordering::Acquire);
        for _ in 1..READINGS {
            let counts = self.read_once();
            if counts.entered == before {
                return counts;
            }
            before = counts.entered;
        }
        self.read_once()
    }

    /// What is part of another count is read before it, so that it never exceeds it.
    fn read_once(&self) -> Counts {
        let fates = std::array::from_fn(|fate| self.fates[fate].load(Ordering::Acquire));
        let received = self.received.load(Ordering::Acquire);
        let on_disk = self.on_disk.load(Ordering::Acquire);
        let recovered = self.recovered.load(Ordering::Acquire);
        Counts {
            entered: self.entered.load(Ordering::Relaxed),
            received,
            recovered,
            on_disk,
            fates,
        }
    }
}

/// A book for each signal.
#[derive(Debug, Default)]
pub(crate) struct Books([Arc<Book>; Signal::ALL.len()]);

impl Books {
    pub(crate) fn of(&self, signal: Signal) -> &Arc<Book> {
        &self.0[signal as usize]
    }
}

/// Custody of some ended items. Dropped unsettled, they are booked as abandoned; or are left on disk,
/// where they came from there.
#[must_use = "settle it, or its items count as abandoned"]
#[derive(Debug)]
pub(crate) struct Tally {
    items: u64,
    book: Arc<Book>,
    /// Who is to be told of their fates: nobody, or of every item somebody. What they are on disk in, where
    /// they came from there, is with it: few have either.
    shares: Shares,
}

impl Tally {
    pub(crate) fn items(&self) -> u64 {
        self.items
    }

    /// Enters as many more, which nobody wants a receipt for.
    pub(crate) fn enter_more(&mut self, items: u64) {
        self.book.entered.fetch_add(items, Ordering::Relaxed);
        self.items += items;
    }

    /// Takes over the custody of others of the same book, which nobody wants a receipt for.
    pub(crate) fn join(&mut self, mut other: Self) {
        debug_assert!(Arc::ptr_eq(&self.book, &other.book) && !other.is_owed());
        self.items += std::mem::take(&mut other.items);
    }

    /// The same custody, with receipts that are told of what becomes of it.
    pub(crate) fn owed_to(mut self, shares: Shares) -> Self {
        let source = self.shares.source().cloned();
        self.shares = shares.out_of(source);
        self
    }

    /// Books all of them.
    pub(crate) fn settle(mut self, fate: Fate) {
        let items = std::mem::take(&mut self.items);
        self.book(items, fate);
        self.shares.settle(fate);
    }

    fn book(&self, items: u64, fate: Fate) {
        match self.is_kept() {
            false => self.book.settle(items, fate),
            true => self.book.settle_on_disk(items, fate),
        }
    }

    /// Books some of them (at most all) and keeps the rest. Which of them it were is not known: see
    /// [`Shares::settle_some`].
    pub(crate) fn settle_some(&mut self, items: u64, fate: Fate) {
        let items = items.min(self.items);
        self.items -= items;
        self.book(items, fate);
        self.shares.settle_some(items, fate);
    }

    /// Books all of them as handed to the lanes, which are owed to the same receipts.
    pub(crate) fn hand_over(mut self) -> Shares {
        self.book
            .settle(std::mem::take(&mut self.items), Fate::Handed);
        std::mem::take(&mut self.shares)
    }

    /// They have a copy on disk, which may go when they are safe elsewhere.
    pub(crate) fn back_up(&mut self, copy: &Kept) {
        self.shares = std::mem::take(&mut self.shares).with_copy(self.items, copy);
    }

    /// Passes on the duty to tell receipts that they are on disk.
    pub(crate) fn expose(&mut self) -> Exposed {
        self.shares.expose()
    }

    /// They are on disk now, in the disk's custody. Returns who is owed their fate.
    #[cfg(feature = "spool")]
    pub(crate) fn put_on_disk(mut self) -> Shares {
        let items = std::mem::take(&mut self.items);
        self.book.on_disk.fetch_add(items, Ordering::Release);
        self.shares.secure();
        std::mem::take(&mut self.shares)
    }

    /// Whether they are on disk as well: losing this custody loses nothing.
    pub(crate) fn is_kept(&self) -> bool {
        self.shares.source().is_some()
    }

    /// Passes custody of the first of them (at most all) to another tally.
    pub(crate) fn split(&mut self, items: u64) -> Self {
        let items = items.min(self.items);
        self.items -= items;
        Self {
            items,
            book: Arc::clone(&self.book),
            shares: self.shares.split(items),
        }
    }

    /// Tells receipts that nobody has any more nothing: for what is held for long.
    pub(crate) fn forget_receipts(&mut self) {
        self.shares.forget();
    }

    /// Whether a receipt is told of them.
    pub(crate) fn is_owed(&self) -> bool {
        !self.shares.is_empty()
    }
}

impl Drop for Tally {
    fn drop(&mut self) {
        if self.items == 0 {
            return;
        }
        match self.shares.source().cloned() {
            None => self.book.settle(self.items, Fate::Abandoned),
            Some(kept) if kept.is_gone() => {
                self.book.settle_on_disk(self.items, Fate::Evicted);
                self.shares.settle(Fate::Evicted);
            }
            Some(kept) => {
                kept.give_back(self.items);
                self.shares.settle(Fate::Spooled);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is entered and settled in one step while somebody reads, who may have to wait for the processor in the
    /// middle of it, is not said to be under way.
    #[test]
    fn what_is_settled_at_once_is_not_under_way() {
        let book = Book::default();
        let is_over = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    book.enter_settled(1, Fate::AfterShutdown);
                    (0..1000).for_each(|_| std::hint::spin_loop());
                }
            });
            let readers = [(); 3].map(|()| {
                scope.spawn(|| {
                    let counts = std::iter::repeat_with(|| book.counts().in_flight());
                    counts.take(200_000).max()
                })
            });
            let most = readers.map(|reader| reader.join().expect("it reads"));
            is_over.store(true, Ordering::Relaxed);
            // One, where the other thread has to wait between the two.
            assert!(most.iter().all(|most| *most <= Some(1)), "{most:?}");
        });
    }

    /// Every item is settled once, whatever becomes of its tally.
    #[test]
    fn every_item_is_settled_once() {
        let book = Arc::new(Book::default());
        let mut tally = book.enter(10);
        let half = tally.split(4);
        tally.settle_some(1, Fate::Rejected);
        assert_eq!(book.counts().in_flight(), 9);
        tally.settle(Fate::Exported);
        drop(half);
        let counts = book.counts();
        assert_eq!((counts.entered(), counts.in_flight()), (10, 0));
        let fates: Vec<_> = counts.fates().collect();
        assert_eq!(
            fates,
            [
                (Fate::Exported, 5),
                (Fate::Rejected, 1),
                (Fate::Abandoned, 4)
            ]
        );
        assert_eq!(counts.lost(), 5);
    }

    /// The counts of a lane in a trunk of its own say what became of everything that the trunk was given.
    #[test]
    fn a_lane_counts_what_was_lost_on_the_way_to_it() {
        let (trunk, lane) = (Arc::new(Book::default()), Arc::new(Book::default()));
        trunk.enter_settled(7, Fate::Handed);
        trunk.enter_settled(2, Fate::LaneFull);
        std::mem::forget(trunk.enter(1));
        lane.enter_settled(4, Fate::Exported);
        std::mem::forget(lane.enter(3));
        let counts = trunk.counts().with_lane(&lane.counts());
        assert_eq!((counts.entered(), counts.in_flight()), (10, 4));
        let fates: Vec<_> = counts.fates().collect();
        assert_eq!(fates, [(Fate::Exported, 4), (Fate::LaneFull, 2)]);
    }

    /// A panic does not make items disappear.
    #[test]
    fn a_panic_abandons_what_it_held() {
        let book = Arc::new(Book::default());
        let tally = book.enter(3);
        let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _held = tally;
            panic!("exporter");
        }));
        assert!(caught.is_err());
        assert_eq!(book.counts().of(Fate::Abandoned), 3);
    }
}
