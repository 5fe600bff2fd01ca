use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::sync::Mutex;
use std::time::Duration;

use futures::future::BoxFuture;

use super::*;
use crate::model::batch::Batch;
use crate::model::chunk::Chunk;
use crate::model::ledger::Books;
use crate::model::otlp::scan;
use crate::model::request::Signal;
use crate::model::resource::{Origin, Scope};

/// What a scripted exporter does with a request.
#[derive(Clone, Debug)]
pub(in crate::actors::exporter) enum Does {
    Accept,
    Refuse(Option<Duration>),
    RefuseForGood,
    Partial(u64),
    /// Refuses requests that hold more bytes than this.
    TakeUpTo(usize),
    Panic,
    /// Panics before there is a future.
    PanicAtOnce,
    Hang,
    TakeFor(Duration),
}

/// Does what it is told, one thing after the other, the last of them for ever. Notes when each
/// request came and what items it held, by their sizes.
pub(in crate::actors::exporter) struct Scripted {
    script: Mutex<VecDeque<Does>>,
    pub(in crate::actors::exporter) seen: Mutex<Vec<(Duration, Vec<usize>)>>,
    begun: Instant,
}

impl Scripted {
    pub(in crate::actors::exporter) fn new(script: impl IntoIterator<Item = Does>) -> Arc<Self> {
        Arc::new(Self {
            script: Mutex::new(script.into_iter().collect()),
            seen: Mutex::default(),
            begun: Instant::now(),
        })
    }

    /// When the requests came.
    fn times(&self) -> Vec<Duration> {
        let seen = self.seen.lock().expect("no panic under it");
        seen.iter().map(|(time, _)| *time).collect()
    }

    fn next(&self) -> Does {
        let mut script = self.script.lock().expect("no panic under it");
        match script.len() {
            1 => script[0].clone(),
            _ => script.pop_front().expect("a script"),
        }
    }
}

impl DynExport for Scripted {
    fn export(&self, request: Request) -> BoxFuture<'_, Result<(), ExportError>> {
        let bytes = request.to_bytes();
        let seen = (self.begun.elapsed(), sizes(&bytes));
        self.seen.lock().expect("no panic under it").push(seen);
        let does = self.next();
        if matches!(does, Does::PanicAtOnce) {
            // As a panic, without its message on the screen.
            std::panic::resume_unwind(Box::new("told to"));
        }
        Box::pin(async move {
            match does {
                Does::Accept => Ok(()),
                Does::Refuse(after) => Err(ExportError::Retryable {
                    after,
                    source: "told to".into(),
                }),
                Does::RefuseForGood => Err(ExportError::permanent("told to")),
                Does::Partial(rejected) => Err(ExportError::Partial {
                    rejected,
                    message: "told to".to_owned(),
                }),
                Does::TakeUpTo(limit) if bytes.len() > limit => {
                    Err(ExportError::too_large("told to"))
                }
                Does::TakeUpTo(_) => Ok(()),
                Does::Panic | Does::PanicAtOnce => std::panic::resume_unwind(Box::new("told to")),
                Does::Hang => std::future::pending().await,
                Does::TakeFor(time) => {
                    tokio::time::sleep(time).await;
                    Ok(())
                }
            }
        })
    }
}

/// The sizes of the items of a request.
fn sizes(request: &[u8]) -> Vec<usize> {
    let scope = scan::message_of(request);
    let items = scan::fields(scope).last().expect("scope items");
    let entries = &scope[items.body];
    scan::fields(entries)
        .skip(1)
        .map(|item| item.body.len())
        .collect()
}

pub(in crate::actors::exporter) fn settings() -> LaneSettings {
    LaneSettings {
        concurrency: NonZeroUsize::MIN,
        ..LaneSettings::of("scripted")
    }
}

