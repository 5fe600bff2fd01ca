//! What a session was, in a few numbers: the header of its tree.

use super::forest::Forest;
use super::text;
use crate::model::genai::{Operation, key};
use crate::model::kind::StatusCode;
use crate::model::record::RecordedSpan;

/// How a session ended, as far as its spans tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Success,
    Error,
    /// It ended without a word on how.
    Ended,
    /// It was ended by force.
    Incomplete,
    /// Its root span is not here.
    Partial,
}

impl State {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Error => "error",
            Self::Ended => "ended",
            Self::Incomplete => "incomplete",
            Self::Partial => "partial",
        }
    }

    fn of(root: Option<&RecordedSpan>) -> Self {
        let Some(root) = root else {
            return Self::Partial;
        };
        if root.bool(key::INCOMPLETE) == Some(true) {
            return Self::Incomplete;
        }
        match (root.str(key::END_STATE), root.status) {
            (Some("success"), _) => Self::Success,
            (Some("error"), _) => Self::Error,
            (_, StatusCode::Ok) => Self::Success,
            (_, StatusCode::Error) => Self::Error,
            (_, StatusCode::Unset) => Self::Ended,
        }
    }
}

/// The facts of a header.
#[derive(Debug)]
pub(super) struct Summary {
    pub(super) id: String,
    pub(super) agent: Option<String>,
    pub(super) user: Option<String>,
    pub(super) state: State,
    /// The earliest start and the latest end of all spans, in nanoseconds since 1970-01-01 UTC.
    pub(super) start: u64,
    pub(super) end: u64,
    llm_calls: i64,
    tool_calls: i64,
    errors: i64,
    input_tokens: i64,
    output_tokens: i64,
    cached_tokens: i64,
    reasoning_tokens: i64,
    cost: Option<f64>,
}

impl Summary {
    pub(super) fn of(spans: &[RecordedSpan], forest: &Forest) -> Self {
        let roots: Vec<&RecordedSpan> = forest.roots.iter().map(|&index| &spans[index]).collect();
        // A session that was reopened has several roots; how it ended, the last one knows.
        let said = |key| {
            let mut all = roots.iter().rev().copied().chain(spans);
            all.find_map(|span| span.str(key)).map(str::to_owned)
        };
        let trace = || spans.first().map(|span| span.trace_id.to_string());
        let sum = |session, each: &dyn Fn(&RecordedSpan) -> i64| {
            total(&roots, |root| root.int(session)).unwrap_or_else(|| {
                spans
                    .iter()
                    .fold(0, |sum, span| sum.saturating_add(each(span)))
            })
        };
        let count = |session, wanted: &dyn Fn(&RecordedSpan) -> bool| {
            sum(session, &|span| i64::from(wanted(span)))
        };
        let tokens = |session, key| {
            sum(session, &|span| match is_paid(span) {
                true => span.int(key).unwrap_or(0),
                false => 0,
            })
        };
        Self {
            id: said(key::SESSION_ID).or_else(trace).unwrap_or_default(),
            agent: said(key::AGENT_NAME),
            user: said(key::USER_ID),
            state: State::of(roots.last().copied()),
            start: spans
                .iter()
                .map(|it| it.start_unix_nanos)
                .min()
                .unwrap_or(0),
            end: spans.iter().map(|it| it.end_unix_nanos).max().unwrap_or(0),
            llm_calls: count(key::TOTAL_LLM_CALLS, &|span| operation(span).is_llm_call()),
            tool_calls: count(key::TOTAL_TOOL_CALLS, &|span| {
                operation(span) == Operation::ExecuteTool
            }),
            errors: count(key::TOTAL_ERRORS, &|span| span.status == StatusCode::Error),
            input_tokens: tokens(key::TOTAL_INPUT_TOKENS, key::INPUT_TOKENS),
            output_tokens: tokens(key::TOTAL_OUTPUT_TOKENS, key::OUTPUT_TOKENS),
            cached_tokens: tokens(key::TOTAL_CACHED_TOKENS, key::CACHE_READ_TOKENS),
            reasoning_tokens: tokens(key::TOTAL_REASONING_TOKENS, key::REASONING_TOKENS),
            cost: session_cost(&roots, spans),
        }
    }

    /// The second line of a header, in parts: calls, errors, tokens, cost.
    pub(super) fn counts(&self) -> Vec<String> {
        let mut parts = vec![
            format!("llm calls {}", self.llm_calls),
            format!("tool calls {}", self.tool_calls),
            format!("errors {}", self.errors),
        ];
        let mut used = in_and_out(self.input_tokens, self.output_tokens);
        for (count, name) in [
            (self.cached_tokens, "cached"),
            (self.reasoning_tokens, "reasoning"),
        ] {
            if count != 0 {
                used = format!("{used} / {} {name}", text::tokens(count));
            }
        }
        if self.input_tokens != 0 || self.output_tokens != 0 {
            parts.push(format!("tokens {used}"));
        }
        if let Some(cost) = self.cost {
            parts.push(format!("cost {}", text::cost(cost)));
        }
        parts
    }

    pub(super) fn has_errors(&self) -> bool {
        self.errors > 0
    }
}

/// `1.2k in / 340 out`.
pub(super) fn in_and_out(input: i64, output: i64) -> String {
    format!("{} in / {} out", text::tokens(input), text::tokens(output))
}

/// The sum of what every root says, or `None` when there is none or one does not say it.
fn total(roots: &[&RecordedSpan], said: impl Fn(&RecordedSpan) -> Option<i64>) -> Option<i64> {
    if roots.is_empty() {
        return None;
    }
    roots
        .iter()
        .try_fold(0_i64, |sum, root| Some(sum.saturating_add(said(root)?)))
}

fn session_cost(roots: &[&RecordedSpan], spans: &[RecordedSpan]) -> Option<f64> {
    let said: Vec<f64> = roots
        .iter()
        .filter_map(|root| root.double(key::TOTAL_COST))
        .collect();
    if !said.is_empty() {
        return Some(said.iter().sum());
    }
    let paid = spans.iter().filter(|span| is_paid(span));
    let costs: Vec<f64> = paid.filter_map(|span| span.double(key::COST)).collect();
    (!costs.is_empty()).then(|| costs.iter().sum())
}

/// What a span does, as its `gen_ai.operation.name` says.
pub(super) fn operation(span: &RecordedSpan) -> Operation {
    span.str(key::OPERATION_NAME)
        .map_or(Operation::Other, Operation::from_name)
}

/// Whether the usage of a span counts: agents and workflows repeat what their calls used.
fn is_paid(span: &RecordedSpan) -> bool {
    let operation = operation(span);
    operation.is_llm_call() || operation == Operation::Retrieval
}
