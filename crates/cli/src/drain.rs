//! The end of a pipeline: waits for delivery as long as there is any, then shuts down.

use std::time::Duration;

use spanreel::{Pipeline, ShutdownReport};

/// What a pipeline gets that has delivered everything, or will not: time to close its connections and
/// for a last attempt.
const GRACE: Duration = Duration::from_secs(5);

/// Shuts a pipeline down when everything is delivered, or when nothing was for as long as `patience`:
/// a slow receiver gets all the time it needs, a dead one does not hold anybody up.
pub async fn drain(pipeline: &Pipeline, patience: Duration) -> ShutdownReport {
    let mut before = taken(pipeline);
    loop {
        // Closed already: the shutdown says what became of everything.
        let Ok(flush) = pipeline.flush(patience).await else {
            break;
        };
        let now = taken(pipeline);
        if flush.complete || now == before {
            break;
        }
        before = now;
    }
    pipeline.shutdown(GRACE.min(patience)).await
}

/// How much met its end without being lost. What waits says less: a lane is filled up again as fast as it
/// delivers, and is as full as before.
fn taken(pipeline: &Pipeline) -> u64 {
    let lanes = pipeline.stats().lanes;
    let books = lanes
        .iter()
        .flat_map(|lane| [&lane.traces, &lane.logs, &lane.metrics]);
    books.map(|book| book.settled() - book.lost()).sum()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Instant;

    use spanreel::{BatchConfig, Export, ExportError, Exporter, Request};

    use super::*;

    /// Takes a request after the other, each after a while; or none at all.
    struct Slow {
        each: Duration,
        taken: AtomicU64,
    }

    impl Export for Slow {
        fn name(&self) -> &str {
            "slow"
        }

        async fn export(&self, _: Request) -> Result<(), ExportError> {
            tokio::time::sleep(self.each).await;
            self.taken.fetch_add(1, Ordering::Relaxed);
            Ok(())
        }
    }

    fn pipeline(each: Duration, spans: usize) -> Pipeline {
        let slow = Slow {
            each,
            taken: AtomicU64::new(0),
        };
        let one_at_a_time = std::num::NonZeroUsize::MIN;
        let batch = BatchConfig {
            max_export_batch_size: 1,
            ..BatchConfig::default()
        };
        let pipeline = Pipeline::builder()
            .batch(batch)
            .export(Exporter::from(slow).concurrency(one_at_a_time))
            .start()
            .expect("a right configuration");
        let session = pipeline.session("s").expect("open");
        for _ in 1..spans {
            session.child("work").start().end();
        }
        session.end();
        pipeline
    }

    /// A receiver that needs longer than the patience for all of it, and not for each, gets it, though its
    /// lane is full all the while.
    #[tokio::test]
    async fn a_slow_receiver_gets_its_time() {
        let pipeline = pipeline(Duration::from_millis(20), 100);
        let report = drain(&pipeline, Duration::from_millis(500)).await;
        assert!(report.is_lossless(), "{report}");
    }

    /// A receiver that takes nothing is given up.
    #[tokio::test]
    async fn a_dead_receiver_is_given_up() {
        let pipeline = pipeline(Duration::from_secs(3_600), 10);
        let begun = Instant::now();
        let report = drain(&pipeline, Duration::from_millis(100)).await;
        assert_eq!(report.lost(), 10, "{report}");
        assert!(begun.elapsed() < Duration::from_secs(5));
    }
}
