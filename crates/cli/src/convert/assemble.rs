//! Puts the events of one session together to a trace.
//!
//! Every start becomes exactly one span, every end without a start one more, every instant one, and
//! whatever else was recorded a log record. The outcome depends on what was recorded and when, not
//! on the order of the lines.

use std::collections::HashMap;
use std::sync::Arc;

use spanreel::{Severity, SpanKind, TraceId};

use super::building::Building;
use super::describe::usage_attributes;
use super::draft::{
    AttrValue, Attribute, LinkDraft, LogDraft, SessionTrace, SpanDraft, Status, set,
};
use super::event::{Event, Family, Phase};
use super::ids::SpanIds;
use super::nesting::{Item, parents};
use super::pairing::pair;
use super::report::Report;
use super::sessions::Session;
use super::{Options, content, logs, synthesize, totals};

/// The trace of a session.
pub(crate) fn assemble(
    mut session: Session,
    options: &Options,
    report: &mut Report,
) -> SessionTrace {
    session.settle(report);
    let Session {
        id,
        metadata,
        events,
    } = session;
    let last = events.last().and_then(|event| event.time);
    let session_end = last.or(metadata.end).or(metadata.start).unwrap_or_default();
    let first_of = |text: fn(&Event) -> Option<&Arc<str>>| {
        events
            .iter()
            .find_map(text)
            .map(|it| it.as_ref().to_owned())
    };
    let conversation_id = first_of(|event| event.conversation.as_ref());
    let conversation_id = conversation_id.or_else(|| metadata.conversation_id.clone());
    let user_id = first_of(|event| event.user.as_ref());
    let agent = options.agent.clone().or_else(|| metadata.agent.clone());

    let (mut spans, records) = split(events, session_end);
    spans.extend(synthesize::synthesize(&records, &spans, &metadata));
    report.clamped_spans += spans.iter().filter(|span| span.is_clamped).count() as u64;
    spans.sort_by(|one, other| order(one).cmp(&order(other)));
    mark_parts(&mut spans);
    totals::count_once(&mut spans);
    if options.content {
        content::attach(&mut spans, &records);
    }

    let begin = spans.iter().map(|span| span.start);
    let begin = begin
        .chain(records.iter().filter_map(|record| record.time))
        .min();
    let end = spans
        .iter()
        .map(|span| span.end)
        .max()
        .unwrap_or_default()
        .max(session_end);
    let begin = begin.or(metadata.start).unwrap_or(end);

    let mut ids = SpanIds::new(&id);
    let totals = totals::of(&spans);
    let (status, incomplete) = totals::ending(&spans);
    let mut attributes: Vec<Attribute> =
        vec![("gen_ai.operation.name".into(), "invoke_agent".into())];
    let named = [("gen_ai.agent.name", &agent), ("user.id", &user_id)];
    attributes.extend(
        named
            .into_iter()
            .filter_map(|(key, name)| Some((key.into(), name.as_deref()?.into()))),
    );
    if incomplete {
        attributes.push(("spanreel.incomplete".into(), true.into()));
    }
    let root = SpanDraft {
        span_id: ids.next("root", ""),
        parent_span_id: options.parent.map(|(_, span_id)| span_id),
        name: agent.as_deref().map_or_else(
            || "invoke_agent".to_owned(),
            |it| format!("invoke_agent {it}"),
        ),
        kind: SpanKind::Internal,
        start_ns: begin,
        end_ns: end.max(begin),
        attributes,
        usage: spanreel::Usage::default(),
        cost: None,
        links: Vec::new(),
        status,
        incomplete,
    };
    let conversation = conversation_id.as_deref();
    let (spans, logs) = draft(spans, records, &mut ids, &root, conversation);
    let trace_id = options
        .parent
        .map_or_else(|| TraceId::of_session(&id), |(trace_id, _)| trace_id);
    SessionTrace {
        session_id: id,
        conversation_id,
        trace_id,
        user_id,
        agent,
        root,
        spans,
        logs,
        totals,
    }
}

