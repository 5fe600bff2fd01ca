//! How a session's root span begins and ends.

use std::sync::{Arc, MutexGuard};

use super::cell::Cell;
use super::drafts;
use super::gather::LoneItem;
use super::identity::Particulars;
use super::log;
use super::shared::Shared;
use super::state::{Facts, State};
use crate::model::attribute::Value;
use crate::model::chunk::{Digest, End};
use crate::model::context::SpanContext;
use crate::model::genai::key;
use crate::model::kind::{SpanKind, Status};
use crate::model::ledger::Fate;
use crate::model::otlp::draft::Draft;
use crate::model::propagation::baggage::Baggage;
use crate::model::request::Signal;
use crate::model::usage::Totals;

/// How a session ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EndState<'a> {
    /// Nobody said.
    #[default]
    Unset,
    /// It did what it was for.
    Success,
    /// It failed, with a description for people.
    Error(&'a str),
}

impl EndState<'_> {
    const fn of_digest(self) -> End {
        match self {
            Self::Unset => End::Unset,
            Self::Success => End::Success,
            Self::Error(_) => End::Error,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Unset => "unset",
            Self::Success => "success",
            Self::Error(_) => "error",
        }
    }
}

/// Why a session ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause<'a> {
    /// The host said so: what is still open is incomplete, the session is not.
    Host(EndState<'a>),
    /// It was idle too long, or the pipeline is shut down: the session is incomplete too.
    Forced,
    /// It goes on in its next segment: open spans stay open.
    RolledOver,
}

/// What the root span of a session begins with.
pub(super) struct RootSpan<'a> {
    pub(super) name: Option<&'a str>,
    pub(super) kind: SpanKind,
    pub(super) link: Option<&'a SpanContext>,
    /// What a caller's baggage says of it.
    pub(super) inbound: &'a Baggage,
    pub(super) previous_id: Option<&'a str>,
}

/// Writes the beginning of the root span.
pub(super) fn begin_root(
    draft: &mut Draft,
    shared: &Shared,
    identity: &Particulars,
    root: &RootSpan<'_>,
) {
    let about = &identity.about;
    match (root.name, &about.agent) {
        (Some(name), _) => draft.begin_span(name, "", &shared.limits),
        (None, Some(agent)) => draft.begin_span("invoke_agent", agent, &shared.limits),
        (None, None) => draft.begin_span("session", "", &shared.limits),
    }
    identity.head_of_root(draft, root.kind);
    // First, so that what the host says wins.
    for member in shared.baggage.accepted(root.inbound) {
        draft.set(member.key(), (&*member.value()).into());
    }
    if let Some(agent) = &about.agent {
        draft.set(key::OPERATION_NAME, "invoke_agent".into());
        draft.set(key::AGENT_NAME, (&**agent).into());
    }
    if let Some(agent_id) = &about.agent_id {
        draft.set(key::AGENT_ID, (&**agent_id).into());
    }
    if let Some(user) = &about.user {
        draft.set(key::USER_ID, (&**user).into());
    }
    if !about.tags.is_empty() {
        let tags: Vec<Value<'_>> = about.tags.iter().map(|tag| Value::Str(tag)).collect();
        draft.set(key::TAGS, Value::Array(&tags));
    }
    if let Some(previous) = root.previous_id {
        draft.set(key::SESSION_PREVIOUS_ID, previous.into());
    }
    if let Some(link) = root.link {
        draft.link(link, &[], &shared.limits);
    }
}

