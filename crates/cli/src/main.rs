//! The `spanreel` command: reads the command line, runs one command, says how it went.

use std::error::Error;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use spanreel_cli::config::ConfigError;
use spanreel_cli::config::args::{ConfigArgs, ServeArgs};
use spanreel_cli::demo::DemoArgs;
use spanreel_cli::doctor::args::DoctorArgs;
use spanreel_cli::live;
use spanreel_cli::load::args::LoadArgs;
use spanreel_cli::load::receiver::{self, ReceiverArgs};
use spanreel_cli::outcome::Outcome;
use spanreel_cli::redact::args::RedactArgs;
use spanreel_cli::replay::args::ConvertArgs;
use spanreel_cli::run::NotStarted;
use spanreel_cli::run::args::RunArgs;
use spanreel_cli::sample::args::SampleArgs;
use spanreel_cli::sessions::args::SessionsArgs;
use spanreel_cli::spool::args::SpoolArgs;
use spanreel_cli::term::{ColorChoice, Palette, Terminal};
use tracing::Level;

/// Session telemetry for AI agents: see what they do, keep it, send it on
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
  2  the command line or the configuration was wrong
  3  it ran, but telemetry was lost
  4  'serve' was stopped, and telemetry was lost
'run' exits as its command does.

'spanreel COMMAND --help' shows the options of a command, with examples.";

#[derive(Debug, Subcommand)]
enum Command {
    Serve(ServeArgs),
    Demo(DemoArgs),
    Sessions(SessionsArgs),
    Run(RunArgs),
    Doctor(DoctorArgs),
    Config(ConfigArgs),
    Convert(ConvertArgs),
    Sample(SampleArgs),
    Redact(RedactArgs),
    Spool(SpoolArgs),
    Load(LoadArgs),
    /// Is the receiver of a load test
    #[command(name = receiver::COMMAND, hide = true)]
    LoadSink(ReceiverArgs),
}

/// The command line is well-formed and still wrong.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
enum Misuse {
    Convert(#[from] spanreel_cli::replay::args::Conflict),
    Load(#[from] spanreel_cli::load::plan::Conflict),
    Doctor(#[from] spanreel_cli::doctor::args::Conflict),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let palette = Terminal::stderr(cli.color).palette;
    match run(cli) {
        Ok(outcome) => outcome.into(),
        Err(error) => {
            let code = exit_code(&error);
            let message = explain(&*error, palette);
            match io::stderr().write_all(message.as_bytes()) {
                Ok(()) => ExitCode::from(code),
                // Nobody can be told why; that it failed still shows.
                Err(_) => ExitCode::FAILURE,
            }
        }
    }
}

/// What a command that could not do its work exits with.
fn exit_code(error: &anyhow::Error) -> u8 {
    if let Some(not_started) = error.downcast_ref::<NotStarted>() {
        return not_started.exit_code();
    }
    let is_misuse = error.is::<Misuse>()
        || error.is::<ConfigError>()
        || error.is::<spanreel_cli::run::args::Conflict>();
    if is_misuse { 2 } else { 1 }
}

fn run(cli: Cli) -> anyhow::Result<Outcome> {
    let (stdout, stderr) = (Terminal::stdout(cli.color), Terminal::stderr(cli.color));
    match cli.command {
        Command::Serve(args) => spanreel_cli::serve::run(args, &stdout, &stderr),
        Command::Demo(args) => spanreel_cli::demo::run(args, &stdout, &stderr),
        Command::Sessions(args) => {
            say_what_happens(Level::WARN, stderr);
            spanreel_cli::sessions::run(args, &stdout)
        }
        Command::Run(args) => spanreel_cli::run::run(args, &stderr),
        Command::Doctor(args) => {
            let plan = args.plan().map_err(Misuse::from)?;
            say_what_happens(Level::ERROR, stderr);
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            runtime.block_on(spanreel_cli::doctor::run(plan, &stdout))
        }
        Command::Config(args) => spanreel_cli::config::run(args, &stdout),
        Command::Convert(args) => {
            let plan = args.plan().map_err(Misuse::from)?;
            say_what_happens(
                if plan.quiet {
                    Level::ERROR
                } else {
                    Level::WARN
                },
                stderr,
            );
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            runtime.block_on(spanreel_cli::replay::run(plan, &stdout, &stderr))
        }
        Command::Sample(args) => {
            say_what_happens(Level::WARN, stderr);
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            runtime.block_on(spanreel_cli::sample::run(args, &stdout))
        }
        Command::Redact(args) => {
            say_what_happens(Level::WARN, stderr);
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            runtime.block_on(spanreel_cli::redact::run(args, &stdout))
        }
        Command::Spool(args) => {
            say_what_happens(Level::ERROR, stderr);
            spanreel_cli::spool::run(args, &stdout)
        }
        Command::Load(args) => {
            if let Some(plan) = args.plan_against() {
                let plan = plan.map_err(Misuse::from)?;
                say_what_happens(Level::WARN, stderr);
                // One thread: what it costs is taken from what is measured.
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()?;
                return runtime.block_on(spanreel_cli::load::against::run(plan, &stdout));
            }
            let plan = args.plan().map_err(Misuse::from)?;
            say_what_happens(Level::WARN, stderr);
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .enable_all()
                .build()?;
            runtime.block_on(spanreel_cli::load::run(plan, &stdout, &stderr))
        }
        Command::LoadSink(args) => {
            say_what_happens(Level::WARN, stderr);
            args.run()?;
            Ok(Outcome::Fine)
        }
    }
}

/// Shows diagnostics of the pipeline on standard error, those of `least` and above.
fn say_what_happens(least: Level, stderr: Terminal) {
    tracing_subscriber::fmt()
        .with_writer(|| live::Stderr)
        .with_ansi(stderr.palette.is_coloured())
        .with_max_level(least)
        .without_time()
        .with_target(false)
        .init();
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
