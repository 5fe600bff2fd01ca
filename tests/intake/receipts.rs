//! Receipts: each resolves when all of its items are settled, whatever happens, and tells the truth.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use spanreel::{
    BatchConfig, Delivered, Export, ExportError, Exporter, Fate, Null, Pipeline, Receipt, Request,
    Seal, Signal,
};
use tokio::sync::Semaphore;

use crate::requests::{logs, metrics, traces, traces_of};
use crate::support::ledger::assert_settled;

const LONG: Duration = Duration::from_secs(20);

/// Answers the n-th request as told.
struct Answers<F>(F, AtomicU64);

impl<F> Answers<F> {
    fn new(answer: F) -> Self {
        Self(answer, AtomicU64::new(0))
    }
}

impl<F> Export for Answers<F>
where
    F: Fn(u64, &Request) -> Result<(), ExportError> + Send + Sync + 'static,
{
    fn name(&self) -> &str {
        "answers"
    }

    async fn export(&self, request: Request) -> Result<(), ExportError> {
        let number = self.1.fetch_add(1, Ordering::Relaxed);
        (self.0)(number, &request)
    }
}

/// Exports while it has a permit for it.
#[derive(Clone)]
struct Gated(Arc<Semaphore>);

impl Export for Gated {
    fn name(&self) -> &str {
        "gated"
    }

    async fn export(&self, _request: Request) -> Result<(), ExportError> {
        let permit = self.0.acquire().await.map_err(ExportError::permanent)?;
        permit.forget();
        Ok(())
    }
}

async fn accept(pipeline: &Pipeline, spans: u64) -> Receipt {
    let intake = pipeline.intake();
    let accepted = intake.accept(Signal::Traces, traces(spans)).await;
    accepted.expect("valid")
}

async fn told(receipt: Receipt) -> Delivered {
    let told = tokio::time::timeout(LONG, receipt.delivered()).await;
    told.expect("no receipt hangs")
}

fn fates(delivered: &Delivered) -> Vec<(Fate, u64)> {
    let fates = delivered.fates().filter(|(fate, _)| *fate != Fate::Handed);
    fates.collect()
}

/// What a lane does with a request is what the receipt says: exported, refused in part or for good, too
/// large down to single items, panicked about.
#[tokio::test]
async fn a_receipt_tells_what_the_lane_did() {
    type Answer = fn(u64, &Request) -> Result<(), ExportError>;
    let table: [(Answer, &[(Fate, u64)]); 6] = [
        (|_, _| Ok(()), &[(Fate::Exported, 5)]),
        (
            |_, _| {
                let message = "two".to_owned();
                Err(ExportError::Partial {
                    rejected: 2,
                    message,
                })
            },
            &[(Fate::Exported, 3), (Fate::Rejected, 2)],
        ),
        (
            |_, _| Err(ExportError::permanent("no")),
            &[(Fate::Rejected, 5)],
        ),
        (
            |number, _| match number {
                0 => Err(ExportError::Retryable {
                    after: Some(Duration::from_millis(1)),
                    source: "later".into(),
                }),
                _ => Ok(()),
            },
            &[(Fate::Exported, 5)],
        ),
        (
            |_, request| match request.items() {
                1 => Ok(()),
                _ => Err(ExportError::too_large("large")),
            },
            &[(Fate::Exported, 5)],
        ),
        (|_, _| panic!("exporter"), &[(Fate::Abandoned, 5)]),
    ];
    for (answer, expected) in table {
        let builder = Pipeline::builder().export(Answers::new(answer));
        let pipeline = builder.start().expect("valid");
        let receipt = accept(&pipeline, 5).await;
        pipeline.flush(LONG).await.expect("open");
        let delivered = told(receipt).await;
        assert_eq!(fates(&delivered), expected);
        assert_eq!(delivered.items(), 5);
        assert_settled(&pipeline.shutdown(LONG).await);
    }
}

