//! What attributes of a span say, in the words of all dialects.
//!
//! Sessions, tokens and cost are recognised by the rules of the pipeline ([`spanreel::dialect`]), so that a
//! session here is a session there; the rest is one table of keys for the GenAI conventions of today and of
//! older days, AgentOps, OpenLLMetry (Traceloop), OpenInference and Langfuse. Nothing is copied.

mod agent;
mod bones;
mod content;

use spanreel::dialect::{Meaning, Work, meaning};
use spanreel::view::{AttributesView, LogView, SpanView, ValueView};

use self::agent::Whose;
pub(crate) use self::agent::agent_of;
pub(crate) use self::bones::{Bones, MOST_EXACT, Name, micros};
use self::content::{is_content, texts};
use crate::answer::SpanType;

/// The most texts of one span that are searched.
const MOST_TEXTS: usize = 32;

/// The largest amount of tokens, US dollars or seconds that is believed of one span. What is above says nothing:
/// sums of millions of them stay numbers that JSON has.
const MOST_AMOUNT: f64 = 1e12;

/// What one span says. Texts are borrowed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facts<'a> {
    session: Option<(u8, &'a str)>,
    pub(crate) service: Option<&'a str>,
    pub(crate) agent: Option<&'a str>,
    pub(crate) user: Option<&'a str>,
    pub(crate) tags: Vec<&'a str>,
    request_model: Option<&'a str>,
    response_model: Option<&'a str>,
    pub(crate) provider: Option<&'a str>,
    tool: Option<&'a str>,
    whose: Whose<'a>,
    pub(crate) call_id: Option<&'a str>,
    work: Option<SpanType>,
    is_llm: bool,
    is_tool: bool,
    is_container: bool,
    input: Option<u64>,
    output: Option<u64>,
    total: Option<u64>,
    cached: Option<u64>,
    reasoning: Option<u64>,
    cost: Option<f64>,
    parts_of_cost: Option<f64>,
    pub(crate) ttft_us: Option<u64>,
    pub(crate) error_type: Option<&'a str>,
    pub(crate) is_incomplete: bool,
    pub(crate) retry: Option<u64>,
    pub(crate) end_state: Option<&'a str>,
    pub(crate) previous: Option<&'a str>,
    pub(crate) delegated_from: Option<&'a str>,
    pub(crate) sub_trace: Option<&'a str>,
    is_delegation: bool,
    /// Content that was captured: what is searched.
    pub(crate) texts: Vec<&'a str>,
}

/// Text that is not empty.
fn text<'a>(value: &ValueView<'a>) -> Option<&'a str> {
    value.as_str().filter(|text| !text.is_empty())
}

/// An amount, never negative and at most [`MOST_AMOUNT`]. Some senders write numbers as text.
fn amount(value: &ValueView<'_>) -> Option<f64> {
    let amount = match value {
        ValueView::Double(number) => *number,
        ValueView::Int(number) => *number as f64,
        ValueView::Str(text) => text.trim().parse().ok()?,
        _ => return None,
    };
    (0.0..=MOST_AMOUNT).contains(&amount).then_some(amount)
}

fn whole(value: &ValueView<'_>) -> Option<u64> {
    match value {
        // As it is: numbers of that size have no fractions that could be lost.
        ValueView::Int(number) => u64::try_from(*number)
            .ok()
            .filter(|whole| *whole <= MOST_AMOUNT as u64),
        _ => amount(value).map(|amount| amount as u64),
    }
}

/// Seconds as microseconds.
fn seconds(value: &ValueView<'_>) -> Option<u64> {
    amount(value).map(|seconds| (seconds * 1e6) as u64)
}

/// The larger of what is known and what is said: some senders say the same in two dialects.
fn most<T: PartialOrd + Copy>(known: &mut Option<T>, said: Option<T>) {
    if let Some(said) = said
        && known.is_none_or(|known| said > known)
    {
        *known = Some(said);
    }
}

