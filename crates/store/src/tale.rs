//! What is known of a session without reading its spans: kept up to date with every write, so that lists never
//! scan spans.

mod part;

use serde::{Deserialize, Serialize};
use spanreel::view::{LogView, SpanView};

pub(crate) use self::part::cut;
use self::part::{MOST_PARTS, add, add_cost, note, part};
use crate::answer::{Elsewhere, Failure, Part, SpanType, State, Summary};
use crate::facts::{Bones, Facts, Name};
use crate::query::By;
use crate::used::{Changes, Inherited};

/// After so long without news, what is running is stalled.
pub(crate) const STALLED_AFTER_US: i64 = 5 * 60 * 1_000_000;

/// The end of a session's root span.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct End {
    us: i64,
    state: State,
}

/// Everything that is known of a session, beside its spans.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Tale {
    pub(crate) summary: Summary,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) by_model: Vec<Part>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) by_tool: Vec<Part>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) by_agent: Vec<Part>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) links: Vec<Elsewhere>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) previous: Option<String>,
    /// The last end of a root span.
    root_end: Option<End>,
    /// When the latest span started, and when the last one ended.
    newest_start_us: i64,
    last_end_us: i64,
    /// When the first failure ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    first_error_us: Option<i64>,
    /// The agent of the root span is known.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    agent_is_roots: bool,
    /// Calls that say no agent: they are of the session's.
    #[serde(skip_serializing_if = "Inherited::is_empty")]
    of_agent: Inherited,
    /// Calls, which are of the session's user.
    #[serde(skip_serializing_if = "Inherited::is_empty")]
    of_user: Inherited,
}

impl Tale {
    /// Of a session of which nothing is known but its name.
    pub(crate) fn new(name: &Name) -> Self {
        let mut tale = Self::default();
        tale.summary.id = match name {
            Name::Id(id) => id.clone(),
            Name::Trace(trace) => trace.to_string(),
        };
        tale.summary.start_us = i64::MAX;
        tale
    }

    /// Adds a span. `root` are the facts of its resource.
    pub(crate) fn add_span(
        &mut self,
        bones: &Bones<'_>,
        facts: &Facts<'_>,
        resource: &Facts<'_>,
        span: &SpanView<'_>,
    ) {
        // The root of a session that was handed work has the span of that as its parent.
        let is_root = bones.parent.is_none() || facts.end_state.is_some();
        let kind = facts.span_type(is_root);
        let (tokens, cost) = (facts.tokens(), facts.cost());
        self.note_times(bones);
        self.note_people(facts, resource, is_root);
        let summary = &mut self.summary;
        if summary.trace_id.is_empty() {
            summary.trace_id = bones.trace.to_string();
        }
        summary.spans += 1;
        summary.llm_calls += u64::from(facts.is_llm_call());
        summary.tool_calls += u64::from(facts.is_tool_call());
        add(&mut summary.input_tokens, tokens.input);
        add(&mut summary.output_tokens, tokens.output);
        add(&mut summary.cached_tokens, tokens.cached);
        add(&mut summary.reasoning_tokens, tokens.reasoning);
        add_cost(&mut summary.cost, cost);
        if summary.cost.is_some() {
            summary.currency.get_or_insert_with(|| "USD".to_owned());
        }
        if let Some(model) = facts.model().filter(|_| facts.is_llm_call()) {
            note(&mut summary.models, model);
            if let Some(part) = part(&mut self.by_model, model) {
                part.add(bones, &tokens, cost);
                part.provider = part.provider.take().or(facts.provider.map(cut));
            }
        }
        if let Some(tool) = facts.tool(bones.name)
            && let Some(part) = part(&mut self.by_tool, tool)
        {
            part.add(bones, &tokens, cost);
        }
        if let Some(agent) = facts.agent {
            let is_known = self.by_agent.iter().any(|part| part.name == agent);
            // The root is of the same agent as the span right below it, mostly.
            if (kind != SpanType::Session || !is_known)
                && let Some(part) = part(&mut self.by_agent, agent)
            {
                part.add(bones, &tokens, cost);
            }
        }
        if facts.is_llm_call() {
            self.of_user.note(bones, facts);
            if facts.agent.is_none() {
                self.of_agent.note(bones, facts);
            }
        }
        if bones.is_error() {
            self.note_error(bones, facts, span);
        }
        if is_root {
            self.note_root(bones, facts, span);
        }
        if kind == SpanType::Delegation {
            self.note_links(bones, span);
        }
    }

