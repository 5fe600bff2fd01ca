//! Older and other names of attributes into those of the GenAI conventions 1.41.1.
//!
//! What keys mean is the library's table ([`spanreel::dialect`]); here stand the names beside it that say
//! the same in other words. What has no current name stays as it is.

use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use spanreel::dialect::{Meaning, Work, meaning};

use super::values::{self, Attributes};

/// What is done to a value that gets another name.
type Convert = fn(Value) -> Value;

/// Names that were renamed, with what else has to be done to their values.
const RENAMED: &[(&str, &str, Convert)] = &[
    ("gen_ai.system", "gen_ai.provider.name", values::same),
    (
        "gen_ai.request.streaming",
        "gen_ai.request.stream",
        values::same,
    ),
    (
        "gen_ai.response.finish_reason",
        "gen_ai.response.finish_reasons",
        values::list,
    ),
    (
        "gen_ai.response.stop_reason",
        "gen_ai.response.finish_reasons",
        values::list,
    ),
    (
        "gen_ai.usage.cache_creation_input_tokens",
        "gen_ai.usage.cache_creation.input_tokens",
        values::integer,
    ),
    (
        "gen_ai.usage.cache_read_input_tokens",
        "gen_ai.usage.cache_read.input_tokens",
        values::integer,
    ),
    (
        "gen_ai.usage.reasoning_tokens",
        "gen_ai.usage.reasoning.output_tokens",
        values::integer,
    ),
    (
        "gen_ai.streaming.time_to_first_token",
        "gen_ai.response.time_to_first_chunk",
        values::double,
    ),
    ("agent.id", "gen_ai.agent.id", values::same),
    ("agent.name", "gen_ai.agent.name", values::same),
    ("tool.id", "gen_ai.tool.call.id", values::same),
    ("tool.name", "gen_ai.tool.name", values::same),
    ("tool.description", "gen_ai.tool.description", values::same),
    (
        "tool.parameters",
        "gen_ai.tool.call.arguments",
        values::same,
    ),
    ("tool.result", "gen_ai.tool.call.result", values::same),
    ("workflow.name", "gen_ai.workflow.name", values::same),
    ("workflow.user_id", "user.id", values::same),
    ("agentops.tags", "spanreel.session.tags", values::list),
    (
        "agentops.session.end_state",
        "spanreel.session.end_state",
        values::end_state,
    ),
];

/// Where a span says what it does, the most exact first.
const WORK: [&str; 6] = [
    "gen_ai.request.type",
    "llm.request.type",
    "agentops.span.kind",
    "traceloop.span.kind",
    "openinference.span.kind",
    "langfuse.observation.type",
];

/// Where AgentOps and Traceloop name what a span is of.
const ENTITY: [&str; 3] = [
    "agentops.entity.name",
    "traceloop.entity.name",
    "operation.name",
];

/// Gives the attributes of a span or log record the names of today.
pub(super) fn of_item(attributes: &mut Vec<KeyValue>) {
    super::agentops::gather_messages(attributes);
    of_resource(attributes);
    operation(&mut Attributes(attributes));
    usage(attributes);
    let mut attributes = Attributes(attributes);
    for (old, new, convert) in RENAMED {
        attributes.rename(old, new, *convert);
    }
}

/// Names the session of a resource, a span or a log record as everybody does.
pub(super) fn of_resource(attributes: &mut Vec<KeyValue>) {
    let ranked = attributes.iter().filter_map(|attribute| {
        let Some(Meaning::Session(rank)) = meaning(attribute.key.as_bytes()) else {
            return None;
        };
        let value = attribute.value.as_ref()?.value.as_ref()?;
        values::text(value).filter(|id| !id.is_empty())?;
        Some((rank, attribute.key.clone()))
    });
    // The first two ranks are the names of today.
    if let Some((2.., key)) = ranked.min() {
        Attributes(attributes).rename(&key, "session.id", values::same);
    }
}

/// Says what a span does, and of what, by the words of its dialect.
fn operation(attributes: &mut Attributes<'_>) {
    if attributes.text("gen_ai.operation.name").is_some() {
        return;
    }
    let words = WORK.iter().filter_map(|key| attributes.text(key));
    let found = words.filter_map(|word| Some((word, operation_of(word)?)));
    let Some((word, name)) = found.into_iter().next() else {
        return;
    };
    let is_session = word.eq_ignore_ascii_case("session");
    let entity = ENTITY
        .iter()
        .find_map(|key| attributes.text(key))
        .map(str::to_owned);
    attributes.set_new("gen_ai.operation.name", Value::StringValue(name.to_owned()));
    let (subject, own) = match name {
        // A session of AgentOps is the work of agents, and is named after something else.
        "invoke_agent" if is_session => return,
        "invoke_agent" => ("gen_ai.agent.name", "agent.name"),
        "execute_tool" => ("gen_ai.tool.name", "tool.name"),
        "invoke_workflow" => ("gen_ai.workflow.name", "workflow.name"),
        _ => return,
    };
    if let (Some(entity), None) = (entity, attributes.text(own)) {
        attributes.set_new(subject, Value::StringValue(entity));
    }
}

