//! A recorded event: which of the known types it has, and what is kept of it.
//!
//! What an event says is put into the form of the output as it is read, so that a session in memory
//! is about as large as its trace, whatever its recording carried (audio, images).

use std::sync::Arc;

use spanreel::SpanKind;

use super::draft::Attribute;
use super::message::Message;
use super::outcome::Failure;

/// What an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Family {
    Pipeline,
    Composition,
    Step,
    Stage,
    Middleware,
    Provider,
    Tool,
    ClientTool,
    Validation,
    Template,
    ImageGeneration,
    Speech,
    Transcription,
    Embedding,
    Eval,
    Transition,
    WorkflowCompleted,
    MaxVisits,
    BudgetExhausted,
    MessageCreated,
    MessageUpdated,
    /// A known type that is a log record and nothing else.
    Log,
    /// A type nobody told us about.
    Unknown,
}

/// Where in its life the thing is that an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// It begins: a span that its end will complete.
    Start,
    /// It ends well, or says in its payload that it did not.
    Done,
    /// It ends badly.
    Failed,
    /// It happens at once: a span without length, or a log record.
    Instant,
}

/// Known types that are log records and nothing else.
const LOGS: [&str; 21] = [
    "context.built",
    "context.token_budget_exceeded",
    "context.compacted",
    "state.loaded",
    "state.saved",
    "stream.interrupted",
    "reasoning.delta",
    "conversation.started",
    "audio.input",
    "audio.output",
    "audio.transcription",
    "video.frame",
    "screenshot",
    "image.input",
    "image.output",
    "media.stored",
    "media.retrieved",
    "media.deleted",
    "media.store_error",
    "composition.branch.evaluated",
    "composition.parallel.completed",
];

/// What a type name says.
pub(crate) fn classify(type_name: &str) -> (Family, Phase) {
    use Family as F;
    let whole = match type_name {
        "eval.completed" => Some((F::Eval, Phase::Instant)),
        "eval.failed" => Some((F::Eval, Phase::Failed)),
        "workflow.transitioned" => Some((F::Transition, Phase::Instant)),
        "workflow.completed" => Some((F::WorkflowCompleted, Phase::Instant)),
        "workflow.max_visits_exceeded" => Some((F::MaxVisits, Phase::Instant)),
        "workflow.budget_exhausted" => Some((F::BudgetExhausted, Phase::Instant)),
        "message.created" => Some((F::MessageCreated, Phase::Instant)),
        "message.updated" => Some((F::MessageUpdated, Phase::Instant)),
        known if LOGS.contains(&known) => Some((F::Log, Phase::Instant)),
        _ => None,
    };
    if let Some(known) = whole {
        return known;
    }
    let (stem, last) = type_name.rsplit_once('.').unwrap_or_default();
    let family = match stem {
        "pipeline" => F::Pipeline,
        "composition" => F::Composition,
        "composition.step" => F::Step,
        "stage" => F::Stage,
        "middleware" => F::Middleware,
        "provider.call" => F::Provider,
        "tool.call" => F::Tool,
        "tool.client" => F::ClientTool,
        "validation" => F::Validation,
        "prompt.template" => F::Template,
        "image_gen.call" => F::ImageGeneration,
        "tts.call" => F::Speech,
        "stt.call" => F::Transcription,
        "embedding.call" => F::Embedding,
        _ => return (F::Unknown, Phase::Instant),
    };
    match last {
        "started" | "request" => (family, Phase::Start),
        "completed" | "passed" | "rendered" | "resolved" => (family, Phase::Done),
        "failed" => (family, Phase::Failed),
        _ => (F::Unknown, Phase::Instant),
    }
}

