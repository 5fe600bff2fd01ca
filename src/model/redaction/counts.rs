//! What a redaction did, counted.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use super::detector::Detector;
use super::rules::{Action, Rules};

/// What a redaction did so far: how often each detector found something, and what rules did.
///
/// Shown as text, it is the report of a [dry run](crate::Redaction::dry_run), without any of what was
/// found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RedactionStats {
    /// Whether nothing was changed, only counted.
    pub dry_run: bool,
    /// Texts that were looked at.
    pub texts: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Texts in which something was found or that a rule was for.
    pub changed: u64,
    /// How often each detector found something, in the order of [`Detector::ALL`].
    pub found: [u64; Detector::ALL.len()],
    /// Attributes that were left out.
    pub removed: u64,
    /// Values that were masked as a whole: by a rule, or because they could not be looked through.
    pub masked: u64,
    /// Values in whose place a keyed hash stands.
    pub hashed: u64,
    /// Texts that the user's own function changed or left out.
    pub own: u64,
    /// How often that function panicked, and such a text was masked; or who was
    /// [told](crate::Redaction::tell) did.
    pub panics: u64,
    /// What each rule did: in the order in which they were given, then those without keys of their own.
    pub rules: Vec<RuleStats>,
}

/// How often a rule of a redaction did something.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RuleStats {
    /// The key of the rule, as it was written. Without a key of its own: `content`
    /// ([`remove_content`](crate::Redaction::remove_content)), `secret_names`, `only`, `own` (the user's own
    /// function) and `unreadable` (what could not be looked through).
    pub name: String,
    /// What it does: `remove`, `mask`, `hash` or `replace`. In JSON, what is to be removed is masked.
    pub action: &'static str,
    /// Values that it changed; in a dry run, that it would have changed.
    pub changed: u64,
}

impl RedactionStats {
    /// How often a detector found something.
    #[must_use]
    pub fn found_by(&self, detector: Detector) -> u64 {
        self.found[detector as usize]
    }
}

impl fmt::Display for RedactionStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.dry_run {
            "would change"
        } else {
            "changed"
        };
        write!(
            f,
            "{} texts of {} bytes: {what} {}",
            self.texts, self.bytes, self.changed
        )?;
        let found = Detector::ALL.map(|it| (it.name(), self.found_by(it)));
        let rules = [
            ("removed", self.removed),
            ("masked", self.masked),
            ("hashed", self.hashed),
            ("own", self.own),
            ("panics", self.panics),
        ];
        for (name, count) in found
            .into_iter()
            .chain(rules)
            .filter(|(_, count)| *count > 0)
        {
            write!(f, "\n  {name} {count}")?;
        }
        Ok(())
    }
}

/// The counters behind [`RedactionStats`].
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) texts: AtomicU64,
    pub(super) bytes: AtomicU64,
    pub(super) changed: AtomicU64,
    found: [AtomicU64; Detector::ALL.len()],
    pub(super) removed: AtomicU64,
    pub(super) masked: AtomicU64,
    pub(super) hashed: AtomicU64,
    pub(super) own: AtomicU64,
    pub(super) panics: AtomicU64,
    pub(super) unreadable: AtomicU64,
    /// By the counts of [`Rules::counted`].
    by_rule: Box<[AtomicU64]>,
}

impl Counters {
    /// For so many rules.
    pub(super) fn new(rules: usize) -> Self {
        Self {
            by_rule: (0..rules).map(|_| AtomicU64::new(0)).collect(),
            ..Self::default()
        }
    }

    /// A rule did what it is there for.
    pub(super) fn ruled(&self, count: usize) {
        add(&self.by_rule[count], 1);
    }

    pub(super) fn found(&self, detector: Detector) {
        add(&self.found[detector as usize], 1);
    }

    pub(super) fn stats(&self, rules: &Rules, dry_run: bool) -> RedactionStats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let ruled = rules.counted().iter().zip(&self.by_rule);
        let ruled = ruled.filter(|((_, action), _)| *action != Action::Pass);
        let ruled = ruled.map(|((name, action), count)| (&**name, action.name(), read(count)));
        let others = [
            ("own", "replace", read(&self.own)),
            ("unreadable", "mask", read(&self.unreadable)),
        ];
        let rules = ruled
            .chain(others)
            .map(|(name, action, changed)| RuleStats {
                name: name.to_owned(),
                action,
                changed,
            });
        RedactionStats {
            rules: rules.collect(),
            dry_run,
            texts: read(&self.texts),
            bytes: read(&self.bytes),
            changed: read(&self.changed),
            found: std::array::from_fn(|index| read(&self.found[index])),
            removed: read(&self.removed),
            masked: read(&self.masked),
            hashed: read(&self.hashed),
            own: read(&self.own),
            panics: read(&self.panics),
        }
    }
}

pub(super) fn add(counter: &AtomicU64, count: u64) {
    counter.fetch_add(count, Ordering::Relaxed);
}
