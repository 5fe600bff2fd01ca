//! Typed access to variables, with a warning for each value that cannot be used.
//!
//! OpenTelemetry specification, "Environment Variable Specification": empty is unset; a boolean is
//! true only for `true`; numbers and names that make no sense are ignored.

use std::time::Duration;

use crate::model::limits::truncate;

/// What a timeout of zero, which the specification defines as no limit, becomes: the most
/// milliseconds of a 32-bit number (24 days), as it suggests.
pub(super) const NO_LIMIT: Duration = Duration::from_millis(i32::MAX as u64);

/// How much of a bad value a warning repeats, in characters.
const SHOWN: usize = 80;

pub(super) struct Reader<'a> {
    lookup: &'a dyn Fn(&str) -> Option<String>,
    warnings: Vec<String>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(lookup: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self {
            lookup,
            warnings: Vec::new(),
        }
    }

    pub(super) fn into_warnings(self) -> Vec<String> {
        self.warnings
    }

    /// The value without white space around it, unless that leaves nothing.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        let value = (self.lookup)(name)?;
        let value = value.trim();
        (!value.is_empty()).then(|| value.to_owned())
    }

    /// True for `true` in any case, false for anything else.
    pub(super) fn boolean(&mut self, name: &str) -> Option<bool> {
        let value = self.text(name)?;
        if value.eq_ignore_ascii_case("true") {
            return Some(true);
        }
        if !value.eq_ignore_ascii_case("false") {
            self.warn_bad(name, &value, "true or false (false is used)");
        }
        Some(false)
    }

    /// A whole number of at least `least`.
    pub(super) fn count(&mut self, name: &str, least: usize) -> Option<usize> {
        let value = self.text(name)?;
        match value.parse() {
            Ok(count) if count >= least => Some(count),
            _ => {
                self.warn_bad(name, &value, &format!("a whole number of at least {least}"));
                None
            }
        }
    }

    /// Milliseconds.
    pub(super) fn duration(&mut self, name: &str) -> Option<Duration> {
        let value = self.text(name)?;
        match value.parse() {
            Ok(milliseconds) => Some(Duration::from_millis(milliseconds).min(NO_LIMIT)),
            Err(_) => {
                self.warn_bad(name, &value, "a whole number of milliseconds");
                None
            }
        }
    }

    /// Milliseconds, where zero means no limit.
    pub(super) fn timeout(&mut self, name: &str) -> Option<Duration> {
        let timeout = self.duration(name)?;
        Some(if timeout.is_zero() { NO_LIMIT } else { timeout })
    }

    /// The meaning of one of the known words, in any case.
    pub(super) fn one_of<T: Copy>(&mut self, name: &str, known: &[(&str, T)]) -> Option<T> {
        let value = self.text(name)?;
        let found = known
            .iter()
            .find(|(word, _)| value.eq_ignore_ascii_case(word));
        if found.is_none() {
            let words: Vec<_> = known.iter().map(|(word, _)| *word).collect();
            self.warn_bad(name, &value, &format!("one of {}", words.join(", ")));
        }
        found.map(|(_, meaning)| *meaning)
    }

    /// Says that a value cannot be used. Never for a value that may hold a secret.
    pub(super) fn warn_bad(&mut self, name: &str, value: &str, expected: &str) {
        let shown = truncate(value, SHOWN);
        self.warn(format!("{name}: {shown:?} is ignored; expected {expected}"));
    }

    pub(super) fn warn(&mut self, warning: String) {
        self.warnings.push(warning);
    }
}
