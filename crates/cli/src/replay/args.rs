//! The options of `spanreel convert`, and what they mean together.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use percent_encoding::percent_decode_str;
use spanreel::SpanContext;

use super::input::Source;
use crate::convert::Format;
use crate::endpoint::Endpoint;
use crate::units;

/// Convert recorded agent sessions into OpenTelemetry traces
///
/// Reads recordings of PromptKit (event stores and session recordings), events of AgentOps, and OTLP as JSON
/// or protobuf, and shows each session as a tree. With --export it is sent to an OTLP receiver, with --out
/// and --to written to a file, each span with the times that were recorded.
///
/// A format is told by its first bytes, never by the name of a file. Of a directory, all files in it and
/// below it are read in order of their names; what is no recording is passed over and told. Lines that
/// cannot be read are skipped and reported with their place.
///
/// The same recording always gives the same ids and, with --out, the same bytes: converting it twice
/// does no harm where spans are stored by id. OTLP passes as it is, unless --rewrite or --parent is given.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ConvertArgs {
    /// Files with recordings, or directories of them; - is standard input
    #[arg(value_name = "RECORDING", required = true)]
    pub recordings: Vec<PathBuf>,

    /// Send to an OTLP receiver: grpc://HOST:PORT, http://HOST:PORT; with TLS grpcs:// or https://
    #[arg(long, value_name = "URL", help_heading = "Output")]
    pub export: Option<Endpoint>,

    /// Send this header with each request of --export, such as authorization=Bearer%20KEY; may be
    /// given several times
    ///
    /// Written as in OTEL_EXPORTER_OTLP_HEADERS, which is where keys are better kept: others can
    /// see what stands on a command line.
    #[arg(
        long = "header",
        value_name = "NAME=VALUE",
        env = "OTEL_EXPORTER_OTLP_HEADERS",
        hide_env_values = true,
        value_delimiter = ',',
        help_heading = "Output"
    )]
    pub headers: Vec<String>,

    /// Write to this file, as OTLP JSON unless --to says otherwise; - is standard output
    ///
    /// What the file held is lost. Trees are shown as well, unless --to is given.
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub out: Option<PathBuf>,

    /// What to write, to --out or else to standard output
    #[arg(long, value_enum, value_name = "FORM", help_heading = "Output")]
    pub to: Option<To>,

    /// Print one JSON object about files and sessions instead of trees
    #[arg(long, help_heading = "Output")]
    pub json: bool,

    /// Print neither trees nor a report, only errors
    #[arg(long, short, help_heading = "Output")]
    pub quiet: bool,

    /// Take in what people, models and tools said: messages, arguments, results, prompts
    ///
    /// Left out unless asked for: it may hold anything, such as names, addresses and secrets. OTLP
    /// passes with what it says.
    #[arg(long, help_heading = "Conversion")]
    pub content: bool,

    /// Take out what the table 'redaction' of this configuration of 'spanreel serve' says, before anything is
    /// sent, written or shown
    ///
    /// An empty table looks for keys, tokens, addresses, numbers of cards and telephones, and what stands
    /// behind password and its like. 'spanreel redact try' shows what would be found.
    #[arg(long, value_name = "FILE", help_heading = "Conversion")]
    pub config: Option<PathBuf>,

    /// Name the agent, above what a recording says
    #[arg(long, value_name = "NAME", help_heading = "Conversion")]
    pub agent: Option<String>,

    /// Take all recordings for this format, instead of telling it by their first bytes
    #[arg(long, value_enum, value_name = "FORMAT", help_heading = "Conversion")]
    pub from: Option<From>,

    /// Give attributes of OTLP their names of today (GenAI conventions 1.41.1)
    ///
    /// Understands AgentOps, OpenLLMetry, OpenInference, Langfuse and older GenAI conventions. Attributes
    /// without such a name stay.
    #[arg(long, help_heading = "Conversion")]
    pub rewrite: bool,

    /// Name the service that was recorded (service.name); promptkit or agentops unless given
    ///
    /// OTLP names its services itself.
    #[arg(long, value_name = "NAME", help_heading = "Conversion")]
    pub service: Option<String>,

    /// Continue a trace: hang all sessions under this span, given as a W3C traceparent
    #[arg(long, value_name = "TRACEPARENT", value_parser = traceparent,
        help_heading = "Conversion")]
    pub parent: Option<SpanContext>,

    /// Stop at the first line that cannot be used, instead of skipping it
    #[arg(long, help_heading = "Conversion")]
    pub strict: bool,

    /// How long a receiver may take nothing before it is given up, such as 10s
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = units::time,
        help_heading = "Output")]
    pub patience: Duration,
}

