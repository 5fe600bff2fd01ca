//! How sessions are opened.

mod entering;
mod making;

use std::sync::Arc;
use std::time::SystemTime;

use super::cell::Cell;
use super::delegation::received::Delegated;
use super::segment;
use super::shared::Shared;
use super::{Closed, Session, drafts, log};
use crate::actors::clock::unix_ns;
use crate::model::about::Said;
use crate::model::attribute::Value;
use crate::model::chunk::SessionKey;
use crate::model::content::Content;
use crate::model::context::SpanContext;
use crate::model::hash_key::HashKey;
use crate::model::id::{SpanId, TraceId};
use crate::model::kind::SpanKind;
use crate::model::limits::truncate_bytes;
use crate::model::otlp::draft::Draft;
use crate::model::propagation::baggage::Baggage;
use crate::model::propagation::propagators::Extracted;
use crate::model::session_id::{GivenId, trace_id_of};

/// A session that is not open yet. If it is open already, [`open`](Self::open) finds it and what
/// was said here is ignored.
#[must_use = "call open"]
#[derive(Debug)]
pub struct SessionBuilder<'a> {
    /// Apart, for it is large: the builder goes from call to call.
    wanted: Box<Wanted<'a>>,
}

/// What is said of a session before it is open.
#[derive(Debug)]
struct Wanted<'a> {
    shared: &'a Arc<Shared>,
    id: GivenId,
    about: Said,
    content: Content,
    /// A caller's baggage, of which some may become attributes.
    inbound: Baggage,
    parent: Option<SpanContext>,
    delegated: Option<Box<Delegated>>,
    /// What a caller that names no span decided about sampling.
    told: Option<bool>,
    previous_id: Option<String>,
    kind: SpanKind,
    start_ns: Option<u64>,
    root: Option<SpanId>,
    /// Whether it ends with the work in it.
    is_visited: bool,
    /// What was said of the root: its attributes and links, behind its name.
    said: Option<Box<Draft>>,
    /// Whether its name was said, too.
    is_named: bool,
}

/// Opens the session of this id, of which nothing else is said, or finds it.
pub(crate) fn open(shared: &Arc<Shared>, id: &str) -> Result<Session, Closed> {
    Wanted::new(shared, GivenId::new(id)).open()
}

impl<'a> SessionBuilder<'a> {
    #[inline]
    pub(crate) fn new(shared: &'a Arc<Shared>, id: GivenId) -> Self {
        Self {
            wanted: Box::new(Wanted::new(shared, id)),
        }
    }

    /// The agent whose session it is: the root span is then named `invoke_agent {name}`
    /// (`gen_ai.agent.name`). Without it, the root is named `session`.
    pub fn agent(mut self, name: &str) -> Self {
        self.wanted.about.edit().agent = Some(name.into());
        self
    }

    /// The agent's id (`gen_ai.agent.id`).
    pub fn agent_id(mut self, id: &str) -> Self {
        self.wanted.about.edit().agent_id = Some(id.into());
        self
    }

    /// The user (`user.id`).
    pub fn user(mut self, id: &str) -> Self {
        self.wanted.about.edit().user = Some(id.into());
        self
    }

    /// The conversation that the session is part of (`gen_ai.conversation.id` of its GenAI spans).
    /// Default: the session is the conversation. It is cut, and hashed where ids are sensitive, as the
    /// session's own id is.
    pub fn conversation_id(mut self, id: &str) -> Self {
        self.wanted.about.edit().conversation = Some(self.wanted.exported(id).into());
        self
    }

    /// The spans of the session are recorded by other processes: its root then has no totals, for those
    /// of this process would tell of what it recorded alone.
    pub fn totals_elsewhere(mut self) -> Self {
        self.wanted.about.edit().totals_elsewhere = true;
        self
    }

    /// Whether what users and models write in it is recorded. Default: as
    /// [`Builder::content`](crate::Builder::content) says.
    pub fn content(mut self, content: Content) -> Self {
        self.wanted.content = content;
        self
    }

