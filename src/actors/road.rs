//! The one road: what travels from sessions to the batcher, in order.

use super::baton::Baton;
use crate::model::chunk::Chunk;

/// A message of the processor, the sampler and the batcher: all three stand on the same road.
#[derive(Debug)]
pub(crate) enum Msg {
    /// A full chunk of one session.
    Chunk(Chunk),
    /// Chunks of many quiet sessions, sealed by the sweeper.
    Chunks(Vec<Chunk>),
    /// All that came before is to be settled.
    Flush(Baton),
}