/// The spans of the events, and the events that are log records, in order of time.
fn split(events: Vec<Event>, session_end: u64) -> (Vec<Building>, Vec<Event>) {
    let (mut starts, mut ends) = (Vec::new(), Vec::new());
    for (at, event) in events.iter().enumerate() {
        if event.family.is_span() && event.phase == Phase::Start {
            starts.push(at);
        } else if event.family.is_span() && event.is_end() {
            ends.push(at);
        }
    }
    let pairing = pair(&events, starts, ends);
    let mut events: Vec<Option<Event>> = events.into_iter().map(Some).collect();
    let mut take = |at: usize| {
        events[at]
            .take()
            .expect("an event is of one pair, or of none")
    };
    let mut spans = Vec::new();
    for (start, end) in pairing.pairs {
        spans.push(Building::whole(take(start), take(end)));
    }
    for start in pairing.open {
        spans.push(Building::open(take(start), session_end));
    }
    for end in pairing.orphans {
        spans.push(Building::ended(take(end)));
    }
    let mut records = Vec::new();
    for event in events.into_iter().flatten() {
        if event.family.is_span() {
            spans.push(Building::ended(event));
        } else {
            records.push(event);
        }
    }
    (spans, records)
}

/// What the spans of a session are put in order by.
fn order(span: &Building) -> impl Ord + '_ {
    (
        span.start,
        std::cmp::Reverse(span.end),
        span.family,
        span.seqs,
        &span.run,
        &span.key,
    )
}

/// Marks the client's part of a tool call that was recorded as a tool call as well, so that one call
/// is counted and named once.
fn mark_parts(spans: &mut [Building]) {
    let calls: std::collections::HashSet<String> = spans
        .iter()
        .filter(|span| span.family == Family::Tool)
        .filter_map(|span| span.call_id.clone())
        .collect();
    for span in spans
        .iter_mut()
        .filter(|span| span.family == Family::ClientTool)
    {
        span.is_part = span.call_id.as_ref().is_some_and(|id| calls.contains(id));
        if span.is_part {
            span.attributes
                .retain(|(key, _)| key != "gen_ai.operation.name");
        }
    }
}

/// Gives the spans and log records their ids and parents.
fn draft(
    spans: Vec<Building>,
    records: Vec<Event>,
    ids: &mut SpanIds,
    root: &SpanDraft,
    conversation: Option<&str>,
) -> (Vec<SpanDraft>, Vec<LogDraft>) {
    let items: Vec<Item> = spans
        .iter()
        .map(span_item)
        .chain(records.iter().map(record_item))
        .collect();
    let parents = parents(&items, &by_seq(&spans));
    let span_ids: Vec<_> = spans
        .iter()
        .map(|span| {
            ids.next(
                span.family.id_kind(),
                &format!("{}\n{}\n{}", span.run, span.key, span.start),
            )
        })
        .collect();
    let parent_of = |at: usize| parents[at].map_or(root.span_id, |parent| span_ids[parent]);

    let mut logs = Vec::new();
    let mut drafts = Vec::with_capacity(spans.len());
    let mut attempts: HashMap<(Arc<str>, String), usize> = HashMap::new();
    let count = spans.len();
    for (at, span) in spans.into_iter().enumerate() {
        let earlier = span.call_id.clone().filter(|_| span.family == Family::Tool);
        let earlier = earlier.and_then(|id| attempts.insert((Arc::clone(&span.run), id), at));
        let draft = finish(
            span,
            span_ids[at],
            parent_of(at),
            earlier.map(|it| span_ids[it]),
            conversation,
        );
        logs.extend(evaluation(&draft));
        drafts.push(draft);
    }
    for (at, record) in records.into_iter().enumerate() {
        logs.push(log(record, parent_of(count + at)));
    }
    logs.sort_by_key(|log| log.time_ns);
    (drafts, logs)
}

