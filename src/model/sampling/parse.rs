//! Reads policies from a neutral form: the value that a TOML, JSON or YAML file holds. Strict: what is
//! not known is a problem, named by its place. Pure.

mod rules;

use std::time::Duration;

use super::policy::{Action, Per, Policy, Rate};
use super::rule::Rule;
use super::{Holding, Sampling};
use crate::model::byte_size::ByteSize;
use crate::model::owned_value::OwnedValue;
use crate::model::problem::Problem;

/// How deep rules and policies may be nested to be read at all.
const DEEPEST: usize = 64;

impl Sampling {
    /// Reads a sampling from a table, as a file holds it:
    ///
    /// ```toml
    /// ratio = 0.01            # of the sessions that no policy is for; 1.0 if left out
    /// follow_parent = true    # the default
    /// at_most = { count = 50, every = "1s" }
    /// holding = { max_wait = "10m", max_sessions = 100000, max_bytes = "64MiB" }
    ///
    /// [[policy]]
    /// name = "failed"
    /// when = "errors"
    /// then = "keep"
    ///
    /// [[policy]]
    /// name = "dear or slow"
    /// when = { any = [{ cost_above = 1.0 }, { slower_than = "60s" }] }
    /// then = "keep"
    ///
    /// [[policy]]
    /// when = { all = [{ agent = "plan*" }, { attribute = "app.tier", equals = "gold" }] }
    /// then = { at_least = { count = 10, every = "1m", per = "agent" } }
    /// at_most = { count = 1000, every = "1s", unit = "spans", burst = 5000 }
    /// ```
    ///
    /// `when` is `always` where it is left out; other words are `never` and `errors`, other tables
    /// `end_state` ("success", "error", "unset"), `tokens_above`, `llm_calls_above`, `tool_calls_above`,
    /// `spans_above`, `user`, `tag`, `model`, `span_name`, `score_below`, `score_above` (with `name`) and
    /// `not`. An attribute is compared by `equals`, `matches` (`*` stands for anything), `prefix`, `contains`,
    /// `exceeds` or `below`; with none of them it must be there. `then` is `keep`, `drop`, `{ share = 0.1 }`,
    /// `{ at_least = rate }` or `{ first = [policies] }`.
    ///
    /// # Errors
    /// Everything that is not so, each with its place and the right form.
    pub fn from_value(value: &OwnedValue) -> Result<Self, Vec<Problem>> {
        let mut read = Read::default();
        let sampling = read.sampling(value);
        if read.problems.is_empty() {
            read.problems = sampling.problems();
        }
        if read.problems.is_empty() {
            Ok(sampling)
        } else {
            Err(read.problems)
        }
    }
}

#[derive(Default)]
struct Read {
    problems: Vec<Problem>,
    /// How many rules and policies what is being read lies in.
    depth: usize,
}

/// A table whose entries are taken one by one; what is left is not known.
struct Table<'a> {
    at: String,
    left: Vec<(&'a str, &'a OwnedValue)>,
}

impl<'a> Table<'a> {
    fn take(&mut self, key: &str) -> Option<&'a OwnedValue> {
        let index = self.left.iter().position(|(name, _)| *name == key)?;
        Some(self.left.remove(index).1)
    }

    fn place(&self, key: &str) -> String {
        format!("{}.{key}", self.at)
    }
}

impl Read {
    fn wrong(&mut self, at: &str, advice: impl Into<String>) {
        self.problems.push(Problem::new(at, advice));
    }

