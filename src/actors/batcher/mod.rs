//! Concatenates chunks until a batch is full or due, and hands it to every lane.
//!
//! Holds: one open batch per signal; with several lanes, batons for those that have no room for them.
//! Waits: for the mailbox of a sole lane; with a spool, for room on its desk instead. Loses: without a
//! spool and with several lanes, what one of them has no room for (`Fate::LaneFull`, for that lane alone);
//! single items larger than a request (`Fate::TooLarge`).

pub(crate) mod config;
pub(crate) mod lane_end;

use std::sync::Arc;

use futures::future::join_all;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::DropGuard;

use self::config::{BatchConfig, Seal};
use self::lane_end::LaneEnd;
use crate::actors::exporter::lane;
use crate::actors::mailbox::{Refused, Stopped};
use crate::actors::notice::Notice;
use crate::actors::road::Msg;
use crate::actors::run::Actor;
use crate::model::batch::{Batch, Consignment};
use crate::model::chunk::Chunk;
use crate::model::ledger::Fate;
use crate::model::otlp::frame;
use crate::model::request::Signal;
use crate::model::whole::Whole;

pub(crate) struct Batcher {
    lanes: Vec<LaneEnd>,
    open: [Open; Signal::ALL.len()],
    too_large: Notice,
    /// No more chunks will come.
    closing: bool,
    /// When lanes that are owed batons are asked again.
    ask_again: Option<Instant>,
    /// Rung by lanes with a free place, where batches leave when their lanes are idle.
    bell: Option<Arc<Notify>>,
    /// Tells the feeds of the lanes, when it is dropped, that nothing more comes.
    _last: Option<DropGuard>,
}

/// The batch being filled for one signal.
struct Open {
    config: BatchConfig,
    batch: Batch,
    due: Option<Instant>,
}

impl Batcher {
    /// Metrics are batched as log records are.
    pub(crate) fn new(lanes: Vec<LaneEnd>, traces: BatchConfig, logs: BatchConfig) -> Self {
        let open = |signal, config| Open {
            config,
            batch: Batch::new(signal),
            due: None,
        };
        let waits_for_lanes = [&traces, &logs].map(|it| it.seal == Seal::WhenLanesIdle);
        let bell = waits_for_lanes
            .contains(&true)
            .then(|| Arc::new(Notify::new()));
        if let Some(bell) = &bell {
            for lane in &lanes {
                lane.slots.ring(bell);
            }
        }
        Self {
            lanes,
            open: [
                open(Signal::Traces, traces),
                open(Signal::Logs, logs.clone()),
                open(Signal::Metrics, logs),
            ],
            too_large: Notice::default(),
            closing: false,
            ask_again: None,
            bell,
            _last: None,
        }
    }

    /// The same, with something to tell its end.
    pub(crate) fn ending(mut self, last: DropGuard) -> Self {
        self._last = Some(last);
        self
    }

    async fn take_in(&mut self, chunk: Chunk) -> Result<(), Stopped> {
        if chunk.items() == 0 {
            // It told the sampler that its session has ended.
            return Ok(());
        }
        let signal = chunk.signal;
        let mut next = Some(chunk);
        while let Some(mut chunk) = next {
            let open = &mut self.open[signal as usize];
            if !open.batch.is_empty() && !open.fits(&chunk) {
                self.seal(signal).await?;
                next = Some(chunk);
                continue;
            }
            next = None;
            if open.batch.is_empty() {
                next = open.split(&mut chunk);
                if Batch::cost_of(&chunk) > open.config.max_request_bytes.as_usize() {
                    if let Some(more) = self.too_large.due() {
                        tracing::warn!(target: "spanreel", bytes = chunk.bytes.len(), more, "item larger than a request may be; dropped");
                    }
                    chunk.tally.settle(Fate::TooLarge);
                    continue;
                }
                open.begin();
            }
            open.batch.push(chunk);
            if open.is_full() {
                self.seal(signal).await?;
            }
        }
        Ok(())
    }