fn span_item(span: &Building) -> Item {
    Item {
        run: Arc::clone(&span.run),
        family: span.family,
        start: span.start,
        end: span.end,
        is_container: span.is_container,
        is_open: span.is_open,
        seq: span.seqs[0],
        parent_seq: span.parent_seq,
    }
}

fn record_item(record: &Event) -> Item {
    let time = record.time.unwrap_or_default();
    Item {
        run: Arc::clone(&record.run),
        family: record.family,
        start: time,
        end: time,
        is_container: false,
        is_open: false,
        seq: record.seq,
        parent_seq: record.parent_seq,
    }
}

/// The spans by the numbers of their events. A number that two events have names none.
fn by_seq(spans: &[Building]) -> HashMap<u64, usize> {
    let mut found: HashMap<u64, Option<usize>> = HashMap::new();
    for (at, span) in spans.iter().enumerate() {
        for seq in span.seqs.iter().filter(|seq| **seq > 0) {
            found
                .entry(*seq)
                .and_modify(|known| *known = known.filter(|known| *known == at))
                .or_insert(Some(at));
        }
    }
    found
        .into_iter()
        .filter_map(|(seq, at)| Some((seq, at?)))
        .collect()
}

fn finish(
    mut span: Building,
    span_id: spanreel::SpanId,
    parent: spanreel::SpanId,
    earlier: Option<spanreel::SpanId>,
    conversation: Option<&str>,
) -> SpanDraft {
    let name = span.name();
    if !span.run.is_empty() {
        set(&mut span.attributes, "promptkit.run.id", &*span.run);
    }
    if let Some(other) = span
        .conversation
        .as_deref()
        .filter(|it| Some(*it) != conversation)
    {
        set(&mut span.attributes, "promptkit.conversation.id", other);
    }
    for (key, value) in usage_attributes(&span.usage) {
        set(&mut span.attributes, key, value);
    }
    if span.is_open {
        set(&mut span.attributes, "spanreel.incomplete", true);
    }
    let status = match span.failure {
        Some(failure) => {
            set(&mut span.attributes, "error.type", failure.class);
            Status::Error(failure.message)
        }
        None => Status::Unset,
    };
    let link = |span_id| LinkDraft {
        span_id,
        reason: "earlier_attempt",
    };
    SpanDraft {
        span_id,
        parent_span_id: Some(parent),
        name,
        kind: span.family.span_kind(),
        start_ns: span.start,
        end_ns: span.end,
        attributes: span.attributes,
        usage: span.usage.tokens(),
        cost: span.usage.cost,
        links: earlier.map(link).into_iter().collect(),
        status,
        incomplete: span.is_open,
    }
}

/// The `gen_ai.evaluation.result` of a span that judged something.
fn evaluation(span: &SpanDraft) -> Option<LogDraft> {
    span.attribute("gen_ai.evaluation.name")?;
    span.attribute("gen_ai.evaluation.score.value")
        .or_else(|| span.attribute("gen_ai.evaluation.score.label"))?;
    let told = |key: &str| key.starts_with("gen_ai.evaluation.") || key == "error.type";
    Some(LogDraft {
        time_ns: span.end_ns,
        event_name: "gen_ai.evaluation.result".to_owned(),
        severity: Severity::Info,
        body: None,
        attributes: span
            .attributes
            .iter()
            .filter(|(key, _)| told(key))
            .cloned()
            .collect(),
        span_id: span.span_id,
    })
}

fn log(record: Event, span_id: spanreel::SpanId) -> LogDraft {
    LogDraft {
        time_ns: record.time.unwrap_or_default(),
        severity: logs::severity(&record.type_name),
        event_name: record.type_name.as_ref().to_owned(),
        body: record.detail.body.map(AttrValue::from),
        attributes: record.detail.attributes,
        span_id,
    }
}