/// The type name that a Go type name tells, for events that lost theirs:
/// `*events.ToolCallStartedData` is `tool.call.started`.
pub(crate) fn type_of_data_type(data_type: &str) -> Option<String> {
    let name = data_type.trim_start_matches('*');
    let name = name
        .rsplit_once('.')
        .map_or(name, |(_, name)| name)
        .strip_suffix("Data")?;
    let mut type_name = String::with_capacity(name.len() + 3);
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !type_name.is_empty() {
            type_name.push('.');
        }
        type_name.push(letter.to_ascii_lowercase());
    }
    (classify(&type_name).0 != Family::Unknown).then_some(type_name)
}

impl Family {
    /// Whether events of the family become spans.
    pub(crate) fn is_span(self) -> bool {
        !matches!(
            self,
            Self::MessageCreated | Self::MessageUpdated | Self::Log | Self::Unknown
        )
    }

    /// Whether its spans are made by a pipeline of their run, where it has one. What else happens
    /// in a run (a transition, an evaluation) may happen before and after its pipeline.
    pub(crate) fn is_pipeline_work(self) -> bool {
        let may_be_outside = matches!(
            self,
            Self::Eval
                | Self::Transition
                | Self::WorkflowCompleted
                | Self::MaxVisits
                | Self::BudgetExhausted
        );
        self.is_span() && !may_be_outside
    }

    /// Whether its spans are calls of models.
    pub(crate) fn is_model_call(self) -> bool {
        matches!(
            self,
            Self::Provider
                | Self::ImageGeneration
                | Self::Speech
                | Self::Transcription
                | Self::Embedding
        )
    }

    /// Which side of a call its spans describe.
    pub(crate) fn span_kind(self) -> SpanKind {
        if self.is_model_call() {
            SpanKind::Client
        } else {
            SpanKind::Internal
        }
    }

    /// What its span ids are hashed with.
    pub(crate) fn id_kind(self) -> &'static str {
        match self {
            Self::Pipeline => "pipeline",
            Self::Composition => "composition",
            Self::Step => "composition.step",
            Self::Stage => "stage",
            Self::Middleware => "middleware",
            Self::Provider => "provider",
            Self::Tool => "tool",
            Self::ClientTool => "tool.client",
            Self::Validation => "validation",
            Self::Template => "prompt.template",
            Self::ImageGeneration => "image_gen",
            Self::Speech => "tts",
            Self::Transcription => "stt",
            Self::Embedding => "embedding",
            Self::Eval => "eval",
            Self::Transition => "workflow.transitioned",
            Self::WorkflowCompleted => "workflow.completed",
            Self::MaxVisits => "workflow.max_visits_exceeded",
            Self::BudgetExhausted => "workflow.budget_exhausted",
            Self::MessageCreated | Self::MessageUpdated | Self::Log | Self::Unknown => "log",
        }
    }
}

/// Tokens and cost of a call, as far as they were reported.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Usage {
    pub(crate) input: Option<i64>,
    pub(crate) output: Option<i64>,
    pub(crate) cached: Option<i64>,
    pub(crate) reasoning: Option<i64>,
    pub(crate) cost: Option<f64>,
}

impl Usage {
    /// The tokens in the form of the library. Numbers below zero are unknown.
    pub(crate) fn tokens(&self) -> spanreel::Usage {
        let known = |tokens: Option<i64>| u64::try_from(tokens?).ok();
        spanreel::Usage {
            input: known(self.input),
            output: known(self.output),
            cache_read: known(self.cached),
            cache_creation: None,
            reasoning: known(self.reasoning),
        }
    }
}

/// A recorded event in the form of the output.
#[derive(Debug)]
pub(crate) struct Event {
    /// Nanoseconds since the Unix epoch, where the recording has a readable time.
    pub(crate) time: Option<u64>,
    /// Whether the time was recorded, and not taken from a neighbour.
    pub(crate) is_timed: bool,
    /// Its number within the recording; 0 where it has none.
    pub(crate) seq: u64,
    /// The number of the event that caused it.
    pub(crate) parent_seq: Option<u64>,
    /// A hash of its payload, which orders events that nothing else orders.
    pub(crate) fingerprint: u64,
    /// The run it belongs to; empty where none was recorded.
    pub(crate) run: Arc<str>,
    pub(crate) conversation: Option<Arc<str>>,
    pub(crate) user: Option<Arc<str>>,
    pub(crate) type_name: Arc<str>,
    pub(crate) family: Family,
    pub(crate) phase: Phase,
    pub(crate) detail: Detail,
}

