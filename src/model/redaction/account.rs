//! What a redactor counts of what it does, and tells to who asked to be told.
//!
//! Holds: nothing of its own. Never waits; who is told runs on the thread that redacts.

use std::borrow::Cow;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::MASK;
use super::counts::add;
use super::detector::Detector;
use super::redactor::Redactor;
use super::rules::Ruling;
use crate::model::session_id::keyed;

/// The longest sample, in characters.
const SAMPLE: usize = 40;
/// The shortest text whose beginning a sample shows.
const LONG: usize = 8;

/// Something that a redaction found: [`Redaction::tell`](crate::Redaction::tell).
#[non_exhaustive]
pub struct Found<'a> {
    /// The key of the attribute, or what stands for one: `span.name`, `log.body`.
    pub key: Cow<'a, str>,
    /// The member of JSON that a rule is for, where it is not the attribute itself.
    pub member: Option<Cow<'a, str>>,
    /// Who found it: the [name](Detector::name) of a detector, or that of a rule as
    /// [`RuleStats::name`](crate::RuleStats::name) has it.
    pub by: &'a str,
    /// What the rule does: `remove`, `mask`, `hash` or `replace`; none where it is a detector.
    pub action: Option<&'static str>,
    text: &'a [u8],
}

impl Found<'_> {
    /// What it looks like, and not what it is: letters become `x` or `X`, digits `0`; the first two
    /// characters stay where there are eight or more and a detector found them. At most 40 characters; what
    /// is no text has none.
    #[must_use]
    pub fn sample(&self) -> String {
        let Ok(text) = std::str::from_utf8(self.text) else {
            return String::new();
        };
        let shown = match self.action {
            None if text.len() >= LONG => 2,
            _ => 0,
        };
        let mut characters = text.chars();
        let sample = characters.by_ref().take(SAMPLE).enumerate();
        let mut sample: String = sample
            .map(|(at, character)| match character {
                _ if character.is_control() => ' ',
                _ if at < shown => character,
                _ if character.is_numeric() => '0',
                _ if character.is_uppercase() => 'X',
                _ if character.is_alphabetic() => 'x',
                _ => character,
            })
            .collect();
        if characters.next().is_some() {
            sample.push_str("..");
        }
        sample
    }
}

/// Without what was found.
impl fmt::Debug for Found<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Found")
            .field("key", &self.key)
            .field("by", &self.by)
            .field("sample", &self.sample())
            .finish_non_exhaustive()
    }
}

/// Where something is found, and what.
#[derive(Clone, Copy)]
pub(crate) struct Spot<'a> {
    pub(crate) key: &'a [u8],
    /// The name of a member of JSON; empty where it is the value of the key itself.
    pub(crate) member: &'a [u8],
    pub(crate) text: &'a [u8],
}

impl<'a> Spot<'a> {
    /// The value of a key.
    pub(crate) fn of(key: &'a [u8], text: &'a [u8]) -> Self {
        Self {
            key,
            member: b"",
            text,
        }
    }
}

impl Redactor {
    pub(crate) fn is_told(&self) -> bool {
        self.told.is_some()
    }

    pub(super) fn found(&self, detector: Detector, spot: Spot<'_>) {
        self.counters.found(detector);
        self.tell(detector.name(), None, spot);
    }

    /// An attribute is left out.
    pub(crate) fn removed(&self, by: Ruling, spot: Spot<'_>) {
        add(&self.counters.removed, 1);
        self.ruled(by, spot);
    }

    /// A value is masked: by a rule, or because it cannot be looked through.
    pub(crate) fn masked(&self, by: Option<Ruling>, spot: Spot<'_>) {
        add(&self.counters.masked, 1);
        match by {
            Some(ruling) => self.ruled(ruling, spot),
            None => self.unreadable(spot),
        }
    }

    pub(super) fn unreadable(&self, spot: Spot<'_>) {
        add(&self.counters.unreadable, 1);
        self.tell("unreadable", Some("mask"), spot);
    }

    /// A text that the user's own function changed.
    pub(super) fn replaced(&self, spot: Spot<'_>) {
        add(&self.counters.own, 1);
        self.tell("own", Some("replace"), spot);
    }

    /// A keyed hash of a text: the first 16 bytes of its HMAC-SHA-256, in hexadecimal digits, as session
    /// ids have it.
    pub(crate) fn hashed(&self, by: Ruling, spot: Spot<'_>) -> String {
        add(&self.counters.hashed, 1);
        self.ruled(by, spot);
        match &self.hash_key {
            Some(key) => keyed(spot.text, key.as_bytes()).to_string(),
            None => MASK.to_owned(),
        }
    }

    fn ruled(&self, by: Ruling, spot: Spot<'_>) {
        self.counters.ruled(by.count);
        let (name, action) = &self.rules.counted()[by.count];
        self.tell(name, Some(action.name()), spot);
    }

    fn tell(&self, by: &str, action: Option<&'static str>, spot: Spot<'_>) {
        let Some(told) = &self.told else {
            return;
        };
        let member = (!spot.member.is_empty()).then(|| String::from_utf8_lossy(spot.member));
        let found = Found {
            key: String::from_utf8_lossy(spot.key),
            member,
            by,
            action,
            text: spot.text,
        };
        if catch_unwind(AssertUnwindSafe(|| told(&found))).is_err() {
            add(&self.counters.panics, 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use crate::model::redaction::Redaction;

    /// Who asks is told of everything that is found, where and by whom, and sees what it looks like alone.
    #[test]
    fn who_asks_is_told_of_everything_that_is_found() {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let hears = Arc::clone(&heard);
        let redaction = Redaction::standard().mask("plan").tell(move |found| {
            let member = found.member.as_deref().unwrap_or_default();
            let line = format!("{}/{member} {} {}", found.key, found.by, found.sample());
            hears.lock().expect("nobody panics").push(line);
        });
        let redactor = redaction.redactor();
        for (key, text) in [
            ("note", "ask ada@example.com"),
            (
                "note",
                r#"[{"password":"hunter2"},"\u0061da@example.com",{"n":4111111111111111}]"#,
            ),
            ("plan", "go"),
            ("note", "nothing"),
        ] {
            let _changed = redactor.redact(key, text);
        }
        assert_eq!(
            *heard.lock().expect("nobody panics"),
            [
                "note/ email adx@xxxxxxx.xxx",
                "note/password secret_names \"xxxxxx0\"",
                r"note/ email \u0000xx@xxxxxxx.xxx",
                "note/ card 4100000000000000",
                "plan/ plan xx",
            ]
        );
    }

    /// Who panics when told changes nothing but a count.
    #[test]
    fn who_panics_when_told_changes_nothing() {
        let redactor = Redaction::standard()
            .tell(|_| panic!("on purpose"))
            .redactor();
        assert_eq!(redactor.redact("note", "ada@example.com"), "[email]");
        assert_eq!(redactor.stats().panics, 1);
    }
}
