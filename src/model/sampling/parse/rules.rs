//! Reads rules.

use super::super::rule::{Match, Outcome, Rule};
use super::{Read, Table};
use crate::model::owned_value::OwnedValue;

impl Read {
    fn rules(&mut self, value: &OwnedValue, at: &str) -> Vec<Rule> {
        let list = self.list(value, at).iter().enumerate();
        list.map(|(index, value)| self.rule(value, &format!("{at}[{index}]")))
            .collect()
    }

    pub(super) fn rule(&mut self, value: &OwnedValue, at: &str) -> Rule {
        let rule = self.deeper(at, |read| read.rule_here(value, at));
        rule.unwrap_or(Rule::Never)
    }

    fn rule_here(&mut self, value: &OwnedValue, at: &str) -> Rule {
        if let OwnedValue::Str(word) = value {
            match &**word {
                "always" => return Rule::Always,
                "never" => return Rule::Never,
                "errors" => return Rule::Errors,
                _ => {}
            }
        }
        let mut table = self.table(value, at, "\"errors\" or { cost_above = 1.0 }");
        if table.left.is_empty() {
            return Rule::Always;
        }
        if let Some(key) = table.take("attribute") {
            let key = self.text(key, &table.place("attribute"), "\"app.tier\"");
            return Rule::Attribute {
                key,
                value: self.comparison(table),
            };
        }
        if let Some(score) = table.take("score_below") {
            let score = Match::Below(self.number(score, &table.place("score_below"), "0.5"));
            return self.score(score, table);
        }
        if let Some(score) = table.take("score_above") {
            let score = Match::Exceeds(self.number(score, &table.place("score_above"), "0.5"));
            return self.score(score, table);
        }
        let (key, value) = table.left.remove(0);
        let place = table.place(key);
        let rule = self.single(key, value, &place);
        self.done(
            table,
            "one rule in a table; put several into { all = [..] } or { any = [..] }",
        );
        rule
    }

    fn single(&mut self, key: &str, value: &OwnedValue, at: &str) -> Rule {
        match key {
            "all" => Rule::All(self.rules(value, at)),
            "any" => Rule::Any(self.rules(value, at)),
            "not" => Rule::Not(Box::new(self.rule(value, at))),
            "slower_than" => Rule::SlowerThan(self.time(value, at)),
            "cost_above" => Rule::CostAbove(self.number(value, at, "1.0")),
            "tokens_above" => Rule::TokensAbove(self.count(value, at)),
            "llm_calls_above" => Rule::LlmCallsAbove(self.count(value, at)),
            "tool_calls_above" => Rule::ToolCallsAbove(self.count(value, at)),
            "spans_above" => Rule::SpansAbove(self.count(value, at)),
            "agent" => Rule::Agent(self.text(value, at, "\"planner\"").into()),
            "user" => Rule::User(self.text(value, at, "\"u-19\"").into()),
            "tag" => Rule::Tag(self.text(value, at, "\"beta\"").into()),
            "model" => Rule::Model(self.text(value, at, "\"claude-*\"").into()),
            "span_name" => Rule::SpanName(self.text(value, at, "\"chat *\"").into()),
            "end_state" => match &*self.text(value, at, "\"error\"") {
                "success" => Rule::EndState(Outcome::Success),
                "error" => Rule::EndState(Outcome::Error),
                "unset" => Rule::EndState(Outcome::Unset),
                _ => {
                    self.wrong(
                        at,
                        "is not known; write \"success\", \"error\" or \"unset\"",
                    );
                    Rule::Never
                }
            },
            _ => {
                self.wrong(
                    at,
                    "is no rule; write \"errors\", or a table as in { cost_above = 1.0 }",
                );
                Rule::Never
            }
        }
    }

    fn score(&mut self, score: Match, mut table: Table<'_>) -> Rule {
        let name = table.take("name");
        let name = name.map(|name| {
            self.text(name, &table.place("name"), "\"relevance\"")
                .into()
        });
        self.done(table, "score_below or score_above, and name");
        Rule::Score { name, score }
    }

    fn comparison(&mut self, mut table: Table<'_>) -> Match {
        let text = |read: &mut Self, table: &mut Table<'_>, key: &str| {
            let value = table.take(key)?;
            Some(read.text(value, &table.place(key), "\"gold\""))
        };
        let number = |read: &mut Self, table: &mut Table<'_>, key: &str| {
            let value = table.take(key)?;
            Some(read.number(value, &table.place(key), "0.5"))
        };
        let found = if let Some(value) = table.take("equals") {
            Match::Equals(value.clone())
        } else if let Some(pattern) = text(self, &mut table, "matches") {
            Match::Glob(pattern)
        } else if let Some(start) = text(self, &mut table, "prefix") {
            Match::Prefix(start)
        } else if let Some(part) = text(self, &mut table, "contains") {
            Match::Contains(part)
        } else if let Some(limit) = number(self, &mut table, "exceeds") {
            Match::Exceeds(limit)
        } else if let Some(limit) = number(self, &mut table, "below") {
            Match::Below(limit)
        } else {
            Match::Present
        };
        self.done(
            table,
            "one of equals, matches, prefix, contains, exceeds and below",
        );
        found
    }
}
