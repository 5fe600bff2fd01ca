//! Something that arrives: whose it is, and what is known of it when it begins.

use std::borrow::Cow;

use spanreel::{
    BaggagePolicy, Closed, Delegated, Entered, Extracted, Session, SessionBuilder, SpanContext,
    SpanKind, SpanRef, TraceId, Value, Visit,
};

use super::Inbound;
use super::span::InboundSpan;
use crate::begin::Known;
use crate::semconv;

/// Something that arrives from another process, before its span has started. Dropped, it leaves no
/// trace.
///
/// Which session it belongs to: the one that it is [given](Self::session); else the one that the
/// caller's baggage names (`session.id`), where the pipeline's [`BaggagePolicy`] accepts that; else
/// one of its own, whose id is that of the trace.
/// In a session that is open already, it is a span; otherwise it opens the session and is its root,
/// and the session ends with the last work in it.
///
/// A caller's trace is continued. Where the session is of another trace, the span is linked to the
/// caller instead: a session is one trace.
#[must_use = "call start"]
#[derive(Debug)]
pub struct Arrival<'a> {
    inbound: &'a Inbound,
    name: &'a str,
    kind: SpanKind,
    attributes: &'a [(&'a str, Value<'a>)],
    caller: Option<&'a Extracted>,
    session: Option<Session>,
    conversation: Option<&'a str>,
    link: Option<&'a SpanContext>,
    delegated: Option<Box<Delegated>>,
}

impl<'a> Arrival<'a> {
    pub(super) fn new(inbound: &'a Inbound, name: &'a str) -> Self {
        Self {
            inbound,
            name,
            kind: SpanKind::Server,
            attributes: &[],
            caller: None,
            session: None,
            conversation: None,
            link: None,
            delegated: None,
        }
    }

    /// Its kind. Default: server.
    pub fn kind(mut self, kind: SpanKind) -> Self {
        self.kind = kind;
        self
    }

    /// Who called, and what travels with the call.
    pub fn caller(mut self, caller: &'a Extracted) -> Self {
        self.caller = Some(caller);
        self
    }

    /// The session that it belongs to.
    pub fn session(mut self, session: Session) -> Self {
        self.session = Some(session);
        self
    }

    /// The attributes that are known when it begins.
    pub fn attributes(mut self, attributes: &'a [(&'a str, Value<'a>)]) -> Self {
        self.attributes = attributes;
        self
    }

    /// The conversation of a session that it opens (`gen_ai.conversation.id`). Default: the session.
    pub fn conversation_id(mut self, id: &'a str) -> Self {
        self.conversation = Some(id);
        self
    }

    /// Links it to another span: to that of a transport, say, which the call came over.
    pub fn link(mut self, to: &'a SpanContext) -> Self {
        self.link = Some(to);
        self
    }

    /// It is work that another agent handed over: a child of the delegation where that is believed, which
    /// then counts as the caller; otherwise linked to it. Signed tokens
    /// (`token::Trust::delegated`) say which.
    pub fn from_delegation(mut self, from: impl Into<Delegated>) -> Self {
        self.delegated = Some(Box::new(from.into()));
        self
    }

    /// Starts it.
    ///
    /// # Errors
    /// The pipeline is shut down.
    pub fn start(self) -> Result<InboundSpan, Closed> {
        let attributes = self.attributes;
        self.start_knowing(attributes)
    }

    /// The same with what is known, instead of the attributes that were given.
    #[inline]
    pub(crate) fn start_knowing<K: Known + ?Sized>(
        mut self,
        known: &K,
    ) -> Result<InboundSpan, Closed> {
        if let Some(session) = self.session.take() {
            return Ok(self.within(session, None, known));
        }
        let pipeline = self.inbound.pipeline();
        let session = match self.named() {
            Some(name) => pipeline.open_session(&name),
            None => {
                let trace = self.parent().map(SpanContext::trace_id);
                pipeline.open_session_of(trace.unwrap_or_else(TraceId::random))
            }
        };
        Ok(match self.root(session, known).enter()? {
            Entered::Root(visit) => InboundSpan::root(visit),
            Entered::Joined(visit) => {
                let session = visit.place().session();
                self.within(session, Some(visit), known)
            }
            Entered::Foreign(session) => self.within(session, None, known),
        })
    }

    /// The session that the caller names, where that counts.
    fn named(&self) -> Option<Cow<'a, str>> {
        let caller = self.caller.filter(|caller| !caller.baggage.is_empty())?;
        let named = caller.baggage.get(semconv::SESSION_ID)?;
        (self.policy().accepts(semconv::SESSION_ID) && !named.is_empty()).then_some(named)
    }

    fn policy(&self) -> &BaggagePolicy {
        self.inbound.pipeline().baggage_policy()
    }

    /// The span that it is a child of, where it is in the same trace.
    fn parent(&self) -> Option<&SpanContext> {
        let adopted = self.delegated.as_deref().filter(|from| from.is_adopted());
        adopted.map(Delegated::context).or(self.called())
    }

    /// The span that called, as the carrier says.
    fn called(&self) -> Option<&'a SpanContext> {
        self.caller.and_then(|caller| caller.parent.as_ref())
    }

    /// The session whose root it is.
    #[inline]
    fn root<'s, K: Known + ?Sized>(
        &self,
        mut session: SessionBuilder<'s>,
        known: &K,
    ) -> SessionBuilder<'s> {
        if let Some(caller) = self.caller {
            session = session.extracted(caller.clone());
        }
        if let Some(from) = self.delegated.as_deref() {
            session = session.from_delegation(from.clone());
        }
        session = known.tell(session.name(self.name).kind(self.kind));
        if let Some(conversation) = self.conversation {
            session = session.conversation_id(conversation);
        }
        if let Some(link) = self.link {
            session = session.link(link, &[]);
        }
        session
    }

    /// A span in a session that is open.
    fn within<K: Known + ?Sized>(
        &self,
        session: Session,
        visit: Option<Visit>,
        known: &K,
    ) -> InboundSpan {
        let mut span = session.child(self.name).kind(self.kind);
        let adopted = self.delegated.as_deref().filter(|from| from.is_adopted());
        match self.called().filter(|_| adopted.is_none()) {
            Some(parent) if parent.trace_id() == session.trace_id() => {
                span = match parent.is_remote() {
                    true => span.remote_parent(parent.span_id()),
                    false => span.parent(parent.span_id()),
                };
            }
            Some(parent) => span = span.link(parent),
            None => {}
        }
        span = known.tell(span);
        if let Some(link) = self.link {
            span = span.link(link);
        }
        if let Some(from) = self.delegated.as_deref() {
            span = span.from_delegation(from.clone());
        }
        let span = span.start();
        InboundSpan::within(SpanRef::from(&span), span, visit)
    }
}
