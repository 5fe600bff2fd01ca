//! Receipts: who is to be told what became of received items.
//!
//! A [`Ticket`] counts, for one received request, the items that have not met their fate in every
//! lane they went to. [`Shares`] are custody of some of them: they travel in the tallies of chunks and batches,
//! split and join with them, and settle the ticket when these are settled. Dropped unsettled, they
//! count as abandoned, so that no receipt waits for ever.

use std::task::{Poll, Waker};

use super::kept::Kept;
use super::ledger::Fate;
use super::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use super::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What became of one received request so far.
#[derive(Debug, Default)]
pub(crate) struct Ticket {
    /// Items that somebody has custody of; an item counts once for each lane it is in.
    open: AtomicU64,
    /// Those among the open that would not survive the process: they are not on disk.
    exposed: AtomicU64,
    fates: [AtomicU64; Fate::ALL.len()],
    /// Who waits for the end, or until all is on disk.
    waiting: Mutex<Waiting>,
    /// Nobody has the receipt any more.
    forgotten: AtomicBool,
}

/// Tasks to be woken. Mostly there is one, which needs no memory of its own.
#[derive(Debug, Default)]
struct Waiting {
    one: Option<Waker>,
    others: Vec<Waker>,
}

impl Waiting {
    /// Adds a task that does not wait yet.
    fn add(&mut self, waker: &Waker) {
        match &self.one {
            None => self.one = Some(waker.clone()),
            Some(one) if one.will_wake(waker) => {}
            Some(_) if self.others.iter().any(|it| it.will_wake(waker)) => {}
            Some(_) => self.others.push(waker.clone()),
        }
    }

    fn wake(self) {
        self.one
            .into_iter()
            .chain(self.others)
            .for_each(Waker::wake);
    }
}

impl Ticket {
    /// How many items met each fate so far.
    pub(crate) fn fates(&self) -> [u64; Fate::ALL.len()] {
        std::array::from_fn(|fate| self.fates[fate].load(Ordering::Acquire))
    }

    /// Nobody is going to ask.
    pub(crate) fn forget(&self) {
        self.forgotten.store(true, Ordering::Relaxed);
    }

    /// How many items have not met theirs.
    pub(crate) fn open(&self) -> u64 {
        self.open.load(Ordering::Acquire)
    }

    /// Ready when nothing is open; else `waker` is woken then, and perhaps before.
    pub(crate) fn poll(&self, waker: &Waker) -> Poll<()> {
        self.poll_zero(&self.open, waker)
    }

    fn poll_zero(&self, count: &AtomicU64, waker: &Waker) -> Poll<()> {
        if count.load(Ordering::Acquire) == 0 {
            return Poll::Ready(());
        }
        self.lock().add(waker);
        // It may have been settled before the waker was there.
        match count.load(Ordering::Acquire) {
            0 => Poll::Ready(()),
            _ => Poll::Pending,
        }
    }

    /// How many items are neither settled nor on disk.
    pub(crate) fn exposed(&self) -> u64 {
        self.exposed.load(Ordering::Acquire)
    }

    /// Ready when nothing is exposed; else as [`poll`](Self::poll).
    pub(crate) fn poll_durable(&self, waker: &Waker) -> Poll<()> {
        self.poll_zero(&self.exposed, waker)
    }

    fn take(&self, items: u64) {
        self.open.fetch_add(items, Ordering::Relaxed);
        self.exposed.fetch_add(items, Ordering::Relaxed);
    }

    /// Books items; `durable` says that they were on disk.
    fn settle(&self, items: u64, fate: Fate, durable: bool) {
        if items == 0 {
            return;
        }
        self.fates[fate as usize].fetch_add(items, Ordering::Relaxed);
        if !durable {
            self.secure(items);
        }
        if self.open.fetch_sub(items, Ordering::AcqRel) == items {
            self.wake();
        }
    }

    /// Items are on disk, or settled.
    fn secure(&self, items: u64) {
        if self.exposed.fetch_sub(items, Ordering::AcqRel) == items {
            self.wake();
        }
    }

