//! The one absolute instant at which a shutdown ends, and the word that it began.

use std::future::Future;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

/// Shared by all actors of a pipeline. Set once, when shutdown begins.
#[derive(Clone, Debug, Default)]
pub(crate) struct Deadline {
    at: Arc<OnceLock<Instants>>,
    closing: CancellationToken,
}

/// When a shutdown ends, and when the part of it begins that belongs to the disk alone.
#[derive(Clone, Copy, Debug)]
struct Instants {
    end: Instant,
    disk: Instant,
}

/// The least time that belongs to the disk at the end of a shutdown; a fifth of the grace where that is
/// more.
const DISK_TIME: Duration = Duration::from_millis(200);

impl Deadline {
    /// Begins the shutdown. The first call decides the instant; returns the one that was decided.
    pub(crate) fn set(&self, at: Instant) -> Instant {
        let decided = self.at.get_or_init(|| {
            let now = Instant::now();
            let grace = at.saturating_duration_since(now);
            let deliveries = grace.saturating_sub(DISK_TIME.max(grace / 5));
            Instants {
                end: at,
                disk: now + deliveries,
            }
        });
        self.closing.cancel();
        decided.end
    }

    /// Completes when the disk's part of the shutdown begins: never, while no shutdown has begun.
    pub(crate) async fn disk_time(&self) {
        self.begun().await;
        self.until(|at| at.disk).await;
    }

    async fn until(&self, instant: fn(&Instants) -> Instant) {
        match self.at.get() {
            // What is left of it, for the clock of the runtime may be a test's.
            Some(at) => {
                tokio::time::sleep(instant(at).saturating_duration_since(Instant::now())).await;
            }
            None => std::future::pending().await,
        }
    }

    /// Whether the shutdown has begun.
    pub(crate) fn is_set(&self) -> bool {
        self.closing.is_cancelled()
    }

    /// Completes when the shutdown begins.
    pub(crate) async fn begun(&self) {
        self.closing.cancelled().await;
    }

    /// Completes at the deadline: never, while no shutdown has begun.
    pub(crate) async fn passed(&self) {
        self.begun().await;
        self.until(|at| at.end).await;
    }

    /// Runs `work` until the deadline passes; `None` when it was cut short.
    pub(crate) async fn unless_passed<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            done = work => Some(done),
            () = self.passed() => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures::FutureExt;

    use super::*;

    /// The first call decides; later ones, longer or shorter, change nothing.
    #[test]
    fn the_first_call_decides() {
        let deadline = Deadline::default();
        assert!(!deadline.is_set());
        let first = Instant::now() + Duration::from_secs(5);
        assert_eq!(deadline.set(first), first);
        assert_eq!(deadline.set(Instant::now()), first);
        assert_eq!(deadline.set(first + Duration::from_secs(60)), first);
        assert!(deadline.is_set());
    }

    /// Without a shutdown, nothing is cut short; with one, work ends at the deadline.
    #[tokio::test(start_paused = true)]
    async fn work_is_cut_at_the_deadline() {
        let deadline = Deadline::default();
        let hour = tokio::time::sleep(Duration::from_secs(3600));
        assert!(deadline.unless_passed(hour).await.is_some());

        let begun = tokio::time::Instant::now();
        deadline.set(Instant::now() + Duration::from_secs(5));
        let hangs = std::future::pending::<()>();
        assert!(deadline.unless_passed(hangs).await.is_none());
        // Less where the machine stood still meanwhile: this clock does, the deadline's does not.
        let took = begun.elapsed().as_secs_f64();
        assert!(took <= 5.01, "{took}");
    }

    /// A deadline in the past still lets work end that is done at once.
    #[test]
    fn what_is_done_at_once_is_not_cut() {
        let deadline = Deadline::default();
        deadline.set(Instant::now());
        let done = deadline.unless_passed(std::future::ready(7));
        assert_eq!(done.now_or_never(), Some(Some(7)));
    }
}
