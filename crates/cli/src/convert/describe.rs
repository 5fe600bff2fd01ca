//! Turns the payload of an event into the names and attributes of its span.
//!
//! Names follow the GenAI semantic conventions 1.41.1; what they do not name keeps the `promptkit.`
//! prefix. What somebody said (messages, arguments, results, prompts, explanations) is taken in only
//! where content was asked for. A number that was never reported is absent, never zero.

use super::draft::{AttrValue, Attribute, Key, set};
use super::event::{Detail, Family, Phase, Usage};
use super::message::{Message, said};
use super::outcome::Failure;
use super::payload::{self, Payload};
use super::{logs, provider};

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

fn pipeline(event: Context<'_>, payload: &Payload<'_>, detail: &mut Detail) {
    detail.key = event.run.to_owned();
    detail.loose_key.clone_from(&detail.key);
    detail.unique = !event.run.is_empty();
    detail.title = payload.text_of(&["name", "pipelinename", "workflow", "workflowname"]);
    put(detail, "gen_ai.operation.name", Some("invoke_workflow"));
    put(detail, "gen_ai.workflow.name", detail.title.clone());
    put(
        detail,
        "promptkit.pipeline.middleware_count",
        payload.count("middlewarecount"),
    );
    put(
        detail,
        "promptkit.pipeline.message_count",
        payload.known_count("messagecount"),
    );
    detail.usage = usage(payload);
    put(
        detail,
        "promptkit.pipeline.input_tokens",
        detail.usage.input,
    );
    put(
        detail,
        "promptkit.pipeline.output_tokens",
        detail.usage.output,
    );
    put(detail, "promptkit.pipeline.cost", detail.usage.cost);
}

fn composition(event: Context<'_>, payload: &Payload<'_>, detail: &mut Detail) {
    let name = payload.text_of(&["composition", "name"]);
    detail.key = key_of(&[event.run, name.as_deref().unwrap_or_default()]);
    detail.loose_key.clone_from(&detail.key);
    put(detail, "promptkit.composition.name", name);
    content_json(
        event,
        payload,
        detail,
        "input",
        "promptkit.composition.input",
    );
    content_json(
        event,
        payload,
        detail,
        "output",
        "promptkit.composition.output",
    );
}

fn step(event: Context<'_>, payload: &Payload<'_>, detail: &mut Detail) {
    let id = payload.text("stepid");
    let kind = payload.text("kind");
    detail.key = key_of(&[event.run, id.as_deref().unwrap_or_default()]);
    detail.loose_key.clone_from(&detail.key);
    detail.is_container = matches!(kind.as_deref(), Some("parallel" | "branch"));
    put(detail, "promptkit.composition.step_id", id);
    put(detail, "promptkit.composition.step_kind", kind);
    put(
        detail,
        "promptkit.composition.step_attempt",
        payload.count("attempt"),
    );
    content_json(
        event,
        payload,
        detail,
        "input",
        "promptkit.composition.input",
    );
    content_json(
        event,
        payload,
        detail,
        "output",
        "promptkit.composition.output",
    );
}

fn content_json(
    event: Context<'_>,
    payload: &Payload<'_>,
    detail: &mut Detail,
    field: &str,
    key: &'static str,
) {
    if event.content {
        put(detail, key, payload.raw(field).map(|raw| raw.get()));
    }
}

fn stage(event: Context<'_>, payload: &Payload<'_>, detail: &mut Detail) {
    indexed(event, payload, detail);
    let stage_type = payload.text("stagetype");
    detail.is_container = matches!(
        stage_type.as_deref(),
        None | Some("generate" | "bidirectional")
    );
    put(detail, "promptkit.stage.name", detail.title.clone());
    put(detail, "promptkit.stage.index", payload.count("index"));
    put(detail, "promptkit.stage.type", stage_type);
}

fn middleware(event: Context<'_>, payload: &Payload<'_>, detail: &mut Detail) {
    indexed(event, payload, detail);
    detail.is_container = true;
    put(detail, "promptkit.middleware.name", detail.title.clone());
    put(detail, "promptkit.middleware.index", payload.count("index"));
}

