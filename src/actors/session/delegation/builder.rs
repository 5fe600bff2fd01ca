//! How delegations begin.

use std::borrow::Cow;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::Delegation;
use super::flight::{Flight, Open};
use crate::actors::own_thread;
use crate::actors::session::cell::Cell;
use crate::actors::session::slab::Parent;
use crate::actors::session::span::Span;
use crate::actors::session::{Session, drafts, log};
use crate::model::attribute::Value;
use crate::model::context::SpanContext;
use crate::model::genai::{Operation, key};
use crate::model::id::SpanId;
use crate::model::kind::SpanKind;
use crate::model::limits::truncate_bytes;
use crate::model::otlp::draft::Draft;

/// A delegation that has not started. Dropped, it leaves no trace.
#[must_use = "call start"]
#[derive(Debug)]
pub struct DelegationBuilder<'a> {
    cell: Cow<'a, Arc<Cell>>,
    parent: SpanId,
    agent: Box<str>,
    asynchronous: bool,
    deadline: Duration,
    /// None where spans are not recorded.
    draft: Option<Box<Draft>>,
}

impl Session {
    /// Hands work to another agent, in another process as a rule: `invoke_agent {agent}`.
    pub fn delegate(&self, agent: &str) -> DelegationBuilder<'_> {
        let cell = self.cell.current();
        let root = cell.identity.root;
        DelegationBuilder::new(cell, root, agent)
    }
}

impl Span {
    /// Hands work to another agent, in another process as a rule: `invoke_agent {agent}`.
    pub fn delegate(&self, agent: &str) -> DelegationBuilder<'_> {
        DelegationBuilder::new(Cow::Borrowed(&self.cell), self.id, agent)
    }
}

impl<'a> DelegationBuilder<'a> {
    fn new(cell: Cow<'a, Arc<Cell>>, parent: SpanId, agent: &str) -> Self {
        let limits = &cell.shared.limits;
        let agent = truncate_bytes(agent, limits.name_length);
        let draft = (cell.sampled && !own_thread::is_own()).then(|| {
            let mut draft = drafts::take();
            draft.begin_span("invoke_agent", agent, limits);
            draft.set(key::OPERATION_NAME, "invoke_agent".into());
            draft.set(key::AGENT_NAME, agent.into());
            draft
        });
        let deadline = cell.shared.config.delegations.deadline;
        Self {
            cell,
            parent,
            agent: agent.into(),
            asynchronous: false,
            deadline,
            draft,
        }
    }

    /// The answer comes as a message of its own, if it comes: the span is of kind producer, and
    /// dropping the handle leaves the delegation in flight. Default: somebody waits for the answer;
    /// the span is of kind client, and dropping the handle cancels the delegation.
    pub fn asynchronous(mut self) -> Self {
        self.asynchronous = true;
        self
    }

    /// How long it may be unanswered before it ends as abandoned. Default:
    /// [`DelegationConfig::deadline`](crate::DelegationConfig::deadline).
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// The other agent's id (`gen_ai.agent.id`).
    pub fn agent_id(self, id: &str) -> Self {
        self.attribute(key::AGENT_ID, id)
    }

    /// Sets an attribute.
    pub fn attribute<'v>(mut self, key: &str, value: impl Into<Value<'v>>) -> Self {
        if let Some(draft) = &mut self.draft {
            draft.set(key, value.into());
        }
        self
    }

    /// Links it to another span, of this trace or any.
    pub fn link(mut self, to: &SpanContext) -> Self {
        if let Some(draft) = &mut self.draft {
            draft.link(to, &[], &self.cell.shared.limits);
        }
        self
    }

    /// Starts it: from here on it is in flight.
    pub fn start(self) -> Delegation {
        let Self {
            cell,
            parent,
            agent,
            asynchronous,
            deadline,
            draft,
        } = self;
        let shared = &cell.shared;
        let id = SpanId::random();
        let start_ns = cell.now_ns();
        let kind = match asynchronous {
            true => SpanKind::Producer,
            false => SpanKind::Client,
        };
        let saved = draft.map(|mut draft| {
            draft.head(id, Some(parent), kind, start_ns);
            if shared.config.events.span_start && cell.logged {
                log::span_start(&cell, id, parent, draft.name(), kind, start_ns);
            }
            let saved = draft.save();
            drafts::give_back(draft);
            saved
        });
        let is_recorded = saved.is_some();
        let flight = Arc::new(Flight {
            cell: Arc::clone(&cell),
            id,
            agent,
            asynchronous,
            start_ns,
            timeout: deadline,
            open: Mutex::new(Some(Open {
                saved,
                slot: None,
                heartbeats: 0,
                sub_session: None,
                is_tracked: true,
            })),
        });
        shared.delegations.counts.start();
        flight.tell_start();
        let now_ns = shared.now_ns();
        if !shared.delegations.track(&flight, now_ns, &shared.config) {
            let name = format!("invoke_agent {}", flight.agent);
            let name = truncate_bytes(&name, shared.limits.name_length).as_bytes();
            let operation = Operation::InvokeAgent;
            let slot = is_recorded.then(|| {
                cell.start_span(id, Parent::local(parent), kind, operation, start_ns, name)
            });
            flight.do_not_track(slot);
        }
        Delegation::of(flight)
    }
}
