//! The counts of a book at one moment: how many items came in, and what became of them.

use super::ledger::Fate;

/// The counts of a book at one moment: `entered = settled + in flight + on disk`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub(crate) entered: u64,
    pub(super) received: u64,
    pub(super) recovered: u64,
    pub(super) on_disk: u64,
    pub(super) fates: [u64; Fate::ALL.len()],
}

impl Counts {
    /// These, of a trunk of which one lane has the counts `lane`, as that lane's: what was handed is what it
    /// was handed, all else became of it on the way there.
    pub(crate) fn with_lane(mut self, lane: &Self) -> Self {
        self.fates[Fate::Handed as usize] = 0;
        for (fate, of_lane) in self.fates.iter_mut().zip(&lane.fates) {
            *fate += of_lane;
        }
        self
    }

    /// How many items came into the book: ended or received, for the pipeline's; handed over, for a
    /// lane's.
    #[must_use]
    pub fn entered(&self) -> u64 {
        self.entered
    }

    /// How many of them were received from elsewhere; none, for a lane's.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.received
    }

    /// How many of them an earlier process had left on disk; in the pipeline's book, undecided.
    #[must_use]
    pub fn recovered(&self) -> u64 {
        self.recovered
    }

    /// How many are on disk and wait for their destination, those under way from there among them; none without a spool, nor in the pipeline's book.
    #[must_use]
    pub fn on_disk(&self) -> u64 {
        self.on_disk
    }

    /// How many met this fate.
    #[must_use]
    pub fn of(&self, fate: Fate) -> u64 {
        self.fates[fate as usize]
    }

    /// How many met a fate.
    #[must_use]
    pub fn settled(&self) -> u64 {
        self.fates.iter().sum()
    }

    /// How many are on their way in memory alone.
    #[must_use]
    pub fn in_flight(&self) -> u64 {
        self.entered
            .saturating_sub(self.settled().saturating_add(self.on_disk))
    }

    /// How many were lost: the sum of the fates that are losses.
    #[must_use]
    pub fn lost(&self) -> u64 {
        Fate::ALL
            .iter()
            .filter(|fate| fate.is_loss())
            .map(|fate| self.of(*fate))
            .sum()
    }

    /// The fates that were met, with their counts.
    pub fn fates(&self) -> impl Iterator<Item = (Fate, u64)> + '_ {
        Fate::ALL
            .into_iter()
            .map(|fate| (fate, self.of(fate)))
            .filter(|(_, items)| *items > 0)
    }
}