/// Ends the session: spans still open are written as incomplete (they stay open when it rolls
/// over), the root is written whole with the last `attributes`, what is open is sealed. Does nothing when
/// it has ended.
pub(super) fn end(
    cell: &Arc<Cell>,
    cause: Cause<'_>,
    at_ns: Option<u64>,
    attributes: &[(&str, Value<'_>)],
) {
    end_locked(cell, cell.lock(), cause, at_ns, attributes);
}

/// The same for somebody who has locked it.
pub(super) fn end_locked(
    cell: &Arc<Cell>,
    mut state: MutexGuard<'_, State>,
    cause: Cause<'_>,
    at_ns: Option<u64>,
    attributes: &[(&str, Value<'_>)],
) {
    let shared = &cell.shared;
    let identity = &cell.identity;
    let Some(root) = state.root.take() else {
        return;
    };
    let now_ns = at_ns.unwrap_or_else(|| cell.now_ns());
    // What is written here is handed on below: it need not wait for company.
    state.lingering = true;
    if shared.config.events.session && cell.logged {
        log::session_event(cell, &mut state, log::SESSION_END, now_ns, None);
    }
    if cell.sampled {
        if cause != Cause::RolledOver {
            complete_open(cell, &mut state, now_ns);
        }
        let mut draft = root.resume(&shared.limits);
        for (key, value) in attributes {
            draft.set(key, *value);
        }
        let end_state = match cause {
            Cause::Host(end_state) => end_state,
            Cause::Forced | Cause::RolledOver => EndState::Unset,
        };
        let totals = (!identity.about.totals_elsewhere).then(|| state.sums.totals());
        end_root(
            &mut draft,
            totals.as_ref(),
            end_state,
            cause == Cause::Forced,
        );
        let end_ns = now_ns.max(identity.start_ns);
        draft.end(end_ns);
        let root = LoneItem {
            signal: Signal::Traces,
            draft: &draft,
            common: identity.common_of_root(),
            digest: Digest {
                spans: 1,
                error: matches!(end_state, EndState::Error(_)),
                root_ended: true,
                end: end_state.of_digest(),
                longest_ns: end_ns - identity.start_ns,
                ..Digest::default()
            },
        };
        let is_left = cell.leave_root(&mut state, &root);
        if !is_left && cell.put(&mut state, Signal::Traces, &draft, root.common) && cell.is_apart {
            state.note_root(&root.digest);
        }
        drafts::give_back(draft);
    } else {
        root.give_back();
        let book = shared.books.of(Signal::Traces);
        book.enter_settled(1, Fate::SampledOut);
    }
    finish(cell, &mut state, cause);
    drop(state);
    cell.end_unbooked();
}

/// Ends the session because the pipeline shuts down, also what was left open in one that had ended
/// before. What is sealed is kept for somebody who waits for room. Returns how many spans were open.
pub(crate) fn end_for_shutdown(cell: &Arc<Cell>) -> u64 {
    let mut state = cell.lock();
    state.patient = true;
    let open = state.slab.len() as u64 + u64::from(state.root.is_some() && cell.sampled);
    if state.root.is_none() {
        state.lingering = true;
        let now_ns = cell.now_ns();
        complete_open(cell, &mut state, now_ns);
        state.lingering = false;
        return open;
    }
    drop(state);
    end(cell, Cause::Forced, None, &[]);
    open
}

/// Undoes the opening of a session that nobody has a handle of.
pub(super) fn forget(cell: &Arc<Cell>) {
    if cell.lock().root.take().is_some() {
        let home = cell.identity.home;
        cell.shared.registry.remove(home, cell);
    }
}

/// Writes the spans that are still open as incomplete, ended now.
fn complete_open(cell: &Arc<Cell>, state: &mut State, now_ns: u64) {
    if state.slab.len() == 0 {
        return;
    }
    let mut draft = drafts::take();
    for span in state.slab.clear() {
        draft.begin_span(span.name(), "", &cell.shared.limits);
        draft.head(span.id, Some(span.parent().id), span.kind, span.start_ns);
        if span.parent().is_remote {
            draft.flags(cell.identity.flags_below_remote());
        }
        if let Some(operation) = span.operation.name() {
            draft.set(key::OPERATION_NAME, operation.into());
        }
        draft.set_own(key::INCOMPLETE, true.into());
        let end_ns = now_ns.max(span.start_ns);
        draft.end(end_ns);
        let facts = Facts {
            operation: span.operation,
            ..Facts::default()
        };
        state.count(&facts);
        let is_genai = span.operation.is_genai();
        let common = cell.identity.common_of(is_genai, span.parent().is_remote);
        if cell.put(state, Signal::Traces, &draft, common) && cell.is_apart {
            state.note(&facts, end_ns - span.start_ns, false);
        }
    }
    drafts::give_back(draft);
}

/// Hands on what is open and gives up the session's place in the registry.
fn finish(cell: &Arc<Cell>, state: &mut State, cause: Cause<'_>) {
    state.lingering = false;
    if !state.patient {
        cell.leave(state);
    }
    let registry = &cell.shared.registry;
    let unfinished = state.slab.len() > 0 || state.has_parked();
    if unfinished && !state.patient {
        cell.retire(state);
    }
    if cause != Cause::RolledOver {
        registry.remove(cell.identity.home, cell);
    }
}

/// Writes totals, end state and status, which nothing else sets. Unknown is absent, never zero.
fn end_root(draft: &mut Draft, totals: Option<&Totals>, end_state: EndState<'_>, incomplete: bool) {
    draft.set_own(key::END_STATE, end_state.name().into());
    if let Some(totals) = totals {
        write_totals(draft, totals);
    }
    if incomplete {
        draft.set_own(key::INCOMPLETE, true.into());
    }
    match end_state {
        EndState::Unset => {}
        EndState::Success => draft.first_status(Status::Ok),
        EndState::Error(message) => draft.first_status(Status::Error(message)),
    }
}

fn write_totals(draft: &mut Draft, totals: &Totals) {
    draft.set_own(key::TOTAL_LLM_CALLS, totals.llm_calls.into());
    draft.set_own(key::TOTAL_TOOL_CALLS, totals.tool_calls.into());
    draft.set_own(key::TOTAL_ERRORS, totals.errors.into());
    let usage = &totals.usage;
    for (name, tokens) in [
        (key::TOTAL_INPUT_TOKENS, usage.input),
        (key::TOTAL_OUTPUT_TOKENS, usage.output),
        (key::TOTAL_CACHED_TOKENS, usage.cache_read),
        (key::TOTAL_REASONING_TOKENS, usage.reasoning),
    ] {
        if let Some(tokens) = tokens {
            draft.set_own(name, tokens.into());
        }
    }
    if let Some(cost) = totals.cost {
        draft.set_own(key::TOTAL_COST, cost.into());
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::trace::v1::{ScopeSpans, Span};
    use prost::Message;

    use super::*;
    use crate::model::limits::Limits;
    use crate::model::usage::Usage;

    fn ended(limits: &Limits, totals: &Totals, state: EndState<'_>, incomplete: bool) -> Span {
        let mut draft = Draft::with_capacity(0);
        draft.begin_span("session", "", limits);
        draft.set(key::END_STATE, "a host's own".into());
        end_root(&mut draft, Some(totals), state, incomplete);
        draft.end(1);
        let mut chunk = vec![0; draft.len_in_chunk(b"")];
        draft.write_to(&mut chunk, b"");
        let mut scope = ScopeSpans::decode(&*chunk).expect("wire form");
        scope.spans.remove(0)
    }

    fn shown(span: &Span) -> Vec<String> {
        let attributes = span.attributes.iter().map(|it| {
            let value = it.value.as_ref().and_then(|value| value.value.as_ref());
            format!(
                "{} {:?}",
                it.key.trim_start_matches("spanreel."),
                value.expect("a value")
            )
        });
        attributes.collect()
    }

    /// A root tells what is known, and nothing of what is not: unknown is absent, never zero.
    #[test]
    fn what_is_unknown_is_absent() {
        let limits = Limits::default();
        let span = ended(&limits, &Totals::default(), EndState::Unset, false);
        assert_eq!(
            shown(&span),
            [
                "session.end_state StringValue(\"unset\")",
                "session.llm_calls IntValue(0)",
                "session.tool_calls IntValue(0)",
                "session.errors IntValue(0)",
            ]
        );
        assert_eq!(span.status, None);
        let totals = Totals {
            usage: Usage {
                input: Some(0),
                reasoning: Some(3),
                ..Usage::default()
            },
            cost: Some(0.0),
            ..Totals::default()
        };
        let span = ended(&limits, &totals, EndState::Success, true);
        assert_eq!(
            shown(&span)[4..],
            [
                "session.input_tokens IntValue(0)",
                "session.reasoning_tokens IntValue(3)",
                "session.cost DoubleValue(0.0)",
                "incomplete BoolValue(true)",
            ]
        );
        assert_eq!(span.status.map(|status| status.code), Some(1));
    }

    /// What a session says of itself is not pushed out by what a host set.
    #[test]
    fn a_full_root_still_tells_its_end() {
        let limits = Limits {
            attribute_count: 1,
            ..Limits::default()
        };
        let span = ended(&limits, &Totals::default(), EndState::Error("why"), true);
        assert_eq!(span.attributes.len(), 5);
        assert_eq!(span.dropped_attributes_count, 0);
        let status = span.status.expect("a status");
        assert_eq!((status.code, &*status.message), (2, "why"));
    }
}
