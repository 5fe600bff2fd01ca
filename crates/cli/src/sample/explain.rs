//! Why a session is kept or not: which policy decides, and what each rule says of it and saw.
//!
//! Each rule is asked by itself, as the only policy of a pipeline that the session is played through.

use std::fmt::Write as _;

use spanreel::{Action, Policy, Rule, Sampling};

use super::trial::Trial;
use super::{facts, words};
use crate::convert::SessionTrace;
use crate::term::Palette;
use crate::units;

const INFALLIBLE: &str = "a string takes everything";

/// Where the fact starts.
const FACT_COLUMN: usize = 48;

/// The explanation.
pub(super) async fn explain(
    session: &SessionTrace,
    sampling: &Sampling,
    palette: Palette,
) -> anyhow::Result<String> {
    let trial = Trial::start(sampling)?;
    let judged = trial.judge(session).await?;
    let names = trial.policies();
    trial.close().await;
    let verdict = if judged.is_kept { "kept" } else { "dropped" };
    let by = names.get(judged.policy).map_or("rest", String::as_str);
    let size = &judged.size;
    let (spans, bytes) = (units::grouped(size.spans), units::bytes(size.bytes as f64));
    let id = words::printable(&session.session_id);
    let head = format!("session {id}: {verdict} by {by}");
    let mut text = format!("{}, {spans} spans, {bytes}\n", palette.heading(&head));
    let rest = names.len().saturating_sub(1);
    let mut names = names.iter().enumerate();
    let mut steps: Vec<Step<'_>> = Vec::new();
    list(sampling.policies(), 0, &mut steps);
    for step in steps {
        let line = match step {
            Step::Policy(depth, policy) => {
                let Some((number, name)) = names.next() else {
                    break;
                };
                let name = format!("{}{name}", "  ".repeat(depth));
                named(
                    &name,
                    number == judged.policy,
                    &words::action(policy),
                    palette,
                )
            }
            Step::Rule(depth, rule) => {
                let said = if holds(rule, session).await? {
                    palette.good("yes")
                } else {
                    palette.faint("no ")
                };
                let rule_text = format!("{}{}", "  ".repeat(depth), words::rule(rule));
                let fact = words::printable(&facts::fact(rule, session));
                format!("    {said}  {rule_text:FACT_COLUMN$}  {fact}")
            }
        };
        writeln!(text, "{}", line.trim_end()).expect(INFALLIBLE);
    }
    let line = named(
        "rest",
        rest == judged.policy,
        "what no policy is for",
        palette,
    );
    writeln!(text, "{line}").expect(INFALLIBLE);
    Ok(text)
}

/// The line of a policy; a mark says that it decided.
fn named(name: &str, has_decided: bool, does: &str, palette: Palette) -> String {
    let mark = if has_decided { '>' } else { ' ' };
    format!("{mark} {}: {does}", palette.heading(name))
}

/// A line of the explanation, with its depth.
enum Step<'a> {
    Policy(usize, &'a Policy),
    Rule(usize, &'a Rule),
}

/// The lines of policies, those within others behind the one that they are in.
fn list<'a>(policies: &'a [Policy], depth: usize, steps: &mut Vec<Step<'a>>) {
    for policy in policies {
        steps.push(Step::Policy(depth, policy));
        rules(&policy.when, depth, steps);
        if let Action::First(policies) = &policy.then {
            list(policies, depth + 1, steps);
        }
    }
}

fn rules<'a>(rule: &'a Rule, depth: usize, steps: &mut Vec<Step<'a>>) {
    steps.push(Step::Rule(depth, rule));
    for part in words::parts(rule) {
        rules(part, depth + 1, steps);
    }
}

/// Whether a rule is true of a session.
async fn holds(rule: &Rule, session: &SessionTrace) -> anyhow::Result<bool> {
    let sampling = Sampling::always_off().policy(Policy::keep(rule.clone()));
    let trial = Trial::start(&sampling)?;
    let judged = trial.judge(session).await?;
    trial.close().await;
    Ok(judged.is_kept)
}
