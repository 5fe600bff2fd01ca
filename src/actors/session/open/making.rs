//! How a session that is not open yet is made: whether it is recorded, who it is, how its root begins.

use std::sync::Arc;

use super::Wanted;
use crate::actors::session::cell::Cell;
use crate::actors::session::drafts;
use crate::actors::session::identity::Particulars;
use crate::actors::session::segment::{RootSpan, begin_root};
use crate::model::chunk::SessionKey;
use crate::model::context::{SpanContext, TraceFlags};
use crate::model::id::{SpanId, TraceId};
use crate::model::limits::truncate_bytes;
use crate::model::otlp::draft::Draft;
use crate::model::request::Signal;
use crate::model::sampling::case::Opening;
use crate::model::session_id::GivenId;

impl Wanted<'_> {
    /// Makes the session.
    pub(super) fn build(&mut self, key: SessionKey, trace_id: TraceId, random: bool) -> Arc<Cell> {
        let shared = self.shared;
        let parent = self.parent.take();
        let trace_id = parent.as_ref().map_or(trace_id, SpanContext::trace_id);
        if !self.inbound.is_empty() {
            let about = self.about.edit();
            about.baggage = self.inbound.merged(&about.baggage);
        }
        let about = std::mem::take(&mut self.about);
        let mut trace_state = parent
            .as_ref()
            .map(|parent| parent.trace_state().clone())
            .unwrap_or_default();
        let told = match &parent {
            Some(parent) => (!parent.is_deferred()).then(|| parent.is_sampled()),
            None => self.told,
        };
        let opening = shared
            .plans
            .open(key, trace_id, &trace_state, told, &about, || {
                shared.now_ns()
            });
        let (recorded, case) = match opening {
            Opening::Unsampled => (false, None),
            Opening::Sampled(changed) => {
                trace_state = changed.unwrap_or(trace_state);
                (true, None)
            }
            Opening::Undecided(case) => (true, Some(case)),
        };
        let sampled = recorded && shared.wants(Signal::Traces);
        let logged = recorded && shared.wants(Signal::Logs);
        let random = parent
            .as_ref()
            .map_or(random, |parent| parent.flags().is_random());
        let flags = u8::from(sampled) | u8::from(random) << 1;
        let anchor = shared.anchor_now();
        let (hidden, mut room) = (GivenId::Trace(key.0), [0; 32]);
        let id = match shared.config.hash_key {
            Some(_) => hidden.text(&mut room),
            None => truncate_bytes(self.id.text(&mut room), shared.limits.session_id_length),
        };
        let root = self.root.unwrap_or_else(SpanId::random);
        // A recording that is told again has the same root: that is no link.
        let earlier = shared.registry.earlier_root(key);
        let earlier = earlier.filter(|earlier| earlier.span_id() != root);
        let particulars = Particulars {
            home: key,
            began_as: None,
            segment: 1,
            trace_id,
            flags: TraceFlags::from_bits(flags),
            is_debug: parent.as_ref().is_some_and(SpanContext::is_debug),
            trace_state,
            root,
            parent: parent.as_ref().map(SpanContext::span_id),
            is_parent_remote: parent.as_ref().is_some_and(SpanContext::is_remote),
            start_ns: self.start_ns.unwrap_or_else(|| anchor.unix_ns()),
            about,
            content: self.content,
            case,
        };
        let common = particulars.common(id);
        let draft = self.root(&particulars, earlier.as_ref());
        Cell::new(
            shared,
            particulars,
            common,
            (sampled, logged),
            anchor,
            draft,
            u32::from(self.is_visited),
        )
    }

    /// The beginning of the root span.
    fn root(&mut self, identity: &Particulars, earlier: Option<&SpanContext>) -> Box<Draft> {
        let Some(mut said) = self.said.take() else {
            return self.begin(identity, None, earlier);
        };
        let is_all = self.is_named
            && identity.about.is_nothing()
            && self.previous_id.is_none()
            && self.delegated.is_none()
            && earlier.is_none();
        if is_all {
            // Nothing has to stand before it: it is gone on with.
            identity.head_of_root(&mut said, self.kind);
            return said;
        }
        let name = self.is_named.then(|| said.name_text());
        let mut draft = self.begin(identity, name, earlier);
        draft.adopt(&said, &self.shared.limits);
        drafts::give_back(said);
        draft
    }

    fn begin(
        &self,
        identity: &Particulars,
        name: Option<&str>,
        link: Option<&SpanContext>,
    ) -> Box<Draft> {
        let root = RootSpan {
            name,
            kind: self.kind,
            link,
            inbound: &self.inbound,
            previous_id: self.previous_id.as_deref(),
        };
        let mut draft = drafts::take();
        begin_root(&mut draft, self.shared, identity, &root);
        if let Some(delegated) = &self.delegated {
            delegated.write_root(&mut draft, &self.shared.limits);
        }
        draft
    }
}
