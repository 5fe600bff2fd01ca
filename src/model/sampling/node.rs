//! Rules made ready to be asked: true, false, or not known yet.

use super::Check;
use super::rule::{Match, Outcome, Rule};
use super::scan::Scan;
use super::text::{Scalar, is_match};
use crate::model::about::About;
use crate::model::chunk::{Digest, End};
use crate::model::genai::key;
use crate::model::owned_value::OwnedValue;

/// How many different questions may be asked of the content of spans.
const MOST_SCANS: usize = 64;

/// How deep rules and policies may be nested.
pub(super) const DEEPEST: usize = 32;

/// What a session is judged by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Evidence<'a> {
    pub(crate) digest: &'a Digest,
    pub(crate) about: &'a About,
    /// Nothing will be added to `about`.
    pub(crate) about_is_whole: bool,
    /// Answers to the scans of the plan.
    pub(crate) seen: u64,
    /// Nothing will be added at all that counts: it is decided now.
    pub(crate) is_final: bool,
}

/// A rule that is checked, with its scans numbered.
#[derive(Clone, Debug)]
pub(super) enum Node {
    Always,
    Errors,
    End(Outcome),
    SlowerThan(u64),
    CostAbove(f64),
    TokensAbove(u64),
    LlmCallsAbove(u64),
    ToolCallsAbove(u64),
    SpansAbove(u64),
    Agent(Match),
    User(Match),
    Tag(Match),
    Seen(u64),
    All(Box<[Self]>),
    Any(Box<[Self]>),
    Not(Box<Self>),
}

