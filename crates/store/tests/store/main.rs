//! What every store promises, asked of both; and what the one on disk promises beside it.

mod agentops;
mod behind;
mod contract;
mod disk;
mod hostile;
mod live;
mod mcp;
mod page;
mod quarantine;
mod telemetry;

use std::sync::Arc;
use std::time::Duration;

use spanreel::Request;
use spanreel_store::{MemoryStore, Patience, Retention, SqliteStore, Store};

/// When everything here happens, in microseconds since 1970.
const T: u64 = 1_790_000_000_000_000;

fn patience() -> Patience {
    Patience::of(Duration::from_secs(30))
}

/// Asks the same of each store. A directory lives as long as its store.
fn with_each(ask: impl Fn(Arc<dyn Store>)) {
    let directory = tempfile::tempdir().expect("a directory");
    let sqlite = SqliteStore::open(directory.path(), Retention::default()).expect("a store");
    ask(Arc::new(sqlite));
    ask(Arc::new(MemoryStore::new(Retention::default())));
}

#[track_caller]
fn write(store: &dyn Store, requests: &[Request]) {
    store.write(requests).expect("it can be written");
}

/// The JSON of a value.
fn json(value: &impl serde::Serialize) -> serde_json::Value {
    serde_json::to_value(value).expect("JSON")
}