/// The `gen_ai.operation.name` of a word of another dialect.
fn operation_of(word: &str) -> Option<&'static str> {
    let is = |known: &[&str]| known.iter().any(|known| known.eq_ignore_ascii_case(word));
    match Work::of(word.as_bytes())? {
        Work::ToolCall => Some("execute_tool"),
        Work::LlmCall if is(&["embedding", "embeddings"]) => Some("embeddings"),
        Work::LlmCall if is(&["completion", "text_completion"]) => Some("text_completion"),
        Work::LlmCall if is(&["generate_content"]) => Some("generate_content"),
        Work::LlmCall => Some("chat"),
        Work::Container if is(&["agent", "session", "invoke_agent"]) => Some("invoke_agent"),
        Work::Container if is(&["workflow", "invoke_workflow"]) => Some("invoke_workflow"),
        // Tasks and chains have no operation of their own.
        _ => None,
    }
}

/// Names tokens and cost as today, as numbers.
fn usage(attributes: &mut Vec<KeyValue>) {
    let mut parts = None;
    let mut known: Vec<(String, &str, Convert)> = Vec::new();
    for attribute in &*attributes {
        let (new, convert): (_, Convert) = match meaning(attribute.key.as_bytes()) {
            Some(Meaning::InputTokens) => ("gen_ai.usage.input_tokens", values::integer),
            Some(Meaning::OutputTokens) => ("gen_ai.usage.output_tokens", values::integer),
            Some(Meaning::Cost) => ("gen_ai.usage.cost", values::double),
            Some(Meaning::PartOfCost) => {
                let value = attribute.value.as_ref().and_then(|any| any.value.as_ref());
                if let Some(part) = value.and_then(values::number) {
                    *parts.get_or_insert(0.0) += part;
                }
                continue;
            }
            _ => continue,
        };
        known.push((attribute.key.clone(), new, convert));
    }
    for (old, new, convert) in known {
        if old == new {
            number_in_place(attributes, new, convert);
        } else {
            Attributes(attributes).rename(&old, new, convert);
        }
    }
    if let Some(cost) = parts {
        Attributes(attributes).set_new("gen_ai.usage.cost", Value::DoubleValue(cost));
    }
}

fn number_in_place(attributes: &mut [KeyValue], key: &str, convert: Convert) {
    let found = attributes.iter_mut().find(|attribute| attribute.key == key);
    let any = found.and_then(|attribute| attribute.value.as_mut());
    if let Some(any) = any {
        any.value = any.value.take().map(convert);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use values::attribute;

    fn str(key: &str, text: &str) -> KeyValue {
        attribute(key, Value::StringValue(text.to_owned()))
    }

    /// What AgentOps says of a model call is said in the words of today; the rest stays.
    #[test]
    fn old_names_become_those_of_today() {
        let mut attributes = vec![
            str("agentops.span.kind", "llm"),
            str("gen_ai.system", "openai"),
            str("gen_ai.usage.prompt_tokens", "12"),
            attribute("gen_ai.usage.completion_tokens", Value::DoubleValue(3.0)),
            str("gen_ai.usage.prompt_cost", "0.25"),
            str("gen_ai.usage.completion_cost", "0.5"),
            str("gen_ai.response.finish_reason", "stop"),
            str("workflow.session_id", "s-1"),
            str("http.route", "/"),
        ];
        of_item(&mut attributes);
        let all = Attributes(&mut attributes);
        assert_eq!(all.text("gen_ai.operation.name"), Some("chat"));
        assert_eq!(all.text("gen_ai.provider.name"), Some("openai"));
        assert_eq!(
            all.get("gen_ai.usage.input_tokens"),
            Some(&Value::IntValue(12))
        );
        assert_eq!(
            all.get("gen_ai.usage.output_tokens"),
            Some(&Value::IntValue(3))
        );
        assert_eq!(
            all.get("gen_ai.usage.cost"),
            Some(&Value::DoubleValue(0.75))
        );
        let reasons = values::list(Value::StringValue("stop".to_owned()));
        assert_eq!(all.get("gen_ai.response.finish_reasons"), Some(&reasons));
        assert_eq!(all.text("session.id"), Some("s-1"));
        assert_eq!(all.text("http.route"), Some("/"));
        assert_eq!(all.text("agentops.span.kind"), Some("llm"));
        for gone in [
            "gen_ai.system",
            "gen_ai.usage.prompt_tokens",
            "workflow.session_id",
        ] {
            assert_eq!(all.get(gone), None, "{gone}");
        }
        let once = attributes.clone();
        of_item(&mut attributes);
        assert_eq!(attributes, once, "again changes nothing");
    }

    /// Where a name of today stands beside an old one, it wins.
    #[test]
    fn names_of_today_win() {
        let mut attributes = vec![
            str("session.id", "today"),
            str("workflow.session_id", "old"),
            attribute("gen_ai.usage.input_tokens", Value::IntValue(1)),
            attribute("gen_ai.usage.prompt_tokens", Value::IntValue(2)),
            str("agent.name", "old"),
            str("gen_ai.agent.name", "today"),
        ];
        of_item(&mut attributes);
        let all = Attributes(&mut attributes);
        assert_eq!(all.text("session.id"), Some("today"));
        assert_eq!(
            all.get("gen_ai.usage.input_tokens"),
            Some(&Value::IntValue(1))
        );
        assert_eq!(all.text("gen_ai.agent.name"), Some("today"));
    }
}
