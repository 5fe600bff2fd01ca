use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;

use super::*;
use crate::actors::baton::Baton;
use crate::actors::exporter::lane::Slots;
use crate::actors::mailbox::{Inbox, bounded};
use crate::model::byte_size::ByteSize;
use crate::model::ledger::Books;
use crate::model::resource::{Origin, Scope};

struct Setup {
    batcher: Batcher,
    inboxes: Vec<Inbox<lane::Msg>>,
    /// Of the lanes.
    books: Vec<Arc<Books>>,
    pipeline: Books,
    origin: Arc<Origin>,
}

/// A batcher with lanes of these capacities.
fn batcher(config: BatchConfig, capacities: &[usize]) -> Setup {
    let (mut lanes, mut inboxes, mut books) = (Vec::new(), Vec::new(), Vec::new());
    for capacity in capacities {
        let (mailbox, inbox) = bounded(*capacity);
        let book = Arc::new(Books::default());
        lanes.push(LaneEnd {
            name: "lane".to_owned(),
            mailbox: Arc::new(mailbox),
            signals: Signal::ALL.to_vec(),
            books: Arc::clone(&book),
            slots: Arc::new(Slots::new(1)),
            spool: None,
            full: Notice::default(),
            owed: VecDeque::new(),
        });
        inboxes.push(inbox);
        books.push(book);
    }
    Setup {
        batcher: Batcher::new(lanes, config.clone(), config),
        inboxes,
        books,
        pipeline: Books::default(),
        origin: Arc::new(Origin::new(&[], &Scope::default())),
    }
}

impl Setup {
    fn chunk(&self, signal: Signal, sizes: &[usize]) -> Chunk {
        Chunk::of_sizes(signal, &self.origin, sizes, self.pipeline.of(signal))
    }

    async fn take(&mut self, sizes: &[usize]) {
        let chunk = self.chunk(Signal::Traces, sizes);
        self.handle(Msg::Chunk(chunk)).await;
    }

    async fn handle(&mut self, msg: Msg) {
        self.batcher.handle(msg).await.expect("a lane is there");
    }

    /// What waits for a lane: the items of a batch, or none for a baton.
    fn sent(&mut self, lane: usize) -> Vec<Option<u64>> {
        let inbox = &mut self.inboxes[lane];
        let next = || inbox.recv().now_or_never().flatten();
        std::iter::from_fn(next)
            .map(|message| match message {
                lane::Msg::Deliver(it) => {
                    let items = it.tally.items();
                    assert_eq!(it.parcel.items(), items);
                    it.tally.settle(Fate::Exported);
                    Some(items)
                }
                lane::Msg::Flush(_) => None,
            })
            .collect()
    }
}

/// A batch leaves when its items, its bytes or its age are enough, and not before.
#[tokio::test(start_paused = true)]
async fn a_batch_leaves_when_it_is_full_or_due() {
    let config = BatchConfig {
        max_export_batch_size: 10,
        max_export_batch_bytes: ByteSize::bytes(1000),
        schedule_delay: Duration::from_secs(5),
        ..BatchConfig::default()
    };
    let mut it = batcher(config, &[8]);
    assert_eq!(it.batcher.due(), None);
    it.take(&[1; 9]).await;
    let due = Instant::now() + Duration::from_secs(5);
    assert_eq!(it.batcher.due(), Some(due));
    tokio::time::advance(Duration::from_secs(1)).await;
    it.take(&[]).await;
    assert_eq!(it.batcher.due(), Some(due), "the first item counts");
    assert_eq!(it.sent(0), []);
    it.take(&[1]).await;
    assert_eq!(it.sent(0), [Some(10)], "items");

    it.take(&[500]).await;
    assert_eq!(it.sent(0), []);
    it.take(&[500]).await;
    assert_eq!(it.sent(0), [Some(2)], "bytes");

    it.take(&[1]).await;
    it.batcher.tick().await.expect("a lane is there");
    assert_eq!(it.sent(0), [], "not due");
    tokio::time::advance(Duration::from_secs(5)).await;
    it.batcher.tick().await.expect("a lane is there");
    assert_eq!(it.sent(0), [Some(1)], "age");
    assert_eq!(it.batcher.due(), None);
}

/// With the longest delay there is, a batch leaves when it is full or asked for, and never for its age; lanes
/// that are idle are looked at all the same.
#[tokio::test(start_paused = true)]
async fn the_longest_delay_is_never_over() {
    for seal in [Seal::WhenDue, Seal::WhenLanesIdle] {
        let config = BatchConfig {
            max_export_batch_size: 2,
            schedule_delay: Duration::MAX,
            seal,
            ..BatchConfig::default()
        };
        let mut it = batcher(config, &[8]);
        it.take(&[1]).await;
        it.take(&[1]).await;
        it.batcher.finish().await.expect("a lane is there");
        let items: u64 = it.sent(0).into_iter().flatten().sum();
        assert_eq!(items, 2, "{seal:?}");
        assert_eq!(it.batcher.due(), None, "{seal:?}");
    }
}

