//! What destinations refused for good, read from the disk now and then: many may ask for it each second.
//!
//! Holds: the newest of it. Waits: for the disk, one at a time. Loses: nothing.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use spanreel::Pipeline;
use spanreel_store::quarantined_json;

/// How old an answer may be.
const FRESH: Duration = Duration::from_millis(500);

/// Requests that are shown.
const MOST: usize = 100;

/// What was read last.
pub(super) struct Refused {
    pipeline: Pipeline,
    last: Mutex<Option<(Instant, u64, Value)>>,
}

impl Refused {
    pub(super) fn new(pipeline: Pipeline) -> Self {
        Self {
            pipeline,
            last: Mutex::new(None),
        }
    }

    /// How many requests there are, and the newest of them.
    pub(super) fn newest(&self) -> (u64, Value) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let known = last.take_if(|(read, ..)| read.elapsed() >= FRESH);
        if last.is_none() {
            let (requests, items) = match self.pipeline.quarantine(MOST) {
                Ok(found) => {
                    let items: Value = found.newest.iter().map(quarantined_json).collect();
                    (found.requests, items)
                }
                Err(error) => {
                    tracing::warn!(target: "spanreel", %error, "what is in quarantine cannot be read");
                    known.map_or((0, json!([])), |(_, requests, items)| (requests, items))
                }
            };
            *last = Some((Instant::now(), requests, items));
        }
        let (_, requests, items) = last.as_ref().expect("it was set above");
        (*requests, items.clone())
    }
}
