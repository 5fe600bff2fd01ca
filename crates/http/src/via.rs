//! Calls of a protocol that travels inside another one: MCP and A2A over HTTP, a pipe or a queue.

use http::HeaderMap;
use serde_json::{Map, Value};
use spanreel::{Closed, Extracted, Session, SpanContext, SpanRef};

use crate::{Inbound, InboundSpan, Metadata};

/// What a call came over. The context that this tells is the parent only where the call itself tells
/// none; otherwise it is linked.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub enum Via<'a> {
    /// Something without context: a pipe, a queue.
    #[default]
    Nothing,
    /// HTTP without a layer of this crate: the headers of the request.
    Headers(&'a HeaderMap),
    /// HTTP under [`ServerLayer`](crate::ServerLayer): its span, from the request's extensions.
    Span(&'a SpanRef),
}

/// Who called, over what.
#[derive(Debug, Default)]
pub(crate) struct Caller {
    pub(crate) extracted: Extracted,
    /// The transport, where it is not the parent.
    pub(crate) link: Option<SpanContext>,
    /// The session of the transport, where the call is of that trace.
    pub(crate) session: Option<Session>,
}

impl Caller {
    /// What the call says itself wins over what it came over.
    pub(crate) fn new(
        inbound: &Inbound,
        metadata: Option<&Map<String, Value>>,
        via: Via<'_>,
    ) -> Self {
        let mut caller = Self::default();
        if let Some(metadata) = metadata {
            caller.extracted = inbound.extract(&Metadata(metadata));
        }
        match via {
            Via::Nothing => {}
            Via::Headers(headers) => {
                let transport = inbound.extract(headers);
                if caller.extracted.baggage.is_empty() {
                    caller.extracted.baggage = transport.baggage;
                }
                if caller.extracted.parent.is_none() {
                    caller.extracted.sampled = transport.sampled;
                }
                caller.join(transport.parent);
            }
            Via::Span(place) => {
                caller.join(Some(place.context()));
                let session = place.session();
                let parent = caller.extracted.parent.as_ref();
                if parent.is_some_and(|parent| parent.trace_id() == session.trace_id()) {
                    caller.session = Some(session);
                }
            }
        }
        caller
    }

    /// Takes a transport in: as parent where there is none, else as link.
    fn join(&mut self, transport: Option<SpanContext>) {
        let Some(transport) = transport else { return };
        let Some(parent) = &self.extracted.parent else {
            self.extracted.parent = Some(transport);
            return;
        };
        let is_same =
            parent.trace_id() == transport.trace_id() && parent.span_id() == transport.span_id();
        self.link = (!is_same).then_some(transport);
    }

    /// Starts the span of the call.
    pub(crate) fn serve(
        self,
        inbound: &Inbound,
        name: &str,
        attributes: &[(&str, spanreel::Value<'_>)],
        conversation: Option<&str>,
    ) -> Result<InboundSpan, Closed> {
        let mut arrival = inbound
            .arrival(name)
            .caller(&self.extracted)
            .attributes(attributes);
        if let Some(session) = self.session {
            arrival = arrival.session(session);
        }
        if let Some(conversation) = conversation {
            arrival = arrival.conversation_id(conversation);
        }
        if let Some(link) = &self.link {
            arrival = arrival.link(link);
        }
        arrival.start()
    }
}