/// With several lanes an item counts once for each that takes its signal.
#[tokio::test]
async fn every_lane_counts() {
    let pipeline = Pipeline::builder()
        .export(Null)
        .export(Answers::new(|_, _: &Request| {
            Err(ExportError::permanent("no"))
        }))
        .export(Exporter::from(Null).signals(&[Signal::Logs, Signal::Metrics]))
        .start()
        .expect("valid");
    let of_spans = accept(&pipeline, 4).await;
    let intake = pipeline.intake();
    let of_logs = intake.accept(Signal::Logs, logs(3)).await.expect("valid");
    let of_metrics = intake
        .accept(Signal::Metrics, metrics(2))
        .await
        .expect("valid");
    pipeline.flush(LONG).await.expect("open");
    for (receipt, items, exported) in [(of_spans, 4, 4), (of_logs, 3, 6), (of_metrics, 2, 4)] {
        let delivered = told(receipt).await;
        let expected = [(Fate::Exported, exported), (Fate::Rejected, items)];
        assert_eq!(fates(&delivered), expected);
    }
    let report = pipeline.shutdown(LONG).await;
    assert_settled(&report);
    assert_eq!(report.metrics.received, 2);
}

/// Where part of a batch of several requests is refused, none of them believes delivered what may not
/// be.
#[tokio::test]
async fn a_partly_refused_batch_is_told_to_all() {
    let answer = |_, _: &Request| {
        let message = "three".to_owned();
        Err(ExportError::Partial {
            rejected: 3,
            message,
        })
    };
    let pipeline = Pipeline::builder()
        .export(Answers::new(answer))
        .start()
        .expect("valid");
    let (small, large) = (accept(&pipeline, 2).await, accept(&pipeline, 10).await);
    pipeline.flush(LONG).await.expect("open");
    assert_eq!(fates(&told(small).await), [(Fate::Rejected, 2)]);
    let expected = [(Fate::Exported, 7), (Fate::Rejected, 3)];
    assert_eq!(fates(&told(large).await), expected);
    let report = pipeline.shutdown(LONG).await;
    assert_settled(&report);
    assert_eq!(
        report.lanes[0].traces.of(Fate::Rejected),
        3,
        "the ledger knows better"
    );
}

/// A receipt stays open while a lane has its items, and is told when a shutdown gives them up.
#[tokio::test]
async fn a_shutdown_tells_what_it_gives_up() {
    let gate = Gated(Arc::new(Semaphore::new(1)));
    let exporter = Exporter::from(gate.clone()).timeout(LONG);
    let pipeline = Pipeline::builder().export(exporter).start().expect("valid");
    let first = accept(&pipeline, 1).await;
    pipeline.flush(LONG).await.expect("open");
    assert!(told(first).await.is_lossless());
    let mut second = Box::pin(accept(&pipeline, 3).await.delivered());
    let waited = tokio::time::timeout(Duration::from_millis(50), &mut second).await;
    assert!(waited.is_err(), "nobody let it through");
    let report = pipeline.shutdown(Duration::from_millis(100)).await;
    assert_settled(&report);
    let delivered = tokio::time::timeout(LONG, second)
        .await
        .expect("no receipt hangs");
    assert_eq!(fates(&delivered), [(Fate::Abandoned, 3)]);
    assert!(!delivered.is_lossless());
}

/// A dropped pipeline tells its receipts, inside async code too; and so does one whose exporter blocks the
/// only thread.
#[tokio::test]
async fn a_dropped_pipeline_tells_its_receipts() {
    struct Blocks;
    impl Export for Blocks {
        fn name(&self) -> &str {
            "blocks"
        }

        async fn export(&self, _request: Request) -> Result<(), ExportError> {
            std::thread::sleep(Duration::from_secs(4));
            Ok(())
        }
    }
    let begun = Instant::now();
    let hung = Pipeline::builder().export(Blocks).start().expect("valid");
    let pipeline = Pipeline::builder().export(Gated(Arc::new(Semaphore::new(0))));
    let pipeline = pipeline.start().expect("valid");
    let receipts = [accept(&pipeline, 2).await, accept(&hung, 2).await];
    let ready = tokio::time::timeout(Duration::from_millis(50), hung.flush(LONG)).await;
    assert!(ready.is_err(), "its thread is blocked");
    drop((pipeline, hung));
    for receipt in receipts {
        assert_eq!(fates(&told(receipt).await), [(Fate::Abandoned, 2)]);
    }
    assert!(
        begun.elapsed() < Duration::from_secs(4),
        "{:?}",
        begun.elapsed()
    );
}

