//! The tasks of a receiver: its connections, and what hyper starts for the requests of HTTP/2.
//!
//! Holds: how many there are. Waits: for their end. Loses: what a task holds when it is cut off.

use std::time::Duration;

use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

/// Starts tasks that end together.
#[derive(Clone, Debug)]
pub(crate) struct Tasks {
    tracker: TaskTracker,
    cut: CancellationToken,
}

impl Tasks {
    pub(crate) fn new() -> Self {
        Self {
            tracker: TaskTracker::new(),
            cut: CancellationToken::new(),
        }
    }

    pub(crate) fn start(&self, task: impl Future + Send + 'static) {
        let cut = self.cut.clone();
        self.tracker.spawn(async move {
            // Nobody waits for what a task gives; those that are cut off say so when dropped.
            drop(cut.run_until_cancelled_owned(task).await);
        });
    }

    /// Cuts off all tasks when it is dropped.
    pub(crate) fn guard(&self) -> DropGuard {
        self.cut.clone().drop_guard()
    }

    /// Waits until all tasks have ended, and cuts off those that take longer than `grace`.
    pub(crate) async fn end(&self, grace: Duration) {
        self.tracker.close();
        if tokio::time::timeout(grace, self.tracker.wait())
            .await
            .is_err()
        {
            self.cut.cancel();
            self.tracker.wait().await;
        }
    }
}

/// So that hyper's tasks are among them.
impl<F> hyper::rt::Executor<F> for Tasks
where
    F: Future + Send + 'static,
{
    fn execute(&self, task: F) {
        self.start(task);
    }
}
