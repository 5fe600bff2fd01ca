//! What the tools take. The comments are what models read.

use rmcp::schemars::JsonSchema;
use serde::Deserialize;

use crate::answer::{SpanType, State};
use crate::query::By;

/// How a session stands.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(crate = "rmcp::schemars", inline)]
pub(super) enum StateWord {
    Running,
    Done,
    Failed,
    Incomplete,
    Stalled,
}

impl From<StateWord> for State {
    fn from(word: StateWord) -> Self {
        match word {
            StateWord::Running => Self::Running,
            StateWord::Done => Self::Done,
            StateWord::Failed => Self::Failed,
            StateWord::Incomplete => Self::Incomplete,
            StateWord::Stalled => Self::Stalled,
        }
    }
}

/// What a span is.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(crate = "rmcp::schemars", inline)]
pub(super) enum TypeWord {
    Session,
    Agent,
    Workflow,
    Llm,
    Embeddings,
    Retrieval,
    Tool,
    Action,
    Delegation,
    Other,
}

impl From<TypeWord> for SpanType {
    fn from(word: TypeWord) -> Self {
        match word {
            TypeWord::Session => Self::Session,
            TypeWord::Agent => Self::Agent,
            TypeWord::Workflow => Self::Workflow,
            TypeWord::Llm => Self::Llm,
            TypeWord::Embeddings => Self::Embeddings,
            TypeWord::Retrieval => Self::Retrieval,
            TypeWord::Tool => Self::Tool,
            TypeWord::Action => Self::Action,
            TypeWord::Delegation => Self::Delegation,
            TypeWord::Other => Self::Other,
        }
    }
}

/// By what usage is told apart.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(crate = "rmcp::schemars", inline)]
pub(super) enum ByWord {
    #[default]
    Model,
    Agent,
    User,
}

impl From<ByWord> for By {
    fn from(word: ByWord) -> Self {
        match word {
            ByWord::Model => Self::Model,
            ByWord::Agent => Self::Agent,
            ByWord::User => Self::User,
        }
    }
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(crate = "rmcp::schemars")]
pub(super) struct ListSessions {
    /// Words that occur in the session, or its id. search_text also shows where they occur.
    pub(super) text: Option<String>,
    /// running; done; failed (its root span failed); incomplete (ended from outside, a crash say); stalled
    /// (running, and nothing has come for five minutes).
    pub(super) state: Option<StateWord>,
    /// The exact name of an agent that took part.
    pub(super) agent: Option<String>,
    /// The exact id of its user.
    pub(super) user: Option<String>,
    /// The exact name of a model that was called.
    pub(super) model: Option<String>,
    /// Started since then: an RFC 3339 instant, or how long ago: 30m, 24h, 7d.
    pub(super) since: Option<String>,
    /// Started before then: as since.
    pub(super) until: Option<String>,
    /// Cost so much or more, in US dollars.
    pub(super) min_cost: Option<f64>,
    /// Cost so much or less, in US dollars.
    pub(super) max_cost: Option<f64>,
    /// `any` for sessions in which some span failed, or the exact error type of the first failure (such as
    /// rate_limit or TimeoutError).
    pub(super) error: Option<String>,
    /// Attributes of the root span or the resource, each as key=value; key= for any value. list_fields has the
    /// keys.
    #[serde(default)]
    pub(super) attributes: Vec<String>,
    /// start, duration, cost, tokens or errors; with - before it for the largest first. Default: -start.
    pub(super) sort: Option<String>,
    /// How many at the most, 1 to 100. Default: 20.
    pub(super) limit: Option<usize>,
    /// `next` of the answer before.
    pub(super) cursor: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(crate = "rmcp::schemars")]
pub(super) struct SearchText {
    /// The words. All must occur in the session, in any order; punctuation parts words.
    pub(super) text: String,
    /// The exact name of an agent that took part.
    pub(super) agent: Option<String>,
    /// Started since then: an RFC 3339 instant, or how long ago: 30m, 24h, 7d.
    pub(super) since: Option<String>,
    /// Sessions at the most, 1 to 20. Default: 10.
    pub(super) limit: Option<usize>,
    /// `next` of the answer before.
    pub(super) cursor: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(crate = "rmcp::schemars")]
pub(super) struct GetSession {
    /// The id of the session.
    pub(super) id: String,
    /// The number of the first message of the story, from 0. Default: 0.
    pub(super) from_message: Option<usize>,
    /// Messages at the most, 0 to 200; 0 for the totals alone. Default: 50.
    pub(super) messages: Option<usize>,
    /// Bytes of each text at the most, 50 to 30000. Default: 2000.
    pub(super) text_limit: Option<usize>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(crate = "rmcp::schemars")]
pub(super) struct WhyDidItFail {
    /// The id of the session.
    pub(super) id: String,
    /// Bytes of each text at the most, 50 to 30000. Default: 2000.
    pub(super) text_limit: Option<usize>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(crate = "rmcp::schemars")]
pub(super) struct GetSpans {
    /// The id of the session.
    pub(super) id: String,
    /// Only spans of this type.
    #[serde(rename = "type")]
    pub(super) kind: Option<TypeWord>,
    /// true for those that failed alone.
    #[serde(default)]
    pub(super) failed: bool,
    /// Spans at the most, 1 to 500. Default: 100.
    pub(super) limit: Option<usize>,
    /// `next` of the answer before.
    pub(super) cursor: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(crate = "rmcp::schemars")]
pub(super) struct GetSpan {
    /// The id of the session.
    pub(super) id: String,
    /// The id of the span: 16 hexadecimal digits, as get_spans and why_did_it_fail have it.
    pub(super) span_id: String,
    /// Bytes of each value at the most, 50 to 30000. Default: 4000.
    pub(super) text_limit: Option<usize>,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(crate = "rmcp::schemars")]
pub(super) struct Usage {
    /// model, agent or user. Default: model.
    #[serde(default)]
    pub(super) by: ByWord,
    /// From then: an RFC 3339 instant, or how long ago: 30m, 24h, 7d. Default: 24h.
    pub(super) since: Option<String>,
    /// Until then: as since. Default: now.
    pub(super) until: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(crate = "rmcp::schemars")]
pub(super) struct PipelineHealth {}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(crate = "rmcp::schemars")]
pub(super) struct ListFields {
    /// A field whose values are wanted.
    pub(super) key: Option<String>,
    /// Values that begin so.
    pub(super) prefix: Option<String>,
}

/// What was asked for within what may be: `usual` where nothing was.
pub(super) fn within(
    name: &str,
    asked: Option<usize>,
    usual: usize,
    allowed: std::ops::RangeInclusive<usize>,
) -> Result<usize, super::Refused> {
    let number = asked.unwrap_or(usual);
    match allowed.contains(&number) {
        true => Ok(number),
        false => Err(super::Refused(format!(
            "{name} is {} to {}",
            allowed.start(),
            allowed.end()
        ))),
    }
}

/// How many bytes a text may have.
pub(super) fn text_limit(asked: Option<usize>, usual: usize) -> Result<usize, super::Refused> {
    within("text_limit", asked, usual, 50..=30_000)
}
