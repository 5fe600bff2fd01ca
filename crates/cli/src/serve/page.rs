//! The store and its page, as `serve` has them.

use std::sync::Arc;

use anyhow::Context as _;
use spanreel::{ByteSize, Exporter, Pipeline};
use spanreel_store::{
    Live, MemoryStore, Retention, SqliteStore, Store, StoreError, StoreExporter, Web,
};

use super::banner::Addresses;
use super::pulse;
use crate::config::Config;
use crate::config::value::Keep;
use crate::receive::StatsReader;

/// Of what the store may hold on disk, the part that it holds in memory where there is none.
const PART_IN_MEMORY: u64 = 32;

/// The most that it holds in memory.
const MOST_IN_MEMORY: ByteSize = ByteSize::gib(1);

/// A store, and what is told of its changes.
pub(crate) struct Kept {
    store: Arc<dyn Store>,
    live: Live,
}

/// Opens the store, with the lane that feeds it; `None` where nothing is kept.
///
/// # Errors
/// The store cannot be used, or there is no thread for it.
pub(crate) fn open(config: &Config) -> anyhow::Result<Option<(Kept, Exporter)>> {
    if config.store == Keep::Off || config.http.addr().is_none() {
        return Ok(None);
    }
    let mut retention = Retention::default();
    retention.max_age = config.store_max_age;
    retention.max_bytes = config.store_max_size.as_u64();
    let on_disk = match config.store_dir() {
        None => None,
        Some(directory) => match SqliteStore::open(&directory, retention) {
            Err(error @ StoreError::InUse { .. }) => {
                tracing::warn!(target: "spanreel", %error, "sessions are kept in memory instead");
                None
            }
            opened => Some(opened),
        },
    };
    let store: Arc<dyn Store> = match on_disk {
        Some(opened) => {
            let advice =
                "cannot use the store; give --data-dir another directory, or --store memory";
            Arc::new(opened.context(advice)?)
        }
        None => {
            let most = retention.max_bytes / PART_IN_MEMORY;
            retention.max_bytes = most.min(MOST_IN_MEMORY.as_u64());
            Arc::new(MemoryStore::new(retention))
        }
    };
    let (exporter, live) = StoreExporter::start(Arc::clone(&store))?;
    Ok(Some((Kept { store, live }, exporter.lane())))
}

/// The page of a store.
pub(crate) fn web(
    config: &Config,
    kept: Kept,
    pipeline: &Pipeline,
    receiver: &StatsReader,
    addresses: &Addresses,
) -> Web {
    let token = config.token.as_ref().map(|token| token.reveal());
    let is_local = addresses
        .operations
        .is_some_and(|addr| addr.ip().is_loopback());
    let pulse = pulse::pulse(config, addresses, pipeline.clone(), receiver.clone());
    let web = Web::new(kept.store, kept.live, pulse, token, is_local);
    match config.spool_dir() {
        Some(_) => web.quarantine_of(pipeline.clone()),
        None => web,
    }
}