    /// Takes in a request that was received: as it is where it fits a batch, else cut.
    async fn take_in_whole(&mut self, whole: Whole) -> Result<(), Stopped> {
        let signal = whole.signal;
        let open = &self.open[signal as usize];
        if !open.batch.is_empty() && !open.has_room(whole.items(), whole.bytes.len()) {
            self.seal(signal).await?;
        }
        let open = &mut self.open[signal as usize];
        if open.has_room(whole.items(), whole.bytes.len()) {
            open.push_whole(whole);
        } else {
            let (chunks, outside) = whole.into_chunks();
            for chunk in chunks {
                self.cut(chunk).await?;
            }
            if let Some(outside) = outside {
                self.open[signal as usize].push_whole(outside);
            }
        }
        if self.open[signal as usize].is_full() {
            self.seal(signal).await?;
        }
        Ok(())
    }

    /// Takes in a part of a large request, in pieces of a batch each.
    async fn cut(&mut self, chunk: Chunk) -> Result<(), Stopped> {
        let signal = chunk.signal;
        let mut next = Some(chunk);
        while let Some(mut chunk) = next {
            let open = &self.open[signal as usize];
            let overhead = frame::overhead(&chunk.origin);
            let bytes = open.config.max_export_batch_bytes.as_usize();
            next = chunk.split_off(
                open.config.max_export_batch_size as u64,
                bytes.saturating_sub(overhead),
            );
            if !open.batch.is_empty() && !open.has_room(chunk.items(), Batch::cost_of(&chunk)) {
                self.seal(signal).await?;
            }
            self.take_in(chunk).await?;
        }
        Ok(())
    }

    /// Seals the batches that are to leave as soon as their lanes are idle, if these are.
    async fn seal_for_idle_lanes(&mut self) -> Result<(), Stopped> {
        for signal in Signal::ALL {
            let open = &self.open[signal as usize];
            if open.batch.is_empty() || open.config.seal != Seal::WhenLanesIdle {
                continue;
            }
            if self.is_idle(signal) {
                self.seal(signal).await?;
            }
        }
        Ok(())
    }

    /// Whether every lane that takes the signal has a free slot.
    fn is_idle(&self, signal: Signal) -> bool {
        let mut lanes = self
            .lanes
            .iter()
            .filter(|lane| lane.signals.contains(&signal));
        lanes.all(|lane| lane.mailbox.gauge().depth() == 0 && lane.slots.is_free())
    }

    async fn seal_all(&mut self) -> Result<(), Stopped> {
        for signal in Signal::ALL {
            self.seal(signal).await?;
        }
        Ok(())
    }

    /// Seals the open batch and hands it to the lanes. Does nothing when it is empty.
    async fn seal(&mut self, signal: Signal) -> Result<(), Stopped> {
        let open = &mut self.open[signal as usize];
        open.due = None;
        if open.batch.is_empty() {
            return Ok(());
        }
        let (parcel, mut owed) = open.batch.take().hand_over();
        if let Some(desk) = self.desk() {
            return self.hand_or_write(&desk, &parcel, owed).await;
        }
        // With others beside it, not even the only taker of a signal may be waited for; nothing comes
        // after the last batch that could be held up.
        let wait = self.lanes.len() == 1 || self.closing;
        let mut sends = Vec::new();
        let takes = |lane: &&LaneEnd| lane.signals.contains(&signal);
        for lane in self.lanes.iter().filter(takes) {
            let tally = lane.books.of(signal).enter(parcel.items());
            let tally = tally.owed_to(owed.for_lane());
            let message = lane::Msg::Deliver(Consignment {
                parcel: parcel.clone(),
                tally,
            });
            if wait {
                sends.push(lane.mailbox.send(message));
                continue;
            }
            // A lane that is gone books what it is sent as abandoned; the others go on.
            if let Err(Refused::Full(lane::Msg::Deliver(refused))) = lane.mailbox.try_send(message)
            {
                let items = refused.tally.items();
                refused.tally.settle(Fate::LaneFull);
                if let Some(more) = lane.full.due() {
                    tracing::warn!(
                        target: "spanreel", exporter = lane.name, items, more,
                        "exporter is behind; batch dropped for it"
                    );
                }
            }
        }
        // Only now: until a lane has it, it must not look settled.
        owed.settle(Fate::Handed);
        let sent = join_all(sends).await;
        match (&self.lanes[..], &sent[..]) {
            ([_], [sole]) => *sole,
            _ => Ok(()),
        }
    }
}