    /// Adds a tag (`spanreel.session.tags`).
    pub fn tag(mut self, tag: &str) -> Self {
        let tags = &mut self.wanted.about.edit().tags;
        tags.reserve_exact(1);
        tags.push(tag.into());
        self
    }

    /// Sets a member of the session's baggage. It stays in the process and with the session, unless
    /// the [`BaggagePolicy`](crate::BaggagePolicy) of the pipeline lets it travel. What baggage cannot
    /// take (see [`Baggage::with`]) is left out.
    pub fn baggage(mut self, key: &str, value: &str) -> Self {
        if let Ok(baggage) = self.wanted.about.baggage.with(key, value) {
            self.wanted.about.edit().baggage = baggage;
        }
        self
    }

    /// Continues what a call brought along, as [`Propagators::extract`](crate::Propagators::extract)
    /// reads it: its span is the [`parent`](Self::parent), its decision about sampling counts, its
    /// baggage is the session's, too. Members that the [`BaggagePolicy`](crate::BaggagePolicy) of the
    /// pipeline accepts become attributes of the root span.
    #[inline]
    pub fn extracted(mut self, extracted: Extracted) -> Self {
        self.wanted.told = extracted.sampled;
        self.wanted.inbound = extracted.baggage;
        self.parent(extracted.parent)
    }

    /// Continues the trace of another span, mostly of another process: the session keeps that trace
    /// id, its random flag and its `tracestate`, its root is a child of that span, and whether it is
    /// recorded follows from the parent where [`Sampling`](crate::Sampling) says so. `None` changes
    /// nothing.
    #[inline]
    pub fn parent(mut self, parent: impl Into<Option<SpanContext>>) -> Self {
        if let Some(parent) = parent.into() {
            self.wanted.parent = Some(parent);
        }
        self
    }

    /// Opens it for work that another agent handed over: as a child of the delegation, or linked to it
    /// where its context is [not believed](Delegated::unverified). The kind of the root is then
    /// server; say `.kind(SpanKind::Consumer)` after this for work that came through a queue.
    ///
    /// A session that is open already stays in its trace: its root is linked to the delegation.
    pub fn from_delegation(mut self, from: impl Into<Delegated>) -> Self {
        let delegated = from.into();
        self.wanted.kind = SpanKind::Server;
        if delegated.is_adopted() {
            self.wanted.parent = Some(delegated.context().clone());
        }
        self.wanted.delegated = Some(Box::new(delegated));
        self
    }

