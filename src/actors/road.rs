//! The one road: what travels from sessions to the batcher, in order.

use super::baton::Baton;
use crate::model::chunk::Chunk;
use crate::model::ledger::Fate;
use crate::model::whole::Whole;

/// A message of the processor, the sampler and the batcher: all three stand on the same road.
#[derive(Debug)]
pub(crate) enum Msg {
    /// A full chunk.
    Chunk(Chunk),
    /// Chunks of many quiet sessions, gathered.
    Chunks(Vec<Chunk>),
    /// A request that was received, whole: where nothing looks at single items, and always for
    /// metrics, which nothing looks at.
    Whole(Whole),
    /// All that came before is to be settled.
    Flush(Baton),
}

impl Msg {
    /// Books what is in it.
    pub(crate) fn settle(self, fate: Fate) {
        match self {
            Self::Chunk(chunk) => chunk.tally.settle(fate),
            Self::Chunks(chunks) => chunks.into_iter().for_each(|it| it.tally.settle(fate)),
            Self::Whole(whole) => whole.tally.settle(fate),
            Self::Flush(_) => {}
        }
    }
}