/// A consignment of items of these sizes, entered into the book of a lane.
pub(in crate::actors::exporter) fn consignment(lane: &Books, sizes: &[usize]) -> Consignment {
    let pipeline = Books::default();
    let origin = Arc::new(Origin::new(&[], &Scope::default()));
    let mut batch = Batch::new(Signal::Traces);
    // Two chunks where possible, so that a request has more than one piece.
    let (first, second) = sizes.split_at(sizes.len().div_ceil(2));
    for sizes in [first, second].into_iter().filter(|it| !it.is_empty()) {
        let book = pipeline.of(Signal::Traces);
        batch.push(Chunk::of_sizes(Signal::Traces, &origin, sizes, book));
    }
    let (parcel, _owed) = batch.take().hand_over();
    let tally = lane.of(Signal::Traces).enter(parcel.items());
    Consignment { parcel, tally }
}

/// What became of a delivery.
struct Outcome {
    exporter: Arc<Scripted>,
    fates: Vec<(Fate, u64)>,
    counters: Arc<LaneCounters>,
    took: Duration,
}

async fn deliver(script: impl IntoIterator<Item = Does>, sizes: &[usize]) -> Outcome {
    deliver_with(settings(), Deadline::default(), script, sizes).await
}

async fn deliver_with(
    settings: LaneSettings,
    deadline: Deadline,
    script: impl IntoIterator<Item = Does>,
    sizes: &[usize],
) -> Outcome {
    let books = Books::default();
    let counters = Arc::new(LaneCounters::default());
    let exporter = Scripted::new(script);
    let begun = Instant::now();
    let delivery = Delivery {
        exporter: Arc::clone(&exporter) as Arc<dyn DynExport>,
        settings,
        deadline,
        counters: Arc::clone(&counters),
        spool: None,
        until: None,
    };
    delivery.run(consignment(&books, sizes)).await;
    let counts = books.of(Signal::Traces).counts();
    assert_eq!(counts.entered(), sizes.len() as u64);
    assert_eq!(counts.in_flight(), 0);
    assert_eq!(counters.under_way.load(Ordering::Relaxed), 0);
    let requests = counters.requests.load(Ordering::Relaxed);
    assert_eq!(requests, exporter.times().len() as u64);
    Outcome {
        exporter,
        fates: counts.fates().collect(),
        counters,
        took: begun.elapsed(),
    }
}

/// An attempt that is dropped, as a deadline does it, is not under way any more.
#[tokio::test(start_paused = true)]
async fn a_dropped_attempt_is_not_under_way() {
    let counters = Arc::new(LaneCounters::default());
    let delivery = Delivery {
        exporter: Scripted::new([Does::Hang]),
        settings: settings(),
        deadline: Deadline::default(),
        counters: Arc::clone(&counters),
        spool: None,
        until: None,
    };
    let mut attempt = Box::pin(delivery.run(consignment(&Books::default(), &[1])));
    assert!(futures::poll!(&mut attempt).is_pending());
    assert_eq!(counters.under_way.load(Ordering::Relaxed), 1);
    drop(attempt);
    assert_eq!(counters.under_way.load(Ordering::Relaxed), 0);
}

/// What is accepted is exported, once.
#[tokio::test(start_paused = true)]
async fn what_is_accepted_is_exported_once() {
    let outcome = deliver([Does::TakeFor(Duration::from_secs(1))], &[5, 6, 7]).await;
    assert_eq!(outcome.fates, [(Fate::Exported, 3)]);
    let seen = outcome.exporter.seen.lock().expect("no panic under it");
    assert_eq!(*seen, [(Duration::ZERO, vec![5, 6, 7])]);
    let bytes = outcome.counters.bytes.load(Ordering::Relaxed);
    assert!(bytes > 18, "{bytes}");
    let latency: u64 = outcome.counters.latency.counts().iter().sum();
    assert_eq!(latency, 1);
}

