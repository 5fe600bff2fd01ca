//! What attributes of others mean: one table for the GenAI conventions of today and of older days,
//! AgentOps, OpenLLMetry (Traceloop), OpenInference and Langfuse.
//!
//! Nothing here allocates: a key is compared with one of the table at the most.

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
    /// How its session ended. The span that says it is the session's root, also where its parent is a
    /// span of another process.
    EndState,
    /// `service.name`.
    Service,
}

/// Keys with their meanings, by length.
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
    (key::END_STATE, Meaning::EndState),
    ("agentops.session.end_state", Meaning::EndState),
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

/// The shortest and the longest key.
const LENGTHS: std::ops::RangeInclusive<usize> = 10..=43;

/// Where a key of one of [`LENGTHS`] stands in [`SLOTS`]. The factors are such that no two keys share
/// a slot and the most frequent attributes without a meaning meet an empty one, so that hardly a key
/// is compared in vain.
#[inline(always)]
const fn slot(key: &[u8]) -> usize {
    let mixed = key.len() * 10 + key[1] as usize * 59 + key[key.len() - 10] as usize;
    mixed % 256
}

/// For each slot the entry of the table, counted from 1; 0 for none.
const SLOTS: [u8; 256] = {
    let mut slots = [0; 256];
    let mut entry = 0;
    while entry < TABLE.len() {
        let key = TABLE[entry].0.as_bytes();
        assert!(key.len() >= *LENGTHS.start() && key.len() <= *LENGTHS.end());
        assert!(
            slots[slot(key)] == 0,
            "two keys share a slot: choose other factors"
        );
        slots[slot(key)] = entry as u8 + 1;
        entry += 1;
    }
    slots
};

/// What a key means; `None` for most.
///
/// ```
/// use spanreel::dialect::{Meaning, meaning};
///
/// assert_eq!(meaning(b"gen_ai.usage.prompt_tokens"), Some(Meaning::InputTokens));
/// assert_eq!(meaning(b"http.route"), None);
/// ```
#[inline(always)]
#[must_use]
pub fn meaning(key: &[u8]) -> Option<Meaning> {
    if !LENGTHS.contains(&key.len()) {
        return None;
    }
    let entry = SLOTS[slot(key)].checked_sub(1)?;
    let (known, meaning) = TABLE.get(usize::from(entry))?;
    is_same(known.as_bytes(), key).then_some(*meaning)
}

/// Whether two keys are the same: by their first and last 16 bytes, which may overlap, where that is all of them. To
/// call `memcmp` takes longer, and a loop ends at another length each time, which no processor foresees.
#[inline(always)]
fn is_same(known: &[u8], key: &[u8]) -> bool {
    if known.len() != key.len() || !(8..=32).contains(&known.len()) {
        return known == key;
    }
    if known.len() < 16 {
        return known.first_chunk::<8>() == key.first_chunk()
            && known.last_chunk::<8>() == key.last_chunk();
    }
    known.first_chunk::<16>() == key.first_chunk() && known.last_chunk::<16>() == key.last_chunk()
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
        let known: &[(&str, Self)] = match word.len() {
            3 => &[("llm", Self::LlmCall)],
            4 => &[
                ("chat", Self::LlmCall),
                ("tool", Self::ToolCall),
                ("task", Self::Container),
            ],
            5 => &[("agent", Self::Container), ("chain", Self::Container)],
            7 => &[("session", Self::Container)],
            8 => &[("llm.call", Self::LlmCall), ("workflow", Self::Container)],
            9 => &[("embedding", Self::LlmCall)],
            10 => &[
                ("embeddings", Self::LlmCall),
                ("completion", Self::LlmCall),
                ("generation", Self::LlmCall),
            ],
            12 => &[
                ("execute_tool", Self::ToolCall),
                ("invoke_agent", Self::Container),
                ("create_agent", Self::Container),
            ],
            15 => &[
                ("text_completion", Self::LlmCall),
                ("invoke_workflow", Self::Container),
            ],
            16 => &[("generate_content", Self::LlmCall)],
            _ => &[],
        };
        // Nearly all write it as it is written here, which is seen at once.
        let is_word = |(known, _): &&(&str, Self)| {
            known.as_bytes() == word || known.as_bytes().eq_ignore_ascii_case(word)
        };
        known.iter().find(is_word).map(|(_, work)| *work)
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
            ("text_completion", Some(Work::LlmCall)),
            ("generate_content", Some(Work::LlmCall)),
            ("embeddings", Some(Work::LlmCall)),
            ("embedding", Some(Work::LlmCall)),
            ("completion", Some(Work::LlmCall)),
            ("generation", Some(Work::LlmCall)),
            ("llm.call", Some(Work::LlmCall)),
            ("tool", Some(Work::ToolCall)),
            ("agent", Some(Work::Container)),
            ("chain", Some(Work::Container)),
            ("task", Some(Work::Container)),
            ("session", Some(Work::Container)),
            ("workflow", Some(Work::Container)),
            ("invoke_workflow", Some(Work::Container)),
            ("create_agent", Some(Work::Container)),
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
