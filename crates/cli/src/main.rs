//! The `spanreel` command: reads the command line, runs one command, says how it went.

use std::error::Error;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use spanreel_cli::term::{ColorChoice, Palette, Terminal};

/// Session telemetry for AI agents: record, convert, measure
///
/// spanreel turns what AI agents do (sessions, model calls, tool calls) into OpenTelemetry traces
/// and logs, and accounts for every span on its way.
#[derive(Debug, Parser)]
#[command(name = "spanreel", version, after_help = EXIT_CODES, arg_required_else_help = true)]
struct Cli {
    /// When to use colours
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    color: ColorChoice,

    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "\
Exit codes:
  0  fine
  1  failed
  2  the command line was wrong
  3  it ran, but telemetry was lost

'spanreel COMMAND --help' shows the options of a command, with examples.";

#[derive(Debug, Subcommand)]
enum Command {}

/// How a command ended that did not fail.
#[derive(Debug)]
enum Outcome {
    Fine,
    Lost,
}

/// The command line is well-formed and still wrong.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
struct Usage(#[from] spanreel_cli::load::plan::Conflict);

fn main() -> ExitCode {
    let cli = Cli::parse();
    let palette = Terminal::stderr(cli.color).palette;
    match run(cli.command) {
        Ok(Outcome::Fine) => ExitCode::SUCCESS,
        Ok(Outcome::Lost) => ExitCode::from(3),
        Err(error) => {
            let code = if error.is::<Usage>() { 2 } else { 1 };
            let message = explain(&*error, palette);
            match io::stderr().write_all(message.as_bytes()) {
                Ok(()) => ExitCode::from(code),
                // Nobody can be told why; that it failed still shows.
                Err(_) => ExitCode::FAILURE,
            }
        }
    }
}

fn run(command: Command) -> anyhow::Result<Outcome> {
    match command {}
}

/// An error and its causes on one line.
fn explain(error: &(dyn Error + 'static), palette: Palette) -> String {
    let mut line = format!("{} {error}", palette.bad("error:"));
    let mut cause = error.source();
    while let Some(error) = cause {
        write!(line, ": {error}").expect("a string takes everything");
        cause = error.source();
    }
    line.push('\n');
    line
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    /// The definitions of all commands and options agree with each other.
    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    /// An error is told with its causes, each once, on one line.
    #[test]
    fn an_error_is_explained_with_its_causes() {
        let error = anyhow::Error::from(io::Error::other("address in use"))
            .context("cannot start the sink; give --sink another address");
        let text = explain(&*error, Palette::PLAIN);
        let expected =
            "error: cannot start the sink; give --sink another address: address in use\n";
        assert_eq!(text, expected);
    }
}
