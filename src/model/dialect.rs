//! What attributes of others mean: one table for the GenAI conventions of today and of older days,
//! AgentOps, OpenLLMetry (Traceloop), OpenInference and Langfuse.
//!
//! Nothing here allocates: a key is looked up by its length and then compared.

use super::genai::key;

/// What an attribute says of its span or log record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Meaning {
    /// The id of its session. The lower rank wins where there are several.
    Session(u8),
    /// What its span does, by one of the words of [`Work::of`].
    Work,
    /// How many tokens a model took in.
    InputTokens,
    /// How many tokens a model gave out.
    OutputTokens,
    /// Input and output together.
    TotalTokens,
    /// In US dollars.
    Cost,
    /// The part of the cost for input, and that for output.
    PartOfCost,
    /// `service.name`.
    Service,
}

/// Keys with their meanings, by length, so that few are compared.
const TABLE: &[(&str, Meaning)] = &[
    (key::SESSION_ID, Meaning::Session(0)),
    ("service.name", Meaning::Service),
    ("llm.cost.total", Meaning::Cost),
    ("gen_ai.usage.cost", Meaning::Cost),
    ("llm.cost.prompt", Meaning::PartOfCost),
    ("llm.request.type", Meaning::Work),
    ("agentops.span.kind", Meaning::Work),
    ("traceloop.span.kind", Meaning::Work),
    ("langfuse.session.id", Meaning::Session(2)),
    ("workflow.session_id", Meaning::Session(4)),
    ("llm.cost.completion", Meaning::PartOfCost),
    (key::OPERATION_NAME, Meaning::Work),
    ("gen_ai.request.type", Meaning::Work),
    ("openinference.span.kind", Meaning::Work),
    (key::CONVERSATION_ID, Meaning::Session(1)),
    ("llm.token_count.total", Meaning::TotalTokens),
    ("llm.usage.total_tokens", Meaning::TotalTokens),
    ("llm.token_count.prompt", Meaning::InputTokens),
    ("gen_ai.usage.total_cost", Meaning::Cost),
    ("llm.usage.prompt_tokens", Meaning::InputTokens),
    ("gen_ai.usage.prompt_cost", Meaning::PartOfCost),
    (key::INPUT_TOKENS, Meaning::InputTokens),
    ("gen_ai.usage.total_tokens", Meaning::TotalTokens),
    ("langfuse.observation.type", Meaning::Work),
    (key::OUTPUT_TOKENS, Meaning::OutputTokens),
    ("gen_ai.usage.prompt_tokens", Meaning::InputTokens),
    ("llm.token_count.completion", Meaning::OutputTokens),
    ("llm.usage.completion_tokens", Meaning::OutputTokens),
    ("gen_ai.usage.completion_cost", Meaning::PartOfCost),
    ("gen_ai.usage.completion_tokens", Meaning::OutputTokens),
    (
        "traceloop.association.properties.session_id",
        Meaning::Session(3),
    ),
];

/// One more than the longest key.
const LENGTHS: usize = 44;

/// How many keys of one length there may be.
const SAME_LENGTH: usize = 6;

/// For each length, the entries of the table that have it; 0 ends them, others count from 1.
const BY_LENGTH: [[u8; SAME_LENGTH]; LENGTHS] = {
    let mut by_length = [[0; SAME_LENGTH]; LENGTHS];
    let mut entry = 0;
    while entry < TABLE.len() {
        let same = &mut by_length[TABLE[entry].0.len()];
        let mut slot = 0;
        while same[slot] != 0 {
            slot += 1;
        }
        same[slot] = entry as u8 + 1;
        entry += 1;
    }
    by_length
};

/// What a key means; `None` for most.
///
/// ```
/// use spanreel::dialect::{Meaning, meaning};
///
/// assert_eq!(meaning(b"gen_ai.usage.prompt_tokens"), Some(Meaning::InputTokens));
/// assert_eq!(meaning(b"http.route"), None);
/// ```
#[inline]
#[must_use]
pub fn meaning(key: &[u8]) -> Option<Meaning> {
    for &entry in BY_LENGTH.get(key.len())? {
        let (known, meaning) = TABLE.get(usize::from(entry.checked_sub(1)?))?;
        if known.as_bytes() == key {
            return Some(*meaning);
        }
    }
    None
}

/// What a span does, as far as it is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Work {
    /// A call of a model.
    LlmCall,
    /// A call of a tool.
    ToolCall,
    /// An agent, a workflow or a session: what it says of tokens and cost is the sum of what the spans
    /// below it say.
    Container,
}

impl Work {
    /// The work that a word means: a `gen_ai.operation.name`, or a span kind or request type of another
    /// dialect, in capitals or not. `None` for what is not counted.
    #[must_use]
    pub fn of(word: &[u8]) -> Option<Self> {
        const WORDS: &[(Work, &[&str])] = &[
            (
                Work::LlmCall,
                &[
                    "chat",
                    "llm",
                    "text_completion",
                    "generate_content",
                    "embeddings",
                    "embedding",
                    "completion",
                    "generation",
                    "llm.call",
                ],
            ),
            (Work::ToolCall, &["tool", "execute_tool"]),
            (
                Work::Container,
                &[
                    "agent",
                    "workflow",
                    "session",
                    "task",
                    "chain",
                    "invoke_agent",
                    "invoke_workflow",
                    "create_agent",
                ],
            ),
        ];
        let is_word = |known: &&str| known.as_bytes().eq_ignore_ascii_case(word);
        let found = WORDS.iter().find(|(_, words)| words.iter().any(is_word));
        found.map(|(work, _)| *work)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every key of the table is found, and a key that differs in a byte is not.
    #[test]
    fn every_key_of_the_table_is_found() {
        for (key, expected) in TABLE {
            assert_eq!(meaning(key.as_bytes()), Some(*expected), "{key}");
            let mut other = key.as_bytes().to_vec();
            *other.last_mut().expect("keys are not empty") ^= 1;
            assert_eq!(meaning(&other), None, "{key}");
            other.push(b'.');
            assert_eq!(meaning(&other), None, "{key}");
        }
        assert_eq!(meaning(b""), None);
        assert_eq!(meaning(&[b'a'; 500]), None);
    }

    /// Words of all dialects say what is counted; others say nothing.
    #[test]
    fn words_say_what_is_counted() {
        for (word, work) in [
            ("chat", Some(Work::LlmCall)),
            ("LLM", Some(Work::LlmCall)),
            ("EMBEDDING", Some(Work::LlmCall)),
            ("execute_tool", Some(Work::ToolCall)),
            ("TOOL", Some(Work::ToolCall)),
            ("invoke_agent", Some(Work::Container)),
            ("retrieval", None),
            ("", None),
        ] {
            assert_eq!(Work::of(word.as_bytes()), work, "{word}");
        }
    }
}
