mod fields;
mod life;
mod places;

use std::sync::Arc;
use std::time::Duration;

use spanreel::testing::InMemory;
use spanreel::{Pipeline, Session};
use tracing_subscriber::layer::SubscriberExt;

use super::{LayerCounts, SessionLayer};

/// A pipeline with a session, and a subscriber with a layer.
struct Stage {
    memory: InMemory,
    pipeline: Pipeline,
    session: Session,
    counts: LayerCounts,
    subscriber: Arc<dyn tracing::Subscriber + Send + Sync>,
}

impl Stage {
    fn new() -> Self {
        Self::with(|_, layer| layer)
    }

    fn with(configure: impl FnOnce(&Session, SessionLayer) -> SessionLayer) -> Self {
        let memory = InMemory::new();
        let builder = Pipeline::builder().export(memory.clone());
        let pipeline = builder.start().expect("the configuration is valid");
        let session = pipeline.session("conv-1").expect("it is open");
        let layer = configure(&session, SessionLayer::new());
        Self {
            memory,
            pipeline,
            session,
            counts: layer.counts(),
            subscriber: Arc::new(tracing_subscriber::registry().with(layer)),
        }
    }

    /// Runs `work` with the subscriber, in the scope of the session.
    fn run<T>(&self, work: impl FnOnce() -> T) -> T {
        self.subscribed(|| {
            let _entered = crate::current::enter(&self.session);
            work()
        })
    }

    /// Runs `work` with the subscriber, where no session is current.
    fn subscribed<T>(&self, work: impl FnOnce() -> T) -> T {
        tracing::subscriber::with_default(Arc::clone(&self.subscriber), work)
    }

    /// Ends the session and the pipeline, which must have lost nothing.
    fn finish(self) -> InMemory {
        self.session.end();
        let report = self.pipeline.shutdown_blocking(Duration::from_secs(5));
        assert!(report.is_lossless(), "{report}");
        self.memory
    }
}
