//! Names of attributes: the only file with `gen_ai.` strings. GenAI semantic conventions 1.41.1.

/// GenAI attributes and their values.
pub(crate) mod key {
    pub(crate) const OPERATION_NAME: &str = "gen_ai.operation.name";
    pub(crate) const PROVIDER_NAME: &str = "gen_ai.provider.name";
    pub(crate) const CONVERSATION_ID: &str = "gen_ai.conversation.id";
    pub(crate) const REQUEST_MODEL: &str = "gen_ai.request.model";
    /// Read by rules alone.
    pub(crate) const RESPONSE_MODEL: &str = "gen_ai.response.model";
    /// How something was judged.
    pub(crate) const EVALUATION_NAME: &str = "gen_ai.evaluation.name";
    pub(crate) const EVALUATION_SCORE: &str = "gen_ai.evaluation.score.value";
    pub(crate) const EVALUATION_LABEL: &str = "gen_ai.evaluation.score.label";
    pub(crate) const AGENT_NAME: &str = "gen_ai.agent.name";
    pub(crate) const AGENT_ID: &str = "gen_ai.agent.id";
    pub(crate) const WORKFLOW_NAME: &str = "gen_ai.workflow.name";
    pub(crate) const DATA_SOURCE_ID: &str = "gen_ai.data_source.id";
    pub(crate) const TOOL_NAME: &str = "gen_ai.tool.name";
    pub(crate) const TOOL_CALL_ID: &str = "gen_ai.tool.call.id";
    pub(crate) const TOOL_TYPE: &str = "gen_ai.tool.type";
    pub(crate) const INPUT_TOKENS: &str = "gen_ai.usage.input_tokens";
    pub(crate) const OUTPUT_TOKENS: &str = "gen_ai.usage.output_tokens";
    pub(crate) const CACHE_READ_TOKENS: &str = "gen_ai.usage.cache_read.input_tokens";
    pub(crate) const CACHE_CREATION_TOKENS: &str = "gen_ai.usage.cache_creation.input_tokens";
    pub(crate) const REASONING_TOKENS: &str = "gen_ai.usage.reasoning.output_tokens";
    /// Not in the conventions at 1.41.1 (an open proposal): in US dollars.
    pub(crate) const COST: &str = "gen_ai.usage.cost";

    #[cfg(feature = "proto")]
    pub(crate) use super::translated::*;

    // Content: what users and models wrote.
    pub(crate) const SYSTEM_INSTRUCTIONS: &str = "gen_ai.system_instructions";
    pub(crate) const INPUT_MESSAGES: &str = "gen_ai.input.messages";
    pub(crate) const OUTPUT_MESSAGES: &str = "gen_ai.output.messages";
    pub(crate) const TOOL_DEFINITIONS: &str = "gen_ai.tool.definitions";
    pub(crate) const TOOL_ARGUMENTS: &str = "gen_ai.tool.call.arguments";
    pub(crate) const TOOL_RESULT: &str = "gen_ai.tool.call.result";
    pub(crate) const RETRIEVAL_QUERY: &str = "gen_ai.retrieval.query.text";
    pub(crate) const RETRIEVAL_DOCUMENTS: &str = "gen_ai.retrieval.documents";
    pub(crate) const EVALUATION_EXPLANATION: &str = "gen_ai.evaluation.explanation";

    pub(crate) const SESSION_ID: &str = "session.id";
    pub(crate) const SESSION_PREVIOUS_ID: &str = "session.previous_id";
    pub(crate) const USER_ID: &str = "user.id";
    pub(crate) const ERROR_TYPE: &str = "error.type";
    pub(crate) const EXCEPTION_TYPE: &str = "exception.type";
    pub(crate) const EXCEPTION_MESSAGE: &str = "exception.message";
    pub(crate) const EXCEPTION_STACKTRACE: &str = "exception.stacktrace";