/// No batch has more items than it may, however large the chunks are.
#[tokio::test]
async fn no_batch_has_more_items_than_it_may() {
    let config = BatchConfig {
        max_export_batch_size: 10,
        ..BatchConfig::default()
    };
    let mut it = batcher(config, &[8]);
    it.take(&[1; 7]).await;
    it.take(&[1; 25]).await;
    it.batcher.finish().await.expect("a lane is there");
    assert_eq!(it.sent(0), [Some(7), Some(10), Some(10), Some(5)]);
}

/// No request is larger than it may be, and an item that alone is costs itself alone.
#[tokio::test]
async fn an_item_larger_than_a_request_costs_itself_alone() {
    let config = BatchConfig {
        max_request_bytes: ByteSize::bytes(2000),
        max_export_batch_bytes: ByteSize::bytes(2000),
        ..BatchConfig::default()
    };
    let mut it = batcher(config, &[8]);
    it.take(&[900, 900, 3000, 900, 900]).await;
    it.batcher.finish().await.expect("a lane is there");
    let sent: u64 = it.sent(0).into_iter().flatten().sum();
    assert_eq!(sent, 4);
    let counts = it.pipeline.of(Signal::Traces).counts();
    let fates: Vec<_> = counts.fates().collect();
    assert_eq!(fates, [(Fate::Handed, 4), (Fate::TooLarge, 1)]);
}

/// Signals are never mixed, and a flush seals both.
#[tokio::test]
async fn signals_are_never_mixed() {
    let mut it = batcher(BatchConfig::default(), &[8]);
    for signal in [Signal::Logs, Signal::Traces, Signal::Logs] {
        let chunk = it.chunk(signal, &[1, 2]);
        it.handle(Msg::Chunks(vec![chunk])).await;
    }
    it.handle(Msg::Flush(Baton::new().0)).await;
    assert_eq!(it.sent(0), [Some(2), Some(4), None]);
}

/// A sole lane without room is waited for: nothing is dropped.
#[tokio::test]
async fn a_sole_lane_is_waited_for() {
    let config = BatchConfig {
        schedule_delay: Duration::ZERO,
        ..BatchConfig::default()
    };
    let mut it = batcher(config, &[1]);
    it.take(&[1]).await;
    let chunk = it.chunk(Signal::Traces, &[1, 2]);
    {
        let mut waits = std::pin::pin!(it.batcher.handle(Msg::Chunk(chunk)));
        assert!(waits.as_mut().now_or_never().is_none());
        assert!(it.inboxes[0].recv().await.is_some());
        assert_eq!(waits.now_or_never(), Some(Ok(())));
    }
    assert_eq!(it.sent(0), [Some(2)]);
}

/// Of several lanes, one without room loses the batch alone, and is not waited for.
#[tokio::test]
async fn one_of_several_lanes_is_never_waited_for() {
    let config = BatchConfig {
        schedule_delay: Duration::ZERO,
        ..BatchConfig::default()
    };
    let mut it = batcher(config, &[1, 8]);
    for _ in 0..3 {
        let chunk = it.chunk(Signal::Traces, &[1, 2]);
        let taken = it.batcher.handle(Msg::Chunk(chunk)).now_or_never();
        assert_eq!(taken, Some(Ok(())));
    }
    let full = it.books[0].of(Signal::Traces).counts();
    assert_eq!(full.of(Fate::LaneFull), 4);
    assert_eq!(it.sent(0), [Some(2)]);
    assert_eq!(it.sent(1), [Some(2); 3]);
}

/// A lane that is the only one for its signal is not waited for either, when others stand beside
/// it.
#[tokio::test]
async fn the_only_taker_of_a_signal_is_not_waited_for() {
    let config = BatchConfig {
        schedule_delay: Duration::ZERO,
        ..BatchConfig::default()
    };
    let mut it = batcher(config, &[1, 8]);
    it.batcher.lanes[0].signals = vec![Signal::Traces];
    it.batcher.lanes[1].signals = vec![Signal::Logs];
    for signal in [Signal::Traces, Signal::Traces, Signal::Logs] {
        let chunk = it.chunk(signal, &[1]);
        let taken = it.batcher.handle(Msg::Chunk(chunk)).now_or_never();
        assert_eq!(taken, Some(Ok(())));
    }
    assert_eq!(it.sent(0), [Some(1)]);
    assert_eq!(it.sent(1), [Some(1)]);
    let full = it.books[0].of(Signal::Traces).counts();
    assert_eq!(full.of(Fate::LaneFull), 1);
}