    /// Adds a log record.
    pub(crate) fn add_log(&mut self, facts: &Facts<'_>, resource: &Facts<'_>, log: &LogView<'_>) {
        self.note_people(facts, resource, false);
        let summary = &mut self.summary;
        summary.logs += 1;
        if log.event_name() == "spanreel.span.start"
            && let Some(name) = log.attributes().get("spanreel.span.name")
            && let Some(agent) = name
                .as_str()
                .and_then(|it| it.strip_prefix("invoke_agent "))
        {
            // While spans are open, their beginnings are all that is known of them.
            note(&mut summary.agents, agent);
            summary.agent.get_or_insert_with(|| cut(agent));
        }
        if summary.trace_id.is_empty()
            && let Some(trace) = log.trace_id()
        {
            summary.trace_id = trace.to_string();
        }
        let nanos = match log.time_unix_nanos() {
            0 => log.observed_unix_nanos(),
            nanos => nanos,
        };
        let us = crate::facts::micros(nanos);
        if us > 0 {
            summary.start_us = summary.start_us.min(us);
        }
    }

    fn note_times(&mut self, bones: &Bones<'_>) {
        let summary = &mut self.summary;
        summary.start_us = summary.start_us.min(bones.start_us);
        self.newest_start_us = self.newest_start_us.max(bones.start_us);
        self.last_end_us = self.last_end_us.max(bones.end_us);
    }

    fn note_people(&mut self, facts: &Facts<'_>, resource: &Facts<'_>, is_root: bool) {
        let summary = &mut self.summary;
        if summary.service.is_empty()
            && let Some(service) = resource.service
        {
            summary.service = cut(service);
        }
        if let Some(agent) = facts.agent.or(resource.agent) {
            note(&mut summary.agents, agent);
            if summary.agent.is_none() || (is_root && !self.agent_is_roots) {
                summary.agent = Some(cut(agent));
                self.agent_is_roots = is_root;
            }
        }
        if summary.user.is_none() {
            summary.user = facts.user.or(resource.user).map(cut);
        }
        for tag in facts.tags.iter().chain(&resource.tags) {
            note(&mut summary.tags, tag);
        }
    }

    fn note_error(&mut self, bones: &Bones<'_>, facts: &Facts<'_>, span: &SpanView<'_>) {
        self.summary.errors += 1;
        // Spans below end before those above, so that what ended first is the cause.
        if self
            .first_error_us
            .is_some_and(|first| first <= bones.end_us)
        {
            return;
        }
        self.first_error_us = Some(bones.end_us);
        let exception = span.events().find(|event| event.name() == "exception");
        let said = |key: &str| {
            let value = exception.as_ref()?.attributes().get(key)?;
            value.as_str().map(cut)
        };
        let kind = facts.error_type.map(cut).or_else(|| said("exception.type"));
        let message = Some(cut(bones.message)).filter(|message| !message.is_empty());
        self.summary.error = Some(Failure {
            kind: kind.unwrap_or_else(|| "error".to_owned()),
            message: message
                .or_else(|| said("exception.message"))
                .unwrap_or_default(),
            span_id: bones.id.to_string(),
        });
    }

    fn note_root(&mut self, bones: &Bones<'_>, facts: &Facts<'_>, span: &SpanView<'_>) {
        if self.root_end.is_none_or(|end| bones.end_us >= end.us) {
            let is_failure = |state: &str| {
                ["error", "fail", "failed"]
                    .iter()
                    .any(|word| word.eq_ignore_ascii_case(state))
            };
            let state = if facts.is_incomplete {
                State::Incomplete
            } else if bones.is_error() || facts.end_state.is_some_and(is_failure) {
                State::Failed
            } else {
                State::Done
            };
            let us = bones.end_us;
            self.root_end = Some(End { us, state });
        }
        if let Some(previous) = facts.previous {
            self.previous = Some(cut(previous));
        }
        if let Some(parent) = bones.parent {
            self.summary.delegated_from = Some(Elsewhere {
                session_id: facts.delegated_from.map(cut),
                trace_id: bones.trace.to_string(),
                span_id: parent.to_string(),
                relation: "delegated_from".to_owned(),
            });
        }
        self.note_links(bones, span);
    }

    fn note_links(&mut self, _bones: &Bones<'_>, span: &SpanView<'_>) {
        for link in span.links() {
            let (Some(trace), Some(id)) = (link.trace_id(), link.span_id()) else {
                continue;
            };
            if self.links.len() == MOST_PARTS {
                return;
            }
            let said = |key: &str| link.attributes().get(key)?.as_str().map(cut);
            let link = Elsewhere {
                session_id: said("session.id").or_else(|| said("spanreel.delegation.session_id")),
                trace_id: trace.to_string(),
                span_id: id.to_string(),
                relation: said("spanreel.link").unwrap_or_default(),
            };
            if !self.links.contains(&link) {
                self.links.push(link);
            }
        }
    }