impl<'a> Facts<'a> {
    /// What a span says.
    pub(crate) fn of_span(span: &SpanView<'a>) -> Self {
        let mut facts = Self::default();
        facts.note_all(span.attributes());
        facts
    }

    /// What a log record says.
    pub(crate) fn of_log(log: &LogView<'a>) -> Self {
        let mut facts = Self::default();
        facts.note_all(log.attributes());
        facts
    }

    /// What these attributes say.
    pub(crate) fn note_all(&mut self, attributes: AttributesView<'a>) {
        for (key, value) in attributes {
            self.note(key, &value);
        }
        self.agent = self.whose.agent();
    }

    fn note(&mut self, key: &'a str, value: &ValueView<'a>) {
        match meaning(key.as_bytes()) {
            Some(Meaning::Session(rank)) => {
                if let Some(id) = text(value)
                    && self.session.is_none_or(|(known, _)| rank < known)
                {
                    self.session = Some((rank, id));
                }
            }
            Some(Meaning::Work) => {
                if let Some(word) = text(value) {
                    self.note_work(word);
                }
            }
            Some(Meaning::InputTokens) => most(&mut self.input, whole(value)),
            Some(Meaning::OutputTokens) => most(&mut self.output, whole(value)),
            Some(Meaning::TotalTokens) => most(&mut self.total, whole(value)),
            Some(Meaning::Cost) => most(&mut self.cost, amount(value)),
            Some(Meaning::PartOfCost) => {
                if let Some(part) = amount(value) {
                    *self.parts_of_cost.get_or_insert(0.0) += part;
                }
            }
            Some(Meaning::Service) => self.service = text(value),
            _ => self.note_more(key, value),
        }
    }

    fn note_work(&mut self, word: &str) {
        self.whose.note_work(word);
        match Work::of(word.as_bytes()) {
            Some(Work::LlmCall) => self.is_llm = true,
            Some(Work::ToolCall) => self.is_tool = true,
            Some(Work::Container) => self.is_container = true,
            _ => {}
        }
        let kind = match &*word.to_ascii_lowercase() {
            "chat" | "llm" | "llm.call" | "completion" | "generation" | "text_completion"
            | "generate_content" => SpanType::Llm,
            "embedding" | "embeddings" => SpanType::Embeddings,
            "retrieval" | "retriever" => SpanType::Retrieval,
            "tool" | "execute_tool" => SpanType::Tool,
            "agent" | "invoke_agent" | "create_agent" => SpanType::Agent,
            "chain" | "task" | "workflow" | "invoke_workflow" => SpanType::Workflow,
            "session" => SpanType::Session,
            _ => return,
        };
        self.work.get_or_insert(kind);
    }

    fn note_more(&mut self, key: &'a str, value: &ValueView<'a>) {
        match key {
            "user.id"
            | "enduser.id"
            | "langfuse.user.id"
            | "workflow.user_id"
            | "traceloop.association.properties.user_id" => self.user = text(value).or(self.user),
            "spanreel.session.tags" | "agentops.tags" | "langfuse.trace.tags" | "tag.tags" => {
                self.tags = texts(value);
            }
            "gen_ai.request.model"
            | "llm.model_name"
            | "llm.request.model"
            | "embedding.model_name"
            | "langfuse.observation.model.name" => self.request_model = text(value),
            "gen_ai.response.model" | "llm.response.model" => self.response_model = text(value),
            "gen_ai.provider.name" | "gen_ai.system" | "llm.provider" | "llm.system" => {
                self.provider = self.provider.or(text(value));
            }
            "gen_ai.tool.name" | "tool.name" => self.tool = text(value),
            "gen_ai.tool.call.id" | "tool_call.id" | "tool.id" => self.call_id = text(value),
            "gen_ai.usage.cache_read.input_tokens"
            | "gen_ai.usage.cache_read_input_tokens"
            | "llm.token_count.prompt_details.cache_read" => most(&mut self.cached, whole(value)),
            "gen_ai.usage.reasoning.output_tokens"
            | "gen_ai.usage.reasoning_tokens"
            | "llm.token_count.completion_details.reasoning" => {
                most(&mut self.reasoning, whole(value));
            }
            "gen_ai.response.time_to_first_chunk"
            | "gen_ai.streaming.time_to_first_token"
            | "gen_ai.server.time_to_first_token" => most(&mut self.ttft_us, seconds(value)),
            "error.type" | "exception.type" => self.error_type = self.error_type.or(text(value)),
            "spanreel.incomplete" => self.is_incomplete = value.as_bool() == Some(true),
            "http.request.resend_count" => self.retry = whole(value),
            "spanreel.session.end_state" | "agentops.session.end_state" => {
                self.end_state = text(value);
            }
            "session.previous_id" => self.previous = text(value),
            "spanreel.action.name" => self.work = Some(SpanType::Action),
            "spanreel.delegation.session_id" => self.delegated_from = text(value),
            "spanreel.delegation.sub_trace_id" => self.sub_trace = text(value),
            "spanreel.delegation.outcome"
            | "spanreel.delegation.timeout"
            | "spanreel.delegation.asynchronous" => self.is_delegation = true,
            _ if self.whose.note(key, value) => {}
            _ if is_content(key) => self.note_text(value),
            _ => {}
        }
    }

