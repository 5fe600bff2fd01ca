//! Plays a recorded session into a pipeline: each span and log record with the ids and times that it
//! was converted with.
//!
//! Holds: nothing. Waits: for room in the pipeline. Loses: what exceeds the limits of a span, which
//! the span counts.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use spanreel::{EndState, Operation, Pipeline, Session, SpanContext};

use crate::convert::{AttrValue, LogDraft, SessionTrace, SpanDraft, Status};

/// The pipeline took nothing for as long as there was patience.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("nothing was taken for {0:?}")]
pub(crate) struct Stuck(pub(crate) Duration);

/// Plays a session from its first span to its end. `parent` is the foreign span that it continues,
/// the same that it was converted with.
///
/// # Errors
/// The pipeline had no room for `patience`, or is shut down.
pub(crate) async fn play(
    trace: &SessionTrace,
    parent: Option<&SpanContext>,
    pipeline: &Pipeline,
    patience: Duration,
) -> Result<(), Stuck> {
    let session = open(trace, parent, pipeline).map_err(|_closed| Stuck(patience))?;
    for span in &trace.spans {
        play_span(&session, span);
        wait_for_room(&session, patience).await?;
    }
    for log in &trace.logs {
        play_log(&session, log);
        wait_for_room(&session, patience).await?;
    }
    let end_state = match &trace.root.status {
        Status::Unset => EndState::Unset,
        Status::Ok => EndState::Success,
        Status::Error(message) => EndState::Error(message),
    };
    session.finish_at(end_state, time(trace.root.end_ns));
    wait_for_room(&session, patience).await
}

async fn wait_for_room(session: &Session, patience: Duration) -> Result<(), Stuck> {
    match tokio::time::timeout(patience, session.ready()).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(Stuck(patience)),
    }
}

fn open(
    trace: &SessionTrace,
    parent: Option<&SpanContext>,
    pipeline: &Pipeline,
) -> Result<Session, spanreel::Closed> {
    let root = &trace.root;
    let mut session = pipeline
        .open_session(&trace.session_id)
        .root_id(root.span_id)
        .name(&root.name)
        .kind(root.kind)
        .started_at(time(root.start_ns))
        .parent(parent.cloned());
    if let Some(agent) = &trace.agent {
        session = session.agent(agent);
    }
    if let Some(user) = &trace.user_id {
        session = session.user(user);
    }
    if let Some(conversation) = &trace.conversation_id {
        session = session.conversation_id(conversation);
    }
    for (key, value) in &root.attributes {
        session = value.with_value(|value| session.attribute(key, value));
    }
    session.open()
}

fn play_span(session: &Session, draft: &SpanDraft) {
    let mut builder = session
        .child(&draft.name)
        .id(draft.span_id)
        .kind(draft.kind);
    if let Some(parent) = draft.parent_span_id {
        builder = builder.parent(parent);
    }
    if let Some(AttrValue::Str(name)) = draft.attribute("gen_ai.operation.name") {
        builder = builder.operation(Operation::from_name(name));
    }
    let mut span = builder.record(time(draft.start_ns), time(draft.end_ns));
    // What the session counts comes first: the limit on attributes must not push it out.
    span.usage(draft.usage);
    if let Some(cost) = draft.cost {
        span.cost(cost);
    }
    match &draft.status {
        Status::Unset => {}
        Status::Ok => {
            span.ok();
        }
        Status::Error(message) => {
            let class = match draft.attribute("error.type") {
                Some(AttrValue::Str(class)) => class,
                _ => "_OTHER",
            };
            span.error(class, message);
        }
    }
    for (key, value) in &draft.attributes {
        value.with_value(|value| {
            span.set(key, value);
        });
    }
    for link in &draft.links {
        let root = session.context();
        let to = SpanContext::new(root.trace_id(), link.span_id, root.flags());
        span.link(&to, &[("spanreel.link", link.reason.into())]);
    }
}

fn play_log(session: &Session, draft: &LogDraft) {
    let at = time(draft.time_ns);
    let mut log = match &draft.body {
        Some(body) => body
            .with_value(|body| session.log(body))
            .event_name(&draft.event_name),
        None => session.event(&draft.event_name),
    };
    for (key, value) in &draft.attributes {
        log = value.with_value(|value| log.attribute(key, value));
    }
    // Noticed when it happened: the moment of the conversion says nothing about the recording.
    log.span(draft.span_id)
        .severity(draft.severity)
        .at(at)
        .observed_at(at)
        .emit();
}

fn time(unix_ns: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_nanos(unix_ns)
}