impl Open {
    /// Whether the chunk goes into the batch as it is.
    fn fits(&self, chunk: &Chunk) -> bool {
        let bytes = self.batch.encoded_len() + Batch::cost_of(chunk);
        self.batch.items() + chunk.items() <= self.config.max_export_batch_size as u64
            && bytes <= self.config.max_request_bytes.as_usize()
    }

    /// Whether a part of a received request keeps the batch within what is aimed at.
    fn has_room(&self, items: u64, bytes: usize) -> bool {
        self.batch.items() + items <= self.config.max_export_batch_size as u64
            && self.batch.encoded_len() + bytes <= self.config.max_export_batch_bytes.as_usize()
    }

    fn push_whole(&mut self, whole: Whole) {
        if self.batch.is_empty() {
            self.begin();
        }
        self.batch.push_whole(whole);
    }

    /// The first of a batch has come.
    fn begin(&mut self) {
        // A delay that no clock can tell is never over.
        self.due = Instant::now().checked_add(self.config.schedule_delay);
    }

    /// Cuts a chunk that is larger than a batch may be; returns the rest.
    fn split(&self, chunk: &mut Chunk) -> Option<Chunk> {
        let bytes = self.config.max_request_bytes.as_usize();
        let overhead = frame::overhead(&chunk.origin);
        chunk.split_off(
            self.config.max_export_batch_size as u64,
            bytes.saturating_sub(overhead),
        )
    }

    fn is_full(&self) -> bool {
        self.batch.items() >= self.config.max_export_batch_size as u64
            || self.batch.encoded_len() >= self.config.max_export_batch_bytes.as_usize()
            || self.config.schedule_delay.is_zero()
    }
}

impl Actor for Batcher {
    const NAME: &'static str = "batcher";
    type Msg = Msg;

    async fn handle(&mut self, msg: Msg) -> Result<(), Stopped> {
        match msg {
            Msg::Chunk(chunk) => self.take_in(chunk).await?,
            Msg::Chunks(chunks) => {
                for chunk in chunks {
                    self.take_in(chunk).await?;
                }
            }
            Msg::Whole(whole) => self.take_in_whole(whole).await?,
            Msg::Flush(baton) => {
                self.seal_all().await?;
                return self.pass(baton).await;
            }
        }
        self.seal_for_idle_lanes().await
    }

    fn due(&self) -> Option<Instant> {
        let batches = self.open.iter().filter_map(|open| open.due);
        batches.chain(self.ask_again).min()
    }

    fn bell(&self) -> Option<Arc<Notify>> {
        self.bell.clone()
    }

    async fn tick(&mut self) -> Result<(), Stopped> {
        let now = Instant::now();
        if self.ask_again.is_some_and(|due| due <= now) {
            self.pay();
        }
        for signal in Signal::ALL {
            if self.open[signal as usize].due.is_some_and(|due| due <= now) {
                self.seal(signal).await?;
            }
        }
        self.seal_for_idle_lanes().await
    }

    async fn finish(&mut self) -> Result<(), Stopped> {
        self.closing = true;
        self.seal_all().await?;
        let owed = self.lanes.iter_mut().map(LaneEnd::pay_all);
        join_all(owed).await;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