/// Names a stage or a middleware by its name and its place among its like.
fn indexed(event: Context<'_>, payload: &Payload<'_>, detail: &mut Detail) {
    detail.title = payload.text("name");
    let name = detail.title.as_deref().unwrap_or_default();
    let index = payload.count("index").unwrap_or_default().to_string();
    detail.key = key_of(&[event.run, name, &index]);
    detail.loose_key = key_of(&[event.run, name]);
}

fn model_call(event: Context<'_>, payload: &Payload<'_>, detail: &mut Detail) {
    let recorded = payload.text("provider");
    let model = payload.text("model");
    let source = payload.text("source");
    let text = |it: &Option<String>| it.clone().unwrap_or_default();
    detail.key = key_of(&[event.run, &text(&recorded), &text(&model), &text(&source)]);
    detail.loose_key = key_of(&[event.run, &text(&recorded)]);
    detail.title.clone_from(&model);
    let (operation, output) = match event.family {
        Family::Provider => ("chat", None),
        Family::Embedding => ("embeddings", None),
        Family::ImageGeneration => ("generate_content", Some("image")),
        Family::Speech => ("generate_content", Some("speech")),
        _ => ("generate_content", Some("text")),
    };
    put(detail, "gen_ai.operation.name", Some(operation));
    put(detail, "gen_ai.output.type", output);
    detail
        .attributes
        .extend(provider_attributes(recorded.as_deref()));
    put(detail, "gen_ai.request.model", model);
    put(detail, "promptkit.provider.source", source);
    put(
        detail,
        "promptkit.message.count",
        payload.known_count("messagecount"),
    );
    put(detail, "promptkit.tool.count", payload.count("toolcount"));
    put(
        detail,
        "promptkit.tool_call.count",
        payload.count("toolcallcount"),
    );
    let reason = payload
        .text("finishreason")
        .map(|reason| AttrValue::Strs(vec![reason]));
    put(detail, "gen_ai.response.finish_reasons", reason);
    detail.usage = usage(payload);
    detail.attributes.extend(usage_attributes(&detail.usage));
    if event.family == Family::Provider {
        return;
    }
    put(detail, "promptkit.capability", Some(event.family.id_kind()));
    put(
        detail,
        "promptkit.capability.images",
        payload.known_count("images"),
    );
    put(
        detail,
        "promptkit.capability.characters",
        payload.known_count("characters"),
    );
    put(
        detail,
        "promptkit.capability.vectors",
        payload.known_count("vectors"),
    );
    let seconds = payload
        .number("audioseconds")
        .filter(|seconds| *seconds > 0.0);
    put(detail, "promptkit.capability.audio_seconds", seconds);
    for (unit, quantity) in payload.object("quantities").fields().take(MAX_LABELS) {
        if let Some(quantity) = payload::number(quantity) {
            set(
                &mut detail.attributes,
                format!("promptkit.quantity.{unit}"),
                quantity,
            );
        }
    }
    for (dimension, value) in payload.object("dimensions").fields().take(MAX_LABELS) {
        if let Some(value) = payload::text(value) {
            set(
                &mut detail.attributes,
                format!("promptkit.dimension.{dimension}"),
                value,
            );
        }
    }
}

/// The provider by its well-known name, and by its recorded one where that differs.
pub(crate) fn provider_attributes(recorded: Option<&str>) -> Vec<Attribute> {
    let Some(recorded) = recorded else {
        return Vec::new();
    };
    let name = provider::name(recorded);
    let mut attributes = Vec::with_capacity(2);
    if name != recorded {
        attributes.push((Key::from("promptkit.provider.name"), recorded.into()));
    }
    attributes.push((Key::from("gen_ai.provider.name"), name.into()));
    attributes
}

