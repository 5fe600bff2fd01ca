//! Turns the payload of an event into the names and attributes of its span.
//!
//! Names follow the GenAI semantic conventions 1.41.1; what they do not name keeps the `promptkit.`
//! prefix. What somebody said (messages, arguments, results, prompts, explanations) is taken in only
//! where content was asked for. A number that was never reported is absent, never zero.

mod call;
mod flow;
mod judgement;

use call::{model_call, tool, usage};
use flow::{composition, middleware, pipeline, stage, step, template, workflow};
use judgement::{eval, validation};

pub(crate) use call::{provider_attributes, tool_attributes, usage_attributes};

use super::draft::{AttrValue, set};
use super::event::{Detail, Family, Phase};
use super::logs;
use super::message::{Message, said};
use super::outcome::Failure;
use super::payload::{self, Payload};

/// How many labels (and quantities, and dimensions) of one event are taken in.
const MAX_LABELS: usize = 64;

/// What an event is described by, beside its payload.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Context<'a> {
    pub(crate) family: Family,
    pub(crate) phase: Phase,
    pub(crate) type_name: &'a str,
    pub(crate) run: &'a str,
    /// Whether content was asked for.
    pub(crate) content: bool,
}

/// What the payload of an event says.
pub(crate) fn describe(event: Context<'_>, payload: &Payload<'_>) -> Detail {
    let mut detail = Detail {
        duration: payload.duration_ns(),
        failure: failure(event, payload),
        ..Detail::default()
    };
    match event.family {
        Family::Pipeline => pipeline(event, payload, &mut detail),
        Family::Composition => composition(event, payload, &mut detail),
        Family::Step => step(event, payload, &mut detail),
        Family::Stage => stage(event, payload, &mut detail),
        Family::Middleware => middleware(event, payload, &mut detail),
        Family::Provider
        | Family::ImageGeneration
        | Family::Speech
        | Family::Transcription
        | Family::Embedding => model_call(event, payload, &mut detail),
        Family::Tool | Family::ClientTool => tool(event, payload, &mut detail),
        Family::Validation => validation(event, payload, &mut detail),
        Family::Eval => eval(event, payload, &mut detail),
        Family::Template => template(event, payload, &mut detail),
        Family::Transition
        | Family::WorkflowCompleted
        | Family::MaxVisits
        | Family::BudgetExhausted => workflow(event, payload, &mut detail),
        Family::MessageCreated => {
            detail.attributes = logs::attributes(event.type_name, payload, event.content);
            let message = Message::created(payload, event.content);
            let requests = i64::try_from(message.requests.len())
                .ok()
                .filter(|it| *it > 0);
            put(&mut detail, "promptkit.message.tool_call_count", requests);
            detail.message = Some(Box::new(message));
            detail.body = event.content.then(|| said(payload)).flatten();
        }
        Family::MessageUpdated => {
            let usage = usage(payload);
            detail.attributes = logs::attributes(event.type_name, payload, event.content);
            detail.message = Some(Box::new(Message::updated(payload, usage)));
        }
        Family::Log | Family::Unknown => {
            detail.attributes = logs::attributes(event.type_name, payload, event.content);
            logs::mark_failure(&mut detail.attributes, payload);
            detail.body = event.content.then(|| logs::body(payload)).flatten();
        }
    }
    if let Some(body) = &detail.body {
        // What the body says need not be said again.
        detail
            .attributes
            .retain(|(_, it)| !matches!(it, AttrValue::Str(text) if text == body));
    }
    if event.family.is_span() {
        for (label, value) in payload.object("labels").fields().take(MAX_LABELS) {
            if let Some(value) = payload::text(value) {
                set(
                    &mut detail.attributes,
                    format!("promptkit.label.{label}"),
                    value,
                );
            }
        }
    }
    detail
}

fn failure(event: Context<'_>, payload: &Payload<'_>) -> Option<Failure> {
    let class = match event.family {
        Family::Tool | Family::ClientTool => "tool_error",
        Family::Validation => "validation_failed",
        Family::Eval => "evaluation_failed",
        Family::BudgetExhausted => "budget_exhausted",
        Family::MaxVisits => "max_visits_exceeded",
        _ => "_OTHER",
    };
    let not_passed = payload.flag("passed") == Some(false) && payload.flag("skipped") != Some(true);
    let certain = event.phase == Phase::Failed
        || event.family == Family::BudgetExhausted
        || event.family == Family::MaxVisits && payload.flag("terminated") == Some(true)
        || event.family == Family::Eval && not_passed;
    if certain {
        return Some(Failure::new(payload, class));
    }
    let may_fail = event.family.is_span() && event.phase != Phase::Start;
    may_fail
        .then(|| Failure::reported(payload, class))
        .flatten()
}

fn key_of(parts: &[&str]) -> String {
    parts.join("\n")
}

fn put(detail: &mut Detail, key: &'static str, value: Option<impl Into<AttrValue>>) {
    if let Some(value) = value {
        set(&mut detail.attributes, key, value);
    }
}
