//! What a redaction would find: a table for people, an object for programs.
//!
//! Holds: a row for each key in which something is found, at most [`ROWS`]; beyond that, numbers.

use std::collections::HashMap;
use std::fmt::Write as _;

use serde::Serialize;
use spanreel::{Detector, Found, Redaction, RedactionStats, Redactor};

use crate::term::Palette;
use crate::units::{bytes, grouped};

const INFALLIBLE: &str = "a string takes everything";

/// How many rows are kept.
const ROWS: usize = 10_000;
/// How many are shown to people.
const SHOWN: usize = 100;
/// The longest key that is shown whole, in characters.
const KEY: usize = 60;

/// What was found, by who found it and where.
#[derive(Debug)]
pub(super) struct Table {
    rows: HashMap<Place, Row>,
    /// How often something was found for which there is no row.
    elsewhere: u64,
    /// Keys are texts of others and may hold secrets themselves, whatever is looked for.
    names: Redactor,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Place {
    by: String,
    action: Option<&'static str>,
    key: String,
    member: Option<String>,
}

#[derive(Debug, Default)]
struct Row {
    count: u64,
    sample: String,
}

/// What is told to programs. Keys are stable: keys may be added, none is renamed or changes its unit
/// without a new major version.
#[derive(Debug, Serialize)]
struct Report<'a> {
    /// Texts that were looked through, and their bytes.
    texts: u64,
    bytes: u64,
    /// Texts that would change.
    changed: u64,
    detectors: Vec<Count<'a>>,
    rules: Vec<Count<'a>>,
    found: Vec<Line<'a>>,
    elsewhere: u64,
}

#[derive(Debug, Serialize)]
struct Count<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<&'a str>,
    changed: u64,
}

#[derive(Debug, Serialize)]
struct Line<'a> {
    by: &'a str,
    action: Option<&'a str>,
    key: &'a str,
    member: Option<&'a str>,
    count: u64,
    sample: &'a str,
}

impl Table {
    pub(super) fn new() -> Self {
        Self {
            rows: HashMap::new(),
            elsewhere: 0,
            names: Redaction::standard().redactor(),
        }
    }

    pub(super) fn add(&mut self, found: &Found<'_>) {
        let name = |key: &str| self.names.redact("attribute.key", key).into_owned();
        let place = Place {
            by: found.by.to_owned(),
            action: found.action,
            key: name(&found.key),
            member: found.member.as_deref().map(name),
        };
        let is_full = self.rows.len() >= ROWS;
        match self.rows.get_mut(&place) {
            Some(row) => row.count += 1,
            None if is_full => self.elsewhere += 1,
            None => {
                let row = Row {
                    count: 1,
                    sample: found.sample(),
                };
                self.rows.insert(place, row);
            }
        }
    }

    /// The most frequent first.
    fn sorted(&self) -> Vec<(&Place, &Row)> {
        let mut rows: Vec<_> = self.rows.iter().collect();
        rows.sort_by_key(|(place, row)| (std::cmp::Reverse(row.count), *place));
        rows
    }

    pub(super) fn json(&self, stats: &RedactionStats) -> String {
        let detectors = Detector::ALL.map(|it| Count {
            name: it.name(),
            action: None,
            changed: stats.found_by(it),
        });
        let rules = stats.rules.iter().map(|it| Count {
            name: &it.name,
            action: Some(it.action),
            changed: it.changed,
        });
        let found = self.sorted().into_iter().map(|(place, row)| Line {
            by: &place.by,
            action: place.action,
            key: &place.key,
            member: place.member.as_deref(),
            count: row.count,
            sample: &row.sample,
        });
        let report = Report {
            texts: stats.texts,
            bytes: stats.bytes,
            changed: stats.changed,
            detectors: detectors.into(),
            rules: rules.collect(),
            found: found.collect(),
            elsewhere: self.elsewhere,
        };
        serde_json::to_string_pretty(&report).expect("plain data becomes JSON")
    }

    /// A line for each place where something was found, and the sum.
    pub(super) fn text(&self, stats: &RedactionStats, palette: Palette) -> String {
        let rows: Vec<_> = self
            .sorted()
            .into_iter()
            .map(|(place, row)| (place.by_text(), place.where_text(), row))
            .collect();
        let shown = &rows[..rows.len().min(SHOWN)];
        let (mut by, mut place) = ("found by".len(), "in".len());
        for (name, key, _) in shown {
            by = by.max(name.chars().count());
            place = place.max(key.chars().count());
        }
        let mut text = String::new();
        if !shown.is_empty() {
            let head = format!(
                "{:by$}  {:place$}  {:>9}  looks like",
                "found by", "in", "count"
            );
            writeln!(text, "{}", palette.heading(&head)).expect(INFALLIBLE);
        }
        for (name, key, row) in shown {
            let count = grouped(row.count);
            let line = format!("{name:by$}  {key:place$}  {count:>9}  {}", row.sample);
            writeln!(text, "{}", line.trim_end()).expect(INFALLIBLE);
        }
        if rows.len() > SHOWN || self.elsewhere > 0 {
            let more = rows.len() - shown.len();
            let more = format!(
                "and {} more places; --json tells them",
                grouped(more as u64)
            );
            writeln!(text, "{more}").expect(INFALLIBLE);
        }
        if !shown.is_empty() {
            text.push('\n');
        }
        let found: u64 = rows.iter().map(|(.., row)| row.count).sum();
        writeln!(
            text,
            "looked through {} texts ({}): {} would be taken out; nothing was changed",
            grouped(stats.texts),
            bytes(stats.bytes as f64),
            grouped(found + self.elsewhere),
        )
        .expect(INFALLIBLE);
        text
    }
}

impl Place {
    fn by_text(&self) -> String {
        let by = printable(&self.by);
        match self.action {
            Some(action) => format!("{by} ({action})"),
            None => by,
        }
    }

    fn where_text(&self) -> String {
        match &self.member {
            Some(member) => printable(&format!("{}: {member}", self.key)),
            None => printable(&self.key),
        }
    }
}

/// A text of others as it may be shown: what would steer a terminal is left out, and what is too long cut.
fn printable(text: &str) -> String {
    let mut characters = text.chars();
    let shown = characters.by_ref().take(KEY);
    let mut shown: String = shown
        .map(|it| if it.is_control() { ' ' } else { it })
        .collect();
    if characters.next().is_some() {
        shown.push_str("..");
    }
    shown
}
