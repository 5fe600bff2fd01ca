//! The delegations in flight of all sessions, by when they are due: for the next heartbeat, or to be
//! abandoned.
//!
//! Holds: [`DelegationConfig::max_in_flight`](crate::DelegationConfig::max_in_flight) at most. Never
//! waits. Loses: nothing; it refuses what is too much, and after it was closed.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::counts::Counts;
use super::flight::Flight;
use super::live::LiveDelegation;
use crate::actors::session::config::SessionConfig;
use crate::model::chunk::SessionKey;
use crate::model::id::SpanId;

/// How many are seen to in one go: 16 bytes each.
const AT_ONCE: usize = 512;

#[derive(Debug, Default)]
pub(crate) struct Delegations {
    pub(super) counts: Counts,
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    flights: HashMap<SpanId, Tracked>,
    /// On the pipeline's clock, the next first; one for each flight.
    due: BTreeSet<(u64, SpanId)>,
    closed: bool,
}

#[derive(Debug)]
struct Tracked {
    flight: Arc<Flight>,
    due_ns: u64,
    deadline_ns: u64,
}

/// What is to be done for a delegation now.
#[derive(Debug)]
pub(crate) enum Due {
    /// It is in flight and says so.
    Heartbeat(Arc<Flight>),
    /// Its deadline has passed.
    Deadline(Arc<Flight>),
}

impl Due {
    /// Does it.
    pub(crate) fn see_to(&self) {
        match self {
            Self::Heartbeat(flight) => flight.beat(),
            Self::Deadline(flight) => flight.abandon(),
        }
    }
}

impl Delegations {
    /// Takes one in; `false` when there is no room, or the shutdown has taken over.
    pub(super) fn track(&self, flight: &Arc<Flight>, now_ns: u64, config: &SessionConfig) -> bool {
        let mut table = self.lock();
        if table.closed || table.flights.len() >= config.delegations.max_in_flight {
            return false;
        }
        let deadline_ns = now_ns.saturating_add(nanos(flight.timeout));
        let due_ns = deadline_ns.min(now_ns.saturating_add(interval_ns(config)));
        table.due.insert((due_ns, flight.id));
        let tracked = Tracked {
            flight: Arc::clone(flight),
            due_ns,
            deadline_ns,
        };
        table.flights.insert(flight.id, tracked);
        true
    }

    /// What is due, a bounded number of them at once; those with a heartbeat are due again later.
    pub(crate) fn take_due(&self, now_ns: u64, config: &SessionConfig) -> Vec<Due> {
        let next_ns = now_ns.saturating_add(interval_ns(config));
        let mut table = self.lock();
        let table = &mut *table;
        let mut due = Vec::new();
        while due.len() < AT_ONCE {
            let Some((due_ns, id)) = table.due.first().copied() else {
                break;
            };
            if due_ns > now_ns {
                break;
            }
            table.due.pop_first();
            let Some(tracked) = table.flights.get_mut(&id) else {
                continue;
            };
            let flight = Arc::clone(&tracked.flight);
            if tracked.deadline_ns <= now_ns {
                table.flights.remove(&id);
                due.push(Due::Deadline(flight));
            } else {
                tracked.due_ns = next_ns.min(tracked.deadline_ns);
                table.due.insert((tracked.due_ns, id));
                due.push(Due::Heartbeat(flight));
            }
        }
        due
    }

    /// One that has ended.
    pub(super) fn forget(&self, id: SpanId) {
        let mut table = self.lock();
        let Some(tracked) = table.flights.remove(&id) else {
            return;
        };
        table.due.remove(&(tracked.due_ns, id));
        drop(table);
    }

    /// The asynchronous one of this id, if it is in flight.
    pub(crate) fn find(&self, id: SpanId) -> Option<Arc<Flight>> {
        let table = self.lock();
        let flight = &table.flights.get(&id)?.flight;
        flight.asynchronous.then(|| Arc::clone(flight))
    }

    /// How many spans they are.
    pub(crate) fn open_spans(&self) -> u64 {
        let flights = self.flights();
        flights.iter().filter(|flight| flight.is_recorded()).count() as u64
    }

    /// All of them, by the session that delegates.
    pub(crate) fn live(&self) -> HashMap<SessionKey, Vec<LiveDelegation>> {
        let mut by_session: HashMap<_, Vec<_>> = HashMap::new();
        for flight in self.flights() {
            if let Some(live) = flight.live() {
                let home = flight.cell.identity.home;
                by_session.entry(home).or_default().push(live);
            }
        }
        by_session
    }

    pub(crate) fn stats(&self) -> super::counts::DelegationStats {
        self.counts.stats()
    }

    /// None is taken in any more.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
    }

    /// Any one of those that are left after it was closed.
    pub(crate) fn take_any(&self) -> Option<Arc<Flight>> {
        let mut table = self.lock();
        let (_, id) = table.due.pop_first()?;
        table.flights.remove(&id).map(|tracked| tracked.flight)
    }

    /// Copied, so that no flight is looked into under this lock.
    fn flights(&self) -> Vec<Arc<Flight>> {
        let table = self.lock();
        let flights = table.flights.values();
        flights.map(|tracked| Arc::clone(&tracked.flight)).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long it is from one heartbeat to the next.
fn interval_ns(config: &SessionConfig) -> u64 {
    nanos(config.delegations.heartbeat.min(config.idle_timeout / 2)).max(1)
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
