//! Sources of `spanreel`'s model as they are, with locks and counts of another make; and what they name
//! beside them, as little of it as they use.

/// What the sources name instead of `std::sync`.
pub(crate) mod sync {
    pub(crate) use shuttle::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak, atomic};
}

#[path = "../../../src/model/counts.rs"]
pub(crate) mod counts;
#[path = "../../../src/model/kept.rs"]
pub(crate) mod kept;
#[path = "../../../src/model/ledger.rs"]
pub(crate) mod ledger;
#[path = "../../../src/model/receipt.rs"]
pub(crate) mod receipt;

/// Requests without bytes.
pub(crate) mod request {
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(crate) enum Signal {
        Traces,
        Logs,
    }

    impl Signal {
        pub(crate) const ALL: [Self; 2] = [Self::Traces, Self::Logs];
    }

    #[derive(Clone, Debug)]
    pub(crate) struct Request {
        pub(crate) len: usize,
    }

    impl Request {
        pub(crate) fn encoded_len(&self) -> usize {
            self.len
        }
    }
}

/// Batches that are known by their sizes.
pub(crate) mod batch {
    use super::ledger::Tally;
    use super::request::{Request, Signal};

    #[derive(Clone, Debug)]
    pub(crate) struct Parcel {
        pub(crate) signal: Signal,
        pub(crate) items: u64,
        pub(crate) len: usize,
    }

    impl Parcel {
        pub(crate) fn signal(&self) -> Signal {
            self.signal
        }

        pub(crate) fn items(&self) -> u64 {
            self.items
        }

        pub(crate) fn frame(&self) -> Request {
            Request { len: self.len }
        }

        pub(crate) fn join(parcels: Vec<Self>) -> Self {
            let mut parcels = parcels.into_iter();
            let first = parcels.next().expect("nobody joins nothing");
            parcels.fold(first, |joined, next| Self {
                signal: joined.signal,
                items: joined.items + next.items,
                len: joined.len + next.len,
            })
        }
    }

    #[derive(Debug)]
    pub(crate) struct Consignment {
        pub(crate) parcel: Parcel,
        pub(crate) tally: Tally,
    }
}
