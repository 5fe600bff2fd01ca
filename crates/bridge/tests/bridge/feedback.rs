//! A subscriber for the whole process sees the pipeline's own threads too.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use spanreel::testing::InMemory;
use spanreel::{Export, ExportError, Pipeline, Request};
use spanreel_bridge::SessionLayer;
use tracing::{Instrument, info, info_span};
use tracing_subscriber::layer::SubscriberExt;

/// An exporter that reports what it does through `tracing`, as HTTP clients do.
struct Talkative {
    memory: InMemory,
    requests: Arc<AtomicU64>,
}

impl Export for Talkative {
    fn name(&self) -> &str {
        "talkative"
    }

    async fn export(&self, request: Request) -> Result<(), ExportError> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        let span = info_span!(target: "http_client", "request");
        async {
            info!(target: "http_client", "connected");
            tracing::warn!(target: "spanreel", "one of the pipeline's own diagnostics");
            self.memory.export(request).await
        }
        .instrument(span)
        .await
    }
}

/// What exporting says is not exported, which would go on without end, even where a fallback takes
/// whatever has no session.
#[test]
fn exporting_is_not_exported() {
    let (memory, requests) = (InMemory::new(), Arc::<AtomicU64>::default());
    let exporter = Talkative {
        memory: memory.clone(),
        requests: Arc::clone(&requests),
    };
    let pipeline = Pipeline::builder()
        .export(exporter)
        .start()
        .expect("it is valid");
    let session = pipeline.session("process").expect("it is open");
    let subscriber = tracing_subscriber::registry().with(SessionLayer::new().fallback(&session));
    tracing::subscriber::set_global_default(subscriber).expect("it is the only one");

    info_span!("work").in_scope(|| info!("done"));
    for _ in 0..3 {
        let flushed = futures::executor::block_on(pipeline.flush(Duration::from_secs(5)));
        flushed.expect("it is not shut down");
    }
    assert_eq!(
        requests.load(Ordering::Relaxed),
        2,
        "a span and a log record"
    );
    session.end();
    let report = pipeline.shutdown_blocking(Duration::from_secs(5));
    assert!(report.is_lossless(), "{report}");
    memory.assert_tree("session\n  work");
    assert_eq!(memory.logs().len(), 1);
}