/// A refusal that may pass is tried again after a growing delay, until it is accepted.
#[tokio::test(start_paused = true)]
async fn a_refusal_that_may_pass_is_tried_again() {
    let refusals = [Does::Refuse(None), Does::Refuse(None), Does::Refuse(None)];
    let outcome = deliver(refusals.into_iter().chain([Does::Accept]), &[1]).await;
    assert_eq!(outcome.fates, [(Fate::Exported, 1)]);
    assert_eq!(outcome.counters.retries.load(Ordering::Relaxed), 3);
    let times = outcome.exporter.times();
    for (attempt, pair) in times.windows(2).enumerate() {
        let wait = pair[1] - pair[0];
        let longest = Duration::from_millis(100 << attempt);
        // Timers are rounded up to whole milliseconds.
        assert!(wait >= longest / 2, "{times:?}");
        assert!(wait <= longest + Duration::from_millis(2), "{times:?}");
    }
}

/// A delay that the destination asked for is kept to, longer or shorter than the own one.
#[tokio::test(start_paused = true)]
async fn a_delay_that_was_asked_for_is_kept_to() {
    let asked = [Duration::from_secs(40), Duration::from_millis(7)];
    let refusals = asked.map(|after| Does::Refuse(Some(after)));
    let outcome = deliver(refusals.into_iter().chain([Does::Accept]), &[1]).await;
    assert_eq!(outcome.fates, [(Fate::Exported, 1)]);
    let times = outcome.exporter.times();
    for (pair, asked) in times.windows(2).zip(asked) {
        let late = (pair[1] - pair[0]).checked_sub(asked);
        assert!(
            late.is_some_and(|late| late <= Duration::from_millis(2)),
            "{times:?}"
        );
    }
}

/// What is refused until `retry_for` is over expires, and is not tried after that.
#[tokio::test(start_paused = true)]
async fn retries_end() {
    let settings = LaneSettings {
        retry_for: Duration::from_secs(60),
        ..settings()
    };
    let never = [Does::Refuse(None)];
    let outcome = deliver_with(settings, Deadline::default(), never, &[1, 1]).await;
    assert_eq!(outcome.fates, [(Fate::Expired, 2)]);
    assert!(
        outcome.took <= Duration::from_secs(61),
        "{:?}",
        outcome.took
    );
    assert!(
        outcome.took >= Duration::from_secs(25),
        "{:?}",
        outcome.took
    );
}

/// A delay that was asked for beyond `retry_for` is not waited for.
#[tokio::test(start_paused = true)]
async fn a_delay_beyond_the_end_of_retries_is_not_waited_for() {
    let outcome = deliver([Does::Refuse(Some(Duration::from_secs(301)))], &[1]).await;
    assert_eq!(outcome.fates, [(Fate::Expired, 1)]);
    assert_eq!(outcome.took, Duration::ZERO);
}

/// A refusal for good is not tried again.
#[tokio::test(start_paused = true)]
async fn a_refusal_for_good_is_not_tried_again() {
    let outcome = deliver([Does::RefuseForGood], &[1, 2]).await;
    assert_eq!(outcome.fates, [(Fate::Rejected, 2)]);
    assert_eq!(outcome.exporter.times().len(), 1);
}

/// A partial success is counted within what was sent, whatever it claims, and not tried again.
#[tokio::test(start_paused = true)]
async fn a_partial_success_is_counted_within_what_was_sent() {
    let (exported, rejected) = (Fate::Exported, Fate::Rejected);
    for (claimed, expected) in [
        (0, vec![(exported, 3)]),
        (1, vec![(exported, 2), (rejected, 1)]),
        (3, vec![(rejected, 3)]),
        (u64::MAX, vec![(rejected, 3)]),
    ] {
        let outcome = deliver([Does::Partial(claimed)], &[1, 2, 3]).await;
        assert_eq!(outcome.fates, expected, "{claimed}");
        assert_eq!(outcome.exporter.times().len(), 1);
    }
}

