//! Whom calls are made for: the session that a header names, the trace of the caller, or that of the
//! connection.
//!
//! Holds: sessions that headers named, at most so many, until they are quiet for long; and one session for
//! each connection that has asked for one. Waits: for a lock, for as long as a session takes to open.
//! Loses: nothing; the session that was quiet for longest ends when there are too many.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use http::HeaderMap;
use http::header::USER_AGENT;
use lru::LruCache;
use spanreel::{Pipeline, Session, SpanRef};
use spanreel_http::{Inbound, InboundSpan};

/// The header that names a session. It is not sent on.
pub(crate) const SESSION_HEADER: &str = "x-session-id";

/// How long a named session may be quiet until it ends.
const QUIET: Duration = Duration::from_secs(300);

/// How many named sessions may be open at once.
const MOST: NonZeroUsize = NonZeroUsize::new(10_000).expect("it is not 0");

/// The longest id that is taken.
const LONGEST_ID: usize = 256;

/// Where the calls of a gateway belong.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    /// All to one session.
    Fixed(Session),
    /// As their requests say.
    ByRequest(Arc<Sessions>),
}

/// Sessions by what requests say.
#[derive(Debug)]
pub(crate) struct Sessions {
    pipeline: Pipeline,
    inbound: Inbound,
    named: Mutex<LruCache<String, Named>>,
}

#[derive(Debug)]
struct Named {
    session: Session,
    last: Instant,
    /// Calls that are under way.
    running: usize,
}

/// A connection, whose calls have a session of their own where they do not say another. It ends with the
/// connection.
#[derive(Debug)]
pub(crate) struct Connection {
    place: Place,
    own: Mutex<Option<Session>>,
}

/// Whom a call is made for, for as long as it is under way.
#[derive(Debug)]
pub(crate) struct Stay {
    pub(crate) span: SpanRef,
    /// The span of a call whose caller has a trace.
    inbound: Option<InboundSpan>,
    /// The session that was named.
    named: Option<(Arc<Sessions>, String)>,
    /// The connection, whose session ends no sooner than its calls.
    connection: Option<Arc<Connection>>,
}

impl Drop for Stay {
    fn drop(&mut self) {
        if let Some((sessions, id)) = self.named.take() {
            sessions.leave(&id);
        }
        if let Some(inbound) = self.inbound.take() {
            inbound.end();
        }
        drop(self.connection.take());
    }
}

impl Place {
    pub(crate) fn by_request(pipeline: &Pipeline) -> Self {
        Self::ByRequest(Arc::new(Sessions {
            pipeline: pipeline.clone(),
            inbound: Inbound::new(pipeline),
            named: Mutex::new(LruCache::new(MOST)),
        }))
    }

    /// Ends sessions that have been quiet for long, or all.
    pub(crate) fn sweep(&self, all: bool) {
        if let Self::ByRequest(sessions) = self {
            sessions.sweep(all);
        }
    }
}

impl Connection {
    pub(crate) fn new(place: Place) -> Self {
        Self {
            place,
            own: Mutex::new(None),
        }
    }

    /// Whom a request is made for; `None` where the pipeline is shut down.
    pub(crate) fn enter(self: &Arc<Self>, headers: &HeaderMap) -> Option<Stay> {
        let sessions = match &self.place {
            Place::Fixed(session) => return Some(Stay::of(session)),
            Place::ByRequest(sessions) => sessions,
        };
        let named = headers.get(SESSION_HEADER).and_then(|id| id.to_str().ok());
        if let Some(id) = named.filter(|id| !id.is_empty() && id.len() <= LONGEST_ID) {
            return sessions.enter(id, headers);
        }
        let caller = sessions.inbound.extract(headers);
        if caller.parent.is_some() {
            let arrival = sessions.inbound.arrival("gateway").caller(&caller);
            let inbound = arrival.start().ok()?;
            return Some(Stay {
                span: inbound.place().clone(),
                inbound: Some(inbound),
                named: None,
                connection: None,
            });
        }
        // Held while one is opened: two calls at once on one connection are of one session.
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(session) = &*own {
            return Some(self.stay(session));
        }
        let agent = headers
            .get(USER_AGENT)
            .and_then(|agent| agent.to_str().ok());
        let mut builder = sessions.pipeline.open_session("");
        if let Some(agent) = agent {
            builder = builder.attribute("user_agent.original", agent);
        }
        let opened = builder.open().ok()?;
        Some(self.stay(own.insert(opened)))
    }
}

impl Connection {
    fn stay(self: &Arc<Self>, session: &Session) -> Stay {
        let mut stay = Stay::of(session);
        stay.connection = Some(Arc::clone(self));
        stay
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let own = self.own.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(session) = own.take() {
            session.end();
        }
    }
}

impl Stay {
    fn of(session: &Session) -> Self {
        Self {
            span: SpanRef::from(session),
            inbound: None,
            named: None,
            connection: None,
        }
    }
}

impl Sessions {
    fn enter(self: &Arc<Self>, id: &str, headers: &HeaderMap) -> Option<Stay> {
        let mut named = self.named();
        let now = Instant::now();
        if let Some(known) = named.get_mut(id) {
            known.last = now;
            known.running += 1;
            return Some(self.stay(&known.session, id));
        }
        let caller = self.inbound.extract(headers);
        let session = self
            .pipeline
            .open_session(id)
            .extracted(caller)
            .open()
            .ok()?;
        let stay = self.stay(&session, id);
        let entry = Named {
            session,
            last: now,
            running: 1,
        };
        if let Some((_, oldest)) = named.push(id.to_owned(), entry) {
            oldest.session.end();
        }
        Some(stay)
    }

    fn stay(self: &Arc<Self>, session: &Session, id: &str) -> Stay {
        Stay {
            span: SpanRef::from(session),
            inbound: None,
            named: Some((Arc::clone(self), id.to_owned())),
            connection: None,
        }
    }

    fn leave(&self, id: &str) {
        if let Some(known) = self.named().get_mut(id) {
            known.running = known.running.saturating_sub(1);
            known.last = Instant::now();
        }
    }

    fn sweep(&self, all: bool) {
        let mut named = self.named();
        let now = Instant::now();
        let is_quiet = |it: &Named| it.running == 0 && now.duration_since(it.last) >= QUIET;
        let over = named.iter().filter(|(_, it)| all || is_quiet(it));
        let over: Vec<String> = over.map(|(id, _)| id.clone()).collect();
        for id in over {
            if let Some(ended) = named.pop(&id) {
                ended.session.end();
            }
        }
    }

    fn named(&self) -> MutexGuard<'_, LruCache<String, Named>> {
        self.named.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
