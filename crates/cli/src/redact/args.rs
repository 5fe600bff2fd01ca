//! The options of `spanreel redact`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// Try on recordings what a redaction would take out
///
/// Looks through recordings, as 'spanreel convert' reads them, by the table 'redaction' of a configuration
/// of 'spanreel serve'. Nothing is changed, and nothing is sent anywhere.
#[derive(Clone, Debug, Args)]
#[command(arg_required_else_help = true)]
pub struct RedactArgs {
    /// What is asked.
    #[command(subcommand)]
    pub command: RedactCommand,
}

/// What `spanreel redact` is asked.
#[derive(Clone, Debug, Subcommand)]
pub enum RedactCommand {
    /// Show what each detector and rule would find, where, and what it looks like
    #[command(after_help = EXAMPLES)]
    Try(TryArgs),
}

const EXAMPLES: &str = "\
Examples:
  spanreel redact try --content session.jsonl
      Shows what an empty [redaction] would find in a session, with all that was said in it.
  spanreel redact try --config spanreel.toml traces.jsonl
      Shows what the redaction of this configuration would find in a file of OTLP.
  spanreel redact try traces.jsonl --json | jq -r '.found[] | select(.by == \"email\") | .key'
      Names the attributes in which there are e-mail addresses.

Samples show what was found by its form: letters as x, digits as 0, of what a detector found the first
two characters as they are.";

/// The options of `spanreel redact try`.
#[derive(Clone, Debug, Args)]
pub struct TryArgs {
    /// Files with recordings; - is standard input
    #[arg(value_name = "RECORDING", required = true)]
    pub recordings: Vec<PathBuf>,

    /// The configuration whose table 'redaction' is tried; without it, all detectors and the names of secrets
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Take in what people, models and tools said; OTLP has what it has
    #[arg(long)]
    pub content: bool,

    /// Print one JSON object instead of a table
    #[arg(long)]
    pub json: bool,
}
