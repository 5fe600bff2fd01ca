//! A pipeline under test, with what it exported.

use std::time::{Duration, Instant};

use spanreel::testing::InMemory;
use spanreel::{Builder, Pipeline, Resource, ShutdownReport};

use crate::support::ledger;

/// How long anything may take before a test gives up.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A pipeline that exports to memory.
pub(crate) struct Rig {
    pub(crate) pipeline: Pipeline,
    pub(crate) memory: InMemory,
}

impl Rig {
    pub(crate) fn start() -> Self {
        Self::with(|builder| builder)
    }

    pub(crate) fn with(configure: impl FnOnce(Builder) -> Builder) -> Self {
        let memory = InMemory::new();
        let builder = Pipeline::builder()
            .resource(Resource::empty())
            .export(memory.clone());
        let pipeline = configure(builder).start().expect("a right configuration");
        Self { pipeline, memory }
    }

    /// Shuts down and checks the accounts. Something may have been lost.
    #[track_caller]
    pub(crate) fn settle(&self) -> ShutdownReport {
        let report = self.pipeline.shutdown_blocking(PATIENCE);
        ledger::assert_settled(&report);
        report
    }

    /// Shuts down, checks the accounts and that nothing was lost.
    #[track_caller]
    pub(crate) fn stop(self) -> InMemory {
        let report = self.settle();
        assert!(report.is_lossless(), "{report}");
        self.memory
    }
}

/// Waits until `is_so` holds.
#[track_caller]
pub(crate) fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "still not so: {what}");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}