const EXAMPLES: &str = "\
Examples:
  spanreel convert session.jsonl
      Shows what happened in a session.
  spanreel convert store/*.jsonl --export grpc://127.0.0.1:4317 --quiet
      Sends all sessions of an event store to a collector.
  spanreel convert runs/ --to csv --out sessions.csv
      Makes a table of all sessions in a directory.
  spanreel convert traces.pb --to otlp-jsonl --rewrite
      Prints OTLP as JSON lines, with attributes named as today.
  spanreel convert --content --config spanreel.toml runs/ --export grpc://127.0.0.1:4317
      Sends what was said, too, without what [redaction] takes out.
  gunzip -c session.jsonl.gz | spanreel convert - --out traces.jsonl
      Converts from a pipe into a file of OTLP JSON.";

/// A form of output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum To {
    /// OTLP JSON, a request per line; the Collector's otlpjsonfile receiver reads it
    #[default]
    OtlpJsonl,
    /// OTLP protobuf, each request behind its length as a varint
    OtlpProto,
    /// One JSON list of Zipkin v2 spans
    Zipkin,
    /// Each session as a tree, to be read by people
    Tree,
    /// A table of sessions, one row for each
    Csv,
}

/// A format of recordings, as the command line names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum From {
    /// Event stores and session recordings of PromptKit
    #[value(name = "promptkit")]
    PromptKit,
    /// Events of AgentOps
    #[value(name = "agentops")]
    AgentOps,
    /// OTLP in JSON, as lines or documents
    OtlpJson,
    /// OTLP in protobuf, with lengths or without
    OtlpProto,
}

impl From {
    fn format(self) -> Format {
        match self {
            Self::PromptKit => Format::PromptKit,
            Self::AgentOps => Format::AgentOps,
            Self::OtlpJson => Format::OtlpJson,
            Self::OtlpProto => Format::OtlpProto,
        }
    }
}

/// What `spanreel convert` is to do, free of contradictions.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "named like the options")]
pub struct ConvertPlan {
    pub sources: Vec<Source>,
    pub export: Option<Endpoint>,
    /// Decoded; values are secrets.
    pub headers: Vec<(String, String)>,
    pub out: Option<Out>,
    /// What is written to `out`.
    pub to: To,
    /// What is printed on standard output.
    pub print: Print,
    pub quiet: bool,
    pub content: bool,
    /// The file whose redaction applies.
    pub config: Option<PathBuf>,
    pub agent: Option<String>,
    pub from: Option<Format>,
    pub rewrite: bool,
    /// Above what formats name by themselves.
    pub service: Option<String>,
    pub parent: Option<SpanContext>,
    pub strict: bool,
    pub patience: Duration,
}

/// Where `--out` writes to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Out {
    Stdout,
    File(PathBuf),
}

/// What is printed on standard output, besides what `--out -` writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Print {
    Trees,
    Json,
    Nothing,
}

/// Options that do not go together, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum Conflict {
    #[error("standard input can be read once: give - once")]
    StdinTwice,
    #[error("--json and --out - or --to would both write to standard output: give --out a file")]
    StdoutTwice,
    #[error("--out {0} would overwrite the recording before it is read: give it another name")]
    OutIsInput(PathBuf),
    #[error(
        "header number {0} (--header or OTEL_EXPORTER_OTLP_HEADERS) is not written as NAME=VALUE"
    )]
    Header(NonZeroUsize),
}

impl ConvertArgs {
    /// Works out what the options mean together.
    ///
    /// # Errors
    /// Options contradict each other.
    pub fn plan(self) -> Result<ConvertPlan, Conflict> {
        let sources: Vec<Source> = self.recordings.iter().map(Source::of).collect();
        if sources.iter().filter(|it| **it == Source::Stdin).count() > 1 {
            return Err(Conflict::StdinTwice);
        }
        let out = self.out.map(|path| match path.to_str() {
            Some("-") => Out::Stdout,
            _ => Out::File(path),
        });
        if let Some(Out::File(path)) = &out
            && sources.iter().any(|source| source.is_file(path))
        {
            return Err(Conflict::OutIsInput(path.clone()));
        }
        // A form that was asked for is all that is written.
        let out = out.or(self.to.map(|_| Out::Stdout));
        let print = match (&out, self.json, self.to) {
            (Some(Out::Stdout), true, _) => return Err(Conflict::StdoutTwice),
            (_, true, _) => Print::Json,
            (Some(Out::Stdout), false, Some(To::Tree)) => Print::Trees,
            (Some(Out::Stdout), false, _) | (_, false, Some(_)) => Print::Nothing,
            (_, false, None) if self.quiet => Print::Nothing,
            (_, false, None) => Print::Trees,
        };
        let out = out.filter(|_| print != Print::Trees || self.to.is_none());
        let headers = match self.export {
            Some(_) => headers(&self.headers)?,
            None => Vec::new(),
        };
        Ok(ConvertPlan {
            sources,
            export: self.export,
            headers,
            out,
            to: self.to.unwrap_or_default(),
            print,
            quiet: self.quiet || self.json,
            content: self.content,
            config: self.config,
            agent: self.agent,
            from: self.from.map(From::format),
            rewrite: self.rewrite,
            service: self.service,
            parent: self.parent,
            strict: self.strict,
            patience: self.patience,
        })
    }
}

/// Reads headers as `OTEL_EXPORTER_OTLP_HEADERS` has them: percent-encoded, empty ones skipped.
fn headers(given: &[String]) -> Result<Vec<(String, String)>, Conflict> {
    let mut headers = Vec::with_capacity(given.len());
    for (text, number) in given.iter().zip(1..) {
        if text.trim().is_empty() {
            continue;
        }
        let wrong = || Conflict::Header(NonZeroUsize::new(number).unwrap_or(NonZeroUsize::MIN));
        let (name, value) = text.split_once('=').ok_or_else(wrong)?;
        let decoded = percent_decode_str(value.trim()).decode_utf8();
        let value = decoded.map_err(|_| wrong())?.into_owned();
        let name = name.trim().to_owned();
        if name.is_empty() {
            return Err(wrong());
        }
        headers.push((name, value));
    }
    Ok(headers)
}

fn traceparent(text: &str) -> Result<SpanContext, &'static str> {
    SpanContext::from_traceparent(text)
        .map_err(|_| "write it like 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::*;

    #[derive(Debug, Parser)]
    struct Alone {
        #[command(flatten)]
        convert: ConvertArgs,
    }

    fn plan(line: &str) -> Result<ConvertPlan, String> {
        let words = ["convert"].into_iter().chain(line.split_whitespace());
        let args = Alone::try_parse_from(words).map_err(|error| error.to_string())?;
        args.convert.plan().map_err(|error| error.to_string())
    }

    /// The definitions of all options agree with each other.
    #[test]
    fn the_options_are_well_formed() {
        Alone::command().debug_assert();
    }

    /// What is printed follows from where the output goes.
    #[test]
    fn standard_output_has_one_use() {
        for (line, print) in [
            ("a.jsonl", Print::Trees),
            ("a.jsonl --export grpc://b:1 --out c", Print::Trees),
            ("a.jsonl --out -", Print::Nothing),
            ("a.jsonl --quiet", Print::Nothing),
            ("a.jsonl --json", Print::Json),
            ("a.jsonl --json --quiet", Print::Json),
            ("a.jsonl --to tree --quiet", Print::Trees),
            ("a.jsonl --to csv", Print::Nothing),
            ("a.jsonl --to csv --out c", Print::Nothing),
            ("a.jsonl --to tree --out c", Print::Nothing),
            ("a.jsonl --to zipkin --out c --json", Print::Json),
        ] {
            assert_eq!(plan(line).expect(line).print, print, "{line}");
        }
    }

    /// Headers are decoded as the specification of exporters has it, and belong to an export.
    #[test]
    fn headers_are_decoded() {
        let plan_of = |headers: &str| plan(&format!("a --export http://b:1 --header {headers}"));
        let plan = plan_of("authorization=Basic%20YQ==,x-tenant=blue").expect("fine");
        let expected = [("authorization", "Basic YQ=="), ("x-tenant", "blue")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(plan.headers, expected);
        let refused = plan_of("x=1,secret").expect_err("no value");
        assert!(
            refused.contains("number 2") && !refused.contains("secret"),
            "{refused}"
        );
    }

    /// What cannot be right is refused with a word of advice.
    #[test]
    fn contradictions_are_explained() {
        for (line, advice) in [
            ("", "RECORDING"),
            ("- -", "give - once"),
            ("a --json --out -", "give --out a file"),
            ("a --parent 00-1-2-03", "write it like 00-0af"),
            ("a --export localhost:4317", "grpc://"),
            ("a --patience 10", "500ms, 30s or 2m"),
        ] {
            let message = plan(line).expect_err(line);
            assert!(message.contains(advice), "{line}: {message}");
        }
    }
}
