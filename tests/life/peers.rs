//! Exporters that do as they are told.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use spanreel::testing::InMemory;
use spanreel::{Export, ExportError, Request};
use tokio::sync::Semaphore;

/// Never answers.
pub(crate) struct Hangs;

impl Export for Hangs {
    fn name(&self) -> &str {
        "hangs"
    }

    async fn export(&self, _: Request) -> Result<(), ExportError> {
        std::future::pending().await
    }
}

/// Takes its time for each request.
pub(crate) struct Slow {
    pub(crate) takes: Duration,
    pub(crate) memory: InMemory,
}

impl Export for Slow {
    fn name(&self) -> &str {
        "slow"
    }

    async fn export(&self, request: Request) -> Result<(), ExportError> {
        tokio::time::sleep(self.takes).await;
        self.memory.export(request).await
    }
}

/// Takes nothing before it is opened, everything afterwards.
#[derive(Clone)]
pub(crate) struct Gate {
    open: Arc<Semaphore>,
    pub(crate) memory: InMemory,
    /// How many requests have stood before it.
    pub(crate) came: Arc<AtomicUsize>,
}

impl Gate {
    pub(crate) fn closed() -> Self {
        Self {
            open: Arc::new(Semaphore::new(0)),
            memory: InMemory::new(),
            came: Arc::default(),
        }
    }

    pub(crate) fn open(&self) {
        self.open.close();
    }
}

impl Export for Gate {
    fn name(&self) -> &str {
        "gate"
    }

    async fn export(&self, request: Request) -> Result<(), ExportError> {
        self.came.fetch_add(1, Ordering::Relaxed);
        // It gives no permits: the wait ends when it is closed.
        let _opened = self.open.acquire().await;
        self.memory.export(request).await
    }
}