    pub(crate) const INCOMPLETE: &str = "spanreel.incomplete";
    pub(crate) const SPAN_NAME: &str = "spanreel.span.name";
    pub(crate) const SPAN_KIND: &str = "spanreel.span.kind";
    pub(crate) const PARENT_SPAN_ID: &str = "spanreel.span.parent_id";
    /// What another span is to the one that is linked to it.
    pub(crate) const LINK: &str = "spanreel.link";
    /// How far the context of a delegation is believed: `verified` or `unverified`.
    pub(crate) const TRUST: &str = "spanreel.trust";
    pub(crate) const DELEGATION_ISSUER: &str = "spanreel.delegation.issuer";
    pub(crate) const DELEGATION_SESSION_ID: &str = "spanreel.delegation.session_id";
    pub(crate) const DELEGATION_OUTCOME: &str = "spanreel.delegation.outcome";
    pub(crate) const DELEGATION_ASYNCHRONOUS: &str = "spanreel.delegation.asynchronous";
    /// In seconds, as are all times in attributes.
    pub(crate) const DELEGATION_TIMEOUT: &str = "spanreel.delegation.timeout";
    pub(crate) const DELEGATION_ELAPSED: &str = "spanreel.delegation.elapsed";
    pub(crate) const DELEGATION_HEARTBEAT: &str = "spanreel.delegation.heartbeat";
    pub(crate) const DELEGATION_SUB_TRACE_ID: &str = "spanreel.delegation.sub_trace_id";
    pub(crate) const DELEGATION_SUB_SPAN_ID: &str = "spanreel.delegation.sub_span_id";
    pub(crate) const TAGS: &str = "spanreel.session.tags";
    pub(crate) const ACTION_NAME: &str = "spanreel.action.name";
    pub(crate) const BUDGET_PART: &str = "spanreel.budget.part";
    /// In US dollars, as all that costs.
    pub(crate) const BUDGET_SPENT: &str = "spanreel.budget.spent";
    pub(crate) const BUDGET_LIMIT: &str = "spanreel.budget.limit";
    pub(crate) const END_STATE: &str = "spanreel.session.end_state";
    pub(crate) const TOTAL_LLM_CALLS: &str = "spanreel.session.llm_calls";
    pub(crate) const TOTAL_TOOL_CALLS: &str = "spanreel.session.tool_calls";
    pub(crate) const TOTAL_ERRORS: &str = "spanreel.session.errors";
    pub(crate) const TOTAL_INPUT_TOKENS: &str = "spanreel.session.input_tokens";
    pub(crate) const TOTAL_OUTPUT_TOKENS: &str = "spanreel.session.output_tokens";
    pub(crate) const TOTAL_CACHED_TOKENS: &str = "spanreel.session.cached_tokens";
    pub(crate) const TOTAL_REASONING_TOKENS: &str = "spanreel.session.reasoning_tokens";
    pub(crate) const TOTAL_COST: &str = "spanreel.session.cost";
}

/// Read and written where spans are put into other words.
#[cfg(feature = "proto")]
mod translated {
    pub(crate) const SYSTEM: &str = "gen_ai.system";
    pub(crate) const PROMPT: &str = "gen_ai.prompt";
    pub(crate) const COMPLETION: &str = "gen_ai.completion";
    pub(crate) const CACHE_WRITE_TOKENS: &str = "gen_ai.usage.cache_write.input_tokens";
    pub(crate) const AGENT_VERSION: &str = "gen_ai.agent.version";
    pub(crate) const REQUEST: &str = "gen_ai.request.";
    pub(crate) const REQUEST_TOP_K: &str = "gen_ai.request.top_k";
    pub(crate) const TOOL_DESCRIPTION: &str = "gen_ai.tool.description";
}

/// Names of events (log records).
pub(crate) mod event {
    pub(crate) const INFERENCE_DETAILS: &str = "gen_ai.client.inference.operation.details";
    pub(crate) const EVALUATION_RESULT: &str = "gen_ai.evaluation.result";
    pub(crate) const OPERATION_EXCEPTION: &str = "gen_ai.client.operation.exception";
    pub(crate) const SESSION_BUDGET: &str = "spanreel.session.budget";
    /// Of what is no GenAI operation (semantic conventions, "Exceptions in logs").
    pub(crate) const EXCEPTION: &str = "exception";
}

/// The attributes that have content in older conventions and in other dialects.
pub(crate) const FOREIGN_CONTENT: &[&str] = &[
    // The conventions before 1.37, and Traceloop.
    "gen_ai.prompt",
    "gen_ai.completion",
    "gen_ai.content.prompt",
    "gen_ai.content.completion",
    // Azure's SDKs: the message of an event.
    "gen_ai.event.content",
    "traceloop.entity.input",
    "traceloop.entity.output",
    // OpenInference.
    "input.value",
    "output.value",
    "reranker.query",
    "tool.parameters",
    "tool.result",
    // AgentOps: what each kind of decorated function is given and gives.
    "agentops.agent.input",
    "agentops.agent.output",
    "agentops.chain.input",
    "agentops.chain.output",
    "agentops.entity.input",
    "agentops.entity.output",
    "agentops.guardrail.input",
    "agentops.guardrail.output",
    "agentops.operation.input",
    "agentops.operation.output",
    "agentops.session.input",
    "agentops.session.output",
    "agentops.task.input",
    "agentops.task.output",
    "agentops.tool.input",
    "agentops.tool.output",
    "agentops.workflow.input",
    "agentops.workflow.output",
    // Langfuse.
    "langfuse.observation.input",
    "langfuse.observation.output",
    "langfuse.trace.input",
    "langfuse.trace.output",
    // Vercel's AI SDK.
    "ai.prompt",
    "ai.response.object",
    "ai.response.reasoning",
    "ai.response.text",
    "ai.response.toolCalls",
    "ai.toolCall.args",
    "ai.toolCall.result",
    "ai.value",
    "ai.values",
];