/// One huge item costs only itself: its neighbours arrive, in order, each once.
#[tokio::test(start_paused = true)]
async fn a_huge_item_costs_only_itself() {
    for huge in 0..9 {
        let mut sizes: Vec<usize> = (10..19).collect();
        sizes[huge] = 1000;
        let outcome = deliver([Does::TakeUpTo(900)], &sizes).await;
        let expected = [(Fate::Exported, 8), (Fate::TooLarge, 1)];
        assert_eq!(outcome.fates, expected, "{huge}");
        let seen = outcome.exporter.seen.lock().expect("no panic under it");
        let taken = seen.iter().filter(|(_, sizes)| !sizes.contains(&1000));
        let arrived: Vec<usize> = taken.flat_map(|(_, sizes)| sizes.clone()).collect();
        sizes.remove(huge);
        assert_eq!(arrived, sizes, "{huge}");
    }
}

/// A limit that holds for many items together costs none of them.
#[tokio::test(start_paused = true)]
async fn a_request_is_cut_until_it_is_taken() {
    let outcome = deliver([Does::TakeUpTo(400)], &[100; 50]).await;
    assert_eq!(outcome.fates, [(Fate::Exported, 50)]);
}

/// A panic, before the first await or after it, costs one attempt; a second one gives the request
/// up.
#[tokio::test(start_paused = true)]
async fn a_panic_is_tried_again_once() {
    for panics in [Does::Panic, Does::PanicAtOnce] {
        let once = deliver([panics.clone(), Does::Accept], &[1, 2]).await;
        assert_eq!(once.fates, [(Fate::Exported, 2)], "{panics:?}");
        let twice = deliver([panics.clone()], &[1, 2]).await;
        assert_eq!(twice.fates, [(Fate::Abandoned, 2)], "{panics:?}");
        assert_eq!(twice.exporter.times().len(), 2);
    }
}

/// An attempt that hangs is given up after its time and tried again.
#[tokio::test(start_paused = true)]
async fn an_attempt_that_hangs_is_given_up() {
    let settings = LaneSettings {
        timeout: Duration::from_secs(3),
        ..settings()
    };
    let script = [Does::Hang, Does::Accept];
    let outcome = deliver_with(settings, Deadline::default(), script, &[1]).await;
    assert_eq!(outcome.fates, [(Fate::Exported, 1)]);
    let second = outcome.exporter.times()[1];
    let bounds = Duration::from_millis(3050)..=Duration::from_millis(3105);
    assert!(bounds.contains(&second), "{second:?}");
}

/// When the shutdown begins, a delivery does not sleep through it: it tries at once, and soon
/// again.
#[tokio::test(start_paused = true)]
async fn a_shutdown_ends_the_wait() {
    let deadline = Deadline::default();
    let refusals = vec![Does::Refuse(Some(Duration::from_secs(100))); 3];
    let script = refusals.into_iter().chain([Does::Accept]);
    let shutdown = async {
        tokio::time::sleep(Duration::from_secs(10)).await;
        deadline.set(std::time::Instant::now() + Duration::from_secs(60));
    };
    let delivered = deliver_with(settings(), deadline.clone(), script, &[1]);
    let (outcome, ()) = tokio::join!(delivered, shutdown);
    assert_eq!(outcome.fates, [(Fate::Exported, 1)]);
    let waits: Vec<_> = outcome.exporter.times();
    assert!(waits[1] - Duration::from_secs(10) <= Duration::from_millis(2));
    assert!(
        waits[3] - waits[1] <= Duration::from_millis(504),
        "{waits:?}"
    );
}

/// A delivery that is dropped books what it held, cut pieces too.
#[tokio::test(start_paused = true)]
async fn a_dropped_delivery_books_what_it_held() {
    let books = Books::default();
    let delivery = Delivery {
        exporter: Scripted::new([Does::TakeUpTo(0), Does::TakeUpTo(0), Does::Hang]),
        settings: settings(),
        deadline: Deadline::default(),
        counters: Arc::default(),
        spool: None,
        until: None,
    };
    let run = delivery.run(consignment(&books, &[1; 8]));
    let cut = tokio::time::timeout(Duration::from_secs(1), run).await;
    assert!(cut.is_err());
    let fates: Vec<_> = books.of(Signal::Traces).counts().fates().collect();
    assert_eq!(fates, [(Fate::Abandoned, 8)]);
}
