//! How the context and the baggage of a session leave the process.

use super::Session;
use super::cell::Cell;
use super::reference::SpanRef;
use super::span::Span;
use crate::model::context::SpanContext;
use crate::model::propagation::baggage::Baggage;
use crate::model::propagation::carrier::CarrierMut;
use crate::model::propagation::policy::Sender;

impl Cell {
    /// What travels with the session's calls; worked out for the first.
    fn outbound(&self) -> Baggage {
        let identity = &self.identity;
        if let Some(outbound) = identity.outbound() {
            return outbound.clone();
        }
        // Not inside the lock of the cell: the redaction is the host's, and may inject itself.
        let outbound = self.shared.baggage.outbound(&Sender {
            session_id: identity.id(),
            user: identity.about.user.as_deref(),
            tags: &identity.about.tags,
            baggage: &identity.about.baggage,
        });
        let outbound = match &self.shared.redactor {
            Some(redactor) => outbound.redacted(redactor),
            None => outbound,
        };
        identity.travels_with(outbound).clone()
    }

    pub(super) fn inject<C: CarrierMut + ?Sized>(
        &self,
        context: &SpanContext,
        host: Option<&str>,
        carrier: &mut C,
    ) {
        let is_allowed = host.is_some_and(|host| self.shared.baggage.allows_host(host));
        let baggage = if is_allowed {
            self.outbound()
        } else {
            Baggage::EMPTY
        };
        self.shared.propagators.inject(context, &baggage, carrier);
    }
}

impl Session {
    /// Writes the context of its root span to a carrier, in the formats of the pipeline. No baggage
    /// travels; what the carrier held is removed.
    pub fn inject<C: CarrierMut + ?Sized>(&self, carrier: &mut C) {
        let cell = self.cell.current();
        cell.inject(&self.context(), None, carrier);
    }

    /// As [`inject`](Self::inject), with the baggage that the
    /// [`BaggagePolicy`](crate::BaggagePolicy) of the pipeline lets travel to this host, given with
    /// its port or without. A child process is the host `localhost`.
    pub fn inject_to<C: CarrierMut + ?Sized>(&self, host: &str, carrier: &mut C) {
        let cell = self.cell.current();
        cell.inject(&self.context(), Some(host), carrier);
    }
}

impl Span {
    /// Writes its context to a carrier, in the formats of the pipeline: give it to what this span
    /// calls. No baggage travels; what the carrier held is removed.
    pub fn inject<C: CarrierMut + ?Sized>(&self, carrier: &mut C) {
        self.cell.inject(&self.context(), None, carrier);
    }

    /// As [`inject`](Self::inject), with the baggage that the
    /// [`BaggagePolicy`](crate::BaggagePolicy) of the pipeline lets travel to this host, given with
    /// its port or without. A child process is the host `localhost`.
    pub fn inject_to<C: CarrierMut + ?Sized>(&self, host: &str, carrier: &mut C) {
        self.cell.inject(&self.context(), Some(host), carrier);
    }
}

impl SpanRef {
    /// As [`Span::inject`].
    pub fn inject<C: CarrierMut + ?Sized>(&self, carrier: &mut C) {
        self.cell.inject(&self.context(), None, carrier);
    }

    /// As [`Span::inject_to`].
    pub fn inject_to<C: CarrierMut + ?Sized>(&self, host: &str, carrier: &mut C) {
        self.cell.inject(&self.context(), Some(host), carrier);
    }
}
