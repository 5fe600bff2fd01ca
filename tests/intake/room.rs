//! Room: what is accepted counts in the budget; who finds none waits or is told.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use spanreel::{
    BatchConfig, ByteSize, Export, ExportError, Exporter, Fate, Flow, IntakeError, Item, Null,
    Pipeline, Process, Request, Signal,
};
use tokio::sync::Semaphore;

use crate::requests::{logs, metrics, traces, traces_of};
use crate::support::ledger::{assert_adds_up, assert_settled};

const LONG: Duration = Duration::from_secs(20);
/// A request of about this many bytes.
const LARGE: usize = 1 << 20;

#[derive(Clone)]
struct Gated(Arc<Semaphore>);

impl Export for Gated {
    fn name(&self) -> &str {
        "gated"
    }

    async fn export(&self, _request: Request) -> Result<(), ExportError> {
        let _permit = self.0.acquire().await.map_err(ExportError::permanent)?;
        Ok(())
    }
}

fn gated() -> (Pipeline, Arc<Semaphore>) {
    let gate = Arc::new(Semaphore::new(0));
    let exporter = Exporter::from(Gated(Arc::clone(&gate))).timeout(LONG);
    let pipeline = Pipeline::builder()
        .budget(ByteSize::mib(8))
        .export(exporter)
        .start()
        .expect("valid");
    (pipeline, gate)
}

