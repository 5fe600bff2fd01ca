//! The spool as the pipeline holds it: started when it is built, ended when its actors are gone.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{oneshot, watch};

use super::desk::{Desk, LaneSpool};
use super::notes::Left;
use crate::actors::clock::Clock;

/// A spool whose thread runs.
#[derive(Debug)]
pub(crate) struct Running {
    /// One for each exporter, in their order.
    pub(crate) lanes: Vec<LaneSpool>,
    pub(crate) end: End,
    pub(crate) gauge: Gauge,
    pub(crate) door: Door,
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

/// What may be asked of a spool from outside while it runs.
#[derive(Clone, Debug)]
pub(crate) struct Door {
    /// Its thread, to change something.
    pub(crate) desk: Arc<Desk>,
    /// Its directory, to look at what it keeps.
    pub(crate) path: PathBuf,
}

/// What a lane has on disk that it has not settled.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct OnDisk {
    pub(crate) bytes: u64,
    /// When the oldest was written, in nanoseconds since 1970; 0 where there is none.
    pub(crate) since_ns: u64,
}

impl OnDisk {
    /// How old the oldest is.
    pub(crate) fn age(self) -> Option<Duration> {
        let now_ns = Clock::new().anchor().unix_ns();
        let age = Duration::from_nanos(now_ns.saturating_sub(self.since_ns));
        (self.since_ns > 0).then_some(age)
    }
}

/// How much is on disk, and whether more can be written, for others to see.
#[derive(Clone, Debug)]
pub(crate) struct Gauge {
    bytes: Arc<AtomicU64>,
    most: u64,
    /// What is to be written waits: the log is full, or its disk is or fails.
    stuck: watch::Sender<bool>,
    /// Of each lane, the bytes and the time of [`OnDisk`].
    lanes: Arc<[[AtomicU64; 2]]>,
}

impl Gauge {
    /// The gauge of a log of `most` bytes for so many lanes.
    pub(crate) fn new(bytes: u64, most: u64, lanes: usize) -> Self {
        Self {
            bytes: Arc::new(AtomicU64::new(bytes)),
            most,
            stuck: watch::Sender::new(false),
            lanes: (0..lanes).map(|_| Default::default()).collect(),
        }
    }

    /// What a lane has on disk; nothing where it is none of this spool's.
    pub(crate) fn on_disk_of(&self, lane: usize) -> OnDisk {
        let Some([bytes, since_ns]) = self.lanes.get(lane) else {
            return OnDisk::default();
        };
        OnDisk {
            bytes: bytes.load(Ordering::Relaxed),
            since_ns: since_ns.load(Ordering::Relaxed),
        }
    }

    pub(crate) fn set_on_disk_of(&self, lane: usize, found: OnDisk) {
        if let Some([bytes, since_ns]) = self.lanes.get(lane) {
            bytes.store(found.bytes, Ordering::Relaxed);
            since_ns.store(found.since_ns, Ordering::Relaxed);
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
