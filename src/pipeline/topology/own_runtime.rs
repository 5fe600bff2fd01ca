//! A pipeline on a runtime of its own: for synchronous programs, and for what outlives the host's runtime.
//!
//! Holds: the runtime, on a thread of its own, until all actors have ended.

use std::sync::Arc;

use tokio::runtime::Runtime;

use super::{Plan, start_on};
use crate::actors::own_thread;
use crate::pipeline::Pipeline;
use crate::pipeline::error::BuildError;

/// How many threads there are for blocking work at the most, beside one for each exporter.
const BLOCKING: usize = 4;

/// Starts the actors on a runtime of their own, which lives on a thread of its own.
pub(crate) fn start_on_own_thread(plan: Plan) -> Result<Pipeline, BuildError> {
    // Each exporter may be stuck on one of them, and the others go on.
    let exporters = plan.lanes.len() + plan.early.len();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .thread_name("spanreel-worker")
        .max_blocking_threads(BLOCKING + exporters)
        .on_thread_start(own_thread::mark)
        .build()
        .map_err(BuildError::Thread)?;
    let runtime = OwnRuntime(Some(runtime));
    let pipeline = start_on(plan, runtime.get().handle());
    let finish = Arc::clone(&pipeline.inner.finish);
    let thread = std::thread::Builder::new()
        .name("spanreel".to_owned())
        .spawn(move || {
            own_thread::mark();
            runtime.get().block_on(finish.wait());
        });
    match thread {
        Ok(_detached) => Ok(pipeline),
        Err(error) => {
            pipeline.inner.shared.close();
            Err(BuildError::Thread(error))
        }
    }
}

/// A runtime that may be dropped anywhere: dropping one waits for callbacks that hang, and panics
/// inside async code.
struct OwnRuntime(Option<Runtime>);

impl OwnRuntime {
    fn get(&self) -> &Runtime {
        self.0.as_ref().expect("only dropping takes it out")
    }
}

impl Drop for OwnRuntime {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where the pipeline's thread cannot be started, its runtime is dropped where it was to be
    /// started from, which may be async code.
    #[tokio::test]
    async fn the_own_runtime_may_be_dropped_inside_async_code() {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        drop(OwnRuntime(Some(runtime.expect("a runtime"))));
    }
}