    /// The copy of items that were to be on disk is not: nobody is told that they are safe.
    fn expose(&self, items: u64) {
        self.fates[Fate::Abandoned as usize].fetch_add(items, Ordering::Relaxed);
        self.secure(items);
    }

    fn wake(&self) {
        let waiting = std::mem::take(&mut *self.lock());
        waiting.wake();
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Items in a row that one ticket, or none, is told of.
#[derive(Debug)]
struct Share {
    ticket: Option<Arc<Ticket>>,
    items: u64,
    /// They are on disk, or somebody else sees to it that the ticket is told when they are.
    durable: bool,
    /// A copy of theirs, which may go when all of them are settled or on disk elsewhere.
    copy: Option<Kept>,
}

/// Custody of items on behalf of receipts, in the order of the items, and of a copy on disk from which they
/// came. Where nobody wants a receipt, and they came from nowhere, it costs nothing but a pointer.
#[derive(Debug, Default)]
pub(crate) struct Shares(Option<Box<Row>>);

/// Shares in a row, behind a pointer: most tallies have none.
#[derive(Debug, Default)]
struct Row {
    shares: Vec<Share>,
    /// They are on disk until this is gone.
    source: Option<Kept>,
}

impl Shares {
    /// Custody of `items` of a request.
    pub(crate) fn of(ticket: &Arc<Ticket>, items: u64) -> Self {
        ticket.take(items);
        Self::of_row(vec![Share {
            ticket: Some(Arc::clone(ticket)),
            items,
            durable: false,
            copy: None,
        }])
    }

    /// Custody of `items` that nobody wants a receipt for, to stand between others.
    pub(crate) fn of_nobody(items: u64) -> Self {
        Self::of_row(vec![Share {
            ticket: None,
            items,
            durable: false,
            copy: None,
        }])
    }

    fn of_row(shares: Vec<Share>) -> Self {
        let source = None;
        Self((!shares.is_empty()).then(|| Box::new(Row { shares, source })))
    }

    /// The same of items that are on disk until `source` is gone.
    pub(crate) fn out_of(mut self, source: Option<Kept>) -> Self {
        if source.is_some() {
            self.0.get_or_insert_default().source = source;
        }
        self
    }

    /// What the items came from.
    pub(crate) fn source(&self) -> Option<&Kept> {
        self.0.as_ref()?.source.as_ref()
    }

    /// Takes all out.
    fn take(&mut self) -> Vec<Share> {
        self.0.take().map(|row| row.shares).unwrap_or_default()
    }

    fn each(&mut self) -> impl Iterator<Item = &mut Share> {
        self.0.iter_mut().flat_map(|row| &mut row.shares)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.as_ref().is_none_or(|row| row.shares.is_empty())
    }

    /// Gives up custody on behalf of receipts that nobody has, where that is all that there is.
    pub(crate) fn forget(&mut self) {
        let is_idle = |share: &Share| {
            let is_forgotten = |ticket: &Arc<Ticket>| ticket.forgotten.load(Ordering::Relaxed);
            share.copy.is_none() && share.ticket.as_ref().is_none_or(is_forgotten)
        };
        let is_all = |row: &Row| row.source.is_none() && row.shares.iter().all(is_idle);
        if self.0.as_deref().is_some_and(is_all) {
            self.0 = None;
        }
    }

    /// Joins others, which are of items behind these.
    pub(crate) fn append(&mut self, mut others: Self) {
        let others = others.take();
        if others.is_empty() {
            return;
        }
        let row = &mut self.0.get_or_insert_default().shares;
        for share in others {
            let same = |last: &&mut Share| {
                let of_one = match (&last.ticket, &share.ticket) {
                    (Some(of), Some(ticket)) => {
                        Arc::ptr_eq(of, ticket) && last.durable == share.durable
                    }
                    (None, None) => true,
                    _ => false,
                };
                of_one && last.copy == share.copy
            };
            match row.last_mut().filter(same) {
                Some(last) => last.items += share.items,
                None => row.push(share),
            }
        }
    }

    /// Custody of the same items once more: in a lane.
    pub(crate) fn for_lane(&self) -> Self {
        let again = |share: &Share| {
            if let Some(ticket) = &share.ticket {
                ticket.take(share.items);
            }
            Share {
                ticket: share.ticket.clone(),
                items: share.items,
                durable: false,
                copy: share.copy.clone(),
            }
        };
        let shares = self.0.iter().flat_map(|row| &row.shares);
        Self::of_row(shares.map(again).collect())
    }

    /// Custody of the first `items` of them.
    pub(crate) fn split(&mut self, mut items: u64) -> Self {
        let source = self.source().cloned();
        let mut row = self.take();
        let mut whole = 0;
        while let Some(share) = row.get(whole)
            && share.items <= items
        {
            items -= share.items;
            whole += 1;
        }
        let mut first: Vec<_> = row.drain(..whole).collect();
        if let Some(share) = row.first_mut().filter(|_| items > 0) {
            share.items -= items;
            // Mostly it is the only one, and what is undecided is held for long.
            first.reserve_exact(1);
            first.push(Share {
                ticket: share.ticket.clone(),
                items,
                durable: share.durable,
                copy: share.copy.clone(),
            });
        }
        *self = Self::of_row(row).out_of(source.clone());
        Self::of_row(first).out_of(source)
    }

    /// Custody of `items` that have a copy, beside whoever wants a receipt for them.
    pub(crate) fn with_copy(mut self, items: u64, copy: &Kept) -> Self {
        if self.is_empty() {
            self = Self::of_nobody(items);
        }
        for share in self.each() {
            share.copy = Some(copy.clone());
        }
        self
    }

    /// Passes on the duty to tell that they are on disk.
    pub(crate) fn expose(&mut self) -> Exposed {
        let mut exposed = Vec::new();
        for share in self.each() {
            if let Some(ticket) = &share.ticket
                && !std::mem::replace(&mut share.durable, true)
            {
                exposed.push((Arc::clone(ticket), share.items));
            }
        }
        Exposed(exposed)
    }

    /// All of them are on disk.
    #[cfg(feature = "spool")]
    pub(crate) fn secure(&mut self) {
        for share in self.each() {
            share.copy = None;
            if let Some(ticket) = &share.ticket
                && !std::mem::replace(&mut share.durable, true)
            {
                ticket.secure(share.items);
            }
        }
    }

    /// Tells all of their fate.
    pub(crate) fn settle(&mut self, fate: Fate) {
        // It goes when all of them know.
        let _source = self.source().cloned();
        for share in self.take() {
            if let Some(copy) = share
                .copy
                .filter(|_| share.items > 0 && fate == Fate::Abandoned)
            {
                copy.give_back(share.items);
            }
            if let Some(ticket) = share.ticket {
                ticket.settle(share.items, fate, share.durable);
            }
        }
    }

    /// Tells of `items` among them. Where they are of several requests, nobody knows whose they were:
    /// each is told that it were its own, as far as it has so many. So none believes delivered what may
    /// not be; together they may be told of more than there were.
    pub(crate) fn settle_some(&mut self, items: u64, fate: Fate) {
        for share in self.each() {
            let told = items.min(share.items);
            share.items -= told;
            if let Some(ticket) = &share.ticket {
                ticket.settle(told, fate, share.durable);
            }
        }
    }
}

/// Who is to be told that items are on disk. Dropped before, it tells that they are not.
#[must_use = "tell them, or they count as abandoned"]
#[derive(Debug, Default)]
pub(crate) struct Exposed(Vec<(Arc<Ticket>, u64)>);

impl Exposed {
    /// They are on disk, or settled.
    #[cfg(feature = "spool")]
    pub(crate) fn secured(mut self) {
        for (ticket, items) in self.0.drain(..) {
            ticket.secure(items);
        }
    }
}

impl Drop for Exposed {
    fn drop(&mut self) {
        for (ticket, items) in self.0.drain(..) {
            ticket.expose(items);
        }
    }
}

impl Drop for Shares {
    fn drop(&mut self) {
        self.settle(Fate::Abandoned);
    }
}
