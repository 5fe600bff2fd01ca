//! What most sessions have none of, apart from what all have: a session is small.

use std::collections::VecDeque;
use std::sync::{Arc, Weak};

use super::budget::Allowance;
use super::latest::Latest;
use super::state::{Open, State};
use super::visit::RootEnd;
use crate::model::chunk::Chunk;

#[derive(Debug, Default)]
pub(super) struct Rare {
    pub(super) logs: Open,
    /// Sealed chunks that the pipeline had no room for, in order.
    parked: VecDeque<Chunk>,
    /// What it may cost.
    allowance: Option<Arc<Allowance>>,
    /// Where the segments before it find it.
    latest: Weak<Latest>,
    /// How its root ended, where that was before other work in it.
    root_end: Option<RootEnd>,
}

impl State {
    /// The chunks that are parked, for more of them.
    pub(super) fn parked(&mut self) -> &mut VecDeque<Chunk> {
        &mut self.rare.get_or_insert_default().parked
    }

    pub(super) fn has_parked(&self) -> bool {
        self.parked_count() > 0
    }

    pub(super) fn parked_count(&self) -> usize {
        self.rare.as_ref().map_or(0, |rare| rare.parked.len())
    }

    pub(super) fn take_parked(&mut self) -> Option<Chunk> {
        self.rare.as_mut()?.parked.pop_front()
    }

    pub(super) fn allowance(&self) -> Option<&Arc<Allowance>> {
        self.rare.as_ref()?.allowance.as_ref()
    }

    /// Where the segments before it find it, as long as anybody has one of those.
    pub(super) fn latest(&self) -> Option<Arc<Latest>> {
        self.rare.as_ref()?.latest.upgrade()
    }

    pub(super) fn set_latest(&mut self, latest: &Arc<Latest>) {
        self.rare.get_or_insert_default().latest = Arc::downgrade(latest);
    }

    pub(super) fn set_allowance(&mut self, allowance: Arc<Allowance>) {
        self.rare.get_or_insert_default().allowance = Some(allowance);
    }

    pub(super) fn take_root_end(&mut self) -> Option<RootEnd> {
        self.rare.as_mut()?.root_end.take()
    }

    pub(super) fn set_root_end(&mut self, end: RootEnd) {
        self.rare.get_or_insert_default().root_end = Some(end);
    }
}
