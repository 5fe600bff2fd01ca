//! Reads the blocks of a session: as lists of spans and logs, as single spans, as OTLP.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use spanreel::view::{LogView, RequestView, SpanView};
use spanreel::{Request, Signal, SpanId, SpanKind, StatusCode};

use crate::answer::{
    Attribute, DelegateTo, Detail, Dropped, Event, Link, Log, Page, Part, Scope, Span, SpanType,
    WholeSpan,
};
use crate::block::items;
use crate::error::StoreError;
use crate::facts::{Bones, Facts, micros};
use crate::gather::empty;
use crate::json;
use crate::query::{Cursor, Patience};
use crate::store::Document;
use crate::tale::Tale;
use crate::wire::{Origin, put_group};

/// Pages of spans are at most so long.
pub(crate) const MOST_SPANS: usize = 10_000;

/// How many spans are read between two looks at the clock.
const LOOK: usize = 4_096;

/// The unpacked blocks of a session, with the origins of what is in them.
#[derive(Debug, Default)]
pub(crate) struct Blocks {
    pub(crate) spans: Vec<Vec<u8>>,
    pub(crate) logs: Vec<Vec<u8>>,
    pub(crate) origins: HashMap<i64, Arc<Origin>>,
}

/// A span in its block.
struct Found<'a> {
    origin: i64,
    view: SpanView<'a>,
    bones: Bones<'a>,
}

