//! Seeds: every choice at random follows from one, which is told when a test fails and can be given again.

use std::ops::Range;

/// The variable that runs one seed alone.
pub const SEED: &str = "SPANREEL_FAULT_SEED";

/// How many rounds or seeds: a number of the environment, or the default.
///
/// # Panics
/// The variable is not a number.
#[must_use]
pub fn count(variable: &str, default: u64) -> u64 {
    read(variable).unwrap_or(default)
}

/// The seeds to run: so many, or the one that is asked for.
///
/// # Panics
/// The variable is not a number.
#[must_use]
pub fn seeds(default: u64) -> Range<u64> {
    match read(SEED) {
        Some(seed) => seed..seed + 1,
        None => 0..default,
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the harness is told by its own variables"
)]
fn read(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    let number = text.parse();
    Some(number.unwrap_or_else(|_| panic!("{variable} is a number, not {text:?}")))
}

/// Tells the seed when the test that holds it fails.
#[derive(Debug)]
pub struct Told {
    what: &'static str,
    seed: u64,
}

/// Holds on to a seed: it is told when the thread panics.
#[must_use]
pub fn tell_when_failed(what: &'static str, seed: u64) -> Told {
    Told { what, seed }
}

impl Drop for Told {
    #[expect(clippy::print_stderr, reason = "a failed test tells how to repeat it")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!(
                "{} failed: run it again with {SEED}={}",
                self.what, self.seed
            );
        }
    }
}
