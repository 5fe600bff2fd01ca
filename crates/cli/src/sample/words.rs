//! Policies and rules in words.

use spanreel::{Action, Match, Outcome, OwnedValue, Per, Policy, Rate, Rule, Sampling, Unit};

use crate::units;

/// What a policy does with the sessions that it is for.
pub(super) fn action(policy: &Policy) -> String {
    let mut text = match &policy.then {
        Action::Keep => "keep".to_owned(),
        Action::Drop => "drop".to_owned(),
        Action::Share(share) => format!("keep {} %", share * 100.0),
        Action::AtLeast(rate) => format!("keep at least {}", rate_of(rate)),
        Action::First(_) => "as the first of these".to_owned(),
        other => format!("{other:?}"),
    };
    if let Some(rate) = &policy.at_most {
        text += &format!(", at most {}", rate_of(rate));
    }
    text
}

fn rate_of(rate: &Rate) -> String {
    let unit = match rate.unit {
        Unit::Spans => "spans",
        _ => "sessions",
    };
    let per = match rate.per {
        Some(Per::Agent) => " of each agent",
        Some(Per::User) => " of each user",
        Some(Per::Tag) => " of each tag",
        _ => "",
    };
    let every = units::duration(rate.every);
    format!("{} {unit}{per} in {every}", rate.count)
}

/// A rule; of one that is made of others, how.
pub(super) fn rule(rule: &Rule) -> String {
    match rule {
        Rule::Always => "every session".to_owned(),
        Rule::Never => "no session".to_owned(),
        Rule::Errors => "a span failed".to_owned(),
        Rule::EndState(state) => format!("it ended as {}", end_state(*state)),
        Rule::SlowerThan(time) => format!("slower than {}", units::duration(*time)),
        Rule::CostAbove(cost) => format!("cost above ${cost}"),
        Rule::TokensAbove(count) => format!("more than {} tokens", units::grouped(*count)),
        Rule::LlmCallsAbove(count) => format!("more than {} LLM calls", units::grouped(*count)),
        Rule::ToolCallsAbove(count) => format!("more than {} tool calls", units::grouped(*count)),
        Rule::SpansAbove(count) => format!("more than {} spans", units::grouped(*count)),
        Rule::Score { name: None, score } => format!("a score {}", value(score)),
        Rule::Score {
            name: Some(name),
            score,
        } => format!("a score {} whose name {}", value(score), value(name)),
        Rule::Agent(name) => format!("an agent whose name {}", value(name)),
        Rule::User(id) => format!("a user whose id {}", value(id)),
        Rule::Tag(tag) => format!("a tag that {}", value(tag)),
        Rule::Model(name) => format!("a model whose name {}", value(name)),
        Rule::Attribute { key, value: wanted } => format!("{key} {}", value(wanted)),
        Rule::SpanName(name) => format!("a span whose name {}", value(name)),
        Rule::All(_) => "all of".to_owned(),
        Rule::Any(_) => "one of".to_owned(),
        Rule::Not(_) => "not".to_owned(),
        other => format!("{other:?}"),
    }
}

pub(super) fn end_state(state: Outcome) -> &'static str {
    match state {
        Outcome::Success => "success",
        Outcome::Error => "error",
        _ => "unset",
    }
}

fn value(wanted: &Match) -> String {
    match wanted {
        Match::Present => "is there".to_owned(),
        Match::Equals(value) => format!("is {}", shown(value)),
        Match::Prefix(text) => format!("begins with {text}"),
        Match::Contains(text) => format!("contains {text}"),
        Match::Glob(pattern) => format!("is like {pattern}"),
        Match::Exceeds(limit) => format!("above {limit}"),
        Match::Below(limit) => format!("below {limit}"),
        other => format!("{other:?}"),
    }
}

fn shown(value: &OwnedValue) -> String {
    match value {
        OwnedValue::Str(text) => text.clone(),
        OwnedValue::Bool(truth) => truth.to_string(),
        OwnedValue::Int(number) => number.to_string(),
        OwnedValue::Double(number) => number.to_string(),
        other => format!("{other:?}"),
    }
}

/// A text of others as it may be shown: what would steer a terminal is left out.
pub(super) fn printable(text: &str) -> String {
    let shown = text
        .chars()
        .map(|it| if it.is_control() { ' ' } else { it });
    shown.collect()
}

/// The rules that a rule is made of.
pub(super) fn parts(rule: &Rule) -> &[Rule] {
    match rule {
        Rule::All(rules) | Rule::Any(rules) => rules,
        Rule::Not(rule) => std::slice::from_ref(rule),
        _ => &[],
    }
}

/// Whether what is kept depends on when sessions come.
pub(super) fn has_rates(sampling: &Sampling) -> bool {
    fn any(policies: &[Policy]) -> bool {
        policies.iter().any(|policy| {
            policy.at_most.is_some()
                || match &policy.then {
                    Action::AtLeast(_) => true,
                    Action::First(policies) => any(policies),
                    _ => false,
                }
        })
    }
    sampling.has_budget() || any(sampling.policies())
}
