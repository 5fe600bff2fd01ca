//! A span as it is answered: in a list, with everything, and while it is only said to have begun.

use spanreel::view::{LogView, SpanView};
use spanreel::{SpanId, SpanKind, StatusCode};

use crate::answer::{
    Attribute, DelegateTo, Dropped, Event, Link, Scope, Span, SpanType, WholeSpan,
};
use crate::facts::{Bones, Facts, micros};
use crate::json;

/// The span that a log record says has begun: any span, or the root of a session.
pub(super) fn begun(log: &LogView<'_>) -> Option<(SpanId, Span)> {
    let is_root = log.event_name() == "session.start";
    if !is_root && log.event_name() != "spanreel.span.start" {
        return None;
    }
    let (trace, id) = (log.trace_id()?, log.span_id()?);
    let said = |key: &str| log.attributes().get(key)?.as_str().map(str::to_owned);
    let facts = Facts::of_log(log);
    let parent = said("spanreel.span.parent_id");
    let span = Span {
        span_id: id.to_string(),
        kind: match is_root {
            true => SpanType::Session,
            false => facts.span_type(parent.is_none()),
        },
        parent_id: parent,
        trace_id: trace.to_string(),
        name: match is_root {
            // Its own name comes with its end.
            true => "session".to_owned(),
            false => said("spanreel.span.name").unwrap_or_default(),
        },
        start_us: micros(log.time_unix_nanos()),
        status: "unset",
        agent: facts.agent.map(str::to_owned),
        model: facts.model().map(str::to_owned),
        ..Span::default()
    };
    Some((id, span))
}

fn status(code: StatusCode) -> &'static str {
    match code {
        StatusCode::Ok => "ok",
        StatusCode::Error => "error",
        _ => "unset",
    }
}

/// What lists show of a span.
pub(super) fn span(view: &SpanView<'_>, bones: &Bones<'_>) -> Span {
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

pub(super) fn whole(
    view: &SpanView<'_>,
    span: Span,
    resource: Vec<Attribute>,
    scope: Scope,
) -> WholeSpan {
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
