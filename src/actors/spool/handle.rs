//! The spool as the pipeline holds it: started when it is built, ended when its actors are gone.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use tokio::sync::{oneshot, watch};

use super::desk::{Desk, LaneSpool};
use super::notes::Left;

/// A spool whose thread runs.
#[derive(Debug)]
pub(crate) struct Running {
    /// One for each exporter, in their order.
    pub(crate) lanes: Vec<LaneSpool>,
    pub(crate) end: End,
    pub(crate) gauge: Gauge,
    /// Sessions that an earlier process had open.
    pub(crate) left_open: Vec<LeftOpen>,
    /// Sessions that it had not decided.
    pub(crate) undecided: Left,
    /// How many bytes may be held undecided, so that there is room for all of it on disk.
    pub(crate) most_undecided: u64,
}

/// A session that an earlier process had open.
#[derive(Clone, Debug)]
pub(crate) struct LeftOpen {
    /// The id of its root span.
    pub(crate) root: u64,
    /// That span as a request, ended when the process was last known to live.
    pub(crate) request: Bytes,
}

/// How much is on disk, and whether more can be written, for others to see.
#[derive(Clone, Debug)]
pub(crate) struct Gauge {
    bytes: Arc<AtomicU64>,
    most: u64,
    /// What is to be written waits: the log is full, or its disk is or fails.
    stuck: watch::Sender<bool>,
}

impl Gauge {
    /// The gauge of a log of `most` bytes.
    pub(crate) fn new(bytes: u64, most: u64) -> Self {
        Self {
            bytes: Arc::new(AtomicU64::new(bytes)),
            most,
            stuck: watch::Sender::new(false),
        }
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// The bytes of the log at the most.
    pub(crate) fn most(&self) -> u64 {
        self.most
    }

    pub(crate) fn is_stuck(&self) -> bool {
        *self.stuck.borrow()
    }

    pub(crate) fn set(&self, bytes: u64, is_stuck: bool) {
        self.bytes.store(bytes, Ordering::Relaxed);
        let change = |stuck: &mut bool| std::mem::replace(stuck, is_stuck) != is_stuck;
        self.stuck.send_if_modified(change);
    }

    /// What completes when it is stuck no more, or is so anew, from now on.
    pub(crate) fn changes(&self) -> watch::Receiver<bool> {
        self.stuck.subscribe()
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
