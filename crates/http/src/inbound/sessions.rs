//! The sessions that inbound work opened: each ends with the last work in it.
//!
//! Holds: one entry per session of which work is under way. Waits: for the lock of a shard, under
//! which a session is opened or ended. Loses nothing.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use hashbrown::HashMap;
use hashbrown::hash_map::Entry;
use spanreel::{Closed, EndState, Session, SpanId, SpanRef};

use super::id::Id;
use crate::semconv;

/// How many locks there are: so many requests seldom meet at one.
const SHARDS: usize = 64;

type Shard = HashMap<Id, Open>;

#[derive(Debug)]
pub(super) struct Sessions {
    shards: Box<[Mutex<Shard>]>,
}

#[derive(Debug)]
struct Open {
    session: Session,
    /// How much work is under way in it.
    running: usize,
    /// How its root ended and when, where that was before other work in it.
    root: Option<(RootEnd, SystemTime)>,
}

/// How work ended that is the root of its session.
#[derive(Debug, Default)]
pub(super) struct RootEnd {
    /// What went wrong, for people; empty where the error's type says it all.
    pub(super) failure: Option<Box<str>>,
    /// What was answered over HTTP.
    pub(super) status_code: Option<u16>,
}

/// What became of work that enters a session.
#[derive(Debug)]
pub(super) enum Entered {
    /// It opened the session, and is its root.
    Root(SpanRef),
    /// Other work opened the session, which lasts until this has ended, too.
    Joined(Session),
    /// The session is somebody else's, and they end it.
    Foreign(Session),
}

impl Default for Sessions {
    fn default() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
        }
    }
}

impl Sessions {
    /// Enters the session of this id; `open` opens it with a root of the given id, or finds one that
    /// is open.
    pub(super) fn enter(
        &self,
        id: &Id,
        open: impl FnOnce(SpanId) -> Result<Session, Closed>,
    ) -> Result<Entered, Closed> {
        let mut shard = self.shard(id);
        match shard.entry(id.clone()) {
            Entry::Occupied(mut entry) => {
                let open = entry.get_mut();
                open.running += 1;
                Ok(Entered::Joined(open.session.clone()))
            }
            Entry::Vacant(entry) => {
                let root = SpanId::random();
                let session = open(root)?;
                let place = SpanRef::from(&session);
                if place.id() != root {
                    return Ok(Entered::Foreign(session));
                }
                entry.insert(Open {
                    session,
                    running: 1,
                    root: None,
                });
                Ok(Entered::Root(place))
            }
        }
    }

    /// Leaves a session that was entered as root or joined, and ends it where nothing else is under
    /// way in it. `root` says how the root ended, from the work that is the root.
    pub(super) fn leave(&self, id: Id, root: Option<RootEnd>) {
        let mut shard = self.shard(&id);
        let Entry::Occupied(mut entry) = shard.entry(id) else {
            return;
        };
        let open = entry.get_mut();
        open.running -= 1;
        if open.running > 0 {
            if let Some(root) = root {
                open.root = Some((root, now()));
            }
            return;
        }
        let open = entry.remove();
        let (root, at) = match open.root {
            Some((root, at)) => (root, Some(at)),
            None => (root.unwrap_or_default(), None),
        };
        // Under the lock: whoever comes next must not find it open and then see it end.
        end(&open.session, &root, at);
    }

    fn shard(&self, id: &Id) -> MutexGuard<'_, Shard> {
        // More than a wait is not at stake where ids are chosen to meet.
        self.shards[id.ending() % SHARDS]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends a session as its root ended, at that time where it is over.
fn end(session: &Session, root: &RootEnd, at: Option<SystemTime>) {
    let state = match &root.failure {
        None => EndState::Unset,
        Some(message) => EndState::Error(message),
    };
    let code = root
        .status_code
        .map(|code| (semconv::RESPONSE_STATUS_CODE, code.into()));
    match at {
        None => session.finish_with(state, code.as_slice()),
        Some(at) => {
            if let Some((key, value)) = code {
                session.set(key, value);
            }
            session.finish_at(state, at);
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the end of a root whose session goes on; no clock of the pipeline is public"
)]
fn now() -> SystemTime {
    SystemTime::now()
}