    /// Links the root span to another span.
    pub fn link(mut self, to: &SpanContext, attributes: &[(&str, Value<'_>)]) -> Self {
        let limits = &self.wanted.shared.limits;
        self.wanted.draft().link(to, attributes, limits);
        self
    }

    /// The id of the session that this one continues (`session.previous_id`). With a
    /// [hash key](crate::SessionConfig::hash_key) its hash is exported, as for the id itself.
    pub fn previous_id(mut self, id: &str) -> Self {
        self.wanted.previous_id = Some(self.wanted.exported(id));
        self
    }

    /// The name of the root span, instead of the one that follows from the agent.
    #[inline]
    pub fn name(mut self, name: &str) -> Self {
        self.wanted.begin_draft(name);
        self.wanted.is_named = true;
        self
    }

    /// The kind of the root span. Default: internal.
    #[inline]
    pub fn kind(mut self, kind: SpanKind) -> Self {
        self.wanted.kind = kind;
        self
    }

    /// Sets an attribute of the root span.
    // For a literal key, the compiler works out most of it beforehand.
    #[inline(always)]
    pub fn attribute<'v>(mut self, key: &str, value: impl Into<Value<'v>>) -> Self {
        self.wanted.draft().set_in_span(key, value.into());
        self
    }

    /// Sets attributes of the root span, each as [`attribute`](Self::attribute) does.
    pub fn attributes(mut self, attributes: &[(&str, Value<'_>)]) -> Self {
        let draft = self.wanted.draft();
        for (key, value) in attributes {
            draft.set(key, *value);
        }
        self
    }

    /// When it started, for recordings. Default: now. Times of its spans are then the caller's to
    /// give, too.
    pub fn started_at(mut self, time: SystemTime) -> Self {
        self.wanted.start_ns = Some(unix_ns(time));
        self
    }

    /// The id of the root span, for recordings whose ids must come out the same each time.
    /// Default: random.
    #[inline]
    pub fn root_id(mut self, id: SpanId) -> Self {
        self.wanted.root = Some(id);
        self
    }

    /// Opens it, or finds it when it is open.
    ///
    /// An empty id gets a random one. A long id is exported cut to
    /// [`Limits::session_id_length`](crate::Limits::session_id_length); its trace id still follows
    /// from the whole.
    ///
    /// # Errors
    /// The pipeline is shut down.
    #[inline]
    pub fn open(mut self) -> Result<Session, Closed> {
        self.wanted.open()
    }
}

impl<'a> Wanted<'a> {
    #[inline]
    fn new(shared: &'a Arc<Shared>, id: GivenId) -> Self {
        Self {
            shared,
            id,
            about: Said::default(),
            content: shared.content,
            inbound: Baggage::EMPTY,
            parent: None,
            delegated: None,
            told: None,
            previous_id: None,
            kind: SpanKind::Internal,
            start_ns: None,
            root: None,
            is_visited: false,
            said: None,
            is_named: false,
        }
    }

    /// The id of another session or conversation, as it is exported.
    fn exported(&self, id: &str) -> String {
        match &self.shared.config.hash_key {
            None => truncate_bytes(id, self.shared.limits.session_id_length).to_owned(),
            Some(key) => trace_id_of(id, Some(key.as_bytes())).0.to_string(),
        }
    }

    /// Begins what is said of the root with its name.
    #[inline(never)]
    fn begin_draft(&mut self, name: &str) -> &mut Draft {
        let limits = &self.shared.limits;
        let mut named = drafts::take();
        named.begin_span(name, "", limits);
        if let Some(before) = self.said.take() {
            named.adopt(&before, limits);
            drafts::give_back(before);
        }
        self.said.insert(named)
    }

    #[inline(always)]
    fn draft(&mut self) -> &mut Draft {
        if self.said.is_none() {
            return self.begin_draft("");
        }
        self.said.as_mut().expect("it was looked at")
    }

    fn open(&mut self) -> Result<Session, Closed> {
        // Who says what its root is to be means to open it.
        let (cell, is_new) = self.find_or_open(self.root.is_some())?;
        Ok(match is_new {
            true => Session::of(cell),
            false => self.found(cell),
        })
    }

    /// What is said of a session that is open already.
    fn found(&mut self, cell: Arc<Cell>) -> Session {
        let session = Session::of(cell);
        if let Some(delegated) = self.delegated.take() {
            session.edit_root(|draft| delegated.write_link(draft, &self.shared.limits));
        }
        session
    }

    /// The session, and whether it was opened just now.
    fn find_or_open(&mut self, is_likely_new: bool) -> Result<(Arc<Cell>, bool), Closed> {
        if self.shared.is_copy() || self.shared.is_closed() {
            return Err(Closed);
        }
        if matches!(&self.id, GivenId::Text(id) if id.is_empty()) {
            self.id = GivenId::new(&random_uuid());
        }
        let shared = self.shared;
        let hash_key = shared.config.hash_key.as_ref();
        let hash_key = hash_key.map(HashKey::as_bytes);
        let (trace_id, random) = self.id.trace_id(hash_key);
        let key = SessionKey(trace_id);
        let (cell, is_new) = shared
            .registry
            .find_or_open(key, is_likely_new, || self.build(key, trace_id, random));
        if shared.is_closed() {
            // The shutdown began meanwhile and may not have seen it.
            if is_new {
                segment::forget(&cell);
            }
            return Err(Closed);
        }
        if is_new && shared.config.events.session && cell.logged {
            let at_ns = cell.identity.start_ns;
            let previous = self.previous_id.as_deref();
            log::session_event(&cell, &mut cell.lock(), log::SESSION_START, at_ns, previous);
        }
        Ok((cell, is_new))
    }
}

/// A random UUID (version 4, RFC 9562).
fn random_uuid() -> String {
    let mut bytes = TraceId::random().to_bytes();
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!(
        "{}-{}-{}-{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..]
    )
}
