//! What a layer has done so far.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The books of a [`SessionLayer`](super::SessionLayer): a handle, cheap to clone, to be kept when the
/// layer is given to a subscriber.
#[derive(Clone, Debug, Default)]
pub struct LayerCounts(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    spans: AtomicU64,
    events: AtomicU64,
    homeless_spans: AtomicU64,
    homeless_events: AtomicU64,
}

impl LayerCounts {
    /// Spans of `tracing` that became spans of a session.
    #[must_use]
    pub fn spans(&self) -> u64 {
        self.0.spans.load(Ordering::Relaxed)
    }

    /// Events that became log records of a session.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.0.events.load(Ordering::Relaxed)
    }

    /// Spans that were left out because no session was current.
    #[must_use]
    pub fn homeless_spans(&self) -> u64 {
        self.0.homeless_spans.load(Ordering::Relaxed)
    }

    /// Events that were left out because no session was current.
    #[must_use]
    pub fn homeless_events(&self) -> u64 {
        self.0.homeless_events.load(Ordering::Relaxed)
    }

    /// Books a span.
    pub(super) fn count_span(&self, has_home: bool) {
        let counter = if has_home {
            &self.0.spans
        } else {
            &self.0.homeless_spans
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Books an event.
    pub(super) fn count_event(&self, has_home: bool) {
        let counter = if has_home {
            &self.0.events
        } else {
            &self.0.homeless_events
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}