/// What the payload of an event says.
#[derive(Debug, Default)]
pub(crate) struct Detail {
    /// What a start and its end have in common, to the letter.
    pub(crate) key: String,
    /// What they have in common at least.
    pub(crate) loose_key: String,
    /// Whether `loose_key` names one thing only, whenever its events happened.
    pub(crate) unique: bool,
    /// The part of the span's name that is not fixed: a model, a tool, a validator.
    pub(crate) title: Option<String>,
    /// How long it took, in nanoseconds.
    pub(crate) duration: Option<u64>,
    pub(crate) failure: Option<Failure>,
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) usage: Usage,
    /// The id of a tool call.
    pub(crate) call_id: Option<String>,
    /// Whether spans of its family that say so may be parents of calls (stages), or of steps.
    pub(crate) is_container: bool,
    /// The text of a log record, where content was asked for.
    pub(crate) body: Option<String>,
    /// What a `message.created` or `message.updated` says, for synthesis and content.
    pub(crate) message: Option<Box<Message>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All types that PromptKit 1.5 knows are known here.
    #[test]
    fn every_documented_type_is_known() {
        let triples = [
            "pipeline",
            "middleware",
            "stage",
            "provider.call",
            "tool.call",
            "image_gen.call",
            "tts.call",
            "stt.call",
            "embedding.call",
        ];
        let mut types: Vec<String> = triples
            .iter()
            .flat_map(|stem| {
                ["started", "completed", "failed"].map(|last| format!("{stem}.{last}"))
            })
            .collect();
        let singles = "tool.client.request tool.client.resolved validation.started \
            validation.passed validation.failed context.built context.token_budget_exceeded \
            context.compacted state.loaded state.saved stream.interrupted reasoning.delta \
            message.created message.updated conversation.started audio.input audio.output \
            audio.transcription video.frame screenshot image.input image.output eval.completed \
            eval.failed workflow.transitioned workflow.completed workflow.max_visits_exceeded \
            workflow.budget_exhausted prompt.template.started prompt.template.rendered \
            prompt.template.failed media.stored media.retrieved media.deleted media.store_error \
            composition.started composition.completed composition.step.started \
            composition.step.completed composition.branch.evaluated composition.parallel.completed";
        types.extend(singles.split_whitespace().map(str::to_owned));
        assert_eq!(types.len(), 68);
        for type_name in types {
            assert_ne!(classify(&type_name).0, Family::Unknown, "{type_name}");
        }
    }

    /// A type that only resembles a known one is unknown.
    #[test]
    fn other_types_are_unknown() {
        for type_name in [
            "",
            ".",
            "pipeline",
            "pipeline.",
            "pipeline.paused",
            "tool.started",
            "x.y",
        ] {
            assert_eq!(classify(type_name).0, Family::Unknown, "{type_name}");
        }
    }

    /// Alias names of payloads, with or without the star, tell the type of an event without one.
    #[test]
    fn alias_names_tell_the_type() {
        let of = |data_type| type_of_data_type(data_type);
        assert_eq!(
            of("*events.ToolCallStartedData").as_deref(),
            Some("tool.call.started")
        );
        assert_eq!(
            of("events.ProviderCallFailedData").as_deref(),
            Some("provider.call.failed")
        );
        assert_eq!(of("MessageCreatedData").as_deref(), Some("message.created"));
        assert_eq!(of("*events.ToolCallEventData"), None);
        assert_eq!(of("*"), None);
    }
}