/// A flush does not wait for one of several lanes without room either; that lane gets its baton
/// when it has room, so that the flush is not over before.
#[tokio::test(start_paused = true)]
async fn a_flush_does_not_wait_for_one_of_several_lanes() {
    let config = BatchConfig {
        schedule_delay: Duration::ZERO,
        ..BatchConfig::default()
    };
    let mut it = batcher(config, &[1, 8]);
    it.take(&[1]).await;
    let (baton, mut over) = Baton::new();
    let passed = it.batcher.handle(Msg::Flush(baton)).now_or_never();
    assert_eq!(passed, Some(Ok(())));
    assert_eq!(it.sent(1), [Some(1), None]);
    assert!((&mut over).now_or_never().is_none(), "a baton is owed");

    let due = it.batcher.due().expect("it asks again");
    tokio::time::advance(due - Instant::now()).await;
    it.batcher.tick().await.expect("lanes are there");
    assert!(it.batcher.due().is_some(), "there was no room yet");
    assert_eq!(it.sent(0), [Some(1)]);
    tokio::time::advance(Duration::from_secs(1)).await;
    it.batcher.tick().await.expect("lanes are there");
    assert_eq!(it.batcher.due(), None);
    assert_eq!(it.sent(0), [None]);
    assert_eq!(over.now_or_never(), Some(Ok(())));
}

/// A flush that was given up is forgotten.
#[tokio::test(start_paused = true)]
async fn a_flush_that_was_given_up_is_forgotten() {
    let config = BatchConfig {
        schedule_delay: Duration::ZERO,
        ..BatchConfig::default()
    };
    let mut it = batcher(config, &[1, 8]);
    it.take(&[1]).await;
    let (baton, given_up) = Baton::new();
    it.handle(Msg::Flush(baton)).await;
    drop(given_up);
    tokio::time::advance(Duration::from_secs(1)).await;
    it.batcher.tick().await.expect("lanes are there");
    assert_eq!(it.batcher.due(), None);
}

/// The last batch waits for all lanes: nothing comes after it that could be held up.
#[tokio::test]
async fn the_last_batch_waits_for_all_lanes() {
    let mut it = batcher(BatchConfig::default(), &[1, 1]);
    it.take(&[1]).await;
    it.handle(Msg::Flush(Baton::new().0)).await;
    it.take(&[1, 2]).await;
    {
        let mut finish = std::pin::pin!(it.batcher.finish());
        assert!(finish.as_mut().now_or_never().is_none());
        for inbox in &mut it.inboxes {
            assert!(inbox.recv().await.is_some());
        }
        // A baton is owed to each behind the batch.
        assert!(finish.as_mut().now_or_never().is_none());
        for inbox in &mut it.inboxes {
            let next = inbox.recv().await;
            assert!(matches!(next, Some(lane::Msg::Deliver(it)) if it.tally.items() == 2));
        }
        assert_eq!(finish.now_or_never(), Some(Ok(())));
    }
    for books in &it.books {
        assert_eq!(books.of(Signal::Traces).counts().of(Fate::LaneFull), 0);
    }
}

/// A lane that is gone books what it is sent; the others go on.
#[tokio::test]
async fn a_lane_that_is_gone_does_not_stop_the_others() {
    let config = BatchConfig {
        schedule_delay: Duration::ZERO,
        ..BatchConfig::default()
    };
    let mut it = batcher(config, &[8, 8]);
    drop(it.inboxes.remove(0));
    it.take(&[1, 2]).await;
    it.handle(Msg::Flush(Baton::new().0)).await;
    it.take(&[1]).await;
    it.batcher.finish().await.expect("the others go on");
    let gone = it.books[0].of(Signal::Traces).counts();
    assert_eq!(gone.of(Fate::Abandoned), 3);
    assert_eq!(it.sent(0), [Some(2), None, Some(1)]);
}

/// Without any lane, batches go nowhere, and flushes are over at once.
#[tokio::test]
async fn without_lanes_flushes_are_over_at_once() {
    let mut it = batcher(BatchConfig::default(), &[]);
    it.take(&[1]).await;
    let (baton, over) = Baton::new();
    it.handle(Msg::Flush(baton)).await;
    assert_eq!(over.now_or_never(), Some(Ok(())));
    assert_eq!(it.pipeline.of(Signal::Traces).counts().in_flight(), 0);
}
