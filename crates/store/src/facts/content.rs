//! Which attributes hold what was said, and the texts in them.

use spanreel::view::ValueView;

/// Whether a key holds what was said: prompts, answers, arguments, results.
pub(super) fn is_content(key: &str) -> bool {
    let exact = [
        "gen_ai.input.messages",
        "gen_ai.output.messages",
        "gen_ai.system_instructions",
        "gen_ai.tool.call.arguments",
        "gen_ai.tool.call.result",
        "gen_ai.message.content",
        "gen_ai.evaluation.explanation",
        "input.value",
        "output.value",
        "traceloop.entity.input",
        "traceloop.entity.output",
        "agentops.entity.input",
        "agentops.entity.output",
        "langfuse.observation.input",
        "langfuse.observation.output",
        "langfuse.trace.input",
        "langfuse.trace.output",
        "tool.parameters",
        "tool.result",
        "agentops.tool.input",
        "agentops.tool.output",
        "agentops.task.input",
        "agentops.task.output",
        "agentops.operation.input",
        "agentops.operation.output",
        "agentops.workflow.input",
        "agentops.workflow.output",
    ];
    if exact.contains(&key) {
        return true;
    }
    let numbered = [
        "gen_ai.prompt.",
        "gen_ai.completion.",
        "llm.input_messages.",
        "llm.output_messages.",
    ];
    numbered.iter().any(|start| key.starts_with(start))
        && (key.ends_with(".content") || key.ends_with(".arguments"))
}

/// All texts within a value.
pub(super) fn texts<'a>(value: &ValueView<'a>) -> Vec<&'a str> {
    match value {
        ValueView::Str(text) if !text.is_empty() => vec![*text],
        ValueView::Array(values) => values.clone().flat_map(|value| texts(&value)).collect(),
        ValueView::Map(entries) => entries
            .clone()
            .flat_map(|(_, value)| texts(&value))
            .collect(),
        _ => Vec::new(),
    }
}
