//! The options of `spanreel run`, and what they mean together.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::config::export::{ExportConfig, Target, header};
use crate::config::place::Origin;
use crate::config::secret::Secret;
use crate::endpoint::Endpoint;
use crate::units;

/// Run a command as one session, and show what it did
///
/// Starts a receiver of its own on this machine, and the command with the variables of OpenTelemetry
/// and W3C trace context that lead there: whatever in it writes telemetry, an agent in Python or a coding
/// agent, becomes part of one session. In the end the session is shown as a tree on standard error.
///
/// Input and output of the command are untouched, signals are passed to it, and its exit code is the
/// exit code. What is received is forwarded: to --export; otherwise to where the environment says
/// (OTEL_EXPORTER_OTLP_ENDPOINT); otherwise to a receiver that runs on this machine, such as
/// 'spanreel serve'.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct RunArgs {
    /// The command and its arguments; write -- before them
    #[arg(value_name = "COMMAND", required = true, trailing_var_arg = true)]
    pub command: Vec<OsString>,

    /// Forward to this receiver: grpc://HOST:PORT, http://HOST:PORT, with TLS grpcs:// or https://; or
    /// file:PATH. May be given several times
    #[arg(long, value_name = "URL", value_parser = Target::parse, help_heading = "Forwarding")]
    pub export: Vec<Target>,

    /// Send this header with each request of --export, the value percent-encoded; may be given several
    /// times
    ///
    /// Keys are better kept in the variable: others can see what stands on a command line.
    #[arg(
        long,
        value_name = "NAME=VALUE",
        env = "SPANREEL_EXPORT_HEADER",
        hide_env_values = true,
        value_delimiter = ',',
        help_heading = "Forwarding"
    )]
    pub export_header: Vec<String>,

    /// Forward nowhere: the session is shown, and forgotten
    #[arg(long, conflicts_with = "export", help_heading = "Forwarding")]
    pub no_forward: bool,

    /// Where a running receiver is looked for, when nothing else is said; may be given several times
    #[arg(
        long,
        value_name = "URL",
        default_values = ["http://127.0.0.1:4318", "grpc://127.0.0.1:4317"],
        help_heading = "Forwarding"
    )]
    pub serve: Vec<Endpoint>,

    /// How long receivers may take nothing before they are given up in the end, such as 5s
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = units::time,
        help_heading = "Forwarding")]
    pub patience: Duration,

    /// The id of the session [default: session.id of OTEL_RESOURCE_ATTRIBUTES, or a random UUID]
    #[arg(long, value_name = "ID", help_heading = "Session")]
    pub session: Option<String>,

    /// Record the arguments of the command too, not its name alone; they may hold secrets
    #[arg(long, help_heading = "Session")]
    pub show_arguments: bool,

    /// Turn on the telemetry of coding agents (Claude Code, Gemini CLI), which is off otherwise
    ///
    /// That is the default where the command is 'claude' or 'gemini'.
    #[arg(long, help_heading = "Session")]
    pub coding_agent: bool,

    /// Trace its calls of models too, whatever it is written in: they pass through this process
    ///
    /// Sets OPENAI_BASE_URL, ANTHROPIC_BASE_URL and GOOGLE_GEMINI_BASE_URL; what they were set to is where
    /// calls go to. Not for commands that trace these calls themselves: they would be there twice.
    #[arg(long, help_heading = "Session")]
    pub gateway: bool,

    /// Take out what the table 'redaction' of this configuration of 'spanreel serve' says, before anything is
    /// shown or forwarded
    ///
    /// 'spanreel redact try' shows on recordings what would be found.
    #[arg(long, value_name = "FILE", help_heading = "Session")]
    pub config: Option<PathBuf>,

    /// How the command is told to send: OTEL_EXPORTER_OTLP_PROTOCOL
    #[arg(
        long,
        value_enum,
        default_value_t,
        value_name = "PROTOCOL",
        help_heading = "Session"
    )]
    pub protocol: Protocol,

    /// How long telemetry is waited for that comes after the end of the command, at most
    ///
    /// It ends early when nobody is connected any more.
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = units::time,
        help_heading = "Session")]
    pub linger: Duration,

    /// Print one JSON object with the totals instead of the tree, as the last line of standard error
    #[arg(long, help_heading = "Output")]
    pub json: bool,

    /// Print no tree and no warnings
    #[arg(long, short, help_heading = "Output")]
    pub quiet: bool,
}