/// Requests are refused when three quarters of the budget are used, and wait where they may; as soon as
/// there is room they go on, and nothing is lost.
#[tokio::test]
async fn who_finds_no_room_waits_or_is_told() {
    let (pipeline, gate) = gated();
    let intake = pipeline.intake();
    let mut accepted = 0;
    let refused = loop {
        match intake.try_accept(Signal::Traces, traces_of(1, 10, LARGE / 10)) {
            Ok(_) => accepted += 1,
            Err(error) => break error,
        }
        assert!(accepted <= 8, "the budget holds no more");
        assert!(pipeline.stats().memory <= pipeline.stats().budget);
    };
    assert!(matches!(refused, IntakeError::Full { .. }), "{refused}");
    assert!(accepted >= 4, "{accepted}");
    let mut waiting: Vec<_> = (0..5)
        .map(|_| {
            let intake = intake.clone();
            tokio::spawn(async move {
                let request = traces_of(1, 10, LARGE / 10);
                let receipt = intake.accept(Signal::Traces, request).await.expect("open");
                receipt.delivered().await
            })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(waiting.iter().all(|task| !task.is_finished()));
    // One that gives up does not hold up the others.
    waiting.remove(0).abort();
    let small = intake.try_accept(Signal::Traces, traces(1));
    assert!(
        matches!(small, Err(IntakeError::Full { .. })),
        "others wait"
    );
    gate.add_permits(1);
    let flushing = pipeline.flush(LONG);
    let waited = async {
        for task in waiting {
            let delivered = tokio::time::timeout(LONG, task)
                .await
                .expect("room was made");
            assert!(delivered.expect("no panic").is_lossless());
        }
    };
    let finishing = async {
        // What waits is handed over only after the flush has begun.
        while pipeline.stats().traces.fates.of(Fate::Handed) < (accepted + 4) * 10 {
            pipeline.flush(LONG).await.expect("open");
        }
    };
    let (flushed, (), ()) = tokio::join!(flushing, waited, finishing);
    flushed.expect("open");
    let report = pipeline.shutdown(LONG).await;
    assert_settled(&report);
    assert!(report.is_lossless(), "{report}");
    assert_eq!(report.traces.fates.of(Fate::Refused), 10 + 10 + 1);
    assert_eq!(
        report.lanes[0].traces.of(Fate::Exported),
        (accepted + 4) * 10
    );
}

/// Those who wait are told when the pipeline is shut down.
#[tokio::test]
async fn those_who_wait_are_told_of_the_shutdown() {
    let (pipeline, _gate) = gated();
    let intake = pipeline.intake();
    while intake
        .try_accept(Signal::Traces, traces_of(1, 1, LARGE))
        .is_ok()
    {}
    let waiting = tokio::spawn({
        let intake = intake.clone();
        async move {
            intake
                .accept(Signal::Traces, traces_of(1, 1, LARGE))
                .await
                .map(drop)
        }
    });
    tokio::time::sleep(Duration::from_millis(20)).await;
    let report = pipeline.shutdown(Duration::from_millis(100)).await;
    let told = tokio::time::timeout(LONG, waiting)
        .await
        .expect("it is told");
    assert_eq!(told.expect("no panic"), Err(IntakeError::Closed));
    let late = intake.try_accept(Signal::Traces, traces(3)).map(drop);
    assert_eq!(late, Err(IntakeError::Closed));
    assert_settled(&report);
    assert_settled(&pipeline.stats());
}

/// A request that could never fit, one that nobody takes and one that is none are refused by name, and
/// booked where they can be read.
#[tokio::test]
async fn what_cannot_be_taken_is_refused_by_name() {
    let exporter = Exporter::from(Null).signals(&[Signal::Traces]);
    let builder = Pipeline::builder()
        .budget(ByteSize::mib(8))
        .export(exporter);
    let pipeline = builder.start().expect("valid");
    let intake = pipeline.intake();
    let limit = intake.max_request_bytes();
    assert_eq!(limit, 4 << 20);
    let large = intake
        .accept(Signal::Traces, traces_of(1, 3, limit / 3))
        .await;
    assert!(matches!(large, Err(IntakeError::TooLarge { bytes, .. }) if bytes > limit));
    for (signal, request) in [(Signal::Logs, logs(2)), (Signal::Metrics, metrics(4))] {
        let refused = intake.accept(signal, request).await.map(drop);
        assert_eq!(refused, Err(IntakeError::NotTaken { signal }));
    }
    let malformed = intake.accept(Signal::Traces, "no request".into()).await;
    assert!(matches!(malformed, Err(IntakeError::Malformed(_))));
    let empty = intake
        .accept(Signal::Traces, traces(0))
        .await
        .expect("it is valid");
    assert!(empty.delivered().await.is_lossless());
    let report = pipeline.shutdown(LONG).await;
    assert_settled(&report);
    assert_eq!(report.traces.fates.of(Fate::TooLarge), 3);
    assert_eq!(report.logs.fates.of(Fate::Refused), 2);
    assert_eq!(report.metrics.fates.of(Fate::Refused), 4);
}

/// Own sessions and requests of others go through one pipeline, from many tasks at once, and the ledger
/// adds up for both.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn own_and_foreign_telemetry_share_a_pipeline() {
    let batch = BatchConfig {
        max_export_batch_size: 100,
        ..BatchConfig::default()
    };
    let builder = Pipeline::builder().budget(ByteSize::mib(16)).batch(batch);
    let pipeline = builder.export(Null).start().expect("valid");
    let tasks: Vec<_> = (0..4_u64)
        .map(|task| {
            let pipeline = pipeline.clone();
            tokio::spawn(async move {
                let intake = pipeline.intake();
                for number in 0..100 {
                    let session = pipeline
                        .session(&format!("own-{task}-{number}"))
                        .expect("open");
                    session.child("work").start().end();
                    let request = traces_of(number, 37, 10);
                    drop(intake.accept(Signal::Traces, request).await.expect("open"));
                    let points = metrics(3);
                    drop(intake.accept(Signal::Metrics, points).await.expect("open"));
                    session.succeed();
                    session.ready().await.expect("open");
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("no panic");
    }
    pipeline.flush(LONG).await.expect("open");
    assert_adds_up(&pipeline.stats());
    let report = pipeline.shutdown(LONG).await;
    assert_settled(&report);
    assert!(report.is_lossless(), "{report}");
    assert_eq!((report.traces.ended, report.traces.received), (800, 14_800));
    assert_eq!(report.metrics.received, 1_200);
    assert_eq!(report.lanes[0].traces.of(Fate::Exported), 15_600);
}

/// Lets everything pass, and has requests split by session.
struct Look;

impl Process for Look {
    fn process(&mut self, _item: &mut Item<'_>) -> Flow {
        Flow::Pass
    }
}

/// What is noted of sessions and scopes is bounded as requests are: one that has far more of them than bytes is
/// refused as too large, whole and booked; one of as many bytes in one session is taken.
#[tokio::test]
async fn a_request_of_too_many_sessions_is_too_large() {
    let delimited = |number: u8, body: &[u8]| {
        let mut field = vec![number << 3 | 2];
        prost::encoding::encode_varint(body.len() as u64, &mut field);
        field.extend_from_slice(body);
        field
    };
    // Spans that say nothing but their trace.
    let sessions = |sessions: u64| {
        let span = |id: u64| delimited(2, &delimited(1, &[id.to_be_bytes(), [7; 8]].concat()));
        let spans: Vec<_> = (0..sessions).flat_map(span).collect();
        Bytes::from(delimited(1, &delimited(2, &spans)))
    };
    let scopes =
        |scopes: usize| Bytes::from(delimited(1, &delimited(2, &[0x12, 0]).repeat(scopes)));
    for splits in [false, true] {
        let builder = Pipeline::builder().budget(ByteSize::mib(8)).export(Null);
        let builder = match splits {
            true => builder.process(Look),
            false => builder,
        };
        let pipeline = builder.start().expect("valid");
        let intake = pipeline.intake();
        let limit = intake.max_request_bytes();
        let mut refused = 0;
        for (request, items, is_taken) in [
            (sessions(1000), 1000, true),
            (sessions(20_000), 20_000, false),
            (scopes(1000), 1000, true),
            (scopes(50_000), 50_000, !splits),
            (traces_of(1, 1, limit - 100), 1, true),
        ] {
            assert!(request.len() < limit);
            let taken = intake.accept(Signal::Traces, request).await;
            match taken {
                Ok(receipt) => assert_eq!(receipt.items(), items),
                Err(IntakeError::TooLarge { bytes, limit: told }) => {
                    assert!(!is_taken && bytes > limit && told == limit, "{items}");
                    refused += items;
                }
                Err(other) => panic!("{other}"),
            }
            assert!(is_taken || refused >= items, "{items} were taken");
        }
        let unseen = intake.clone().recognise_sessions(false);
        let taken = unseen.accept(Signal::Traces, sessions(20_000)).await;
        assert_eq!(
            taken.is_ok(),
            !splits,
            "nothing is noted where nobody looks"
        );
        let report = pipeline.shutdown(LONG).await;
        assert_settled(&report);
        let refused = refused + if splits { 20_000 } else { 0 };
        assert_eq!(report.traces.fates.of(Fate::TooLarge), refused);
    }
}
