//! How spans begin.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::SystemTime;

use super::cell::Cell;
use super::delegation::received::Delegated;
use super::drafts;
use super::log;
use super::slab::Parent;
use super::span::Span;
use super::state::Facts;
use crate::actors::clock::unix_ns;
use crate::actors::own_thread;
use crate::model::attribute::Value;
use crate::model::context::SpanContext;
use crate::model::genai::{Operation, key};
use crate::model::id::SpanId;
use crate::model::kind::SpanKind;
use crate::model::otlp::draft::Draft;

/// A span that has not started. Dropped, it leaves no trace.
#[must_use = "call start"]
#[derive(Debug)]
pub struct SpanBuilder<'a> {
    cell: Cow<'a, Arc<Cell>>,
    /// None in an unsampled session and on the pipeline's own threads.
    draft: Option<Box<Draft>>,
    parent: Parent,
    id: Option<SpanId>,
    kind: SpanKind,
    operation: Operation,
    start_ns: Option<u64>,
}

/// A draft with the name of a span. Apart from what knows the operation, so that the latter is short enough to
/// stand where a host calls it, and is known while the host is compiled.
#[inline(never)]
fn begin(cell: &Cell, name: &str, object: &str) -> Box<Draft> {
    let mut draft = drafts::take();
    draft.begin_span(name, object, &cell.shared.limits);
    draft
}

impl<'a> SpanBuilder<'a> {
    /// A span named after what it does and to what.
    #[inline(always)]
    pub(super) fn new(
        cell: Cow<'a, Arc<Cell>>,
        parent: SpanId,
        operation: Operation,
        kind: SpanKind,
        name: &str,
        object: &str,
    ) -> Self {
        let mut draft = None;
        if cell.sampled && !own_thread::is_own() {
            let draft = draft.insert(begin(&cell, name, object));
            if let Some(name) = operation.name() {
                draft.set_in_span(key::OPERATION_NAME, name.into());
            }
        }
        Self {
            cell,
            draft,
            parent: Parent::local(parent),
            id: None,
            kind,
            operation,
            start_ns: None,
        }
    }

    /// Its kind. Default: client for calls to models and data sources, internal otherwise.
    #[inline]
    pub fn kind(mut self, kind: SpanKind) -> Self {
        self.kind = kind;
        self
    }

    /// Sets an attribute.
    #[inline(always)]
    pub fn attribute<'v>(mut self, key: &str, value: impl Into<Value<'v>>) -> Self {
        if let Some(draft) = &mut self.draft {
            draft.set_in_span(key, value.into());
        }
        self
    }

    /// The id of the tool call that the model asked for (`gen_ai.tool.call.id`).
    #[inline(always)]
    pub fn call_id(self, id: &str) -> Self {
        self.attribute(key::TOOL_CALL_ID, id)
    }

    /// The type of the tool (`gen_ai.tool.type`): `function` where the host runs it, `extension`
    /// where the agent's side calls an API itself, `datastore` where it looks something up.
    #[inline(always)]
    pub fn tool_type(self, kind: &str) -> Self {
        self.attribute(key::TOOL_TYPE, kind)
    }

    /// Links it to another span, of this trace or any.
    pub fn link(mut self, to: &SpanContext) -> Self {
        if let Some(draft) = &mut self.draft {
            draft.link(to, &[], &self.cell.shared.limits);
        }
        self
    }

    /// When it started, for events that are told late. Default: now.
    pub fn started_at(mut self, time: SystemTime) -> Self {
        self.start_ns = Some(unix_ns(time));
        self
    }

    /// Its id, for recordings whose ids must come out the same each time. Default: random.
    pub fn id(mut self, id: SpanId) -> Self {
        self.id = Some(id);
        self
    }

    /// Its parent within the session's trace. Default: what the builder was called on.
    pub fn parent(mut self, parent: SpanId) -> Self {
        self.parent = Parent::local(parent);
        self
    }

    /// Its parent within the session's trace, which is a span of another process: that called into this
    /// session, say. Viewers can tell (bit 9 of `Span.flags`, OTLP 1.11, `SpanFlags`).
    pub fn remote_parent(mut self, parent: SpanId) -> Self {
        self.parent = Parent {
            id: parent,
            is_remote: true,
        };
        self
    }

    /// Work of an open session that another agent handed over: a child of the delegation where that is
    /// believed and of this trace, linked to it otherwise.
    pub fn from_delegation(mut self, from: impl Into<Delegated>) -> Self {
        let from = from.into();
        let context = from.context();
        let is_child = from.is_adopted() && context.trace_id() == self.cell.identity.trace_id;
        if is_child {
            self.parent = Parent {
                id: context.span_id(),
                is_remote: context.is_remote(),
            };
        }
        let limits = &self.cell.shared.limits;
        match &mut self.draft {
            Some(draft) if is_child => from.write_root(draft, limits),
            Some(draft) => from.write_link(draft, limits),
            None => {}
        }
        self
    }

    /// What it does, for the totals of its session and `gen_ai.operation.name`. Set already by all
    /// but `child` and `record`.
    pub fn operation(mut self, operation: Operation) -> Self {
        self.operation = operation;
        match operation.name() {
            Some(name) => self.attribute(key::OPERATION_NAME, name),
            None => self,
        }
    }

    /// Starts it.
    #[inline(always)]
    pub fn start(self) -> Span {
        let Self {
            cell,
            mut draft,
            parent,
            id,
            kind,
            operation,
            start_ns,
        } = self;
        let id = id.unwrap_or_else(SpanId::random);
        let facts = Facts {
            operation,
            is_parent_remote: parent.is_remote,
            ..Facts::default()
        };
        let (mut slot, mut started_ns) = (None, 0);
        if let Some(draft) = &mut draft {
            started_ns = start_ns.unwrap_or_else(|| cell.now_ns());
            draft.head(id, Some(parent.id), kind, started_ns);
            if parent.is_remote {
                draft.flags(cell.identity.flags_below_remote());
            }
            slot = Some(cell.start_span(id, parent, kind, operation, started_ns, draft.name()));
            if cell.shared.config.events.span_start && cell.logged {
                log::span_start(&cell, id, parent.id, draft.name(), kind, started_ns);
            }
        }
        Span {
            cell: cell.into_owned(),
            draft,
            id,
            slot,
            start_ns: started_ns,
            end_ns: None,
            facts,
        }
    }

    /// A span that is finished already: it was never open, so starting it costs neither a clock
    /// nor a lock. Attributes may still be set; it is handed on when it is ended or dropped. An
    /// end before the start counts as the start.
    #[inline(always)]
    pub fn record(self, start: SystemTime, end: SystemTime) -> Span {
        let Self {
            cell,
            mut draft,
            parent,
            id,
            kind,
            operation,
            ..
        } = self;
        let id = id.unwrap_or_else(SpanId::random);
        let start_ns = unix_ns(start);
        if let Some(draft) = &mut draft {
            draft.head(id, Some(parent.id), kind, start_ns);
            if parent.is_remote {
                draft.flags(cell.identity.flags_below_remote());
            }
        }
        let facts = Facts {
            operation,
            is_parent_remote: parent.is_remote,
            ..Facts::default()
        };
        Span {
            cell: cell.into_owned(),
            draft,
            id,
            slot: None,
            start_ns,
            end_ns: Some(unix_ns(end)),
            facts,
        }
    }
}
