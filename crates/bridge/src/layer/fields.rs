//! What the fields of `tracing` spans and events mean: the only file of this crate with their names.
//!
//! Standard names are those of OpenTelemetry's GenAI semantic conventions 1.41.1. Beside them stand
//! the names that libraries really use: those of `tracing-opentelemetry` (`otel.*`), of rig, of genai
//! and of conventions before 1.37.

/// What a field means for a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// The name of the span, instead of the one in the code.
    Name,
    /// The kind of the span: `client`, `server`, ...
    Kind,
    /// How it went: `OK` or `ERROR`.
    StatusCode,
    /// What went wrong, for people.
    StatusMessage,
    /// What it does: `chat`, `execute_tool`, ...
    Operation,
    /// To what it does it, which is the second half of its name.
    Object(Object),
    /// A number of tokens.
    Tokens(Tokens),
    /// What it cost, in US dollars.
    Cost,
    /// The low-cardinality name of what went wrong.
    ErrorType,
    /// An error that happened.
    Error,
    /// Texts, which arrive as a JSON array or as a single text: the attribute of this name.
    List(&'static str),
    /// What users or models wrote: the attribute of this name, where content is wanted.
    Content(&'static str),
    /// Said already by what `tracing` itself knows.
    Known,
    /// The attribute of this name.
    Attribute(&'static str),
}

/// What an operation is done to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Object {
    Model,
    Agent,
    Workflow,
    DataSource,
    Tool,
}

impl Object {
    /// Its attribute.
    pub(crate) const fn key(self) -> &'static str {
        match self {
            Self::Model => "gen_ai.request.model",
            Self::Agent => "gen_ai.agent.name",
            Self::Workflow => "gen_ai.workflow.name",
            Self::DataSource => "gen_ai.data_source.id",
            Self::Tool => "gen_ai.tool.name",
        }
    }
}

/// Which tokens a number counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tokens {
    Input,
    Output,
    CacheRead,
    CacheCreation,
    Reasoning,
}

impl Tokens {
    /// Their attribute.
    pub(crate) const fn key(self) -> &'static str {
        match self {
            Self::Input => "gen_ai.usage.input_tokens",
            Self::Output => "gen_ai.usage.output_tokens",
            Self::CacheRead => "gen_ai.usage.cache_read.input_tokens",
            Self::CacheCreation => "gen_ai.usage.cache_creation.input_tokens",
            Self::Reasoning => "gen_ai.usage.reasoning.output_tokens",
        }
    }
}

pub(crate) const OPERATION_NAME: &str = "gen_ai.operation.name";
pub(crate) const REQUEST_STREAM: &str = "gen_ai.request.stream";
pub(crate) const EXCEPTION_TYPE: &str = "exception.type";
pub(crate) const EXCEPTION_MESSAGE: &str = "exception.message";
pub(crate) const COST: &str = "gen_ai.usage.cost";
/// Where an event was recorded: its target (`tracing-opentelemetry` calls it so too).
pub(crate) const TARGET: &str = "target";
/// The body of an event.
pub(crate) const MESSAGE: &str = "message";
/// The target of a record of the crate `log`, which `tracing-log` passes on.
pub(crate) const LOG_TARGET: &str = "log.target";

/// What the field of this name means.
pub(crate) fn meaning_of(field: &'static str) -> Meaning {
    match field {
        "otel.name" => Meaning::Name,
        "otel.kind" => Meaning::Kind,
        "otel.status_code" => Meaning::StatusCode,
        "otel.status_description" | "otel.status_message" => Meaning::StatusMessage,
        "error" | "err" => Meaning::Error,
        "error.type" => Meaning::ErrorType,
        _ if field.starts_with("gen_ai.") => genai(field),
        _ if field.starts_with("log.") => log(field),
        _ => Meaning::Attribute(field),
    }
}

