//! The quick run: every mode with small numbers, and proof that all contestants deliver the same.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Write, stderr};
use std::sync::Arc;

use clap::ValueEnum;

use crate::Comparison;
use crate::contestant::{Entry, Failure};
use crate::mode::Mode;
use crate::receiver::{Arrived, Contents};
use crate::round::{Extra, contestants, run_once};
use crate::workload::{self, Attributes, SessionId, Turns};

/// Spans of a run; few enough for the smallest queue.
const SPANS: u64 = 1_000;

/// Makes the comparison one of every mode and few spans.
pub(crate) fn shrink(comparison: &mut Comparison) {
    comparison.mode = Mode::value_variants().to_vec();
    comparison.rounds = 1;
    comparison.spans = SPANS;
    comparison.seconds = 1;
    comparison.allocations = true;
}

/// Lets every contestant run once in front of a receiver that looks into what it gets.
///
/// # Errors
///
/// Names the contestant that delivers other spans than the workload has, and what is different.
pub(crate) fn check_contents(comparison: &Comparison) -> Result<(), Failure> {
    // Ten-span sessions: few spans, many traces.
    let mode = Mode::Ten;
    for entry in contestants(comparison, mode) {
        if !entry.sends {
            continue;
        }
        writeln!(stderr(), "contents: {}", entry.name)?;
        let run = run_once(comparison, mode, entry, Extra::Inspection)?;
        check(entry, comparison.spans, &run.arrived)?;
    }
    Ok(())
}

fn check(entry: &Entry, spans: u64, arrived: &Arrived) -> Result<(), Failure> {
    let wrong = |what: String| Err(format!("{} delivers {what}", entry.name).into());
    let contents = arrived.contents.as_ref().ok_or("nobody looked")?;
    let shape = Mode::Ten.shape(spans, 0);
    let sessions = shape.sessions();
    let turns = sessions * shape.turns;

    if contents.count() != arrived.spans {
        let Arrived { spans, .. } = arrived;
        return wrong(format!("{} spans, counted as {spans}", contents.count()));
    }
    let Contents {
        traces,
        roots,
        strays,
        ..
    } = *contents;
    if (traces, roots, strays) != (sessions, sessions, 0) {
        return wrong(format!(
            "{sessions} sessions as {traces} traces with {roots} roots and {strays} strays"
        ));
    }
    let expected = expected(sessions, turns);
    let names: Vec<&String> = contents.spans.keys().collect();
    if names != expected.keys().collect::<Vec<_>>() {
        return wrong(format!("spans named {names:?}"));
    }
    for (name, kindred) in &contents.spans {
        let (count, keys) = &expected[name];
        if kindred.count != *count {
            return wrong(format!("{} of {count} spans `{name}`", kindred.count));
        }
        let told: BTreeSet<_> = kindred.keys.iter().map(|keys| of_workload(keys)).collect();
        if told != BTreeSet::from([keys.clone()]) {
            return wrong(format!("`{name}` with {told:?} for {keys:?}"));
        }
        if kindred.untimely > 0 {
            return wrong(format!("`{name}` that ends before it starts"));
        }
    }
    Ok(())
}

/// Without what a product adds of its own, such as the totals of a session: more is no other work.
fn of_workload(keys: &[String]) -> Vec<String> {
    let keys = keys.iter().filter(|key| !key.starts_with("spanreel."));
    keys.cloned().collect()
}

/// What the workload says: by name and kind, how many spans, and their keys.
fn expected(sessions: u64, turns: u64) -> BTreeMap<String, (u64, Vec<String>)> {
    let samples = Turns::new();
    let turn = samples.get(0);
    let id = SessionId::random();
    let keys = |add: &dyn Fn(&mut Keys)| {
        let mut keys = Keys::default();
        id.attributes(&mut keys);
        add(&mut keys);
        keys.names.sort();
        keys.names
    };
    let root = keys(&|keys| workload::root_attributes(keys));
    let chat = keys(&|keys| turn.chat.attributes(keys));
    let tool = keys(&|keys| {
        turn.tools[0].attributes(keys);
        keys.prefix = format!("{}: ", workload::TOOL_EVENT);
        turn.tools[0].event_attributes(keys);
    });
    BTreeMap::from([
        (format!("{} (1)", workload::ROOT), (sessions, root)),
        (format!("{} (3)", workload::CHAT), (turns, chat)),
        (format!("{} (1)", workload::TOOL), (2 * turns, tool)),
    ])
}

/// Keeps the keys only: fastrace makes text of all values.
#[derive(Default)]
struct Keys {
    names: Vec<String>,
    prefix: String,
}

impl Keys {
    fn add(&mut self, key: &str) {
        self.names.push(format!("{}{key}", self.prefix));
    }
}

impl Attributes for Keys {
    fn literal(&mut self, key: &'static str, _: &'static str) {
        self.add(key);
    }

    fn text(&mut self, key: &'static str, _: &str) {
        self.add(key);
    }

    fn shared(&mut self, key: &'static str, _: &Arc<str>) {
        self.add(key);
    }

    fn int(&mut self, key: &'static str, _: i64) {
        self.add(key);
    }

    fn double(&mut self, key: &'static str, _: f64) {
        self.add(key);
    }
}