/// Random faults, several lanes, many senders at once: every receipt resolves, and what all of them say
/// together is what the lanes' books say.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn receipts_add_up_under_faults() {
    for round in 0..6_u64 {
        let faulty = move |number: u64, request: &Request| match (number * 7 + round) % 6 {
            0 => Err(ExportError::Retryable {
                after: Some(Duration::from_millis(1)),
                source: "later".into(),
            }),
            1 if request.items() > 1 => Err(ExportError::too_large("large")),
            2 => Err(ExportError::permanent("no")),
            3 => panic!("exporter"),
            _ => Ok(()),
        };
        let batch = BatchConfig {
            seal: Seal::WhenLanesIdle,
            max_export_batch_size: 40,
            ..BatchConfig::default()
        };
        let pipeline = Pipeline::builder()
            .batch(batch)
            .export(Answers::new(faulty))
            .export(Answers::new(faulty))
            .start()
            .expect("valid");
        let told_of = Arc::new(Mutex::new(Vec::new()));
        let senders: Vec<_> = (0..4_u64)
            .map(|sender| {
                let (intake, told_of) = (pipeline.intake(), Arc::clone(&told_of));
                tokio::spawn(async move {
                    for number in 0..30 {
                        let spans = (number * 5 + sender) % 60;
                        let request = traces_of(sender, spans, 20);
                        let receipt = intake.accept(Signal::Traces, request).await.expect("open");
                        let delivered = told(receipt).await;
                        assert_eq!(delivered.items(), spans);
                        told_of.lock().expect("no panic under it").push(delivered);
                    }
                })
            })
            .collect();
        for sender in senders {
            sender.await.expect("no panic");
        }
        let report = pipeline.shutdown(LONG).await;
        assert_settled(&report);
        let told_of = told_of.lock().expect("no panic under it");
        assert_eq!(told_of.len(), 120);
        for fate in Fate::ALL.into_iter().filter(|fate| *fate != Fate::Handed) {
            let told: u64 = told_of.iter().map(|delivered| delivered.of(fate)).sum();
            let lanes = report.lanes.iter().map(|lane| lane.traces.of(fate));
            assert_eq!(told, lanes.sum::<u64>(), "{fate} in round {round}");
        }
    }
}

/// With lanes idle a batch leaves at once; while they are busy it gathers what comes.
#[tokio::test]
async fn a_batch_is_what_came_while_the_lanes_were_busy() {
    let gate = Gated(Arc::new(Semaphore::new(0)));
    let batch = BatchConfig {
        seal: Seal::WhenLanesIdle,
        schedule_delay: Duration::from_secs(3600),
        ..BatchConfig::default()
    };
    let exporter = Exporter::from(gate.clone()).timeout(LONG);
    let exporter = exporter.concurrency(std::num::NonZeroUsize::MIN);
    let pipeline = Pipeline::builder()
        .batch(batch)
        .export(exporter)
        .start()
        .expect("valid");
    let first = accept(&pipeline, 1).await;
    while pipeline.stats().lanes[0].under_way == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let mut others = Vec::new();
    for _ in 0..20 {
        others.push(accept(&pipeline, 1).await);
    }
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert_eq!(pipeline.stats().lanes[0].traces.entered(), 1);
    gate.0.add_permits(2);
    told(first).await;
    for receipt in others {
        assert!(told(receipt).await.is_lossless());
    }
    let report = pipeline.shutdown(LONG).await;
    assert_eq!(report.lanes[0].requests, 2);
    assert_settled(&report);
}

/// All tasks that wait for one receipt are told, not the last one alone.
#[tokio::test]
async fn all_who_wait_for_a_receipt_are_told() {
    let gate = Arc::new(Semaphore::new(0));
    let pipeline = Pipeline::builder().export(Gated(Arc::clone(&gate)));
    let pipeline = pipeline.start().expect("valid");
    let receipt = Arc::new(accept(&pipeline, 3).await);
    let waiters: Vec<_> = (0..3)
        .map(|_| {
            let receipt = Arc::clone(&receipt);
            tokio::spawn(async move { receipt.durable().await })
        })
        .collect();
    // On a runtime of one thread, each has asked by then.
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    gate.add_permits(10);
    let flushed = pipeline.flush(LONG).await.expect("open");
    assert!(flushed.complete, "{flushed:?}");
    for waiter in waiters {
        let told = tokio::time::timeout(LONG, waiter).await;
        let told = told.expect("it is told").expect("no panic");
        assert_eq!(told.of(Fate::Exported), 3);
    }
    pipeline.shutdown(LONG).await;
}