    /// Says how it stands, at the end of a write at `now_us`, and counts the calls that are its agent's and its
    /// user's.
    pub(crate) fn settle(&mut self, now_us: i64, changes: &mut Changes) {
        self.settle_state(now_us);
        let summary = &self.summary;
        let is_over = summary.state != State::Running;
        let (agent, is_roots) = (summary.agent.as_deref(), self.agent_is_roots);
        self.of_agent
            .settle(By::Agent, agent, is_roots || is_over, changes);
        let user = summary.user.as_deref();
        let is_known = user.is_some() || is_over;
        self.of_user.settle(By::User, user, is_known, changes);
    }

    fn settle_state(&mut self, now_us: i64) {
        let summary = &mut self.summary;
        summary.last_us = now_us;
        if summary.start_us == i64::MAX {
            summary.start_us = now_us;
        }
        // What began after the root had ended makes a session go on: a next turn.
        let end = self.root_end.filter(|end| end.us >= self.newest_start_us);
        summary.state = end.map_or(State::Running, |end| end.state);
        let last = self.last_end_us.max(summary.start_us);
        summary.end_us = end.map(|_| last);
        summary.duration_us = (summary.spans > 0).then(|| last - summary.start_us);
    }

    /// Takes over what is known of another, whose spans are of this session, too.
    pub(crate) fn absorb(&mut self, other: &Self) {
        let (mine, its) = (&mut self.summary, &other.summary);
        mine.start_us = mine.start_us.min(its.start_us);
        mine.spans += its.spans;
        mine.logs += its.logs;
        mine.llm_calls += its.llm_calls;
        mine.tool_calls += its.tool_calls;
        mine.errors += its.errors;
        add(&mut mine.input_tokens, its.input_tokens);
        add(&mut mine.output_tokens, its.output_tokens);
        add(&mut mine.cached_tokens, its.cached_tokens);
        add(&mut mine.reasoning_tokens, its.reasoning_tokens);
        add_cost(&mut mine.cost, its.cost);
        mine.currency = mine.currency.take().or_else(|| its.currency.clone());
        mine.agent = mine.agent.take().or_else(|| its.agent.clone());
        mine.user = mine.user.take().or_else(|| its.user.clone());
        for (mine, its) in [
            (&mut mine.agents, &its.agents),
            (&mut mine.models, &its.models),
            (&mut mine.tags, &its.tags),
        ] {
            for text in its {
                note(mine, text);
            }
        }
        if mine.service.is_empty() {
            mine.service.clone_from(&its.service);
        }
        if mine.trace_id.is_empty() {
            mine.trace_id.clone_from(&its.trace_id);
        }
        let is_earlier = match (other.first_error_us, self.first_error_us) {
            (Some(its), Some(mine)) => its < mine,
            (its, _) => its.is_some(),
        };
        if is_earlier {
            self.first_error_us = other.first_error_us;
            mine.error.clone_from(&its.error);
        }
        for (mine, its) in [
            (&mut self.by_model, &other.by_model),
            (&mut self.by_tool, &other.by_tool),
            (&mut self.by_agent, &other.by_agent),
        ] {
            for its in its {
                if let Some(part) = part(mine, &its.name) {
                    part.absorb(its);
                }
            }
        }
        self.of_agent.absorb(&other.of_agent);
        self.of_user.absorb(&other.of_user);
        self.links.extend(other.links.iter().cloned());
        self.links.truncate(MOST_PARTS);
        let later = |end: &End| self.root_end.is_none_or(|mine| end.us > mine.us);
        if let Some(end) = other.root_end.filter(later) {
            self.root_end = Some(end);
        }
        self.newest_start_us = self.newest_start_us.max(other.newest_start_us);
        self.last_end_us = self.last_end_us.max(other.last_end_us);
    }

    /// What a list shows of it at `now_us`.
    pub(crate) fn summary_at(&self, now_us: i64) -> Summary {
        let mut summary = self.summary.clone();
        if is_stalled(summary.state, summary.last_us, now_us) {
            summary.state = State::Stalled;
        }
        summary
    }
}

/// Whether something running has been quiet for too long.
pub(crate) fn is_stalled(state: State, last_us: i64, now_us: i64) -> bool {
    state == State::Running && now_us.saturating_sub(last_us) > STALLED_AFTER_US
}