impl Blocks {
    /// All spans, in the order of their start.
    fn found(&self, patience: &Patience) -> Result<Vec<Found<'_>>, StoreError> {
        let mut found = Vec::new();
        for block in &self.spans {
            for (origin, bytes) in items(block)? {
                if found.len() % LOOK == 0 {
                    patience.check()?;
                }
                let view = SpanView::new(bytes)?;
                if let Some(bones) = Bones::of(&view) {
                    found.push(Found {
                        origin,
                        view,
                        bones,
                    });
                }
            }
        }
        found.sort_by_key(|it| key_of(&it.bones));
        Ok(found)
    }

    /// A page of spans, those that are open at the end of the last page.
    pub(crate) fn spans(
        &self,
        limit: usize,
        cursor: Option<&str>,
        patience: &Patience,
    ) -> Result<Page<Span>, StoreError> {
        let found = self.found(patience)?;
        let from = match cursor {
            None => 0,
            Some(cursor) => {
                let cursor = Cursor::from_text(cursor)?;
                let after = (cursor.value as i64, cursor.tie);
                found.partition_point(|it| key_of(&it.bones) <= after)
            }
        };
        let limit = limit.clamp(1, MOST_SPANS);
        let page = &found[from..found.len().min(from.saturating_add(limit))];
        let agents = Agents::new(&found, patience)?;
        let mut items: Vec<Span> = Vec::with_capacity(page.len());
        for it in page {
            let mut span = span(&it.view, &it.bones);
            span.agent = agents.of(it.bones.id).map(str::to_owned);
            items.push(span);
        }
        let is_last = from + page.len() == found.len();
        if is_last {
            items.extend(self.open(&found)?);
        }
        let next = page.last().filter(|_| !is_last).map(|last| {
            let (start, tie) = key_of(&last.bones);
            let value = start as f64;
            Cursor { value, tie }.to_text()
        });
        Ok(Page {
            items,
            next,
            total: Some(found.len() as u64),
            total_at_least: None,
        })
    }

    /// Spans that a log record says have begun, and that have not ended.
    fn open(&self, ended: &[Found<'_>]) -> Result<Vec<Span>, StoreError> {
        let mut known: HashSet<SpanId> = ended.iter().map(|it| it.bones.id).collect();
        let mut open = Vec::new();
        for block in &self.logs {
            for (_, bytes) in items(block)? {
                let view = LogView::new(bytes)?;
                let (Some(trace), Some(id)) = (view.trace_id(), view.span_id()) else {
                    continue;
                };
                if view.event_name() != "spanreel.span.start" || !known.insert(id) {
                    continue;
                }
                let said = |key: &str| view.attributes().get(key)?.as_str().map(str::to_owned);
                let facts = Facts::of_log(&view);
                let parent = said("spanreel.span.parent_id");
                open.push(Span {
                    span_id: id.to_string(),
                    kind: facts.span_type(parent.is_none()),
                    parent_id: parent,
                    trace_id: trace.to_string(),
                    name: said("spanreel.span.name").unwrap_or_default(),
                    start_us: micros(view.time_unix_nanos()),
                    status: "unset",
                    agent: facts.agent.map(str::to_owned),
                    model: facts.model().map(str::to_owned),
                    ..Span::default()
                });
            }
        }
        open.sort_by_key(|span| span.start_us);
        Ok(open)
    }

    /// A span with everything.
    pub(crate) fn span(
        &self,
        id: &str,
        patience: &Patience,
    ) -> Result<Option<WholeSpan>, StoreError> {
        let Ok(id) = id.parse::<SpanId>() else {
            return Ok(None);
        };
        let found = self.found(patience)?;
        let Some(it) = found.iter().find(|it| it.bones.id == id) else {
            return Ok(None);
        };
        let mut of_list = span(&it.view, &it.bones);
        of_list.agent = Agents::new(&found, patience)?.of(id).map(str::to_owned);
        let (resource, scope) = self.origin(it.origin)?;
        Ok(Some(whole(&it.view, of_list, resource, scope)))
    }

    /// All of a session.
    pub(crate) fn document(
        &self,
        session: Detail,
        patience: &Patience,
    ) -> Result<Document, StoreError> {
        let found = self.found(patience)?;
        let agents = Agents::new(&found, patience)?;
        let mut spans = Vec::with_capacity(found.len());
        for it in &found {
            if spans.len() % LOOK == 0 {
                patience.check()?;
            }
            let mut of_list = span(&it.view, &it.bones);
            of_list.agent = agents.of(it.bones.id).map(str::to_owned);
            let (resource, scope) = self.origin(it.origin)?;
            spans.push(whole(&it.view, of_list, resource, scope));
        }
        Ok(Document {
            session,
            spans,
            story: crate::messages::story(self, patience)?,
            logs: self.logs(patience)?,
        })
    }

    /// What is known of an origin.
    fn origin(&self, number: i64) -> Result<(Vec<Attribute>, Scope), StoreError> {
        let origin = self.origins.get(&number);
        let origin = origin.ok_or(StoreError::Damaged("an origin is missing"))?;
        let request = empty(origin);
        let view = RequestView::new(Signal::Traces, &request)?;
        let group = view.resources().next();
        let resource = group.map(|group| json::attributes(group.resource().attributes()));
        let scope = group.and_then(|group| group.scopes().next());
        let scope = scope.map(|scope| Scope {
            name: scope.scope().name().to_owned(),
            version: scope.scope().version().to_owned(),
        });
        let nobody = || Scope {
            name: String::new(),
            version: String::new(),
        };
        Ok((resource.unwrap_or_default(), scope.unwrap_or_else(nobody)))
    }

    /// The attributes of the resource of the first item.
    pub(crate) fn resource(
        &self,
    ) -> Result<serde_json::Map<String, serde_json::Value>, StoreError> {
        let blocks = self.spans.iter().chain(&self.logs);
        for block in blocks {
            if let Some((origin, _)) = items(block)?.first() {
                let (resource, _) = self.origin(*origin)?;
                let entries = resource.into_iter().map(|it| (it.key, it.value));
                return Ok(entries.collect());
            }
        }
        Ok(serde_json::Map::new())
    }

    /// Log records in the order of their time.
    pub(crate) fn logs(&self, patience: &Patience) -> Result<Vec<Log>, StoreError> {
        let mut logs = Vec::new();
        for block in &self.logs {
            for (_, bytes) in items(block)? {
                if logs.len() % LOOK == 0 {
                    patience.check()?;
                }
                logs.push(log(&LogView::new(bytes)?));
            }
        }
        logs.sort_by_key(|log: &Log| log.time_us);
        Ok(logs)
    }

    /// Calls `each` with every span and what it says, in the order of their start.
    pub(crate) fn each_span<'a>(
        &'a self,
        patience: &Patience,
        mut each: impl FnMut(&Bones<'a>, &SpanView<'a>),
    ) -> Result<(), StoreError> {
        for it in self.found(patience)? {
            each(&it.bones, &it.view);
        }
        Ok(())
    }

    /// Calls `each` with every log record.
    pub(crate) fn each_log<'a>(
        &'a self,
        mut each: impl FnMut(&LogView<'a>),
    ) -> Result<(), StoreError> {
        for block in &self.logs {
            for (_, bytes) in items(block)? {
                each(&LogView::new(bytes)?);
            }
        }
        Ok(())
    }

    /// Everything as OTLP requests: one of traces, and one of logs where there are any.
    pub(crate) fn requests(&self) -> Result<Vec<Request>, StoreError> {
        let mut requests = Vec::new();
        for (signal, blocks) in [(Signal::Traces, &self.spans), (Signal::Logs, &self.logs)] {
            let mut by_origin: Vec<(i64, Vec<&[u8]>)> = Vec::new();
            let mut count = 0;
            for block in blocks {
                for (origin, bytes) in items(block)? {
                    count += 1;
                    match by_origin.iter_mut().find(|(known, _)| *known == origin) {
                        Some((_, items)) => items.push(bytes),
                        None => by_origin.push((origin, vec![bytes])),
                    }
                }
            }
            if count == 0 {
                continue;
            }
            let mut request = Vec::new();
            for (number, items) in by_origin {
                let origin = self.origins.get(&number);
                let origin = origin.ok_or(StoreError::Damaged("an origin is missing"))?;
                put_group(&mut request, origin, items);
            }
            requests.push(Request::from_bytes(signal, count, request.into()));
        }
        Ok(requests)
    }
}

