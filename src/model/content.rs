//! Content: what users and models wrote, and whether it is recorded. The one place that decides.

/// Whether what users and models wrote is recorded: messages, instructions, arguments and results of tools.
///
/// Decided once per session, when it is opened: by
/// [`SessionBuilder::content`](crate::SessionBuilder::content), else by
/// [`Builder::content`](crate::Builder::content), else by
/// `OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT`; otherwise it is off. Instrumentations ask
/// [`Span::content`](crate::Span::content) before they gather any of it, and write it with
/// [`Span::set_content`](crate::Span::set_content) and
/// [`LogBuilder::content`](crate::LogBuilder::content), which ask again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Content {
    /// None of it.
    #[default]
    Off,
    /// As attributes of spans.
    Spans,
    /// As attributes of events, which are log records.
    Events,
    /// Both.
    Both,
}

impl Content {
    /// Whether any of it is recorded.
    #[must_use]
    pub const fn is_wanted(self) -> bool {
        !matches!(self, Self::Off)
    }

    /// Whether spans have it.
    #[must_use]
    pub const fn in_spans(self) -> bool {
        matches!(self, Self::Spans | Self::Both)
    }

    /// Whether events have it.
    #[must_use]
    pub const fn in_events(self) -> bool {
        matches!(self, Self::Events | Self::Both)
    }

    /// The values of `OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT`: true and false, and what
    /// OpenTelemetry's own instrumentations have beside them.
    pub(crate) const NAMES: [(&str, Self); 6] = [
        ("true", Self::Spans),
        ("false", Self::Off),
        ("NO_CONTENT", Self::Off),
        ("SPAN_ONLY", Self::Spans),
        ("EVENT_ONLY", Self::Events),
        ("SPAN_AND_EVENT", Self::Both),
    ];
}

/// A part of what users and models wrote, by the attribute that has it (GenAI semantic conventions
/// 1.41.1). Structured parts are given as JSON in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Part {
    /// What a model is told to be.
    SystemInstructions,
    /// What a model was given.
    InputMessages,
    /// What a model answered.
    OutputMessages,
    /// The tools that a model may call.
    ToolDefinitions,
    /// What a tool was called with.
    ToolArguments,
    /// What a tool answered.
    ToolResult,
    /// What was searched for.
    RetrievalQuery,
    /// What was found.
    RetrievalDocuments,
    /// Why something was judged as it was.
    EvaluationExplanation,
}

impl Part {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::SystemInstructions,
        Self::InputMessages,
        Self::OutputMessages,
        Self::ToolDefinitions,
        Self::ToolArguments,
        Self::ToolResult,
        Self::RetrievalQuery,
        Self::RetrievalDocuments,
        Self::EvaluationExplanation,
    ];

    /// Its attribute.
    #[must_use]
    pub const fn key(self) -> &'static str {
        use super::genai::key;
        match self {
            Self::SystemInstructions => key::SYSTEM_INSTRUCTIONS,
            Self::InputMessages => key::INPUT_MESSAGES,
            Self::OutputMessages => key::OUTPUT_MESSAGES,
            Self::ToolDefinitions => key::TOOL_DEFINITIONS,
            Self::ToolArguments => key::TOOL_ARGUMENTS,
            Self::ToolResult => key::TOOL_RESULT,
            Self::RetrievalQuery => key::RETRIEVAL_QUERY,
            Self::RetrievalDocuments => key::RETRIEVAL_DOCUMENTS,
            Self::EvaluationExplanation => key::EVALUATION_EXPLANATION,
        }
    }

    /// The part that an attribute is, if it is one.
    #[must_use]
    pub fn of_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|part| part.key() == key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Content is off unless somebody says so, and each choice says where it goes.
    #[test]
    fn each_choice_says_where_content_goes() {
        for (content, spans, events) in [
            (Content::default(), false, false),
            (Content::Spans, true, false),
            (Content::Events, false, true),
            (Content::Both, true, true),
        ] {
            assert_eq!((content.in_spans(), content.in_events()), (spans, events));
            assert_eq!(content.is_wanted(), spans || events);
        }
    }

    /// Every part is found by its attribute, and by no other.
    #[test]
    fn parts_are_found_by_their_attributes() {
        for part in Part::ALL {
            assert_eq!(Part::of_key(part.key()), Some(part));
        }
        assert_eq!(Part::of_key("gen_ai.request.model"), None);
    }
}
