//! The second trunk, for exporters that stand before the sampler: a batcher and lanes of its own.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::super::config::Config;
use super::super::{LaneHandle, QueueHandle};
use super::{LanePlan, STAGE_MESSAGES, Tasks, stage, start_lanes, wanted};
use crate::actors::batcher::Batcher;
use crate::actors::batcher::config::{BatchConfig, Seal};
use crate::actors::fork::Side;
use crate::model::byte_size::ByteSize;
use crate::model::ledger::Books;

/// How long what stands before the sampler waits for company.
const SIDE_DELAY: Duration = Duration::from_millis(200);

/// Starts the second trunk: a batcher of its own, and the lanes that stand before the sampler. It has a
/// quarter of the budget: half of that for what is on its way to its batcher and waits there, half for its
/// lanes.
pub(super) fn start(
    lanes: Vec<LanePlan>,
    config: &Config,
    queues: &mut Vec<QueueHandle>,
    tasks: &mut Tasks<'_>,
) -> (Side, Vec<LaneHandle>) {
    let wanted = wanted(lanes.iter());
    let books = Arc::new(Books::default());
    let most = ByteSize::bytes(config.budget.as_u64() / 4);
    let of_side = Config {
        budget: most,
        batch: before_sampling(&config.batch),
        log_batch: before_sampling(&config.log_batch),
        ..config.clone()
    };
    let nothing_waits_on_disk = CancellationToken::new();
    let (ends, mut handles) =
        start_lanes(lanes, Vec::new(), &nothing_waits_on_disk, &of_side, tasks);
    for handle in &mut handles {
        handle.trunk = Some(Arc::clone(&books));
    }
    let (mailbox, inbox) = stage("batcher-before-sampling", STAGE_MESSAGES, queues);
    let batcher = Batcher::new(ends, of_side.batch, of_side.log_batch);
    tasks.spawn_named("batcher-before-sampling".to_owned(), batcher, inbox);
    let side = Side {
        mailbox,
        wanted,
        books,
        most_bytes: most.as_usize(),
    };
    (side, handles)
}

/// How what stands before the sampler is batched: it is to see everything at once.
fn before_sampling(batch: &BatchConfig) -> BatchConfig {
    BatchConfig {
        schedule_delay: SIDE_DELAY,
        seal: Seal::WhenDue,
        ..batch.clone()
    }
}
