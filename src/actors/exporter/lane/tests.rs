use std::num::NonZeroUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::FutureExt;

use super::super::delivery::tests::{Does, Scripted, consignment, settings};
use super::*;
use crate::actors::mailbox::bounded;
use crate::actors::run::{Exit, run};
use crate::model::ledger::{Books, Fate};
use crate::model::request::Signal;

struct Setup {
    lane: Lane,
    exporter: Arc<Scripted>,
    counters: Arc<LaneCounters>,
    deadline: Deadline,
    books: Books,
}

fn lane(concurrency: usize, script: impl IntoIterator<Item = Does>) -> Setup {
    let exporter = Scripted::new(script);
    let settings = LaneSettings {
        concurrency: NonZeroUsize::new(concurrency).expect("at least one"),
        timeout: Duration::from_secs(1000),
        ..settings()
    };
    let (deadline, counters) = (Deadline::default(), Arc::new(LaneCounters::default()));
    let lane = Lane::new(
        Arc::clone(&exporter) as Arc<dyn DynExport>,
        settings,
        deadline.clone(),
        Arc::clone(&counters),
    );
    Setup {
        lane,
        exporter,
        counters,
        deadline,
        books: Books::default(),
    }
}

impl Setup {
    fn fates(&self) -> Vec<(Fate, u64)> {
        self.books.of(Signal::Traces).counts().fates().collect()
    }

    async fn deliver(&mut self, size: usize) {
        let message = Msg::Deliver(consignment(&self.books, &[size]));
        self.lane.handle(message).await.expect("a lane goes on");
    }
}

/// Deliveries run at once up to the concurrency, and the lane waits for one to end beyond it.
#[tokio::test(start_paused = true)]
async fn concurrency_is_respected() {
    let second = Duration::from_secs(1);
    let mut it = lane(3, [Does::TakeFor(second)]);
    let begun = tokio::time::Instant::now();
    for round in 0..3 {
        assert!(begun.elapsed() < second * round + second / 10);
        for _ in 0..3 {
            it.deliver(1).await;
            tokio::task::yield_now().await;
            assert!(it.counters.under_way.load(Ordering::Relaxed) <= 3);
        }
    }
    it.lane.finish().await.expect("a lane goes on");
    assert!(begun.elapsed() >= second * 3);
    assert!(begun.elapsed() < second * 3 + second / 10);
    assert_eq!(it.fates(), [(Fate::Exported, 9)]);
}

/// The bell is rung whenever a batch that waits may go: when a message was taken and a place is free, and
/// when a delivery is over.
#[tokio::test(start_paused = true)]
async fn the_bell_is_rung_when_a_place_is_free() {
    let mut it = lane(2, [Does::TakeFor(Duration::from_secs(1))]);
    let bell = Arc::new(Notify::new());
    it.lane.slots().ring(&bell);
    let is_rung = || bell.notified().now_or_never().is_some();
    it.deliver(1).await;
    assert!(is_rung(), "the second place is free");
    it.deliver(1).await;
    assert!(!is_rung(), "both are taken");
    it.lane.finish().await.expect("a lane goes on");
    assert!(is_rung(), "both are free");
}

/// With a concurrency of one, requests arrive in order.
#[tokio::test(start_paused = true)]
async fn one_at_a_time_arrives_in_order() {
    let mut it = lane(1, [Does::TakeFor(Duration::from_millis(5))]);
    for size in 1..20 {
        it.deliver(size).await;
    }
    it.lane.finish().await.expect("a lane goes on");
    let seen = it.exporter.seen.lock().expect("no panic under it");
    let sizes: Vec<usize> = seen.iter().flat_map(|(_, sizes)| sizes.clone()).collect();
    assert_eq!(sizes, (1..20).collect::<Vec<_>>());
}

/// A flush waits for the deliveries before it, and neither waits for nor stops those after it.
#[tokio::test(start_paused = true)]
async fn a_flush_waits_for_what_was_before_it_alone() {
    let script = [Does::TakeFor(Duration::from_secs(60)), Does::Accept];
    let mut it = lane(2, script);
    it.deliver(1).await;
    tokio::task::yield_now().await;
    let (baton, mut over) = Baton::new();
    it.lane
        .handle(Msg::Flush(baton))
        .await
        .expect("a lane goes on");
    for _ in 0..10 {
        it.deliver(1).await;
    }
    tokio::time::sleep(Duration::from_secs(59)).await;
    assert_eq!(it.fates(), [(Fate::Exported, 10)], "later ones leave");
    assert!((&mut over).now_or_never().is_none());
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(over.now_or_never(), Some(Ok(())));
    assert_eq!(it.fates(), [(Fate::Exported, 11)]);
}

/// A lane whose exporter panics goes on with the next request.
#[tokio::test(start_paused = true)]
async fn a_panic_does_not_end_the_lane() {
    let mut it = lane(2, [Does::Panic, Does::PanicAtOnce, Does::Accept]);
    it.deliver(1).await;
    it.lane.finish().await.expect("a lane goes on");
    it.deliver(1).await;
    it.lane.finish().await.expect("a lane goes on");
    assert_eq!(it.fates(), [(Fate::Exported, 1), (Fate::Abandoned, 1)]);
}

/// When the deadline cuts a lane short, what it had under way and what was queued is booked before
/// its end is told.
#[tokio::test(start_paused = true)]
async fn a_lane_that_is_cut_short_has_booked_everything() {
    let Setup {
        lane,
        deadline,
        books,
        ..
    } = lane(2, [Does::Hang]);
    let (mailbox, inbox) = bounded(8);
    for _ in 0..8 {
        let message = Msg::Deliver(consignment(&books, &[1, 2]));
        mailbox.try_send(message).expect("there is room");
    }
    deadline.set(std::time::Instant::now() + Duration::from_secs(1));
    assert_eq!(run(lane, inbox, deadline).await, Exit::DeadlinePassed);
    let counts = books.of(Signal::Traces).counts();
    assert_eq!(counts.in_flight(), 0);
    assert_eq!(counts.of(Fate::Abandoned), 16);
}