/// Tokens and cost as attributes, as far as they are known.
pub(crate) fn usage_attributes(usage: &Usage) -> impl Iterator<Item = Attribute> + use<> {
    let tokens = [
        ("gen_ai.usage.input_tokens", usage.input),
        ("gen_ai.usage.output_tokens", usage.output),
        ("gen_ai.usage.cache_read.input_tokens", usage.cached),
        ("gen_ai.usage.reasoning.output_tokens", usage.reasoning),
    ];
    let tokens = tokens
        .into_iter()
        .filter_map(|(key, it)| Some((key.into(), it?.into())));
    tokens.chain(
        usage
            .cost
            .map(|cost| ("gen_ai.usage.cost".into(), cost.into())),
    )
}

/// Tokens and cost that a payload reports. Zero output tokens are believed only beside input tokens,
/// because Go writes zero for what was never set; a cost of zero is an unknown price.
fn usage(payload: &Payload<'_>) -> Usage {
    let input = payload.known_count("inputtokens");
    let output = match input {
        Some(_) => payload.count("outputtokens"),
        None => payload.known_count("outputtokens"),
    };
    let cost = payload
        .number("totalcost")
        .or_else(|| payload.number("cost"));
    Usage {
        input,
        output,
        cached: payload.known_count("cachedtokens"),
        reasoning: payload.known_count("reasoningtokens"),
        cost: cost.filter(|cost| *cost > 0.0),
    }
}

fn tool(event: Context<'_>, payload: &Payload<'_>, detail: &mut Detail) {
    detail.title = payload.text("toolname");
    detail.call_id = payload.text("callid");
    let name = detail.title.clone().unwrap_or_default();
    let call_id = detail.call_id.clone().unwrap_or_default();
    detail.unique = !call_id.is_empty();
    detail.key = key_of(&[event.run, &call_id, &name]);
    detail.loose_key = if detail.unique {
        call_id
    } else {
        key_of(&[event.run, "", &name])
    };
    if event.family == Family::ClientTool {
        put(detail, "promptkit.tool.client", Some(true));
    }
    detail.attributes.extend(tool_attributes(
        detail.title.as_deref(),
        detail.call_id.as_deref(),
    ));
    put(detail, "promptkit.tool.status", payload.text("status"));
    if !event.content {
        return;
    }
    let arguments = payload.raw("args").filter(|raw| raw.get() != "{}");
    put(
        detail,
        "gen_ai.tool.call.arguments",
        arguments.map(|raw| raw.get()),
    );
    put(detail, "gen_ai.tool.call.result", said(payload));
}

/// What the conventions say of a tool call, its content left out.
pub(crate) fn tool_attributes(name: Option<&str>, call_id: Option<&str>) -> Vec<Attribute> {
    let mut attributes = vec![("gen_ai.operation.name".into(), "execute_tool".into())];
    if let Some(name) = name {
        let kind = if name.starts_with("mcp__") {
            "extension"
        } else {
            "function"
        };
        attributes.push(("gen_ai.tool.name".into(), name.into()));
        attributes.push(("gen_ai.tool.type".into(), kind.into()));
    }
    attributes.extend(call_id.map(|id| ("gen_ai.tool.call.id".into(), id.into())));
    attributes
}

fn validation(event: Context<'_>, payload: &Payload<'_>, detail: &mut Detail) {
    let validator_type = payload.text("validatortype");
    detail.title = payload.text_of(&["validatorname", "name"]);
    let name = detail.title.clone().unwrap_or_default();
    detail.key = key_of(&[
        event.run,
        &name,
        validator_type.as_deref().unwrap_or_default(),
    ]);
    detail.loose_key = key_of(&[event.run, &name]);
    put(detail, "gen_ai.evaluation.name", detail.title.clone());
    put(detail, "promptkit.eval.type", validator_type);
    put(detail, "promptkit.guardrail", Some(true));
    put(
        detail,
        "promptkit.validation.direction",
        payload.text("direction"),
    );
    if event.phase == Phase::Start {
        return;
    }
    let passed = detail.failure.is_none();
    let score = payload.number("score").filter(|score| *score != 0.0);
    put(
        detail,
        "gen_ai.evaluation.score.value",
        Some(score.unwrap_or(f64::from(u8::from(passed)))),
    );
    put(
        detail,
        "gen_ai.evaluation.score.label",
        Some(if passed { "pass" } else { "fail" }),
    );
    put(
        detail,
        "promptkit.validation.enforced",
        payload.flag("enforced"),
    );
    let violations = payload.array("violations");
    if event.content && !violations.is_empty() {
        let texts: Vec<String> = violations
            .iter()
            .filter_map(|raw| payload::text(raw))
            .collect();
        put(
            detail,
            "gen_ai.evaluation.explanation",
            Some(texts.join("; ")),
        );
    }
}

