//! What the events of pipelines, compositions and workflows say: the frame in which calls are made.

use super::super::event::Detail;
use super::super::payload::Payload;
use super::call::usage;
use super::{Context, key_of, put};

pub(super) fn pipeline(event: Context<'_>, payload: &Payload<'_>, detail: &mut Detail) {
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

pub(super) fn composition(event: Context<'_>, payload: &Payload<'_>, detail: &mut Detail) {
    let name = payload.text_of(&["composition", "name"]);
    detail.key = key_of(&[event.run, name.as_deref().unwrap_or_default()]);
    detail.loose_key.clone_from(&detail.key);
    put(detail, "promptkit.composition.name", name);
    in_and_out(event, payload, detail);
}

pub(super) fn step(event: Context<'_>, payload: &Payload<'_>, detail: &mut Detail) {
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
    in_and_out(event, payload, detail);
}

/// What went into a composition or a step of it, and what came out.
fn in_and_out(event: Context<'_>, payload: &Payload<'_>, detail: &mut Detail) {
    for (name, key) in [
        ("input", "promptkit.composition.input"),
        ("output", "promptkit.composition.output"),
    ] {
        content_json(event, payload, detail, name, key);
    }
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

pub(super) fn stage(event: Context<'_>, payload: &Payload<'_>, detail: &mut Detail) {
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

pub(super) fn middleware(event: Context<'_>, payload: &Payload<'_>, detail: &mut Detail) {
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

pub(super) fn template(event: Context<'_>, payload: &Payload<'_>, detail: &mut Detail) {
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

pub(super) fn workflow(event: Context<'_>, payload: &Payload<'_>, detail: &mut Detail) {
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
