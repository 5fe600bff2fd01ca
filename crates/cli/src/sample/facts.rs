//! What a session says to a rule: the fact that the rule looks at.

use std::collections::BTreeSet;
use std::time::Duration;

use spanreel::{Outcome, Rule};

use super::words;
use crate::convert::{AttrValue, Attribute, SessionTrace, SpanDraft, Status};
use crate::units;

/// How many values are shown at most.
const SHOWN: usize = 3;

/// The fact; empty where a rule looks at none.
pub(super) fn fact(rule: &Rule, session: &SessionTrace) -> String {
    let totals = &session.totals;
    let calls = |count: u64, name: &str| format!("{} {name}", units::grouped(count));
    match rule {
        Rule::Errors => failure(session),
        Rule::EndState(_) => {
            let state = match session.root.status {
                Status::Unset => Outcome::Unset,
                Status::Ok => Outcome::Success,
                Status::Error(_) => Outcome::Error,
            };
            format!("it ended as {}", words::end_state(state))
        }
        Rule::SlowerThan(_) => {
            let longest = spans(session).map(|span| span.end_ns - span.start_ns).max();
            let longest = Duration::from_nanos(longest.unwrap_or(0));
            format!("the longest span took {}", units::duration(longest))
        }
        Rule::CostAbove(_) => match totals.cost {
            Some(cost) => format!("it cost ${cost:.6}"),
            None => "no cost is known".to_owned(),
        },
        Rule::TokensAbove(_) => calls(totals.usage.total(), "tokens"),
        Rule::LlmCallsAbove(_) => calls(totals.llm_calls, "LLM calls"),
        Rule::ToolCallsAbove(_) => calls(totals.tool_calls, "tool calls"),
        Rule::SpansAbove(_) => calls(spans(session).count() as u64, "spans"),
        Rule::Score { .. } => values(session, &["gen_ai.evaluation.score.value"], "scores"),
        Rule::Agent(_) => one(session.agent.as_ref(), "agent"),
        Rule::User(_) => one(session.user_id.as_ref(), "user"),
        Rule::Tag(_) => values(session, &["spanreel.session.tags"], "tags"),
        Rule::Model(_) => {
            let keys = ["gen_ai.request.model", "gen_ai.response.model"];
            values(session, &keys, "models")
        }
        Rule::Attribute { key, .. } => values(session, &[key], key),
        Rule::SpanName(_) => {
            let names = spans(session).map(|span| span.name.clone());
            listed(names.collect(), "names")
        }
        _ => String::new(),
    }
}

fn spans(session: &SessionTrace) -> impl Iterator<Item = &SpanDraft> {
    std::iter::once(&session.root).chain(&session.spans)
}

fn failure(session: &SessionTrace) -> String {
    let failed = |span: &&SpanDraft| matches!(span.status, Status::Error(_));
    let count = spans(session).filter(failed).count();
    match spans(session).find(failed) {
        Some(span) if count == 1 => format!("{} failed", span.name),
        Some(span) => format!("{} failed, and {} more", span.name, count - 1),
        None => "no span failed".to_owned(),
    }
}

fn one(name: Option<&String>, what: &str) -> String {
    match name {
        Some(name) => format!("the {what} is {name}"),
        None => format!("no {what} is known"),
    }
}

/// The values of these attributes in spans and log records.
fn values(session: &SessionTrace, keys: &[&str], what: &str) -> String {
    let all = spans(session).map(|span| &span.attributes);
    let all = all.chain(session.logs.iter().map(|log| &log.attributes));
    let found = all.flatten().filter(|(key, _)| keys.contains(&&**key));
    listed(found.map(shown).collect(), what)
}

fn listed(values: BTreeSet<String>, what: &str) -> String {
    let count = values.len();
    if count == 0 {
        return format!("{what}: none");
    }
    let first: Vec<_> = values.into_iter().take(SHOWN).collect();
    let more = match count.saturating_sub(SHOWN) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("{what}: {}{more}", first.join(", "))
}

fn shown((_, value): &Attribute) -> String {
    match value {
        AttrValue::Str(text) => text.clone(),
        AttrValue::Bool(truth) => truth.to_string(),
        AttrValue::Int(number) => number.to_string(),
        AttrValue::Double(number) => number.to_string(),
        AttrValue::Strs(texts) => texts.join(", "),
    }
}