/// By what spans are sorted: their start, and their id where that is the same.
fn key_of(bones: &Bones<'_>) -> (i64, u64) {
    (bones.start_us, u64::from_be_bytes(bones.id.to_bytes()))
}

/// The agent of each span: its own, else that of the nearest span above it that has one.
struct Agents<'a>(HashMap<SpanId, (Option<SpanId>, Option<&'a str>)>);

impl<'a> Agents<'a> {
    fn new(found: &[Found<'a>], patience: &Patience) -> Result<Self, StoreError> {
        let mut agents = HashMap::with_capacity(found.len());
        for (number, it) in found.iter().enumerate() {
            if number % LOOK == 0 {
                patience.check()?;
            }
            let own = it.view.attributes().find_map(|(key, value)| {
                let says = key == "gen_ai.agent.name" || key == "agent.name";
                says.then(|| value.as_str()).flatten()
            });
            agents.insert(it.bones.id, (it.bones.parent, own));
        }
        Ok(Self(agents))
    }

    fn of(&self, id: SpanId) -> Option<&'a str> {
        let mut next = Some(id);
        // Parents may lead in a circle: nobody has more ancestors than this.
        for _ in 0..256 {
            let (parent, own) = self.0.get(&next?)?;
            if own.is_some() {
                return *own;
            }
            next = *parent;
        }
        None
    }
}

fn status(code: StatusCode) -> &'static str {
    match code {
        StatusCode::Ok => "ok",
        StatusCode::Error => "error",
        _ => "unset",
    }
}

/// What lists show of a span.
fn span(view: &SpanView<'_>, bones: &Bones<'_>) -> Span {
    let facts = Facts::of_span(view);
    let owned = |text: Option<&str>| text.map(str::to_owned);
    let tokens = facts.tokens();
    let kind = facts.span_type(bones.parent.is_none());
    let failed = bones.is_error();
    let of_exception = || {
        let exception = view.events().find(|event| event.name() == "exception")?;
        exception.attributes().get("exception.type")?.as_str()
    };
    Span {
        span_id: bones.id.to_string(),
        parent_id: bones.parent.map(|id| id.to_string()),
        trace_id: bones.trace.to_string(),
        name: bones.name.to_owned(),
        kind,
        start_us: bones.start_us,
        end_us: Some(bones.end_us),
        status: status(bones.status),
        message: owned(Some(bones.message).filter(|message| !message.is_empty())),
        agent: owned(facts.agent),
        model: owned(facts.model()),
        provider: owned(facts.provider),
        tool: owned(facts.tool(bones.name)),
        call_id: owned(facts.call_id),
        input_tokens: tokens.input,
        output_tokens: tokens.output,
        cached_tokens: tokens.cached,
        reasoning_tokens: tokens.reasoning,
        cost: facts.cost(),
        ttft_us: facts.ttft_us,
        error_type: owned(
            facts
                .error_type
                .or_else(|| of_exception().filter(|_| failed)),
        ),
        incomplete: facts.is_incomplete,
        retry: facts.retry.filter(|times| *times > 0),
        delegate_to: (kind == SpanType::Delegation).then(|| DelegateTo {
            agent: facts.agent.unwrap_or_default().to_owned(),
            trace_id: delegated_trace(view, &facts),
        }),
        events: view.events().count(),
        links: view.links().count(),
    }
}

