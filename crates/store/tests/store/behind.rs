//! A store that cannot keep up: forwarding goes on, what was left out is booked, and what fits is kept.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use spanreel::{
    BatchConfig, ByteSize, Export, ExportError, Fate, Pipeline, Request, SessionConfig, Signal,
};
use spanreel_store::{Retention, SqliteStore, Store, StoreExporter};

/// A backend that counts.
#[derive(Default)]
struct Counting(Arc<AtomicU64>);

impl Export for Counting {
    fn name(&self) -> &str {
        "backend"
    }

    async fn export(&self, request: Request) -> Result<(), ExportError> {
        if request.signal() == Signal::Traces {
            self.0.fetch_add(request.items(), Ordering::Relaxed);
        }
        Ok(())
    }
}

/// While the disk takes nothing, every span reaches the backend as before; what has no room on its way to the
/// store is that lane's loss alone, and the rest is stored once the disk takes it.
#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_behind_delays_nothing() {
    const SESSIONS: u64 = 200;
    const SPANS: u64 = 100;
    let directory = tempfile::tempdir().expect("a directory");
    let store: Arc<dyn Store> =
        Arc::new(SqliteStore::open(directory.path(), Retention::default()).expect("a store"));
    let (exporter, _live) = StoreExporter::start(Arc::clone(&store)).expect("threads");
    let backend = Counting::default();
    let delivered = Arc::clone(&backend.0);
    let pipeline = Pipeline::builder()
        .disabled(false)
        .budget(ByteSize::mib(8))
        .batch(BatchConfig {
            schedule_delay: Duration::from_millis(20),
            ..BatchConfig::default()
        })
        .sessions(SessionConfig {
            linger: Duration::from_millis(20),
            ..SessionConfig::default()
        })
        .export(backend)
        .export_before_sampling(exporter.lane())
        .start()
        .expect("a pipeline");

    // Somebody else has the file: nothing can be written to it.
    let stuck = rusqlite::Connection::open(directory.path().join("sessions.db")).expect("SQLite");
    stuck.execute_batch("BEGIN IMMEDIATE").expect("it is free");

    for number in 0..SESSIONS {
        let session = pipeline
            .open_session(&format!("conv-{number}"))
            .open()
            .expect("open");
        for _ in 1..SPANS {
            session
                .tool("search")
                .attribute("gen_ai.tool.call.result", "x".repeat(400).as_str())
                .start()
                .end();
        }
        session.succeed();
        if number % 10 == 9 {
            forwarded(&delivered, (number + 1) * SPANS).await;
        }
    }
    assert_eq!(store.stats().spans, 0, "the store is still stuck");

    stuck.execute_batch("ROLLBACK").expect("it was begun");
    let report = pipeline.shutdown(Duration::from_secs(60)).await;
    let lane = |name: &str| {
        let mut lanes = report.lanes.iter();
        lanes.find(|lane| lane.name == name).expect("its lane")
    };
    assert_eq!(lane("backend").traces.of(Fate::Exported), SESSIONS * SPANS);
    let (kept, left_out) = (
        lane("store").traces.of(Fate::Exported),
        lane("store").traces.of(Fate::LaneFull),
    );
    assert!(left_out > 0, "more came than there was room for");
    assert!(kept > 0, "what was on its way is stored");
    assert_eq!(kept + left_out, SESSIONS * SPANS, "{report}");
    assert_eq!(store.stats().spans, kept);
}

/// Waits until the backend has so many spans.
async fn forwarded(delivered: &AtomicU64, spans: u64) {
    let begun = Instant::now();
    while delivered.load(Ordering::Relaxed) < spans {
        assert!(
            begun.elapsed() < Duration::from_secs(60),
            "forwarding stands still"
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
