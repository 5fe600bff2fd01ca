//! The events of one session of AgentOps, put together to a trace: each event a span below the session,
//! each error a log record at the span that failed.

use std::collections::HashMap;

use spanreel::{Severity, SpanKind, Totals, TraceId};

use super::super::draft::{AttrValue, LogDraft, SessionTrace, SpanDraft, Status, set};
use super::super::event::Usage;
use super::super::ids::SpanIds;
use super::super::payload::Payload;
use super::super::report::Report;
use super::super::{Options, payload};
use super::event::{Event, Kind, time};

/// A session, as far as it is known.
#[derive(Debug, Default)]
pub(super) struct Session {
    events: Vec<Event>,
    /// Where events with an id stand.
    by_id: HashMap<String, usize>,
    start: Option<u64>,
    end: Option<u64>,
    status: Option<Status>,
    tags: Vec<String>,
}

impl Session {
    /// Adds an event. One that is told again, as its end is, replaces what was told before; says whether
    /// it does.
    pub(super) fn add(&mut self, event: Event) -> bool {
        let known = event.id.as_ref().and_then(|id| self.by_id.get(id));
        if let Some(&at) = known {
            self.events[at] = event;
            return true;
        }
        if let Some(id) = &event.id {
            self.by_id.insert(id.clone(), self.events.len());
        }
        self.events.push(event);
        false
    }

    /// Takes in what is known of the session itself.
    pub(super) fn describe(&mut self, record: &Payload<'_>) {
        let when = |name| record.text(name).as_deref().and_then(time);
        self.start = when("inittimestamp").or(self.start);
        self.end = when("endtimestamp").or(self.end);
        let reason = record.text("endstatereason").unwrap_or_default();
        let state = record
            .text("endstate")
            .map(|state| state.to_ascii_lowercase());
        self.status = match state.as_deref() {
            Some("success") => Some(Status::Ok),
            Some("fail" | "failure" | "error") => Some(Status::Error(reason)),
            Some(_) => Some(Status::Unset),
            None => self.status.take(),
        };
        let tags: Vec<String> = record
            .array("tags")
            .into_iter()
            .filter_map(payload::text)
            .collect();
        if !tags.is_empty() {
            self.tags = tags;
        }
    }

    /// The trace of the session.
    pub(super) fn into_trace(
        mut self,
        id: String,
        options: &Options,
        report: &mut Report,
    ) -> SessionTrace {
        self.settle(report);
        let starts = self.events.iter().filter_map(|event| event.start);
        let ends = self.events.iter().filter_map(|event| event.end);
        let end = ends.chain(self.end).max().unwrap_or_default();
        let start = starts.chain(self.start).min().unwrap_or(end);
        let mut ids = SpanIds::new(&id);
        let root = self.root(&mut ids, options, start, end);

        let (errors, events): (Vec<Event>, Vec<Event>) = std::mem::take(&mut self.events)
            .into_iter()
            .partition(|event| event.kind == Kind::Error);
        let mut totals = Totals::default();
        let mut span_of = HashMap::new();
        let mut spans: Vec<SpanDraft> = Vec::with_capacity(events.len());
        for event in events {
            add_up(&mut totals, &event);
            let key = format!(
                "{}\n{}\n{:?}",
                event.id.as_deref().unwrap_or_default(),
                event.name,
                event.start
            );
            let span_id = ids.next("agentops", &key);
            if let Some(id) = event.id {
                span_of.insert(id, spans.len());
            }
            spans.push(SpanDraft {
                span_id,
                parent_span_id: Some(root.span_id),
                name: event.name,
                kind: event.span_kind,
                start_ns: event.start.unwrap_or_default(),
                end_ns: event.end.unwrap_or_default(),
                usage: event.usage.tokens(),
                cost: event.usage.cost,
                attributes: event.attributes,
                links: Vec::new(),
                status: Status::Unset,
                incomplete: false,
            });
        }
        let mut logs = Vec::with_capacity(errors.len());
        for error in errors {
            let failed = error.trigger.as_ref().and_then(|id| span_of.get(id));
            let failed = failed.map(|at| &mut spans[*at]);
            logs.push(log(error, failed, &root));
        }
        totals.errors = spans
            .iter()
            .filter(|span| matches!(span.status, Status::Error(_)))
            .count() as u64;
        let trace_id = options
            .parent
            .map_or_else(|| TraceId::of_session(&id), |(trace_id, _)| trace_id);
        SessionTrace {
            session_id: id,
            conversation_id: None,
            trace_id,
            user_id: None,
            agent: options.agent.clone(),
            root,
            spans,
            logs,
            totals,
        }
    }

