//! The spool as the pipeline holds it: started when it is built, ended when its actors are gone.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::oneshot;

use super::desk::{Desk, LaneSpool};

/// A spool whose thread runs.
#[derive(Debug)]
pub(crate) struct Running {
    /// One for each exporter, in their order.
    pub(crate) lanes: Vec<LaneSpool>,
    pub(crate) end: End,
    pub(crate) gauge: Gauge,
}

/// How much is on disk, for others to see.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gauge {
    pub(crate) bytes: Arc<AtomicU64>,
}

impl Gauge {
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }
}

/// The end of the spool's thread. Dropped, it lets the thread end by itself.
#[derive(Debug)]
pub(crate) struct End {
    pub(crate) desk: Arc<Desk>,
    pub(crate) ended: oneshot::Receiver<()>,
}

impl End {
    /// Has all written that is on the desk, and waits for it.
    pub(crate) async fn finish(mut self) {
        self.desk.close();
        // A thread that panicked has ended, too.
        let _ended = (&mut self.ended).await;
    }
}

impl Drop for End {
    fn drop(&mut self) {
        self.desk.close();
    }
}
