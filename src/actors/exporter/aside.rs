//! Work of an exporter on threads for blocking work.
//!
//! Waits: for such a thread, and for the work. Loses: nothing; what a dropped call has begun goes on.

use std::sync::Arc;

use tokio::sync::Mutex;
use tokio::task::JoinHandle;

use super::ExportError;

/// Something that one thread at a time may work with, for as long as it takes: a file, a terminal.
///
/// The turn is waited for before there is a thread, and kept by the work and not by the call: where a write
/// never ends and its call is given up and repeated, it costs one thread however often that happens, and the
/// other exporters have the rest.
#[derive(Debug)]
pub(super) struct Aside<T>(Arc<Mutex<T>>);

impl<T: Send + 'static> Aside<T> {
    pub(super) fn new(thing: T) -> Self {
        Self(Arc::new(Mutex::new(thing)))
    }

    /// Works with the thing in its turn, on a thread for blocking work.
    pub(super) async fn with<R: Send + 'static>(
        &self,
        work: impl FnOnce(&mut T) -> R + Send + 'static,
    ) -> Result<R, ExportError> {
        let mut turn = Arc::clone(&self.0).lock_owned().await;
        done(tokio::task::spawn_blocking(move || work(&mut turn))).await
    }

    /// Works with the thing on this thread; `None` where it is somebody's turn.
    #[cfg(any(feature = "proto", test))]
    pub(super) fn at_once<R>(&self, work: impl FnOnce(&mut T) -> R) -> Option<R> {
        self.0.try_lock().ok().map(|mut thing| work(&mut thing))
    }
}

/// What the work on another thread resulted in. A panic there goes on here; a runtime that shuts
/// down takes no work any more.
pub(super) async fn done<T>(work: JoinHandle<T>) -> Result<T, ExportError> {
    work.await.map_err(|error| match error.try_into_panic() {
        Ok(panic) => std::panic::resume_unwind(panic),
        Err(cancelled) => ExportError::retryable(cancelled),
    })
}

#[cfg(test)]
mod tests {
    use std::panic::AssertUnwindSafe;
    use std::sync::mpsc;
    use std::time::Duration;

    use futures::FutureExt;

    use super::*;

    /// Work that never ends costs one thread, however often its call is given up and repeated; what waited
    /// for it goes on when it ends.
    #[test]
    fn what_is_stuck_costs_one_thread() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .max_blocking_threads(2)
            .build()
            .expect("a runtime");
        let (end, ends) = mpsc::sync_channel::<()>(1);
        let times = Aside::new(0);
        runtime.block_on(async {
            let stuck = times.with(move |times| {
                *times += 1;
                ends.recv()
            });
            let given_up = tokio::time::timeout(Duration::from_millis(5), stuck).await;
            assert!(given_up.is_err());
            for _ in 0..5 {
                let again = times.with(|times| *times += 100);
                let given_up = tokio::time::timeout(Duration::from_millis(5), again).await;
                assert!(given_up.is_err());
            }
            let others = tokio::task::spawn_blocking(|| 7);
            let others = tokio::time::timeout(Duration::from_secs(60), others).await;
            assert_eq!(others.expect("there is a thread").expect("no panic"), 7);
            drop(end);
            let seen = times.with(|times| *times).await;
            assert_eq!(seen.expect("the runtime lives"), 1);
        });
    }

    /// A panic on the other thread is one here, and the next has its turn.
    #[tokio::test]
    async fn a_panic_goes_on_here() {
        let thing = Aside::new(1);
        let panics = thing.with(|_| -> u32 { panic!("on purpose") });
        assert!(AssertUnwindSafe(panics).catch_unwind().await.is_err());
        assert_eq!(thing.with(|it| *it).await.expect("the runtime lives"), 1);
    }
}