    fn table<'a>(&mut self, value: &'a OwnedValue, at: &str, form: &str) -> Table<'a> {
        let mut table = Table {
            at: at.to_owned(),
            left: Vec::new(),
        };
        match value {
            OwnedValue::Map(entries) => {
                table.left = entries.iter().map(|(key, value)| (&**key, value)).collect();
            }
            _ => self.wrong(at, format!("is no table; write it as {form}")),
        }
        table
    }

    /// Reads what lies in another rule or policy; `None` where that is too deep.
    fn deeper<T>(&mut self, at: &str, read: impl FnOnce(&mut Self) -> T) -> Option<T> {
        if self.depth == DEEPEST {
            self.wrong(at, "is nested too deep");
            return None;
        }
        self.depth += 1;
        let it = read(self);
        self.depth -= 1;
        Some(it)
    }

    fn done(&mut self, table: Table<'_>, known: &str) {
        for (key, _) in &table.left {
            let at = table.place(key);
            self.wrong(&at, format!("is not known here; known are {known}"));
        }
    }

    fn sampling(&mut self, value: &OwnedValue) -> Sampling {
        let mut table = self.table(value, "sampling", "ratio = 0.01");
        let mut sampling = Sampling::ratio(1.0);
        if let Some(value) = table.take("ratio") {
            sampling = Sampling::ratio(self.number(value, &table.place("ratio"), "0.01"));
        }
        if let Some(value) = table.take("follow_parent")
            && !self.truth(value, &table.place("follow_parent"))
        {
            sampling = sampling.ignoring_parent();
        }
        if let Some(value) = table.take("at_most") {
            sampling = sampling.at_most(self.rate(value, &table.place("at_most")));
        }
        if let Some(value) = table.take("holding") {
            sampling = sampling.holding(self.holding(value, &table.place("holding")));
        }
        if let Some(value) = table.take("policy") {
            for policy in self.policies(value, &table.place("policy")) {
                sampling = sampling.policy(policy);
            }
        }
        self.done(table, "ratio, follow_parent, at_most, holding and policy");
        sampling
    }

    fn holding(&mut self, value: &OwnedValue, at: &str) -> Holding {
        let mut table = self.table(value, at, "{ max_wait = \"10m\" }");
        let mut holding = Holding::default();
        if let Some(value) = table.take("max_wait") {
            holding.max_wait = self.time(value, &table.place("max_wait"));
        }
        if let Some(value) = table.take("max_sessions") {
            holding.max_sessions = self.count(value, &table.place("max_sessions"));
        }
        if let Some(value) = table.take("max_spans") {
            holding.max_spans = self.count(value, &table.place("max_spans"));
        }
        if let Some(value) = table.take("max_bytes") {
            let at = table.place("max_bytes");
            let text = self.text(value, &at, "\"64MiB\"");
            match text.parse::<ByteSize>() {
                Ok(size) => holding.max_bytes = Some(size),
                Err(_) => self.wrong(&at, "is no size; write it as in \"64MiB\""),
            }
        }
        self.done(table, "max_wait, max_sessions, max_spans and max_bytes");
        holding
    }

    fn list<'a>(&mut self, value: &'a OwnedValue, at: &str) -> &'a [OwnedValue] {
        match value {
            OwnedValue::Array(values) => values,
            _ => {
                self.wrong(at, "is no list; write it in brackets");
                &[]
            }
        }
    }

    fn policies(&mut self, value: &OwnedValue, at: &str) -> Vec<Policy> {
        let list = self.list(value, at).iter().enumerate();
        let policies = list.map_while(|(index, value)| {
            let at = format!("{at}[{index}]");
            self.deeper(&at, |read| read.policy(value, &at))
        });
        policies.collect()
    }

    fn policy(&mut self, value: &OwnedValue, at: &str) -> Policy {
        let mut table = self.table(value, at, "{ when = \"errors\", then = \"keep\" }");
        let name = table.take("name");
        let name = name.map(|name| self.text(name, &table.place("name"), "\"failed\""));
        let when = table.take("when");
        let when = when.map_or(Rule::Always, |when| self.rule(when, &table.place("when")));
        let then = match table.take("then") {
            Some(then) => self.action(then, &table.place("then")),
            None => {
                self.wrong(
                    &table.place("then"),
                    "is missing; write it as in then = \"keep\"",
                );
                Action::Keep
            }
        };
        let at_most = table.take("at_most");
        let at_most = at_most.map(|rate| self.rate(rate, &table.place("at_most")));
        self.done(table, "name, when, then and at_most");
        Policy {
            name: name.unwrap_or_default(),
            when,
            then,
            at_most,
        }
    }

    fn action(&mut self, value: &OwnedValue, at: &str) -> Action {
        const FORM: &str = "\"keep\", \"drop\", { share = 0.1 }, { at_least = { count = 10, every = \
                            \"1m\" } } or { first = [..] }";
        match value {
            OwnedValue::Str(word) if word == "keep" => return Action::Keep,
            OwnedValue::Str(word) if word == "drop" => return Action::Drop,
            _ => {}
        }
        let OwnedValue::Map(entries) = value else {
            self.wrong(at, format!("is not known; write {FORM}"));
            return Action::Keep;
        };
        let [(key, value)] = &entries[..] else {
            self.wrong(at, format!("must say one thing; write {FORM}"));
            return Action::Keep;
        };
        let place = format!("{at}.{key}");
        match &**key {
            "share" => Action::Share(self.number(value, &place, "0.1")),
            "at_least" => Action::AtLeast(self.rate(value, &place)),
            "first" => Action::First(self.policies(value, &place)),
            _ => {
                self.wrong(&place, format!("is not known; write {FORM}"));
                Action::Keep
            }
        }
    }

    fn rate(&mut self, value: &OwnedValue, at: &str) -> Rate {
        const FORM: &str = "{ count = 50, every = \"1s\" }";
        let mut table = self.table(value, at, FORM);
        let (count, every) = (table.take("count"), table.take("every"));
        let (Some(count), Some(every)) = (count, every) else {
            self.wrong(at, format!("needs count and every; write it as {FORM}"));
            return Rate::per_second(1);
        };
        let count = self.number(count, &table.place("count"), "50");
        let every = self.time(every, &table.place("every"));
        let mut rate = Rate::new(count, every);
        if let Some(burst) = table.take("burst") {
            rate.burst = Some(self.number(burst, &table.place("burst"), "100"));
        }
        if let Some(unit) = table.take("unit") {
            match &*self.text(unit, &table.place("unit"), "\"spans\"") {
                "sessions" => {}
                "spans" => rate = rate.of_spans(),
                _ => self.wrong(
                    &table.place("unit"),
                    "is not known; write \"sessions\" or \"spans\"",
                ),
            }
        }
        if let Some(per) = table.take("per") {
            match &*self.text(per, &table.place("per"), "\"agent\"") {
                "agent" => rate = rate.per(Per::Agent),
                "user" => rate = rate.per(Per::User),
                "tag" => rate = rate.per(Per::Tag),
                _ => self.wrong(
                    &table.place("per"),
                    "is not known; write \"agent\", \"user\" or \"tag\"",
                ),
            }
        }
        self.done(table, "count, every, unit, per and burst");
        rate
    }

    fn text(&mut self, value: &OwnedValue, at: &str, form: &str) -> String {
        if let OwnedValue::Str(text) = value {
            return text.clone();
        }
        self.wrong(at, format!("is no text; write it as in {form}"));
        String::new()
    }

    fn truth(&mut self, value: &OwnedValue, at: &str) -> bool {
        if let OwnedValue::Bool(truth) = value {
            return *truth;
        }
        self.wrong(at, "is neither true nor false");
        true
    }

    fn number(&mut self, value: &OwnedValue, at: &str, form: &str) -> f64 {
        match value {
            OwnedValue::Int(number) => *number as f64,
            OwnedValue::Double(number) => *number,
            _ => {
                self.wrong(at, format!("is no number; write it as in {form}"));
                1.0
            }
        }
    }

    fn count(&mut self, value: &OwnedValue, at: &str) -> u64 {
        if let OwnedValue::Int(number) = value
            && let Ok(count) = u64::try_from(*number)
        {
            return count;
        }
        self.wrong(at, "is no whole number from 0");
        1
    }

    fn time(&mut self, value: &OwnedValue, at: &str) -> Duration {
        if let OwnedValue::Str(text) = value
            && let Some(time) = duration(text)
        {
            return time;
        }
        self.wrong(
            at,
            "is no time; write it as in \"500ms\", \"60s\", \"10m\" or \"2h\"",
        );
        Duration::from_secs(1)
    }
}

/// A whole number with `ms`, `s`, `m` or `h`.
fn duration(text: &str) -> Option<Duration> {
    let end = text.find(|character: char| !character.is_ascii_digit())?;
    let number: u64 = text[..end].parse().ok()?;
    let millis = match text[end..].trim_start() {
        "ms" => 1,
        "s" => 1000,
        "m" => 60 * 1000,
        "h" => 3600 * 1000,
        _ => return None,
    };
    number.checked_mul(millis).map(Duration::from_millis)
}

#[cfg(test)]
mod tests;
