//! The options of `spanreel sample`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// Try policies of sampling on recorded sessions
///
/// Reads the sampling table of a configuration of 'spanreel serve' and lets it judge recordings, as
/// 'spanreel convert' reads them. Nothing is sent anywhere.
#[derive(Clone, Debug, Args)]
#[command(arg_required_else_help = true)]
pub struct SampleArgs {
    /// What is asked.
    #[command(subcommand)]
    pub command: SampleCommand,
}

/// What `spanreel sample` is asked.
#[derive(Clone, Debug, Subcommand)]
pub enum SampleCommand {
    /// Show what each policy would keep, and what that saves
    #[command(after_help = TRY_EXAMPLES)]
    Try(TryArgs),
    /// Show which policy decides of a session, and what each rule saw
    #[command(after_help = EXPLAIN_EXAMPLES)]
    Explain(ExplainArgs),
}

const TRY_EXAMPLES: &str = "\
Examples:
  spanreel sample try --config spanreel.toml store/*.jsonl
      Shows what would be kept of all sessions of an event store.
  spanreel sample try --config spanreel.toml store/*.jsonl --json | jq .kept_percent
      The same for a script.";

const EXPLAIN_EXAMPLES: &str = "\
Examples:
  spanreel sample explain session.jsonl --config spanreel.toml
      Shows why a session would be kept or not.";

/// The options of `spanreel sample try`.
#[derive(Clone, Debug, Args)]
pub struct TryArgs {
    /// Files with recordings; - is standard input
    #[arg(value_name = "RECORDING", required = true)]
    pub recordings: Vec<PathBuf>,

    /// The configuration whose policies are tried
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,

    /// Take in what people, models and tools said: for policies that ask for it
    #[arg(long)]
    pub content: bool,

    /// Print one JSON object instead of a table
    #[arg(long)]
    pub json: bool,
}

/// The options of `spanreel sample explain`.
#[derive(Clone, Debug, Args)]
pub struct ExplainArgs {
    /// A file with a recording; - is standard input
    #[arg(value_name = "RECORDING")]
    pub recording: PathBuf,

    /// The configuration whose policies are explained
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,

    /// Take in what people, models and tools said: for policies that ask for it
    #[arg(long)]
    pub content: bool,
}
