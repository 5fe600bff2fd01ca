//! The options of `spanreel spool`.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand};

/// Look into a spool: what waits on disk for whom, what was refused and why
///
/// 'spanreel serve' keeps what it is to forward below its --data-dir, and so does a program that uses the
/// library with a spool. Looking works while it is in use; changing it does not.
#[derive(Clone, Debug, Args)]
#[command(arg_required_else_help = true)]
pub struct SpoolArgs {
    /// What is asked.
    #[command(subcommand)]
    pub command: SpoolCommand,
}

/// What `spanreel spool` is asked.
#[derive(Clone, Debug, Subcommand)]
pub enum SpoolCommand {
    /// Show what waits for each exporter, how old and how large it is, and what was refused
    #[command(after_help = LS_EXAMPLES)]
    Ls(LookArgs),
    /// Show what is in a request, as OTLP JSON
    #[command(after_help = SHOW_EXAMPLES)]
    Show(ShowArgs),
    /// Send again what was refused: to its exporter at the next start, or to a receiver now
    #[command(after_help = REPLAY_EXAMPLES)]
    Replay(ReplayArgs),
    /// Give up what was refused, or all that waits for an exporter
    #[command(after_help = DROP_EXAMPLES)]
    Drop(DropArgs),
    /// Check every request on disk; the exit code is 3 where some cannot be read
    Verify(LookArgs),
}

const LS_EXAMPLES: &str = "\
Examples:
  spanreel spool ls
      Looks at ./spanreel-data, where 'spanreel serve' keeps its data by default.
  spanreel spool ls /var/lib/spanreel --json | jq '.exporters[].spans'
      The same for a script.";

const SHOW_EXAMPLES: &str = "\
Examples:
  spanreel spool show 01763728000000000000-4711-0000
      Shows something that was refused, by its id from 'spanreel spool ls'.
  spanreel spool show @0
      Shows the first request that waits.";

const REPLAY_EXAMPLES: &str = "\
Examples:
  spanreel spool replay --all
      Has everything that was refused sent again when 'spanreel serve' starts next.
  spanreel spool replay --all --to grpc://collector.example.com:4317 --keep
      Sends it to a collector now, and keeps it in the quarantine too.";

const DROP_EXAMPLES: &str = "\
Examples:
  spanreel spool drop --id 01763728000000000000-4711-0000
      Removes something that was refused.
  spanreel spool drop --exporter otlp-grpc-2
      Gives up all that waits for an exporter that will not come back.";

/// Which spool.
#[derive(Clone, Debug, Args)]
pub struct LookArgs {
    /// The data directory, or the directory of a spool itself
    #[arg(value_name = "DIR", default_value = "spanreel-data")]
    pub directory: PathBuf,

    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// The options of `spanreel spool show`.
#[derive(Clone, Debug, Args)]
pub struct ShowArgs {
    /// The id of something that was refused; or @ and a position: the first request that waits there or
    /// behind it
    #[arg(value_name = "ID")]
    pub id: String,

    /// The data directory, or the directory of a spool itself
    #[arg(value_name = "DIR", default_value = "spanreel-data")]
    pub directory: PathBuf,
}

/// The options of `spanreel spool replay`.
#[derive(Clone, Debug, Args)]
#[command(group(ArgGroup::new("what").required(true)))]
pub struct ReplayArgs {
    /// The data directory, or the directory of a spool itself
    #[arg(value_name = "DIR", default_value = "spanreel-data")]
    pub directory: PathBuf,

    /// What was refused, by its id; may be given several times
    #[arg(long = "id", value_name = "ID", group = "what")]
    pub ids: Vec<String>,

    /// Everything that was refused
    #[arg(long, group = "what")]
    pub all: bool,

    /// Send it to this receiver now: grpc://HOST:PORT, http://HOST:PORT; with TLS grpcs:// or https://
    ///
    /// What it takes leaves the quarantine; what it refuses stays there. Without this, the exporter that it
    /// was for sends it again at the next start.
    #[arg(long, value_name = "URL")]
    pub to: Option<String>,

    /// With --to, send this header with each request, the value percent-encoded; may be given several times
    ///
    /// Keys are better kept in the variable: others can see what stands on a command line.
    #[arg(
        long = "header",
        value_name = "NAME=VALUE",
        env = "SPANREEL_REPLAY_HEADER",
        hide_env_values = true,
        value_delimiter = ','
    )]
    pub headers: Vec<String>,

    /// Leave it in the quarantine as well: for a spool in use
    #[arg(long, requires = "to")]
    pub keep: bool,
}

/// The options of `spanreel spool drop`.
#[derive(Clone, Debug, Args)]
#[command(group(ArgGroup::new("what").required(true)))]
pub struct DropArgs {
    /// The data directory, or the directory of a spool itself
    #[arg(value_name = "DIR", default_value = "spanreel-data")]
    pub directory: PathBuf,

    /// Something that was refused, by its id; may be given several times
    #[arg(long = "id", value_name = "ID", group = "what")]
    pub ids: Vec<String>,

    /// All that waits for the exporter of this name
    #[arg(long, value_name = "NAME", group = "what")]
    pub exporter: Option<String>,
}
