//! Which sums a call is part of.
//!
//! Most calls say their model and none says the agent it was made for: that is the session's, which often is
//! known only when its root span ends. Until then such calls are remembered with their session ([`Inherited`]),
//! and counted anew where another name turns out to be the right one.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::answer::SpanType;
use crate::facts::{Bones, Facts};
use crate::query::By;
use crate::spread::Spread;
use crate::tally::Sums;

/// By agent, how long agents were at work: the latency of agents, beside [`By`]'s numbers.
pub(crate) const AGENTS_AT_WORK: i64 = 5;

/// The longest name that is told apart, in bytes.
const LONGEST: usize = 200;

/// The stretches of time that are summed up, in seconds.
pub(crate) const LENGTHS: [i64; 2] = [60, 3600];

/// Minutes of one session whose calls may still be counted for another name. Those of older ones stay where
/// they are.
const MOST_MINUTES: usize = 64;

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

/// How the sums of one row change.
#[derive(Clone, Debug, Default)]
pub(crate) struct Correction {
    pub(crate) more: Sums,
    pub(crate) less: Sums,
}

impl Correction {
    /// What `known` becomes.
    pub(crate) fn applied_to(&self, known: &Sums) -> Sums {
        let mut sums = known.clone();
        sums.merge(&self.more);
        sums.take(&self.less);
        sums
    }

    fn merge(&mut self, other: &Self) {
        self.more.merge(&other.more);
        self.less.merge(&other.less);
    }
}

/// How sums change by one write, by minute.
#[derive(Debug, Default)]
pub(crate) struct Changes(HashMap<(i64, i64), HashMap<String, Correction, Spread>, Spread>);

/// The minute of an instant, in seconds since 1970.
fn minute_of(us: i64) -> i64 {
    us.div_euclid(LENGTHS[0] * 1_000_000) * LENGTHS[0]
}

impl Changes {
    fn at(&mut self, begin: i64, by: i64, name: &str) -> &mut Correction {
        let names = self.0.entry((begin, by)).or_default();
        if !names.contains_key(name) {
            names.insert(name.to_owned(), Correction::default());
        }
        names.get_mut(name).expect("it was just put there")
    }

    fn note(&mut self, by: i64, name: &str, bones: &Bones<'_>, facts: &Facts<'_>) {
        if name.len() <= LONGEST {
            let sums = self.at(minute_of(bones.end_us), by, name);
            sums.more.note(bones, facts);
        }
    }

    /// Adds a call of a model.
    #[cfg(test)]
    pub(crate) fn note_call(&mut self, bones: &Bones<'_>, facts: &Facts<'_>, model: &str) {
        self.note(By::Model.number(), model, bones, facts);
    }

    /// Adds a span to the sums that it names itself.
    pub(crate) fn note_span(&mut self, bones: &Bones<'_>, facts: &Facts<'_>) {
        if facts.is_llm_call() {
            self.note(By::None.number(), "", bones, facts);
            if let Some(model) = facts.model() {
                self.note(By::Model.number(), model, bones, facts);
            }
            if let Some(agent) = facts.agent {
                self.note(By::Agent.number(), agent, bones, facts);
            }
        } else if let Some(tool) = facts.tool(bones.name) {
            self.note(By::Tool.number(), tool, bones, facts);
        } else if matches!(
            facts.span_type(bones.parent.is_none()),
            SpanType::Agent | SpanType::Session
        ) && let Some(agent) = facts.agent
        {
            self.note(AGENTS_AT_WORK, agent, bones, facts);
        }
    }

    /// All of them, by minute and by hour.
    pub(crate) fn by_key(self) -> HashMap<Key, Correction> {
        let mut by_key: HashMap<Key, Correction> = HashMap::new();
        let [minute, hour] = LENGTHS;
        for ((begin, by), names) in self.0 {
            for (name, change) in names {
                let key = |length: i64, name: String| Key {
                    length,
                    begin: begin.div_euclid(length) * length,
                    by,
                    name,
                };
                let of_hour = by_key.entry(key(hour, name.clone())).or_default();
                of_hour.merge(&change);
                by_key.insert(key(minute, name), change);
            }
        }
        by_key
    }
}

/// Calls of a session that are counted for one of its names, the agent's say, which may not be known yet.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Inherited {
    /// For whom `counted` is counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// By minute.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    counted: Vec<(i64, Sums)>,
    /// What this write has brought.
    #[serde(skip)]
    fresh: Vec<(i64, Sums)>,
}

fn sums_of(minutes: &mut Vec<(i64, Sums)>, begin: i64) -> &mut Sums {
    let index = minutes.iter().position(|(known, _)| *known == begin);
    let index = index.unwrap_or_else(|| {
        minutes.push((begin, Sums::default()));
        minutes.len() - 1
    });
    &mut minutes[index].1
}

impl Inherited {
    pub(crate) fn is_empty(&self) -> bool {
        self.counted.is_empty() && self.fresh.is_empty()
    }

    /// Adds a call.
    pub(crate) fn note(&mut self, bones: &Bones<'_>, facts: &Facts<'_>) {
        sums_of(&mut self.fresh, minute_of(bones.end_us)).note(bones, facts);
    }

    /// Counts what came for `name`, at the end of a write, and what was counted for another name before. Once
    /// the name `is_final` there is nothing to remember.
    pub(crate) fn settle(
        &mut self,
        by: By,
        name: Option<&str>,
        is_final: bool,
        changes: &mut Changes,
    ) {
        let by = by.number();
        let name = name.filter(|name| name.len() <= LONGEST);
        if self.name.as_deref() != name {
            for (begin, sums) in &self.counted {
                if let Some(old) = &self.name {
                    changes.at(*begin, by, old).less.merge(sums);
                }
                if let Some(new) = name {
                    changes.at(*begin, by, new).more.merge(sums);
                }
            }
            self.name = name.map(str::to_owned);
        }
        for (begin, sums) in std::mem::take(&mut self.fresh) {
            if let Some(name) = name {
                changes.at(begin, by, name).more.merge(&sums);
            }
            if !is_final {
                sums_of(&mut self.counted, begin).merge(&sums);
            }
        }
        if is_final {
            *self = Self::default();
        }
        let too_many = self.counted.len().saturating_sub(MOST_MINUTES);
        self.counted.drain(..too_many);
    }

    /// Takes over those of another session, which becomes part of this one. What that had counted for a name
    /// of its own stays there.
    pub(crate) fn absorb(&mut self, other: &Self) {
        let into = if other.name.is_none() {
            &mut self.fresh
        } else if other.name == self.name {
            &mut self.counted
        } else {
            return;
        };
        for (begin, sums) in &other.counted {
            sums_of(into, *begin).merge(sums);
        }
    }
}