/// The beginnings of those that have it in parts, each an attribute.
pub(crate) const FOREIGN_CONTENT_PARTS: &[&str] = &[
    "ai.prompt.",
    "embedding.embeddings.",
    "gen_ai.completion.",
    "gen_ai.prompt.",
    "input.value.",
    "llm.choices.",
    "llm.completions",
    "llm.function_call",
    "llm.input_messages",
    "llm.output_messages",
    "llm.prompt_template",
    "llm.prompts",
    "output.value.",
    "reranker.input_documents",
    "reranker.output_documents",
    "retrieval.documents",
];

/// Whether an event of this name is a message, as the conventions before 1.37 have them: log records such as
/// `gen_ai.user.message` and `gen_ai.choice`, with the message as their body; or events of spans, with the
/// message in their attributes, which before 1.28 were `gen_ai.content.prompt` and `.completion`.
pub(crate) fn is_message_event(name: &[u8]) -> bool {
    let Some(name) = name.strip_prefix(b"gen_ai.") else {
        return name.starts_with(b"llm.content.");
    };
    name == b"choice" || name.ends_with(b".message") || name.starts_with(b"content.")
}

/// Whether an attribute of such an event has a part of the message. SDKs write the members of the message as
/// attributes: `content`, `message`, `tool_calls`. What stands in a namespace says something else.
pub(crate) fn is_part_of_message(key: &[u8]) -> bool {
    const HARMLESS: [&[u8]; 6] = [
        b"finish_reason",
        b"id",
        b"index",
        b"role",
        b"tool_call_id",
        b"type",
    ];
    match key.contains(&b'.') {
        true => key.ends_with(b".content") || key.ends_with(b".arguments"),
        false => !HARMLESS.contains(&key),
    }
}

/// What a span does, as far as sessions count it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Operation {
    /// Anything else.
    #[default]
    Other,
    /// A chat completion.
    Chat,
    /// A completion of plain text.
    TextCompletion,
    /// Multimodal generation (Gemini's `generateContent`).
    GenerateContent,
    /// Embeddings.
    Embeddings,
    /// A search in a data source.
    Retrieval,
    /// An agent is made, in a service that keeps agents.
    CreateAgent,
    /// An agent at work.
    InvokeAgent,
    /// A workflow of agents.
    InvokeWorkflow,
    /// A tool call.
    ExecuteTool,
    /// An action of the agent in its environment that is no tool call.
    Action,
}

impl Operation {
    /// The value of `gen_ai.operation.name`; `None` where the conventions have no name.
    #[inline]
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        Some(match self {
            Self::Chat => "chat",
            Self::TextCompletion => "text_completion",
            Self::GenerateContent => "generate_content",
            Self::Embeddings => "embeddings",
            Self::Retrieval => "retrieval",
            Self::CreateAgent => "create_agent",
            Self::InvokeAgent => "invoke_agent",
            Self::InvokeWorkflow => "invoke_workflow",
            Self::ExecuteTool => "execute_tool",
            Self::Other | Self::Action => return None,
        })
    }

    /// The operation of a `gen_ai.operation.name`; [`Operation::Other`] for a name that is not known
    /// here.
    #[must_use]
    pub fn from_name(name: &str) -> Self {
        match name {
            "chat" => Self::Chat,
            "text_completion" => Self::TextCompletion,
            "generate_content" => Self::GenerateContent,
            "embeddings" => Self::Embeddings,
            "retrieval" => Self::Retrieval,
            "create_agent" => Self::CreateAgent,
            "invoke_agent" => Self::InvokeAgent,
            "invoke_workflow" => Self::InvokeWorkflow,
            "execute_tool" => Self::ExecuteTool,
            _ => Self::Other,
        }
    }

    /// Whether a session counts it as an LLM call.
    #[inline]
    #[must_use]
    pub const fn is_llm_call(self) -> bool {
        matches!(
            self,
            Self::Chat | Self::TextCompletion | Self::GenerateContent | Self::Embeddings
        )
    }

    /// Whether spans of it carry `gen_ai.conversation.id`.
    #[inline]
    pub(crate) const fn is_genai(self) -> bool {
        !matches!(self, Self::Other | Self::Action)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every operation with a name is found by it, and no other name means one.
    #[test]
    fn operations_are_found_by_their_names() {
        for operation in [
            Operation::Chat,
            Operation::TextCompletion,
            Operation::GenerateContent,
            Operation::Embeddings,
            Operation::Retrieval,
            Operation::CreateAgent,
            Operation::InvokeAgent,
            Operation::InvokeWorkflow,
            Operation::ExecuteTool,
        ] {
            let name = operation.name().expect("it has one");
            assert_eq!(Operation::from_name(name), operation);
        }
        assert_eq!(Operation::from_name("plan"), Operation::Other);
    }
}