fn eval(event: Context<'_>, payload: &Payload<'_>, detail: &mut Detail) {
    detail.title = payload.text_of(&["evalid", "name"]);
    detail.key = key_of(&[event.run, detail.title.as_deref().unwrap_or_default()]);
    put(detail, "gen_ai.evaluation.name", detail.title.clone());
    put(detail, "promptkit.eval.type", payload.text("evaltype"));
    put(detail, "promptkit.guardrail", Some(false));
    put(
        detail,
        "gen_ai.evaluation.score.value",
        payload.number("score"),
    );
    let label = payload
        .flag("passed")
        .map(|passed| if passed { "pass" } else { "fail" });
    let skipped = payload.flag("skipped") == Some(true);
    put(
        detail,
        "gen_ai.evaluation.score.label",
        label.filter(|_| !skipped),
    );
    put(detail, "promptkit.eval.trigger", payload.text("trigger"));
    put(
        detail,
        "promptkit.eval.duration_ms",
        payload.known_count("durationms"),
    );
    put(detail, "promptkit.eval.skipped", skipped.then_some(true));
    if event.content {
        let explanation = payload.text_of(&["explanation", "message", "skipreason"]);
        put(detail, "gen_ai.evaluation.explanation", explanation);
    }
    detail.duration = None;
}

fn template(event: Context<'_>, payload: &Payload<'_>, detail: &mut Detail) {
    let task_type = payload.text("tasktype");
    detail.key = key_of(&[event.run, task_type.as_deref().unwrap_or_default()]);
    detail.loose_key.clone_from(&detail.key);
    put(detail, "promptkit.template.task_type", task_type);
    put(
        detail,
        "promptkit.template.variable_count",
        payload.count("variablecount"),
    );
    put(
        detail,
        "promptkit.template.model_override",
        payload.text("modeloverride"),
    );
    put(
        detail,
        "promptkit.template.prompt_hash",
        payload.text("prompthash"),
    );
    put(
        detail,
        "promptkit.template.render_passes",
        payload.known_count("renderpasses"),
    );
    if event.content {
        put(
            detail,
            "promptkit.template.system_prompt",
            payload.text("systemprompt"),
        );
    }
}

fn workflow(event: Context<'_>, payload: &Payload<'_>, detail: &mut Detail) {
    let texts = [
        ("promptkit.workflow.from_state", "fromstate"),
        ("promptkit.workflow.to_state", "tostate"),
        ("promptkit.workflow.event", "event"),
        ("promptkit.workflow.prompt_task", "prompttask"),
        ("promptkit.workflow.final_state", "finalstate"),
        ("promptkit.workflow.original_target", "originaltarget"),
        ("promptkit.workflow.redirected_to", "redirectedto"),
        ("promptkit.workflow.current_state", "currentstate"),
        ("promptkit.workflow.limit", "limit"),
    ];
    for (key, field) in texts {
        put(detail, key, payload.text(field));
    }
    let counts = [
        ("promptkit.workflow.transition_count", "transitioncount"),
        ("promptkit.workflow.visit_count", "visitcount"),
        ("promptkit.workflow.max_visits", "maxvisits"),
        ("promptkit.workflow.current", "current"),
        ("promptkit.workflow.max", "max"),
    ];
    for (key, field) in counts {
        put(detail, key, payload.count(field));
    }
    put(
        detail,
        "promptkit.workflow.terminated",
        payload.flag("terminated"),
    );
    content_json(
        event,
        payload,
        detail,
        "hostextras",
        "promptkit.workflow.host_extras",
    );
    let states =
        ["fromstate", "tostate", "finalstate"].map(|field| payload.text(field).unwrap_or_default());
    detail.key = key_of(&[event.run, &states.join(" ")]);
}