fn genai(field: &'static str) -> Meaning {
    match field {
        OPERATION_NAME | "gen_ai.operation" => Meaning::Operation,
        "gen_ai.request.model" => Meaning::Object(Object::Model),
        "gen_ai.agent.name" => Meaning::Object(Object::Agent),
        "gen_ai.workflow.name" => Meaning::Object(Object::Workflow),
        "gen_ai.data_source.id" => Meaning::Object(Object::DataSource),
        "gen_ai.tool.name" => Meaning::Object(Object::Tool),
        // Before 1.37.
        "gen_ai.system" => Meaning::Attribute("gen_ai.provider.name"),
        // PromptKit, AgentOps.
        "gen_ai.request.streaming" => Meaning::Attribute(REQUEST_STREAM),
        "gen_ai.usage.input_tokens" | "gen_ai.usage.prompt_tokens" => {
            Meaning::Tokens(Tokens::Input)
        }
        "gen_ai.usage.output_tokens" | "gen_ai.usage.completion_tokens" => {
            Meaning::Tokens(Tokens::Output)
        }
        "gen_ai.usage.cache_read.input_tokens"
        | "gen_ai.usage.cache_read_input_tokens"
        | "gen_ai.usage.cached_tokens" => Meaning::Tokens(Tokens::CacheRead),
        "gen_ai.usage.cache_creation.input_tokens"
        | "gen_ai.usage.cache_creation_input_tokens"
        | "gen_ai.usage.cache_write.input_tokens" => Meaning::Tokens(Tokens::CacheCreation),
        // The second is rig's.
        "gen_ai.usage.reasoning.output_tokens" | "gen_ai.usage.reasoning_tokens" => {
            Meaning::Tokens(Tokens::Reasoning)
        }
        COST | "gen_ai.usage.total_cost" => Meaning::Cost,
        // rig.
        "gen_ai.tool.error.type" => Meaning::ErrorType,
        "gen_ai.response.finish_reasons" | "gen_ai.response.finish_reason" => {
            Meaning::List("gen_ai.response.finish_reasons")
        }
        "gen_ai.request.stop_sequences" => Meaning::List("gen_ai.request.stop_sequences"),
        "gen_ai.request.encoding_formats" => Meaning::List("gen_ai.request.encoding_formats"),
        _ if is_content(field) => Meaning::Content(field),
        _ => Meaning::Attribute(field),
    }
}

/// Whether a field holds what users or models wrote (opt-in attributes of the conventions, and what
/// libraries called them before).
fn is_content(field: &str) -> bool {
    const WHOLE: [&str; 8] = [
        "gen_ai.input.messages",
        "gen_ai.output.messages",
        "gen_ai.system_instructions",
        "gen_ai.tool.definitions",
        "gen_ai.tool.call.arguments",
        "gen_ai.tool.call.result",
        "gen_ai.tool_calls",
        "gen_ai.tool_result",
    ];
    // `gen_ai.prompt` of rig, `gen_ai.prompt.0.content` of older conventions.
    const BEGINNINGS: [&str; 6] = [
        "gen_ai.prompt",
        "gen_ai.completion",
        "gen_ai.retrieval.documents",
        "gen_ai.retrieval.query",
        "gen_ai.message.content",
        "gen_ai.request.tools",
    ];
    WHOLE.contains(&field) || BEGINNINGS.iter().any(|start| field.starts_with(start))
}

fn log(field: &'static str) -> Meaning {
    match field {
        LOG_TARGET | "log.module_path" | "log.file" | "log.line" => Meaning::Known,
        _ => Meaning::Attribute(field),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names that differ from the standard are mapped to it; unknown ones stay as they are.
    #[test]
    fn names_are_mapped_to_the_standard() {
        for (field, meaning) in [
            (
                "gen_ai.usage.reasoning_tokens",
                Meaning::Tokens(Tokens::Reasoning),
            ),
            ("gen_ai.usage.prompt_tokens", Meaning::Tokens(Tokens::Input)),
            ("gen_ai.tool.error.type", Meaning::ErrorType),
            ("gen_ai.system", Meaning::Attribute("gen_ai.provider.name")),
            (
                "gen_ai.response.finish_reason",
                Meaning::List("gen_ai.response.finish_reasons"),
            ),
            (
                "gen_ai.usage.tool_use_prompt_tokens",
                Meaning::Attribute("gen_ai.usage.tool_use_prompt_tokens"),
            ),
            (
                "gen_ai.response.id",
                Meaning::Attribute("gen_ai.response.id"),
            ),
            ("db.system", Meaning::Attribute("db.system")),
        ] {
            assert_eq!(meaning_of(field), meaning, "{field}");
        }
    }

    /// The attributes of objects and tokens are standard names, which mean themselves.
    #[test]
    fn standard_names_mean_themselves() {
        use Object::{Agent, DataSource, Model, Tool, Workflow};
        for object in [Model, Agent, Workflow, DataSource, Tool] {
            assert_eq!(meaning_of(object.key()), Meaning::Object(object));
        }
        use Tokens::{CacheCreation, CacheRead, Input, Output, Reasoning};
        for tokens in [Input, Output, CacheRead, CacheCreation, Reasoning] {
            assert_eq!(meaning_of(tokens.key()), Meaning::Tokens(tokens));
        }
    }

    /// Whatever holds what users or models wrote is known as such.
    #[test]
    fn content_is_known_as_such() {
        for field in [
            "gen_ai.input.messages",
            "gen_ai.output.messages",
            "gen_ai.system_instructions",
            "gen_ai.tool.call.arguments",
            "gen_ai.tool.call.result",
            "gen_ai.prompt",
            "gen_ai.prompt.0.content",
            "gen_ai.completion",
            "gen_ai.retrieval.query.text",
        ] {
            assert_eq!(meaning_of(field), Meaning::Content(field));
        }
    }
}