impl Node {
    /// Makes a rule ready; what is wrong with it goes to `check`.
    pub(super) fn new(rule: &Rule, scans: &mut Vec<Scan>, check: &mut Check, depth: usize) -> Self {
        if depth > DEEPEST {
            check.wrong(format!("nests deeper than {DEEPEST}; give fewer levels"));
            return Self::Always;
        }
        let many = |rules: &[Rule], scans: &mut Vec<Scan>, check: &mut Check| -> Box<[Self]> {
            let nodes = rules
                .iter()
                .map(|rule| Self::new(rule, scans, check, depth + 1));
            nodes.collect()
        };
        match rule {
            Rule::Always => Self::Always,
            Rule::Never => Self::Not(Box::new(Self::Always)),
            Rule::Errors => Self::Errors,
            Rule::EndState(outcome) => Self::End(*outcome),
            Rule::SlowerThan(limit) => {
                Self::SlowerThan(u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX))
            }
            Rule::CostAbove(usd) => {
                if !usd.is_finite() || *usd < 0.0 {
                    check.wrong(format!("is {usd}; give US dollars, as in CostAbove(1.0)"));
                }
                Self::CostAbove(*usd)
            }
            Rule::TokensAbove(limit) => Self::TokensAbove(*limit),
            Rule::LlmCallsAbove(limit) => Self::LlmCallsAbove(*limit),
            Rule::ToolCallsAbove(limit) => Self::ToolCallsAbove(*limit),
            Rule::SpansAbove(limit) => Self::SpansAbove(*limit),
            Rule::Score { name, score } => {
                name.iter()
                    .for_each(|name| check_text("a name", name, check));
                if !matches!(score, Match::Present | Match::Exceeds(_) | Match::Below(_))
                    && !matches!(
                        score,
                        Match::Equals(OwnedValue::Int(_) | OwnedValue::Double(_))
                    )
                {
                    check.wrong("a score is a number; compare it as in Match::Below(0.5)");
                }
                check_value(score, check);
                let (name, score) = (name.clone(), score.clone());
                Self::seen(Scan::Score { name, score }, scans, check)
            }
            Rule::Agent(name) => {
                check_text("an agent", name, check);
                Self::Agent(name.clone())
            }
            Rule::User(id) => {
                check_text("a user", id, check);
                Self::User(id.clone())
            }
            Rule::Tag(tag) => {
                check_text("a tag", tag, check);
                Self::Tag(tag.clone())
            }
            Rule::Model(name) => {
                check_text("a model", name, check);
                let asked = [key::REQUEST_MODEL, key::RESPONSE_MODEL]
                    .map(|key| Self::seen(Scan::Attribute(key.into(), name.clone()), scans, check));
                Self::Any(asked.into())
            }
            Rule::Attribute { key, value } => {
                if key.is_empty() {
                    check.wrong(
                        "the key is empty; give one, as in Rule::attribute(\"app.tier\", \"gold\")",
                    );
                }
                check_value(value, check);
                Self::seen(
                    Scan::Attribute(key.as_str().into(), value.clone()),
                    scans,
                    check,
                )
            }
            Rule::SpanName(name) => {
                check_text("a name", name, check);
                Self::seen(Scan::SpanName(name.clone()), scans, check)
            }
            Rule::All(rules) => Self::All(many(rules, scans, check)),
            Rule::Any(rules) => Self::Any(many(rules, scans, check)),
            Rule::Not(rule) => Self::Not(Box::new(Self::new(rule, scans, check, depth + 1))),
        }
    }

    /// The same question is asked once.
    fn seen(scan: Scan, scans: &mut Vec<Scan>, check: &mut Check) -> Self {
        let bit = scans.iter().position(|known| *known == scan);
        let bit = bit.unwrap_or(scans.len());
        if bit >= MOST_SCANS {
            check.wrong(format!(
                "is one too many: rules may ask {MOST_SCANS} different things of attributes, names and scores"
            ));
            return Self::Always;
        }
        if bit == scans.len() {
            scans.push(scan);
        }
        Self::Seen(1 << bit)
    }

    /// Whether it is so; none when that is open.
    pub(super) fn holds(&self, of: &Evidence<'_>) -> Option<bool> {
        // What only grows is certain once it is true.
        let grows = |is_so: bool| (is_so || of.is_final).then_some(is_so);
        let known = |is_so: bool| (is_so || of.is_final || of.about_is_whole).then_some(is_so);
        let text = |test: &Match, text: &Option<Box<str>>| {
            text.as_ref()
                .is_some_and(|text| is_match(test, &Scalar::Text(text.as_bytes())))
        };
        let digest = of.digest;
        match self {
            Self::Always => Some(true),
            Self::Errors => grows(digest.error),
            Self::End(outcome) => match digest.end {
                End::Open => of.is_final.then_some(false),
                End::Unset => Some(*outcome == Outcome::Unset),
                End::Success => Some(*outcome == Outcome::Success),
                End::Error => Some(*outcome == Outcome::Error),
            },
            Self::SlowerThan(limit) => grows(digest.longest_ns > *limit),
            Self::CostAbove(limit) => grows(digest.cost > *limit),
            Self::TokensAbove(limit) => grows(digest.tokens > *limit),
            Self::LlmCallsAbove(limit) => grows(u64::from(digest.llm_calls) > *limit),
            Self::ToolCallsAbove(limit) => grows(u64::from(digest.tool_calls) > *limit),
            Self::SpansAbove(limit) => grows(digest.spans > *limit),
            Self::Agent(test) => known(text(test, &of.about.agent)),
            Self::User(test) => known(text(test, &of.about.user)),
            Self::Tag(test) => known(
                of.about
                    .tags
                    .iter()
                    .any(|tag| is_match(test, &Scalar::Text(tag.as_bytes()))),
            ),
            Self::Seen(bit) => grows(of.seen & bit != 0),
            Self::All(nodes) => every(nodes, of, false),
            Self::Any(nodes) => every(nodes, of, true),
            Self::Not(node) => node.holds(of).map(|is_so| !is_so),
        }
    }

    /// Whether it asks for nothing but what is known when a session begins.
    pub(super) fn is_of_start(&self) -> bool {
        match self {
            Self::Always | Self::Agent(_) | Self::User(_) | Self::Tag(_) => true,
            Self::All(nodes) | Self::Any(nodes) => nodes.iter().all(Self::is_of_start),
            Self::Not(node) => node.is_of_start(),
            _ => false,
        }
    }

    /// Whether it asks who the session is.
    pub(super) fn asks_about(&self) -> bool {
        match self {
            Self::Agent(_) | Self::User(_) | Self::Tag(_) => true,
            Self::All(nodes) | Self::Any(nodes) => nodes.iter().any(Self::asks_about),
            Self::Not(node) => node.asks_about(),
            _ => false,
        }
    }
}

/// `decisive` as soon as one of them is, its opposite when all are that.
fn every(nodes: &[Node], of: &Evidence<'_>, decisive: bool) -> Option<bool> {
    let mut all_known = true;
    for node in nodes {
        match node.holds(of) {
            Some(is_so) if is_so == decisive => return Some(decisive),
            Some(_) => {}
            None => all_known = false,
        }
    }
    all_known.then_some(!decisive)
}

fn check_text(what: &str, test: &Match, check: &mut Check) {
    let is_text = !matches!(test, Match::Exceeds(_) | Match::Below(_))
        && !matches!(test, Match::Equals(value) if !matches!(value, OwnedValue::Str(_)));
    if !is_text {
        check.wrong(format!(
            "{what} is a text; compare it as in \"planner\" or \"plan*\""
        ));
    }
}

fn check_value(test: &Match, check: &mut Check) {
    match test {
        Match::Exceeds(limit) | Match::Below(limit) if !limit.is_finite() => {
            check.wrong(format!(
                "is {limit}; give a number, as in Match::Exceeds(0.5)"
            ));
        }
        Match::Equals(
            OwnedValue::Empty | OwnedValue::Bytes(_) | OwnedValue::Array(_) | OwnedValue::Map(_),
        ) => check.wrong(
            "only texts, numbers, true and false can be compared; an array is searched for one",
        ),
        _ => {}
    }
}