const EXAMPLES: &str = "\
Examples:
  spanreel run -- python agent.py
      Shows what an agent does that is instrumented with OpenTelemetry, Traceloop or AgentOps.
  spanreel run --gateway -- node agent.js
      Shows the model calls of an agent that is not instrumented at all.
  spanreel run -- claude
      Shows what a coding agent did, when it has ended.
  spanreel run --json --export grpc://127.0.0.1:4317 -- ./nightly.sh 2> log; tail -n 1 log
      Forwards the session too, and takes the totals for a script.

Exit codes:
  that of the command; 128 and its number for a signal that killed it
  125  it was not started, for a reason of spanreel's own
  126  it cannot be executed
  127  there is no such command
  2    the command line was wrong";

/// The values of `OTEL_EXPORTER_OTLP_PROTOCOL`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
#[expect(missing_docs, reason = "named like the values")]
pub enum Protocol {
    #[value(name = "grpc")]
    Grpc,
    #[default]
    #[value(name = "http/protobuf")]
    HttpProtobuf,
    #[value(name = "http/json")]
    HttpJson,
}

impl Protocol {
    /// The name as in the variable.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Grpc => "grpc",
            Self::HttpProtobuf => "http/protobuf",
            Self::HttpJson => "http/json",
        }
    }
}

/// Options that cannot be right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum Conflict {
    #[error("--export-header (or SPANREEL_EXPORT_HEADER): {0}")]
    Header(String),
    #[error("--export {0}: {1}")]
    Export(String, String),
}

impl RunArgs {
    /// The name of the program, without folders.
    #[must_use]
    pub fn program(&self) -> String {
        let command = self.command.first().cloned().unwrap_or_default();
        let path = Path::new(&command);
        let name = path.file_name().unwrap_or(path.as_os_str());
        name.to_string_lossy().into_owned()
    }

    /// Where `--export` says to forward to.
    ///
    /// # Errors
    /// A header or an address cannot be right.
    pub fn exports(&self) -> Result<Vec<ExportConfig>, Conflict> {
        if self.export.is_empty() {
            return Ok(Vec::new());
        }
        let given = self.export_header.iter().filter(|it| !it.trim().is_empty());
        let headers: Vec<(String, Secret)> = given
            .map(|text| header(text).map_err(Conflict::Header))
            .collect::<Result<_, _>>()?;
        let mut exports = Vec::with_capacity(self.export.len());
        for target in &self.export {
            let mut export = ExportConfig::new(Origin::Flag("export".into()), target.clone());
            if matches!(target, Target::Otlp(_)) {
                export.headers.clone_from(&headers);
            }
            if let Some(problem) = export.problems().into_iter().next() {
                return Err(Conflict::Export(target.to_string(), problem));
            }
            exports.push(export);
        }
        Ok(exports)
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::*;

    #[derive(Debug, Parser)]
    struct Alone {
        #[command(flatten)]
        run: RunArgs,
    }

    fn args(line: &[&str]) -> Result<RunArgs, String> {
        let words = ["run"].iter().chain(line);
        let parsed = Alone::try_parse_from(words).map_err(|error| error.to_string());
        parsed.map(|alone| alone.run)
    }

    /// The definitions of all options agree with each other.
    #[test]
    fn the_options_are_well_formed() {
        Alone::command().debug_assert();
    }

    /// Everything from the command on is the command's, options of the same name too.
    #[test]
    fn the_command_keeps_its_own_options() {
        for line in [
            &["--quiet", "--", "/bin/sh", "-c", "x", "--json"][..],
            &["--quiet", "/bin/sh", "-c", "x", "--json"],
        ] {
            let args = args(line).expect("fine");
            assert!(args.quiet && !args.json);
            assert_eq!(args.command.len(), 4);
            assert_eq!(args.program(), "sh");
        }
        assert!(args(&["--quiet"]).is_err());
    }

    /// An option that there is not is no command, unless it stands behind two dashes.
    #[test]
    fn an_unknown_option_is_no_command() {
        let error = args(&["--exprot", "grpc://a:1", "agent"]).expect_err("there is none");
        assert!(
            error.contains("--exprot") && error.contains("--export"),
            "{error}"
        );
        let odd = args(&["--", "--exprot"]).expect("a name like another");
        assert_eq!(odd.command, ["--exprot"]);
    }

    /// Headers go to receivers and not into messages about them.
    #[test]
    fn headers_are_not_shown() {
        let line = [
            "--export",
            "http://a",
            "--export-header",
            "s3cret",
            "--",
            "x",
        ];
        let refused = args(&line)
            .expect("parsed")
            .exports()
            .expect_err("no value");
        assert!(!refused.to_string().contains("s3cret"), "{refused}");
        let line = ["--export", "http://a", "--export-header", "k=v%20w", "x"];
        let exports = args(&line).expect("parsed").exports().expect("fine");
        assert_eq!(exports[0].headers[0].1.reveal(), "v w");
    }
}
