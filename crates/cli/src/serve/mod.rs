//! `spanreel serve`: receives OTLP, shows what arrives, forwards it.
//!
//! Holds: the pipeline with its budget, and the receiver with its own. Waits: for signals, and at the end
//! for what is being received and forwarded, at most for the grace. Loses: what the report tells.

mod arrivals;
mod banner;
mod bind;
mod calls;
mod diagnostics;
mod doors;
mod health;
pub(crate) mod host;
mod line;
mod metrics;
mod nowhere;
mod operations;
mod page;
mod pulse;
mod reload;
mod report;
mod running;
mod signals;
mod start;
mod watching;

use std::io::{self, Write as _};

use crate::config::Config;
use crate::config::args::{ServeArgs, unknown_variables};
use crate::freed;
use crate::outcome::Outcome;
use crate::term::Terminal;
pub(crate) use banner::{Addresses, reachable};
use diagnostics::Level;
use running::Running;
use signals::Signals;

/// Serves until a signal ends it.
///
/// # Errors
/// The configuration is wrong, an address cannot be listened on, or threads cannot be had.
pub fn run(args: ServeArgs, stdout: &Terminal, stderr: &Terminal) -> anyhow::Result<Outcome> {
    run_with(args, stdout, stderr, |_, _| Ok(()))
}

/// Serves, and tells where it listens to somebody who sends something there.
///
/// # Errors
/// As [`run`]; and what `listening` says.
pub(crate) fn run_with(
    args: ServeArgs,
    stdout: &Terminal,
    stderr: &Terminal,
    listening: impl FnOnce(&Config, &Addresses) -> anyhow::Result<()>,
) -> anyhow::Result<Outcome> {
    freed::keep();
    let sources = args.settings.sources();
    let effective = sources.resolve()?;
    let config = &effective.config;
    let level: Level = diagnostics::start(config.log_level, config.json_logs, stderr);
    for name in unknown_variables() {
        tracing::warn!(target: "spanreel", name, "there is no such setting; the variable does nothing");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let outcome = runtime.block_on(async {
        let mut signals = Signals::new()?;
        let started = start::start(config)?;
        let said = if config.json_logs {
            banner::log(config, &started.addresses);
            Ok(())
        } else {
            say(&banner::text(config, &started.addresses, stdout.palette))
        };
        note_unread(said);
        listening(config, &started.addresses)?;
        let running = Running::new(started, effective.clone(), sources, level, stderr);
        anyhow::Ok(running.run(&mut signals).await)
    });
    // Whoever is still connected has had the grace to finish.
    runtime.shutdown_background();
    outcome
}

/// Writes to standard output.
fn say(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

/// That nobody reads what is said is no reason to stop.
fn note_unread(said: io::Result<()>) {
    if let Err(error) = said {
        tracing::debug!(target: "spanreel", %error, "nobody reads standard output");
    }
}
