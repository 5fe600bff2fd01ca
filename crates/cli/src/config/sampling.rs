//! The table `[sampling]` of a configuration file: read as [`Sampling::from_value`] has it, its problems
//! told with their places in the file.

use std::ops::Range;

use spanreel::{OwnedValue, Sampling};
use toml::Spanned;
use toml::de::DeValue;

use super::place::Origin;
use super::value::quoted;

/// Which of the received sessions are forwarded.
#[derive(Clone, Debug)]
pub struct SamplingConfig {
    /// Where it was asked for.
    pub origin: Origin,
    /// What was asked for.
    pub sampling: Sampling,
    /// The table, to be shown.
    table: OwnedValue,
}

/// Equal samplings do the same, wherever they were asked for.
impl PartialEq for SamplingConfig {
    fn eq(&self, other: &Self) -> bool {
        self.sampling == other.sampling
    }
}

/// All sessions.
impl Default for SamplingConfig {
    fn default() -> Self {
        Self {
            origin: Origin::Default,
            sampling: Sampling::always_on(),
            table: OwnedValue::Map(Vec::new()),
        }
    }
}

/// What is wrong with a table: where in the text, by which name, and what would be right.
pub(super) type Wrong = (Range<usize>, String, String);

impl SamplingConfig {
    /// Reads the table.
    pub(super) fn read(value: &Spanned<DeValue<'_>>, origin: Origin) -> Result<Self, Vec<Wrong>> {
        let table = owned(value.get_ref());
        match Sampling::from_value(&table) {
            Ok(sampling) => Ok(Self {
                origin,
                sampling,
                table,
            }),
            Err(problems) => Err(problems
                .into_iter()
                .map(|problem| {
                    (
                        find(value, &problem.setting),
                        problem.setting,
                        problem.advice,
                    )
                })
                .collect()),
        }
    }

    /// Its entries as they are shown: name and value; policies by their names, in their order.
    #[must_use]
    pub fn shown(&self) -> Vec<(String, String)> {
        let OwnedValue::Map(entries) = &self.table else {
            return Vec::new();
        };
        let mut shown = Vec::new();
        for (key, value) in entries {
            match value {
                OwnedValue::Array(policies) if key == "policy" => {
                    shown.extend(policies.iter().zip(1..).map(policy));
                }
                value => shown.push((key.clone(), inline(value))),
            }
        }
        shown
    }
}

fn policy((policy, number): (&OwnedValue, usize)) -> (String, String) {
    let OwnedValue::Map(entries) = policy else {
        return (format!("policy {number}"), inline(policy));
    };
    let find = |wanted: &str| entries.iter().find(|(key, _)| key == wanted);
    let name = match find("name") {
        Some((_, OwnedValue::Str(name))) => format!("policy {name}"),
        _ => format!("policy {number}"),
    };
    let said = ["when", "then", "at_most"].into_iter().filter_map(find);
    let said = said.map(|(key, value)| format!("{key} = {}", inline(value)));
    (name, said.collect::<Vec<_>>().join(", "))
}

/// A value as TOML writes it in a line.
pub(super) fn inline(value: &OwnedValue) -> String {
    let pairs = |entries: &[(String, OwnedValue)]| {
        let pairs = entries
            .iter()
            .map(|(key, value)| format!("{key} = {}", inline(value)));
        pairs.collect::<Vec<_>>().join(", ")
    };
    match value {
        OwnedValue::Str(text) => quoted(text),
        OwnedValue::Bool(truth) => truth.to_string(),
        OwnedValue::Int(number) => number.to_string(),
        OwnedValue::Double(number) => format!("{number:?}"),
        OwnedValue::Array(values) => {
            let values: Vec<_> = values.iter().map(inline).collect();
            format!("[{}]", values.join(", "))
        }
        OwnedValue::Map(entries) => format!("{{ {} }}", pairs(entries)),
        // TOML has no others.
        _ => String::new(),
    }
}

