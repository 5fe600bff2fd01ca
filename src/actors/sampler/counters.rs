//! What the sampler holds and did, for statistics. Atomic numbers, written by one.

use std::sync::atomic::{AtomicU64, Ordering};

use super::early::Early;
use super::window::Load;

#[derive(Debug, Default)]
pub(crate) struct SamplerCounters {
    sessions: AtomicU64,
    items: AtomicU64,
    bytes: AtomicU64,
    too_much: AtomicU64,
    too_long: AtomicU64,
}

/// What is held, and how many sessions were decided before their end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct SamplerCounts {
    pub(crate) sessions: u64,
    pub(crate) items: u64,
    pub(crate) bytes: u64,
    /// Because a bound was reached.
    pub(crate) too_much: u64,
    /// Because they were held for too long.
    pub(crate) too_long: u64,
}

impl SamplerCounters {
    pub(super) fn note(&self, load: Load) {
        self.sessions.store(load.sessions, Ordering::Relaxed);
        self.items.store(load.items, Ordering::Relaxed);
        self.bytes.store(load.bytes, Ordering::Relaxed);
    }

    pub(super) fn count_early(&self, why: Early) {
        let count = match why {
            Early::TooMuch => &self.too_much,
            Early::TooLong => &self.too_long,
            Early::Shutdown => return,
        };
        count.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn counts(&self) -> SamplerCounts {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        SamplerCounts {
            sessions: read(&self.sessions),
            items: read(&self.items),
            bytes: read(&self.bytes),
            too_much: read(&self.too_much),
            too_long: read(&self.too_long),
        }
    }
}
