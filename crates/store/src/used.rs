//! Which sums a call is part of.

use std::collections::HashMap;

use crate::answer::SpanType;
use crate::facts::{Bones, Facts};
use crate::query::By;
use crate::tale::Tale;
use crate::tally::Sums;

/// By agent, how long agents were at work: the latency of agents, beside [`By`]'s numbers.
pub(crate) const AGENTS_AT_WORK: i64 = 5;

/// The longest name that is told apart, in bytes.
const LONGEST: usize = 200;

/// The stretches of time that are summed up, in seconds.
pub(crate) const LENGTHS: [i64; 2] = [60, 3600];

/// What is summed up in one row.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    /// How long the stretch is, in seconds.
    pub(crate) length: i64,
    /// When it begins, in seconds since 1970.
    pub(crate) begin: i64,
    pub(crate) by: i64,
    pub(crate) name: String,
}

/// Adds a span to the sums that it is part of.
pub(crate) fn note_usage(
    usage: &mut HashMap<Key, Sums>,
    bones: &Bones<'_>,
    facts: &Facts<'_>,
    tale: &Tale,
) {
    let mut note = |by: i64, name: &str| {
        if name.len() > LONGEST {
            return;
        }
        for length in LENGTHS {
            let begin = bones.end_us.div_euclid(length * 1_000_000) * length;
            let key = Key {
                length,
                begin,
                by,
                name: name.to_owned(),
            };
            usage.entry(key).or_default().note(bones, facts);
        }
    };
    if facts.is_llm_call() {
        note(By::None.number(), "");
        if let Some(model) = facts.model() {
            note(By::Model.number(), model);
        }
        if let Some(agent) = facts.agent.or(tale.summary.agent.as_deref()) {
            note(By::Agent.number(), agent);
        }
        if let Some(user) = &tale.summary.user {
            note(By::User.number(), user);
        }
    } else if let Some(tool) = facts.tool(bones.name) {
        note(By::Tool.number(), tool);
    } else if matches!(
        facts.span_type(bones.parent.is_none()),
        SpanType::Agent | SpanType::Session
    ) && let Some(agent) = facts.agent
    {
        note(AGENTS_AT_WORK, agent);
    }
}
