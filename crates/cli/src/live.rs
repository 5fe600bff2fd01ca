//! Standard error while a progress bar stands on it: bars and diagnostics take turns.

use std::io::{self, Write};
use std::sync::LazyLock;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::term::Terminal;

/// All bars of the process. There is one standard error.
static BARS: LazyLock<MultiProgress> = LazyLock::new(MultiProgress::new);

/// A bar that counts to `length`, or a spinner where no end is known. Hidden where nobody watches.
///
/// # Panics
/// When one of the templates is no template of indicatif's.
#[must_use]
pub fn bar(length: Option<u64>, bar: &str, spinner: &str, stderr: &Terminal) -> ProgressBar {
    if !stderr.is_terminal {
        return ProgressBar::hidden();
    }
    let (new, template) = match length {
        Some(length) => (ProgressBar::new(length), bar),
        None => (ProgressBar::new_spinner(), spinner),
    };
    let style = ProgressStyle::with_template(template).expect("a constant that is a template");
    BARS.add(new.with_style(style))
}

/// Does something with standard error or standard output while no bar stands in the way.
pub fn aside<R>(work: impl FnOnce() -> R) -> R {
    BARS.suspend(work)
}

/// Standard error, for what is written while there may be a bar.
#[derive(Debug)]
pub struct Stderr;

impl Write for Stderr {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        aside(|| io::stderr().write(bytes))
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        aside(|| io::stderr().write_all(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
