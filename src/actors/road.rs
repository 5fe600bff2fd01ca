//! The one road: what travels from sessions to the batcher, in order.

use super::baton::Baton;
use crate::model::chunk::Chunk;
use crate::model::whole::Whole;

/// A message of the processor, the sampler and the batcher: all three stand on the same road.
#[derive(Debug)]
pub(crate) enum Msg {
    /// A full chunk of one session.
    Chunk(Chunk),
    /// Chunks of many quiet sessions, sealed by the sweeper.
    Chunks(Vec<Chunk>),
    /// A request that was received, whole: where nothing looks at single items, and always for
    /// metrics, which nothing looks at.
    Whole(Whole),
    /// All that came before is to be settled.
    Flush(Baton),
}
