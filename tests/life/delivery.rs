//! Deliveries through a whole pipeline: what an exporter answers is what the report says. The
//! timing of retries is tested beside the code, with a paused clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use spanreel::testing::InMemory;
use spanreel::{Export, ExportError, Exporter, Fate, Request, ShutdownReport};

use crate::support::ledger::assert_settled;
use crate::{prompt, work};

const GRACE: Duration = Duration::from_secs(10);

/// Answers as a function of the number of the attempt says; what it accepts it keeps.
#[derive(Clone)]
struct Answers<F> {
    answer: F,
    attempts: Arc<AtomicUsize>,
    memory: InMemory,
}

impl<F> Answers<F>
where
    F: Fn(usize, &Request) -> Result<(), ExportError> + Send + Sync + 'static,
{
    fn new(answer: F) -> Self {
        Self {
            answer,
            attempts: Arc::default(),
            memory: InMemory::new(),
        }
    }
}

impl<F> Export for Answers<F>
where
    F: Fn(usize, &Request) -> Result<(), ExportError> + Send + Sync + 'static,
{
    fn name(&self) -> &str {
        "answers"
    }

    async fn export(&self, request: Request) -> Result<(), ExportError> {
        let attempt = self.attempts.fetch_add(1, Ordering::Relaxed);
        (self.answer)(attempt, &request)?;
        self.memory.export(request).await
    }
}

/// Has four spans delivered in one request.
fn deliver(exporter: impl Into<Exporter>) -> ShutdownReport {
    let pipeline = prompt().export(exporter).start().expect("a pipeline");
    let session = pipeline.session("life").expect("open");
    work(&session, 3);
    session.end();
    let report = pipeline.shutdown_blocking(GRACE);
    assert_settled(&report);
    report
}

#[track_caller]
fn assert_fates(report: &ShutdownReport, expected: &[(Fate, u64)]) {
    let fates: Vec<_> = report.lanes[0].traces.fates().collect();
    assert_eq!(fates, expected, "{report}");
    let lost = expected.iter().filter(|(fate, _)| fate.is_loss());
    assert_eq!(report.lost(), lost.map(|(_, items)| items).sum::<u64>());
}

/// What is refused for now is tried again until it arrives, once.
#[test]
fn what_is_refused_for_now_arrives_once() {
    let answers = Answers::new(|attempt, _| match attempt {
        0..3 => Err(ExportError::retryable("later")),
        _ => Ok(()),
    });
    let report = deliver(answers.clone());
    assert_fates(&report, &[(Fate::Exported, 4)]);
    assert_eq!(report.lanes[0].retries, 3);
    assert_eq!(answers.memory.spans().len(), 4);
}

/// What is refused for good is booked as rejected.
#[test]
fn what_is_refused_for_good_is_rejected() {
    let answers = Answers::new(|_, _| Err(ExportError::permanent("never")));
    let report = deliver(answers);
    assert_fates(&report, &[(Fate::Rejected, 4)]);
    assert_eq!(report.lanes[0].requests, 1);
}

/// A partial success is counted within what was sent; none refused is no loss.
#[test]
fn a_partial_success_is_counted() {
    for (rejected, expected) in [
        (0, vec![(Fate::Exported, 4)]),
        (1, vec![(Fate::Exported, 3), (Fate::Rejected, 1)]),
        (99, vec![(Fate::Rejected, 4)]),
    ] {
        let answers = Answers::new(move |_, _| {
            Err(ExportError::Partial {
                rejected,
                message: "some".to_owned(),
            })
        });
        assert_fates(&deliver(answers), &expected);
    }
}

/// A request that is too large is cut: one huge span costs itself, its neighbours arrive.
#[test]
fn a_huge_span_costs_only_itself() {
    let answers = Answers::new(|_, request| match request.encoded_len() {
        0..20_000 => Ok(()),
        _ => Err(ExportError::too_large("too large")),
    });
    let pipeline = prompt().export(answers.clone()).start();
    let pipeline = pipeline.expect("a pipeline");
    let session = pipeline.session("life").expect("open");
    work(&session, 50);
    let mut huge = session.child("huge").start();
    huge.set("filling", "x".repeat(60_000).as_str());
    huge.end();
    work(&session, 50);
    session.end();
    let report = pipeline.shutdown_blocking(GRACE);
    assert_settled(&report);
    assert_fates(&report, &[(Fate::Exported, 101), (Fate::TooLarge, 1)]);
    let spans = answers.memory.spans();
    assert_eq!(spans.len(), 101);
    assert!(spans.iter().all(|span| span.name != "huge"));
}

/// A panic of the exporter is tried again once; two give the request up, and the next one goes on.
#[test]
fn a_panic_costs_at_most_its_request() {
    for (panics, expected) in [(1, Fate::Exported), (2, Fate::Abandoned)] {
        let answers = Answers::new(move |attempt, _| {
            if attempt < panics {
                // As a panic, without its message on the screen.
                std::panic::resume_unwind(Box::new("told to"));
            }
            Ok(())
        });
        let pipeline = prompt().export(answers).start().expect("a pipeline");
        let session = pipeline.session("life").expect("open");
        work(&session, 3);
        let flush = futures::executor::block_on(pipeline.flush(GRACE));
        assert!(flush.expect("open").complete);
        session.end();
        let report = pipeline.shutdown_blocking(GRACE);
        assert_settled(&report);
        let fates = report.lanes[0].traces;
        assert_eq!(fates.of(Fate::Exported), if panics == 1 { 4 } else { 1 });
        assert!(fates.of(expected) >= 3, "{report}");
    }
}

/// An attempt that hangs is cut by the time-out of its exporter and tried again.
#[test]
fn an_attempt_that_hangs_is_tried_again() {
    #[derive(Clone)]
    struct HangsOnce(Arc<AtomicUsize>, InMemory);

    impl Export for HangsOnce {
        fn name(&self) -> &str {
            "hangs once"
        }

        async fn export(&self, request: Request) -> Result<(), ExportError> {
            if self.0.fetch_add(1, Ordering::Relaxed) == 0 {
                std::future::pending::<()>().await;
            }
            self.1.export(request).await
        }
    }

    let exporter = HangsOnce(Arc::default(), InMemory::new());
    let timeout = Duration::from_millis(100);
    let report = deliver(Exporter::from(exporter.clone()).timeout(timeout));
    assert_fates(&report, &[(Fate::Exported, 4)]);
    assert_eq!(exporter.1.spans().len(), 4);
}

/// What is refused until its retries are over expires.
#[test]
fn retries_end() {
    let answers = Answers::new(|_, _| Err(ExportError::retryable("later")));
    let report = deliver(Exporter::from(answers).retry_for(Duration::from_millis(300)));
    assert_fates(&report, &[(Fate::Expired, 4)]);
    assert!(report.took < Duration::from_secs(2));
}
