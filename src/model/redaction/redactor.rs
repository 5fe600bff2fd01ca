//! A redaction at work: what becomes of one text.
//!
//! Shared by everything that text leaves the pipeline through. Holds: rules and counters. Never waits;
//! the user's own function runs on the thread of whoever asks, and a panic of it masks the text.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::account::{Found, Spot};
use super::counts::{Counters, RedactionStats, add};
use super::detector::{Detector, Detectors};
use super::find::{Finding, find};
use super::json::{self, Outcome};
use super::rules::{Action, MASK, Rules, Ruling};
use super::unescape::{Unescaped, find_byte};
use super::{Own, Redacted};
use crate::model::hash_key::HashKey;

/// Levels of escapes that are read in a text. What has more, which nobody writes who wants to be
/// understood, is masked.
const LEVELS: usize = 32;

/// A redaction at work, for texts that go another way than through a pipeline: a host's own log, say.
///
/// ```
/// use spanreel::Redaction;
///
/// let redactor = Redaction::standard().redactor();
/// assert_eq!(redactor.redact("note", "ask ada@example.com"), "ask [email]");
/// assert_eq!(redactor.redact("password", "hunter2"), "[redacted]");
/// ```
pub struct Redactor {
    pub(super) detectors: Detectors,
    pub(super) rules: Rules,
    pub(super) hash_key: Option<HashKey>,
    pub(super) own: Option<Own>,
    pub(super) dry_run: bool,
    pub(super) told: Option<Told>,
    pub(super) counters: Counters,
}

/// Who is told of what is found.
pub(super) type Told = Arc<dyn Fn(&Found<'_>) + Send + Sync>;

/// What is to be done with a text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Redaction {
    Keep,
    Replace(Vec<u8>),
    Remove,
}

/// Memory that is used for one text after the other, and what was counted on the way.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    findings: Vec<Finding>,
    unescaped: Vec<Unescaped>,
    /// What the text is the value of, where somebody is told of it.
    key: Vec<u8>,
    texts: u64,
    bytes: u64,
}

impl Scratch {
    /// Where something is found in the text that is looked at.
    pub(super) fn spot<'a>(&'a self, text: &'a [u8]) -> Spot<'a> {
        Spot::of(&self.key, text)
    }

    pub(super) fn key(&self) -> &[u8] {
        &self.key
    }

    pub(super) fn take_unescaped(&mut self) -> Unescaped {
        self.unescaped.pop().unwrap_or_default()
    }

    pub(super) fn give_back(&mut self, unescaped: Unescaped) {
        self.unescaped.push(unescaped);
    }
}

/// A stretch that is to be replaced.
#[derive(Clone, Copy, Debug)]
struct Hit {
    start: usize,
    end: usize,
    /// None where the whole is masked.
    detector: Option<Detector>,
}

