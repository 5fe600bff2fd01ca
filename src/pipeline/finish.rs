//! How a pipeline tells those who wait that all its actors have ended.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::actors::run::Exit;

/// The exits of the actors, once all have ended. Waited for from threads and from async code of any
/// runtime.
#[derive(Debug, Default)]
pub(crate) struct Finish {
    exits: Mutex<Option<Exits>>,
    changed: Condvar,
    notify: Notify,
}

/// Each actor with how it ended, upstream first.
pub(crate) type Exits = Vec<(String, Exit)>;

/// Tells the end, also when it is dropped with the runtime it ran on.
#[derive(Debug)]
pub(crate) struct Guard {
    finish: Arc<Finish>,
    exits: Exits,
}

impl Guard {
    pub(crate) fn finished(mut self, exits: Exits) {
        self.exits = exits;
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let exits = std::mem::take(&mut self.exits);
        *self
            .finish
            .exits
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(exits);
        self.finish.changed.notify_all();
        self.finish.notify.notify_waiters();
    }
}

impl Finish {
    pub(crate) fn guard(self: &Arc<Self>) -> Guard {
        Guard {
            finish: Arc::clone(self),
            exits: Vec::new(),
        }
    }

    /// The exits, once all actors have ended.
    pub(crate) fn exits(&self) -> Option<Exits> {
        self.exits
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Completes when all actors have ended.
    pub(crate) async fn wait(&self) {
        loop {
            let notified = self.notify.notified();
            tokio::pin!(notified);
            notified.as_mut().enable();
            if self.exits().is_some() {
                return;
            }
            notified.await;
        }
    }

    /// Waits for the end on this thread; `false` when `until` came first.
    pub(crate) fn wait_blocking(&self, until: Instant) -> bool {
        let mut exits = self.exits.lock().unwrap_or_else(PoisonError::into_inner);
        while exits.is_none() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            let waited = self.changed.wait_timeout(exits, left);
            exits = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// Completes at the end or at `until`, whichever is first, in async code of any runtime or none:
    /// the time is kept by a thread, for the runtime whose timer one would ask may be what is stuck.
    pub(crate) async fn wait_until(self: &Arc<Self>, until: Instant) -> bool {
        let (timer, time_is_up) = tokio::sync::oneshot::channel();
        let finish = Arc::clone(self);
        let watch = std::thread::Builder::new()
            .name("spanreel-shutdown".to_owned())
            .spawn(move || {
                let ended = finish.wait_blocking(until);
                // Nobody listens when the wait was given up.
                let _listening = timer.send(ended);
            });
        match watch {
            Ok(_detached) => time_is_up.await.unwrap_or(false),
            Err(error) => {
                tracing::warn!(target: "spanreel", %error, "no thread to keep the deadline; waiting without");
                self.wait().await;
                true
            }
        }
    }
}

/// What the caller's clock allows beyond the deadline, for the actors to notice it themselves.
pub(crate) const LENIENCY: Duration = Duration::from_millis(200);

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(20);

    fn exits() -> Exits {
        vec![("actor".to_owned(), Exit::Drained)]
    }

    /// Everybody who waits, on a thread or in async code, is told of the end, and whoever comes
    /// later too.
    #[test]
    fn everybody_is_told_of_the_end() {
        let finish = Arc::new(Finish::default());
        let guard = finish.guard();
        let until = Instant::now() + LONG;
        std::thread::scope(|scope| {
            let blocked = scope.spawn(|| finish.wait_blocking(until));
            let waiting = scope.spawn(|| futures::executor::block_on(finish.wait()));
            let timed = scope.spawn(|| futures::executor::block_on(finish.wait_until(until)));
            assert_eq!(finish.exits(), None);
            guard.finished(exits());
            assert!(blocked.join().expect("no panic"));
            waiting.join().expect("no panic");
            assert!(timed.join().expect("no panic"));
        });
        assert_eq!(finish.exits(), Some(exits()));
        assert!(finish.wait_blocking(Instant::now()));
        futures::executor::block_on(finish.wait());
    }

    /// Whoever waits until an instant is let go then.
    #[test]
    fn a_wait_ends_with_its_time() {
        let finish = Arc::new(Finish::default());
        let _guard = finish.guard();
        let begun = Instant::now();
        let until = begun + Duration::from_millis(50);
        assert!(!finish.wait_blocking(until));
        assert!(!futures::executor::block_on(finish.wait_until(until)));
        assert!(begun.elapsed() >= Duration::from_millis(50));
        assert!(begun.elapsed() < LONG);
    }

    /// A guard that is dropped with its runtime tells the end, too.
    #[test]
    fn a_dropped_guard_tells_the_end() {
        let finish = Arc::new(Finish::default());
        drop(finish.guard());
        assert_eq!(finish.exits(), Some(Vec::new()));
        assert!(finish.wait_blocking(Instant::now()));
    }
}