/// The value without its places. Tables keep the order of the file.
pub(super) fn owned(value: &DeValue<'_>) -> OwnedValue {
    match value {
        DeValue::String(text) => OwnedValue::Str(text.to_string()),
        DeValue::Boolean(truth) => OwnedValue::Bool(*truth),
        DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => OwnedValue::Int(number),
            // No setting has such a number: it is told as what it is not.
            Err(_) => OwnedValue::Str(number.to_string()),
        },
        DeValue::Float(number) => match number.as_str().parse() {
            Ok(number) => OwnedValue::Double(number),
            Err(_) => OwnedValue::Str(number.to_string()),
        },
        DeValue::Datetime(time) => OwnedValue::Str(time.to_string()),
        DeValue::Array(values) => {
            OwnedValue::Array(values.iter().map(|it| owned(it.get_ref())).collect())
        }
        DeValue::Table(table) => {
            let entries = super::file::sorted(table).into_iter();
            OwnedValue::Map(
                entries
                    .map(|(key, value)| (key.get_ref().to_string(), owned(value.get_ref())))
                    .collect(),
            )
        }
    }
}

/// Where `path` stands, such as `sampling.policy[0].when`; the innermost table or list around it, where
/// it does not stand there.
pub(super) fn find(value: &Spanned<DeValue<'_>>, path: &str) -> Range<usize> {
    let mut found = value;
    let steps = path.split(['.', '[']).skip(1);
    for step in steps {
        let next = match (step.strip_suffix(']'), found.get_ref()) {
            (Some(index), DeValue::Array(values)) => index
                .parse()
                .ok()
                .and_then(|index: usize| values.get(index)),
            (None, DeValue::Table(table)) => table.get(step),
            _ => None,
        };
        match next {
            Some(next) => found = next,
            None => break,
        }
    }
    found.span()
}

#[cfg(test)]
mod tests {
    use spanreel::{Policy, Rule};
    use toml::de::DeTable;

    use super::*;

    fn read(text: &str) -> Result<SamplingConfig, Vec<Wrong>> {
        let table = DeTable::parse(text).expect("TOML");
        let value = table.get_ref().get("sampling").expect("a table");
        SamplingConfig::read(value, Origin::Default)
    }

    /// The table means what the library reads from it, in the order of the file, and is shown as it stands.
    #[test]
    fn the_table_is_read_and_shown_in_its_order() {
        let text = "\
[sampling]
ratio = 0.01
at_most = { count = 0x32, every = \"1s\" }

[[sampling.policy]]
name = \"failed\"
when = \"errors\"
then = \"keep\"

[[sampling.policy]]
when = { any = [{ cost_above = 1.5 }, { agent = \"plan*\" }] }
then = { share = 1 }
";
        let config = read(text).expect("right");
        let expected = Sampling::ratio(0.01)
            .at_most(spanreel::Rate::per_second(50))
            .policy(Policy::keep(Rule::Errors).named("failed"))
            .policy(Policy::share(
                1.0,
                Rule::any([Rule::CostAbove(1.5), Rule::Agent("plan*".into())]),
            ));
        assert_eq!(config.sampling, expected);
        let shown: Vec<_> = config
            .shown()
            .into_iter()
            .map(|(name, value)| format!("{name}: {value}"))
            .collect();
        assert_eq!(
            shown,
            [
                "ratio: 0.01",
                "at_most: { count = 50, every = \"1s\" }",
                "policy failed: when = \"errors\", then = \"keep\"",
                "policy 2: when = { any = [{ cost_above = 1.5 }, { agent = \"plan*\" }] }, then = { share = 1 }",
            ]
        );
    }

    /// Each problem stands at the value that is wrong.
    #[test]
    fn problems_stand_where_they_are() {
        for (text, at) in [
            ("[sampling]\nratio = \"x\"\n", "\"x\""),
            ("[sampling]\nratoi = 1\n", "1"),
            (
                "[[sampling.policy]]\nthen = \"keep\"\n[[sampling.policy]]\nwhen = { not = { cost = 1 } }\nthen = \"keep\"\n",
                "1 }",
            ),
            (
                "[[sampling.policy]]\nthen = { first = [{ then = { share = 7.0 } }] }\n",
                "7.0",
            ),
        ] {
            let wrong = read(text).expect_err(text);
            let (span, name, _) = &wrong[0];
            let found = &text[span.start..];
            assert!(name.starts_with("sampling"), "{name}");
            assert!(
                found.starts_with(at) || found.starts_with("{ first"),
                "{name}: {found}"
            );
        }
    }
}