impl Redactor {
    /// A text without what must not leave the process, by the rule of its key where there is one. What is
    /// to be left out becomes empty.
    #[must_use]
    pub fn redact<'t>(&self, key: &str, text: &'t str) -> Cow<'t, str> {
        let Some(ruling) = self.rule(key.as_bytes()) else {
            return self.shown(key, text);
        };
        let spot = Spot::of(key.as_bytes(), text.as_bytes());
        let changed = match ruling.action {
            Action::Pass => return Cow::Borrowed(text),
            Action::Remove => {
                self.removed(ruling, spot);
                String::new()
            }
            Action::Mask => {
                self.masked(Some(ruling), spot);
                MASK.to_owned()
            }
            Action::Hash => self.hashed(ruling, spot),
        };
        match self.dry_run {
            true => Cow::Borrowed(text),
            false => Cow::Owned(changed),
        }
    }

    /// What it did so far.
    #[must_use]
    pub fn stats(&self) -> RedactionStats {
        self.counters.stats(&self.rules, self.dry_run)
    }

    /// What is to be done with a text behind `key`, that no rule is for.
    pub(crate) fn text(&self, key: &[u8], text: &[u8], scratch: &mut Scratch) -> Redaction {
        scratch.texts += 1;
        scratch.bytes += text.len() as u64;
        if self.is_told() {
            scratch.key.clear();
            scratch.key.extend_from_slice(key);
        }
        let mut replaced = None;
        if let Some(own) = &self.own {
            match self.ask(own, key, text) {
                Redacted::Keep => {}
                Redacted::Replace(with) => replaced = Some(with.into_bytes()),
                Redacted::Remove => return self.changed(Redaction::Remove),
            }
        }
        let found = self.detect(replaced.as_deref().unwrap_or(text), scratch);
        match found.or(replaced) {
            Some(with) => self.changed(Redaction::Replace(with)),
            None => Redaction::Keep,
        }
    }

    /// What is to stand in the place of a text, as far as detectors have something to say.
    fn detect(&self, text: &[u8], scratch: &mut Scratch) -> Option<Vec<u8>> {
        if text.len() < 3 || self.detectors.is_empty() && self.rules.are_none() {
            return None;
        }
        if json::may_be_json(text) {
            match json::redact(self, text, 0, scratch) {
                Outcome::NotJson => {}
                Outcome::Clean => return None,
                Outcome::Changed(changed) => return Some(changed),
            }
        }
        if find_byte(text, b'\\') == text.len() {
            let ranges = self.search(text, scratch);
            return replaced(text, &ranges);
        }
        let mut hits = Vec::new();
        self.level(text, &mut hits, scratch);
        let mut plain = scratch.take_unescaped();
        if plain.read(text) {
            self.levels(&plain, 1, &mut hits, scratch);
        }
        scratch.give_back(plain);
        let ranges = self.merged(text, hits, scratch);
        replaced(text, &ranges)
    }

    /// Where something stands in a text without escapes.
    pub(super) fn search(
        &self,
        text: &[u8],
        scratch: &mut Scratch,
    ) -> Vec<(Range<usize>, &'static str)> {
        scratch.findings.clear();
        find(text, self.detectors, &mut scratch.findings);
        if scratch.findings.is_empty() {
            return Vec::new();
        }
        let ranges = scratch.findings.iter().map(|it| {
            self.found(it.detector, scratch.spot(&text[it.start..it.end]));
            (it.start..it.end, it.detector.label())
        });
        ranges.collect()
    }

    /// Where something stands in an escaped text, on this level of escapes or below.
    pub(super) fn search_levels(
        &self,
        raw: &[u8],
        plain: &Unescaped,
        scratch: &mut Scratch,
    ) -> Vec<(Range<usize>, &'static str)> {
        let mut hits = Vec::new();
        self.levels(plain, 1, &mut hits, scratch);
        self.merged(raw, hits, scratch)
    }

    fn levels(&self, plain: &Unescaped, depth: usize, hits: &mut Vec<Hit>, scratch: &mut Scratch) {
        let mut here = Vec::new();
        self.level(&plain.text, &mut here, scratch);
        if plain.has_backslash {
            let mut next = scratch.take_unescaped();
            if next.read(&plain.text) {
                if depth < LEVELS {
                    self.levels(&next, depth + 1, &mut here, scratch);
                } else {
                    here.push(Hit {
                        start: 0,
                        end: plain.text.len(),
                        detector: None,
                    });
                }
            }
            scratch.give_back(next);
        }
        hits.extend(here.into_iter().map(|hit| Hit {
            start: plain.start(hit.start),
            end: plain.end(hit.end),
            ..hit
        }));
    }

    fn level(&self, text: &[u8], hits: &mut Vec<Hit>, scratch: &mut Scratch) {
        scratch.findings.clear();
        find(text, self.detectors, &mut scratch.findings);
        hits.extend(scratch.findings.iter().map(|it| Hit {
            start: it.start + usize::from(begins_in_escape(text, it.start)),
            end: it.end,
            detector: Some(it.detector),
        }));
    }

    /// Joins what overlaps, in order, and counts it.
    fn merged(
        &self,
        text: &[u8],
        mut hits: Vec<Hit>,
        scratch: &Scratch,
    ) -> Vec<(Range<usize>, &'static str)> {
        hits.sort_by_key(|hit| (hit.start, std::cmp::Reverse(hit.end)));
        let mut merged: Vec<Hit> = Vec::with_capacity(hits.len());
        for hit in hits {
            match merged.last_mut().filter(|last| hit.start < last.end) {
                Some(last) => last.end = last.end.max(hit.end),
                None => merged.push(hit),
            }
        }
        let ranges = merged.iter().map(|hit| {
            let spot = scratch.spot(&text[hit.start..hit.end]);
            let label = match hit.detector {
                Some(detector) => {
                    self.found(detector, spot);
                    detector.label()
                }
                None => {
                    self.masked(None, spot);
                    MASK
                }
            };
            (hit.start..hit.end, label)
        });
        ranges.collect()
    }

    /// Whether a number behind `key` is that of a card.
    pub(crate) fn is_card(&self, key: &[u8], digits: &[u8]) -> bool {
        let mut findings = Vec::new();
        if self.detectors.has(Detector::Card) {
            find(digits, Detectors::NONE.with(Detector::Card), &mut findings);
        }
        for finding in &findings {
            self.found(finding.detector, Spot::of(key, digits));
        }
        !findings.is_empty()
    }

    fn ask(&self, own: &Own, key: &[u8], text: &[u8]) -> Redacted {
        let (Ok(key), Ok(text)) = (std::str::from_utf8(key), std::str::from_utf8(text)) else {
            return Redacted::Keep;
        };
        let spot = Spot::of(key.as_bytes(), text.as_bytes());
        match catch_unwind(AssertUnwindSafe(|| own(key, text))) {
            Ok(Redacted::Keep) => Redacted::Keep,
            Ok(answer) => {
                self.replaced(spot);
                answer
            }
            Err(_) => {
                add(&self.counters.panics, 1);
                self.unreadable(spot);
                Redacted::Replace(MASK.to_owned())
            }
        }
    }

    /// The rule of an attribute.
    pub(crate) fn rule(&self, key: &[u8]) -> Option<Ruling> {
        self.rules.of_attribute(key)
    }

    pub(crate) fn rules(&self) -> &Rules {
        &self.rules
    }

    pub(crate) fn is_dry_run(&self) -> bool {
        self.dry_run
    }

    /// A text of the program's own that is about to be shown, such as what a server answered.
    pub(crate) fn shown<'t>(&self, key: &str, text: &'t str) -> Cow<'t, str> {
        let mut scratch = Scratch::default();
        let shown = match self.text(key.as_bytes(), text.as_bytes(), &mut scratch) {
            Redaction::Replace(with) => Cow::Owned(match String::from_utf8(with) {
                Ok(with) => with,
                Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
            }),
            Redaction::Remove => Cow::Borrowed(""),
            Redaction::Keep => Cow::Borrowed(text),
        };
        self.settle(&mut scratch);
        shown
    }

    fn changed(&self, redaction: Redaction) -> Redaction {
        add(&self.counters.changed, 1);
        match self.dry_run {
            true => Redaction::Keep,
            false => redaction,
        }
    }

    /// Adds what was counted on the way.
    pub(crate) fn settle(&self, scratch: &mut Scratch) {
        add(&self.counters.texts, std::mem::take(&mut scratch.texts));
        add(&self.counters.bytes, std::mem::take(&mut scratch.bytes));
    }
}

/// Whether a letter belongs to an escape rather than to the word that seems to begin with it: the `n` of
/// `\nada@example.com`. To leave it keeps an escaped text readable.
fn begins_in_escape(text: &[u8], start: usize) -> bool {
    let before = text[..start].iter().rev();
    let backslashes = before.take_while(|it| **it == b'\\').count();
    backslashes % 2 == 1
        && text
            .get(start)
            .is_some_and(|it| b"nrtbfux\"/'".contains(it))
}

fn replaced(text: &[u8], ranges: &[(Range<usize>, &'static str)]) -> Option<Vec<u8>> {
    if ranges.is_empty() {
        return None;
    }
    let mut out = Vec::with_capacity(text.len() + 16);
    let mut copied = 0;
    for (range, label) in ranges {
        out.extend_from_slice(&text[copied..range.start]);
        out.extend_from_slice(label.as_bytes());
        copied = range.end;
    }
    out.extend_from_slice(&text[copied..]);
    Some(out)
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redactor")
            .field("detectors", &self.detectors)
            .field("dry_run", &self.dry_run)
            .finish_non_exhaustive()
    }
}