/// The trace of the session that took up a delegation.
fn delegated_trace(view: &SpanView<'_>, facts: &Facts<'_>) -> Option<String> {
    let is_sub = |link: &spanreel::view::LinkView<'_>| {
        let relation = link.attributes().get("spanreel.link");
        relation.and_then(|it| it.as_str()) == Some("sub_session")
    };
    let of_link = || {
        view.links()
            .find(is_sub)?
            .trace_id()
            .map(|id| id.to_string())
    };
    facts.sub_trace.map(str::to_owned).or_else(of_link)
}

fn kind(kind: SpanKind) -> &'static str {
    match kind {
        SpanKind::Internal => "internal",
        SpanKind::Server => "server",
        SpanKind::Client => "client",
        SpanKind::Producer => "producer",
        SpanKind::Consumer => "consumer",
        _ => "unspecified",
    }
}

fn whole(view: &SpanView<'_>, span: Span, resource: Vec<Attribute>, scope: Scope) -> WholeSpan {
    let events = view.events().map(|event| Event {
        name: event.name().to_owned(),
        time_us: micros(event.time_unix_nanos()),
        attributes: json::attributes(event.attributes()),
    });
    let id = |id: Option<String>| id.unwrap_or_default();
    let links = view.links().map(|link| Link {
        trace_id: id(link.trace_id().map(|id| id.to_string())),
        span_id: id(link.span_id().map(|id| id.to_string())),
        attributes: json::attributes(link.attributes()),
    });
    WholeSpan {
        span,
        span_kind: kind(view.kind()),
        attributes: json::attributes(view.attributes()),
        event_list: events.collect(),
        link_list: links.collect(),
        resource,
        scope,
        dropped: Dropped {
            attributes: view.dropped_attributes(),
            events: view.dropped_events(),
            links: view.dropped_links(),
        },
    }
}

fn log(view: &LogView<'_>) -> Log {
    let number = view.severity_number();
    let nanos = match view.time_unix_nanos() {
        0 => view.observed_unix_nanos(),
        nanos => nanos,
    };
    let by_number = match number {
        1..=4 => "TRACE",
        5..=8 => "DEBUG",
        9..=12 => "INFO",
        13..=16 => "WARN",
        17..=20 => "ERROR",
        21..=24 => "FATAL",
        _ => "",
    };
    let severity = Some(view.severity_text()).filter(|text| !text.is_empty());
    Log {
        time_us: micros(nanos),
        severity: severity.unwrap_or(by_number).to_owned(),
        severity_number: number,
        body: view
            .body()
            .map_or(serde_json::Value::Null, |body| json::value(&body)),
        event_name: Some(view.event_name().to_owned()).filter(|name| !name.is_empty()),
        span_id: view.span_id().map(|id| id.to_string()),
        attributes: json::attributes(view.attributes()),
    }
}

/// A session with its totals, the largest first.
pub(crate) fn detail(
    tale: &Tale,
    resource: serde_json::Map<String, serde_json::Value>,
    now_us: i64,
) -> Detail {
    let sorted = |parts: &[Part]| {
        let mut parts = parts.to_vec();
        parts.sort_by_key(|part| std::cmp::Reverse(part.calls));
        parts
    };
    Detail {
        summary: tale.summary_at(now_us),
        by_model: sorted(&tale.by_model),
        by_tool: sorted(&tale.by_tool),
        by_agent: sorted(&tale.by_agent),
        resource,
        links: tale.links.clone(),
        previous_id: tale.previous.clone(),
    }
}
