//! What the events of model calls and tool calls say.

use super::super::draft::{AttrValue, Attribute, Key, set};
use super::super::event::{Detail, Family, Usage};
use super::super::message::said;
use super::super::payload::{self, Payload};
use super::super::provider;
use super::{Context, MAX_LABELS, key_of, put};

pub(super) fn model_call(event: Context<'_>, payload: &Payload<'_>, detail: &mut Detail) {
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
pub(super) fn usage(payload: &Payload<'_>) -> Usage {
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

pub(super) fn tool(event: Context<'_>, payload: &Payload<'_>, detail: &mut Detail) {
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
