//! The options of `spanreel sessions`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

/// List, show, follow and export the sessions that 'spanreel serve' has kept
///
/// Reads the store below the --data-dir of 'spanreel serve', also while that is running. The page of --http
/// shows the same.
#[derive(Clone, Debug, Args)]
#[command(arg_required_else_help = true)]
pub struct SessionsArgs {
    /// What is asked.
    #[command(subcommand)]
    pub command: SessionsCommand,
}

/// What `spanreel sessions` is asked.
#[derive(Clone, Debug, Subcommand)]
pub enum SessionsCommand {
    /// List sessions, the latest first
    #[command(after_help = LS_EXAMPLES)]
    Ls(ListArgs),
    /// Show a session as a tree of its spans
    Show(ShowArgs),
    /// Print sessions as they change, until Ctrl-C
    Tail(TailArgs),
    /// Write a session to standard output
    #[command(after_help = EXPORT_EXAMPLES)]
    Export(ExportArgs),
}

const LS_EXAMPLES: &str = "\
Examples:
  spanreel sessions ls
      Lists the latest sessions in ./spanreel-data.
  spanreel sessions ls --failed --agent planner --sort=-cost
      Lists what failed of one agent, the most expensive first.
  spanreel sessions ls --text 'rate limit' --json | jq '.items[].id'
      Finds sessions by what was said in them, for a script.";

const EXPORT_EXAMPLES: &str = "\
Examples:
  spanreel sessions export conv-8f2e > session.jsonl
      Writes a session as OTLP JSON, which 'spanreel convert' and every OTLP tool read.
  spanreel sessions export conv-8f2e --format json | jq '.session.cost'
      The same as one JSON document, as the page has it.";

/// Which sessions.
#[derive(Clone, Debug, Args)]
pub struct ListArgs {
    /// The data directory of 'spanreel serve'
    #[arg(value_name = "DIR", default_value = "spanreel-data")]
    pub directory: PathBuf,
    /// Sessions in which all these words were said
    #[arg(long, value_name = "WORDS")]
    pub text: Option<String>,
    /// Sessions of this agent
    #[arg(long, value_name = "NAME")]
    pub agent: Option<String>,
    /// Sessions of this user
    #[arg(long, value_name = "ID")]
    pub user: Option<String>,
    /// Sessions that called this model
    #[arg(long, value_name = "NAME")]
    pub model: Option<String>,
    /// Sessions in this state: running, done, failed, incomplete or stalled
    #[arg(long, value_name = "STATE")]
    pub state: Option<String>,
    /// Sessions in which something failed
    #[arg(long)]
    pub failed: bool,
    /// Sessions whose root span or resource has this attribute; can be given several times
    #[arg(long = "attr", value_name = "KEY=VALUE")]
    pub attributes: Vec<String>,
    /// By start, duration, cost, tokens or errors; with - before it the largest first
    #[arg(
        long,
        value_name = "WORD",
        default_value = "-start",
        allow_hyphen_values = true
    )]
    pub sort: String,
    /// How many to list, 1 to 1000
    #[arg(long, value_name = "COUNT", default_value_t = 20)]
    pub limit: usize,
    /// Write what the API answers: one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Which session.
#[derive(Clone, Debug, Args)]
pub struct ShowArgs {
    /// The session: its id, or its trace id where nothing names it
    #[arg(value_name = "ID")]
    pub id: String,
    /// The data directory of 'spanreel serve'
    #[arg(value_name = "DIR", default_value = "spanreel-data")]
    pub directory: PathBuf,
    /// How many columns a line may have
    #[arg(long, value_name = "COLUMNS")]
    pub width: Option<usize>,
}

/// What is followed.
#[derive(Clone, Debug, Args)]
pub struct TailArgs {
    /// The data directory of 'spanreel serve'
    #[arg(value_name = "DIR", default_value = "spanreel-data")]
    pub directory: PathBuf,
    /// Write a JSON object in each line
    #[arg(long)]
    pub json: bool,
}

/// As what a session is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ExportFormat {
    /// OTLP JSON, a request in each line
    OtlpJson,
    /// One document with everything, as the page has it
    Json,
}

/// Which session, and as what.
#[derive(Clone, Debug, Args)]
pub struct ExportArgs {
    /// The session: its id, or its trace id where nothing names it
    #[arg(value_name = "ID")]
    pub id: String,
    /// The data directory of 'spanreel serve'
    #[arg(value_name = "DIR", default_value = "spanreel-data")]
    pub directory: PathBuf,
    /// As what to write it
    #[arg(long, value_enum, default_value = "otlp-json")]
    pub format: ExportFormat,
}
