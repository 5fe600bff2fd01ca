//! Sends requests flat out: each caller its next one as soon as it has an answer.
//!
//! Holds: a task for each request under way. Waits: for answers. Loses: nothing; it counts.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::args::AgainstPlan;
use super::connection::{Answer, Connection};
use super::encode::Requests;
use crate::load::histogram::Latencies;

/// How long a caller that was refused waits before its next request, so that a collector that
/// refuses everything is not what is measured at its fastest.
const AFTER_REFUSAL: Duration = Duration::from_millis(1);

/// What came of all requests.
#[derive(Clone, Debug, Default)]
pub(super) struct Driven {
    pub(super) elapsed: Duration,
    /// Requests that were answered or lost.
    pub(super) requests: u64,
    /// Those among them that were refused.
    pub(super) refused: u64,
    /// Those whose connection was lost: whether they were taken is not known.
    pub(super) lost: u64,
    /// Those that were taken in part.
    pub(super) partial: u64,
    /// Spans in requests that were taken.
    pub(super) accepted: u64,
    /// Spans that a collector has said it did not take of them.
    pub(super) rejected: u64,
    /// From sending a request until its whole answer was there.
    pub(super) latency: Latencies,
}

/// What callers share.
struct Shared {
    requests: Arc<Requests>,
    next: AtomicU64,
    most: u64,
    stop: CancellationToken,
}

/// Drives until the time is up, all requests are sent, no connection is left, or Ctrl-C.
#[expect(clippy::disallowed_methods, reason = "a load test owns its tasks")]
pub(super) async fn drive(
    plan: &AgainstPlan,
    requests: &Arc<Requests>,
    connections: Vec<Connection>,
) -> Driven {
    let shared = Arc::new(Shared {
        requests: Arc::clone(requests),
        next: AtomicU64::new(0),
        most: plan.requests.map_or(u64::MAX, Into::into),
        stop: CancellationToken::new(),
    });
    let begun = Instant::now();
    let mut callers = JoinSet::new();
    for connection in connections {
        for _ in 0..plan.in_flight.get() {
            callers.spawn(call(Arc::clone(&shared), connection.clone()));
        }
    }
    let time_is_up = async {
        match plan.duration {
            Some(duration) => tokio::time::sleep(duration).await,
            None => std::future::pending().await,
        }
    };
    tokio::pin!(time_is_up);
    let mut all = Driven::default();
    loop {
        tokio::select! {
            caller = callers.join_next() => match caller {
                None => break,
                Some(Ok(driven)) => all.add(&driven),
                Some(Err(failed)) => std::panic::resume_unwind(failed.into_panic()),
            },
            () = &mut time_is_up, if !shared.stop.is_cancelled() => shared.stop.cancel(),
            _ = tokio::signal::ctrl_c(), if !shared.stop.is_cancelled() => shared.stop.cancel(),
        }
    }
    all.elapsed = begun.elapsed();
    all
}

/// Sends one request after the other.
async fn call(shared: Arc<Shared>, mut connection: Connection) -> Driven {
    let mut driven = Driven::default();
    while !shared.stop.is_cancelled() {
        let number = shared.next.fetch_add(1, Ordering::Relaxed);
        if number >= shared.most {
            break;
        }
        let begun = Instant::now();
        let answer = connection.call(shared.requests.body(number)).await;
        driven.requests += 1;
        match answer {
            Answer::Taken { rejected } => {
                let rejected = rejected.min(shared.requests.batch);
                driven.latency.record(begun.elapsed());
                driven.accepted += shared.requests.batch - rejected;
                driven.rejected += rejected;
                driven.partial += u64::from(rejected > 0);
            }
            Answer::Refused => {
                driven.refused += 1;
                tokio::time::sleep(AFTER_REFUSAL).await;
            }
            Answer::Lost => {
                driven.lost += 1;
                break;
            }
        }
    }
    driven
}

impl Driven {
    fn add(&mut self, other: &Self) {
        self.requests += other.requests;
        self.refused += other.refused;
        self.lost += other.lost;
        self.partial += other.partial;
        self.accepted += other.accepted;
        self.rejected += other.rejected;
        self.latency.merge(&other.latency);
    }
}
