//! What one step of the examination found.

use std::fmt::Write as _;

use serde::Serialize;

use crate::term::Palette;

/// How a step went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum State {
    /// As it should be.
    Ok,
    /// It was not looked at, because of what came before.
    Skipped,
    /// Exports may work, but not as well or not all of them.
    Warning,
    /// Exports do not work.
    Failed,
}

/// One line of the report. Texts hold no secrets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    pub(crate) check: &'static str,
    pub(crate) state: State,
    /// What was seen.
    pub(crate) seen: String,
    /// What to do about it.
    pub(crate) advice: Option<String>,
}

impl Finding {
    pub(crate) fn ok(check: &'static str, seen: impl Into<String>) -> Self {
        Self::new(check, State::Ok, seen, None)
    }

    pub(crate) fn skipped(check: &'static str, seen: impl Into<String>) -> Self {
        Self::new(check, State::Skipped, seen, None)
    }

    pub(crate) fn warning(check: &'static str, seen: impl Into<String>, advice: &str) -> Self {
        Self::new(check, State::Warning, seen, Some(advice))
    }

    pub(crate) fn failed(check: &'static str, seen: impl Into<String>, advice: &str) -> Self {
        Self::new(check, State::Failed, seen, Some(advice))
    }

    fn new(
        check: &'static str,
        state: State,
        seen: impl Into<String>,
        advice: Option<&str>,
    ) -> Self {
        Self {
            check,
            state,
            seen: seen.into(),
            advice: advice.map(str::to_owned),
        }
    }

    /// A line, and one with advice below where there is any.
    pub(crate) fn text(&self, palette: Palette) -> String {
        let state = match self.state {
            State::Ok => palette.good("ok     "),
            State::Skipped => palette.faint("skipped"),
            State::Warning => palette.bad("warning"),
            State::Failed => palette.bad("failed "),
        };
        let mut text = format!("{state}  {:<12} {}\n", self.check, self.seen);
        if let Some(advice) = &self.advice {
            writeln!(text, "{:22}-> {advice}", "").expect("a string takes everything");
        }
        text
    }
}

/// Everything that was found, for programs. Keys and the names of checks are stable.
#[derive(Debug, Serialize)]
pub(crate) struct Report<'a> {
    /// Without its query, which may hold a key.
    pub(crate) endpoint: String,
    /// The worst of all.
    pub(crate) state: State,
    pub(crate) checks: &'a [Finding],
}
