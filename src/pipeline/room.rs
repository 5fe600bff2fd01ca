//! How much may wait where: the bounds of the mailboxes, in parts of the budget.

use super::config::Config;
use crate::actors::batcher::config::BatchConfig;
use crate::actors::pool::CHUNK_BYTES;
use crate::actors::session::config::WhenFull;

/// Chunks that may wait at the head where hosts wait for room, 4 MiB of full ones: enough to keep the
/// pipeline busy. Where they do not wait, half of the budget may, so that a burst finds room.
const HEAD_CHUNKS: usize = 256;
/// Batches that may wait for a sole lane.
const SOLE_LANE_BATCHES: usize = 2;
/// Batches that may wait for one of several lanes, at the most.
const LANE_BATCHES: usize = 1024;
/// Batches that may wait for a lane that has a spool, at the most: what is more goes by way of the disk.
const SPOOLED_LANE_BATCHES: usize = 16;
/// What an item takes on the wire, about, and the least that a batch is reckoned at.
const ITEM_BYTES: usize = 512;
const LEAST_BATCH_BYTES: usize = 16 << 10;

/// Messages that may wait at the head.
pub(super) fn head_capacity(config: &Config) -> usize {
    match config.when_full {
        WhenFull::Block => HEAD_CHUNKS,
        WhenFull::DropNewest => HEAD_CHUNKS.max(config.budget.as_usize() / 2 / CHUNK_BYTES),
    }
}

/// What a full batch takes, about: it is full by bytes or by items.
fn usual_batch_bytes(batch: &BatchConfig) -> usize {
    let by_items = batch.max_export_batch_size.saturating_mul(ITEM_BYTES);
    let bytes = batch.max_export_batch_bytes.as_usize().min(by_items);
    bytes.max(LEAST_BATCH_BYTES)
}

/// How many batches each lane may hold: the lanes share half of the budget.
pub(super) fn lane_share(config: &Config, lanes: usize) -> usize {
    let batch_bytes = usual_batch_bytes(&config.batch).max(usual_batch_bytes(&config.log_batch));
    config.budget.as_usize() / 2 / lanes.max(1) / batch_bytes
}

/// How many of a lane's share wait for it, beside those under way.
pub(super) fn waiting(share: usize, under_way: usize, is_sole: bool, has_spool: bool) -> usize {
    let most = match has_spool {
        true => SPOOLED_LANE_BATCHES,
        false if is_sole => return SOLE_LANE_BATCHES,
        false => LANE_BATCHES,
    };
    share.saturating_sub(under_way).clamp(1, most)
}
