//! Makes spans for calls that a recording tells of only by their messages.
//!
//! Newer recordings hold messages, media and tools, and no event for a model call. There, an
//! assistant message is the end of a call that took as long as `message.updated` says, or else
//! began with the message it answers. A tool result in a message ends a tool call in the same way,
//! where no event of that call was recorded. Such spans carry `spanreel.synthesized`.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::building::Building;
use super::describe::{provider_attributes, tool_attributes, usage_attributes};
use super::draft::{Attribute, set};
use super::event::{Event, Family, Usage};
use super::outcome::Failure;
use super::sessions::Metadata;

/// The spans that the messages of a session tell of and its other spans do not. The events are in
/// order of time.
pub(crate) fn synthesize(
    events: &[Event],
    recorded: &[Building],
    metadata: &Metadata,
) -> Vec<Building> {
    let has_calls = recorded.iter().any(|span| span.family == Family::Provider);
    let mut spans = if has_calls {
        Vec::new()
    } else {
        model_calls(events, metadata)
    };
    spans.extend(tool_calls(events, recorded));
    spans
}

/// What `message.updated` adds to a message.
#[derive(Clone, Copy, Debug, Default)]
struct Update {
    latency: Option<u64>,
    usage: Usage,
}

fn model_calls(events: &[Event], metadata: &Metadata) -> Vec<Building> {
    let updates = updates(events);
    let mut shared = provider_attributes(metadata.provider.as_deref());
    shared.insert(0, ("gen_ai.operation.name".into(), "chat".into()));
    shared.extend(
        metadata
            .model
            .as_deref()
            .map(|it| ("gen_ai.request.model".into(), it.into())),
    );
    // When the last message of each run, and of any, was said.
    let mut asked: HashMap<&str, u64> = HashMap::new();
    let mut asked_by_any = None;
    let mut spans = Vec::new();
    for (at, event) in events.iter().enumerate() {
        let Some(message) = created(event) else {
            continue;
        };
        let time = event.time.unwrap_or_default();
        let question = asked.get(&*event.run).copied().or(asked_by_any);
        if message.role == "system" {
            // Instructions ask for nothing, but are better than nothing.
            asked.entry(&event.run).or_insert(time);
            asked_by_any.get_or_insert(time);
            continue;
        }
        asked.insert(&event.run, time);
        asked_by_any = Some(time);
        if message.role != "assistant" {
            continue;
        }
        let update = updates.get(&at).copied().unwrap_or_default();
        let latency = update.latency.and_then(|latency| time.checked_sub(latency));
        let start = latency.or(question).unwrap_or(time);
        let mut attributes = shared.clone();
        attributes.extend(usage_attributes(&update.usage));
        let mut span = span(event, Family::Provider, start, attributes);
        span.key = index_key(message.index);
        span.title.clone_from(&metadata.model);
        span.usage = update.usage;
        spans.push(span);
    }
    spans
}

/// The updates of each message, by the index of its `message.created`. An update belongs to the last
/// message before it of its position, or else to the first behind it.
fn updates(events: &[Event]) -> HashMap<usize, Update> {
    let mut last: HashMap<i64, usize> = HashMap::new();
    let mut early: HashMap<i64, Update> = HashMap::new();
    let mut updates: HashMap<usize, Update> = HashMap::new();
    for (at, event) in events.iter().enumerate() {
        let Some(message) = &event.detail.message else {
            continue;
        };
        let Some(index) = message.index else { continue };
        if event.family == Family::MessageCreated {
            last.insert(index, at);
            if let Some(update) = early.remove(&index) {
                updates.insert(at, update);
            }
            continue;
        }
        let update = Update {
            latency: message.latency,
            usage: message.usage,
        };
        match last.get(&index) {
            Some(&at) => updates.insert(at, update),
            None => early.insert(index, update),
        };
    }
    updates
}

fn tool_calls(events: &[Event], recorded: &[Building]) -> Vec<Building> {
    let known: HashSet<&str> = recorded
        .iter()
        .filter_map(|span| span.call_id.as_deref())
        .collect();
    let mut requested: HashMap<&str, (u64, &str, Option<&str>)> = HashMap::new();
    let mut spans = Vec::new();
    for event in events {
        let Some(message) = created(event) else {
            continue;
        };
        let time = event.time.unwrap_or_default();
        for request in &message.requests {
            requested.insert(
                &request.id,
                (time, &request.name, request.arguments.as_deref()),
            );
        }
        let Some(result) = &message.result else {
            continue;
        };
        if known.contains(result.id.as_str()) {
            continue;
        }
        let request = requested.get(result.id.as_str());
        let latency = result.latency.and_then(|latency| time.checked_sub(latency));
        let start = latency.or(request.map(|(time, ..)| *time)).unwrap_or(time);
        let requested_name = request
            .map(|(_, name, _)| *name)
            .filter(|name| !name.is_empty());
        let name = result.name.as_deref().or(requested_name);
        let mut attributes = tool_attributes(name, Some(&result.id));
        if let Some(arguments) = request.and_then(|(_, _, arguments)| *arguments) {
            set(&mut attributes, "gen_ai.tool.call.arguments", arguments);
        }
        if let Some(text) = &result.text {
            set(&mut attributes, "gen_ai.tool.call.result", text.as_str());
        }
        let mut span = span(event, Family::Tool, start, attributes);
        span.key.clone_from(&result.id);
        span.title = name.map(str::to_owned);
        span.call_id = Some(result.id.clone());
        span.failure = result.error.clone().map(|message| Failure {
            class: "tool_error".to_owned(),
            message,
        });
        spans.push(span);
    }
    spans
}

fn created(event: &Event) -> Option<&super::message::Message> {
    let is_created = event.family == Family::MessageCreated;
    event.detail.message.as_deref().filter(|_| is_created)
}

fn index_key(index: Option<i64>) -> String {
    index
        .map(|index| format!("message {index}"))
        .unwrap_or_default()
}

fn span(event: &Event, family: Family, start: u64, mut attributes: Vec<Attribute>) -> Building {
    set(&mut attributes, "spanreel.synthesized", true);
    let end = event.time.unwrap_or_default();
    Building {
        family,
        run: Arc::clone(&event.run),
        conversation: event.conversation.clone(),
        start: start.min(end),
        end,
        is_open: false,
        is_part: false,
        is_clamped: false,
        seqs: [0, 0],
        parent_seq: None,
        key: String::new(),
        title: None,
        is_container: false,
        call_id: None,
        failure: None,
        attributes,
        usage: Usage::default(),
    }
}