    /// Gives every event a start and an end, and puts the events in order.
    fn settle(&mut self, report: &mut Report) {
        let first = self
            .events
            .iter()
            .find_map(|event| event.start.or(event.end));
        let mut last = first.or(self.start).or(self.end).unwrap_or_default();
        for event in &mut self.events {
            let known = event.start.or(event.end);
            report.untimed_events += u64::from(known.is_none());
            let start = known.unwrap_or(last);
            let end = event.end.unwrap_or(start);
            report.clamped_spans += u64::from(end < start);
            (event.start, event.end) = (Some(start), Some(end.max(start)));
            last = start;
        }
        self.events.sort_by(|one, other| {
            let order = |event: &Event| (event.start, std::cmp::Reverse(event.end));
            let by_name = || (&one.id, &one.name).cmp(&(&other.id, &other.name));
            order(one).cmp(&order(other)).then_with(by_name)
        });
    }

    fn root(&mut self, ids: &mut SpanIds, options: &Options, start: u64, end: u64) -> SpanDraft {
        let mut attributes = vec![("gen_ai.operation.name".into(), "invoke_agent".into())];
        if let Some(agent) = &options.agent {
            set(&mut attributes, "gen_ai.agent.name", agent.as_str());
        }
        if !self.tags.is_empty() {
            let tags = AttrValue::Strs(std::mem::take(&mut self.tags));
            set(&mut attributes, "spanreel.session.tags", tags);
        }
        let agent = options.agent.as_deref();
        SpanDraft {
            span_id: ids.next("root", ""),
            parent_span_id: options.parent.map(|(_, span_id)| span_id),
            name: agent.map_or_else(
                || "invoke_agent".to_owned(),
                |it| format!("invoke_agent {it}"),
            ),
            kind: SpanKind::Internal,
            start_ns: start,
            end_ns: end.max(start),
            attributes,
            usage: spanreel::Usage::default(),
            cost: None,
            links: Vec::new(),
            status: self.status.take().unwrap_or(Status::Unset),
            incomplete: false,
        }
    }
}

/// The log record of an error, which marks the span that failed.
fn log(error: Event, failed: Option<&mut SpanDraft>, root: &SpanDraft) -> LogDraft {
    let mut span_id = root.span_id;
    if let (Some(span), Some((class, message))) = (failed, error.failure) {
        span_id = span.span_id;
        set(&mut span.attributes, "error.type", class);
        span.status = Status::Error(message);
    }
    LogDraft {
        time_ns: error.start.unwrap_or_default(),
        event_name: "exception".to_owned(),
        severity: Severity::Error,
        body: None,
        attributes: error.attributes,
        span_id,
    }
}

fn add_up(totals: &mut Totals, event: &Event) {
    totals.spans += 1;
    totals.llm_calls += u64::from(event.kind == Kind::Llm);
    totals.tool_calls += u64::from(event.kind == Kind::Tool);
    let Usage { cost, .. } = event.usage;
    let usage = event.usage.tokens();
    for (sum, tokens) in [
        (&mut totals.usage.input, usage.input),
        (&mut totals.usage.output, usage.output),
    ] {
        if let Some(tokens) = tokens {
            *sum = Some(sum.unwrap_or_default().saturating_add(tokens));
        }
    }
    if let Some(cost) = cost {
        *totals.cost.get_or_insert(0.0) += cost;
    }
}