    fn note_text(&mut self, value: &ValueView<'a>) {
        if self.texts.len() < MOST_TEXTS {
            let left = MOST_TEXTS - self.texts.len();
            self.texts.extend(texts(value).into_iter().take(left));
        }
    }

    /// The id of the session, where an attribute names it.
    pub(crate) fn session(&self) -> Option<&'a str> {
        self.session.map(|(_, id)| id)
    }

    /// Whether it is a model's call.
    pub(crate) fn is_llm_call(&self) -> bool {
        self.is_llm
    }

    /// Whether it is a tool's call.
    pub(crate) fn is_tool_call(&self) -> bool {
        self.is_tool && !self.is_llm
    }

    /// The model: as it was asked for, else as it answered.
    pub(crate) fn model(&self) -> Option<&'a str> {
        self.request_model.or(self.response_model)
    }

    /// The tool, of a tool's call.
    pub(crate) fn tool(&self, span_name: &'a str) -> Option<&'a str> {
        if !self.is_tool_call() {
            return None;
        }
        let of_name = || span_name.strip_prefix("execute_tool ").unwrap_or(span_name);
        Some(self.tool.or(self.whose.entity()).unwrap_or_else(of_name))
    }

    /// What the span is.
    pub(crate) fn span_type(&self, is_root: bool) -> SpanType {
        if self.is_llm && self.work != Some(SpanType::Embeddings) {
            return SpanType::Llm;
        }
        if self.is_tool_call() {
            return SpanType::Tool;
        }
        if self.end_state.is_some() || (is_root && self.work == Some(SpanType::Session)) {
            return SpanType::Session;
        }
        if self.is_delegation {
            return SpanType::Delegation;
        }
        self.work.unwrap_or_default()
    }

    /// What it says of tokens; nothing of a container, which only adds up what is below it.
    pub(crate) fn tokens(&self) -> Tokens {
        if self.is_sum() {
            return Tokens::default();
        }
        let input = self.input.or_else(|| match (self.output, self.total) {
            (Some(output), Some(total)) => total.checked_sub(output),
            (None, total) => total,
            _ => None,
        });
        Tokens {
            input,
            output: self.output,
            cached: self.cached,
            reasoning: self.reasoning,
        }
    }

    /// In US dollars, as far as known; nothing of a container.
    pub(crate) fn cost(&self) -> Option<f64> {
        if self.is_sum() {
            return None;
        }
        self.cost.or(self.parts_of_cost)
    }

    fn is_sum(&self) -> bool {
        self.is_container && !self.is_llm && !self.is_tool
    }
}

/// Tokens as far as they are known.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tokens {
    pub(crate) input: Option<u64>,
    pub(crate) output: Option<u64>,
    pub(crate) cached: Option<u64>,
    pub(crate) reasoning: Option<u64>,
}
